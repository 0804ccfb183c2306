"""Chooses `online_retail_sample.csv.gz` out of the whole file; the same file gives the same sample, byte for byte.

    python -m deploy.demo.make_sample --data online_retail.csv.gz

Whole invoices only, in the file's order: some that were cancelled as a whole, some in part, each with all of its
cancellations; then others, evenly over the year, until there are enough.
"""

import argparse
import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from deploy.demo.records import SAMPLE, Cancellation, Ledger, load

_RECORDS: Final = 600
_CANCELLED_WHOLE: Final = 45
_CANCELLED_IN_PART: Final = 45
_LINES_MAX: Final = 60  # three times the usual invoice: the sample stays small, and the demo quick

_T = TypeVar("_T")


def main() -> None:
    """Read, choose, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the whole file, gzipped CSV")
    parser.add_argument("--output", type=Path, default=SAMPLE)
    arguments = parser.parse_args()
    numbers = choose(load(arguments.data))
    copy_rows(arguments.data, arguments.output, numbers)
    print(f"{len(numbers)} invoices, {arguments.output.stat().st_size} bytes: {arguments.output}")


def choose(ledger: Ledger) -> set[str]:
    """The numbers of the invoices and cancellations of the sample."""
    invoices = {i.number: i for i in ledger.invoices if len(i.lines) <= _LINES_MAX and "-" not in i.number}
    cancelled: defaultdict[str, list[Cancellation]] = defaultdict(list)
    for cancellation in ledger.cancellations:
        if cancellation.original in invoices:
            cancelled[cancellation.original].append(cancellation)
    whole = [number for number, found in cancelled.items() if found[0].whole]
    in_part = [number for number, found in cancelled.items() if not found[0].whole]
    chosen = {*spread(whole, _CANCELLED_WHOLE), *spread(in_part, _CANCELLED_IN_PART)}
    chosen |= {cancellation.number for number in chosen for cancellation in cancelled[number]}
    others = [number for number in invoices if number not in cancelled]
    return chosen | set(spread(others, _RECORDS - len(chosen)))


def spread(items: Sequence[_T], count: int) -> list[_T]:
    """So many of the items (or all, where there are fewer), evenly over the whole."""
    if count >= len(items):
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]


def copy_rows(source: Path, target: Path, numbers: set[str]) -> None:
    """Copy the rows of these invoices as they are. The archive holds no time and no name, so that it never differs."""
    text = io.StringIO(newline="")
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        writer = csv.DictWriter(text, rows.fieldnames or (), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if row["InvoiceNo"] in numbers)
    target.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    main()

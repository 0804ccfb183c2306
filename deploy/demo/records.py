"""Reads the Online Retail file (README.md beside this): rows into invoices, and cancellations to what they cancel.

The file is a ledger, not a list of orders, so part of it cannot become an order. What is left out is counted with the
reason, and nothing is mended by guessing.
"""

import csv
import gzip
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import LINES_MAX, TEXT_CHARS_MAX

SAMPLE: Final = Path(__file__).with_name("online_retail_sample.csv.gz")

_ZONE: Final = ZoneInfo("Europe/London")  # the distributor's; the file says none
_GOODS_CODE_DIGITS: Final = 5  # goods have five digits and perhaps a letter; POST, M or BANK CHARGES are bookings

Row = Mapping[str, str]
Omission = Literal["quantity-not-positive", "price-not-positive", "not-goods", "nothing-left"]


class Line(Struct, frozen=True):
    """So many pieces of one article, at a price in pence."""

    sku: str
    description: str
    quantity: int
    unit_price_minor: int


class Invoice(Struct, frozen=True):
    """What somebody bought at once. `placed_at` is UTC; `customer` is a number or None."""

    number: str
    placed_at: datetime
    customer: str | None
    country: str
    lines: tuple[Line, ...]


class Cancellation(Struct, frozen=True):
    """What was taken back, as positive quantities.

    `original` is the invoice that it very likely belongs to, or None; `whole` says that it takes back all of it.
    """

    number: str
    placed_at: datetime
    customer: str | None
    lines: tuple[Line, ...]
    original: str | None = None
    whole: bool = False


Record = Invoice | Cancellation


class Ledger(Struct, frozen=True):
    """A file, read: in its own order, with the count of lines (and of whole invoices) that were left out, by reason."""

    records: tuple[Record, ...]
    omitted: Counter[Omission]

    @property
    def invoices(self) -> list[Invoice]:
        """The invoices alone."""
        return [record for record in self.records if isinstance(record, Invoice)]

    @property
    def cancellations(self) -> list[Cancellation]:
        """The cancellations alone."""
        return [record for record in self.records if isinstance(record, Cancellation)]


def load(path: Path = SAMPLE) -> Ledger:
    """Read a gzipped CSV file with the columns of the original. Raises `OSError`, and `ValueError` for a bad row."""
    omitted: Counter[Omission] = Counter()
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        records = tuple(link(read(csv.DictReader(file), omitted)))
    return Ledger(records, omitted)


def read(rows: Iterable[Row], omitted: Counter[Omission]) -> Iterator[Record]:
    """Group adjacent rows of one invoice into records, and count in `omitted` what cannot be one.

    An invoice of more than `LINES_MAX` lines, or one that goes on later in the file, becomes several: N, N-2, N-3.
    """
    parts: Counter[str] = Counter()
    for number, group in itertools.groupby(rows, key=lambda row: row["InvoiceNo"]):
        head, *rest = group
        lines = [line for row in (head, *rest) if (line := _line(row, omitted)) is not None]
        if not lines:
            omitted["nothing-left"] += 1
        for start in range(0, len(lines), LINES_MAX):
            parts[number] += 1
            name = number if parts[number] == 1 else f"{number}-{parts[number]}"
            yield _record(name, head, tuple(lines[start : start + LINES_MAX]))


def link(records: Iterable[Record]) -> Iterator[Record]:
    """Name for each cancellation the customer's latest earlier invoice that still has all that it takes back."""
    bought: defaultdict[str, dict[str, Counter[str]]] = defaultdict(dict)
    for record in records:
        if record.customer is None:
            yield record
            continue
        quantities: Counter[str] = Counter()
        for line in record.lines:
            quantities[line.sku] += line.quantity
        if isinstance(record, Invoice):
            bought[record.customer][record.number] = quantities
            yield record
        else:
            yield _with_original(record, quantities, bought[record.customer])


def _with_original(record: Cancellation, taken: Counter[str], bought: dict[str, Counter[str]]) -> Cancellation:
    for number, left in reversed(bought.items()):
        if taken <= left:
            whole = taken == left
            left.subtract(taken)
            return replace(record, original=number, whole=whole)
    return record


def _record(number: str, head: Row, lines: tuple[Line, ...]) -> Record:
    placed_at = datetime.fromisoformat(head["InvoiceDate"]).replace(tzinfo=_ZONE).astimezone(UTC)
    customer = head["CustomerID"] or None
    if number.startswith("C"):
        return Cancellation(number, placed_at, customer, lines)
    return Invoice(number, placed_at, customer, head["Country"], lines)


def _line(row: Row, omitted: Counter[Omission]) -> Line | None:
    sku = row["StockCode"].strip().upper()
    quantity = int(row["Quantity"]) * (-1 if row["InvoiceNo"].startswith("C") else 1)
    price = int((Decimal(row["UnitPrice"]) * 100).quantize(Decimal(1), ROUND_HALF_UP))
    reason: Omission
    if not sku[:_GOODS_CODE_DIGITS].isdecimal():
        reason = "not-goods"
    elif quantity <= 0:
        reason = "quantity-not-positive"
    elif price <= 0:
        reason = "price-not-positive"
    else:
        return Line(sku, row["Description"].strip()[:TEXT_CHARS_MAX] or sku, quantity, price)
    omitted[reason] += 1
    return None

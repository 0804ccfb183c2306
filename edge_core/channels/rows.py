"""Files of rows (RFC 4180) as orders: rows that name the same order belong together."""

import csv
from typing import Any

from edge_core.channels.mapping import CsvLayout
from edge_core.channels.template import Unmapped
from edge_core.limits import CHANNEL_COLUMNS_MAX


def orders_of(body: bytes, layout: CsvLayout) -> list[dict[str, Any]]:
    """The orders of a file, each as an object with its `rows`; empty cells are left out. Raises `Unmapped`.

    A file that cannot be read as rows is refused as a whole, since nobody knows where its next order begins.
    """
    try:
        text = body.decode("utf-8-sig")
        reader = csv.reader((f"{line}\n" for line in text.split("\n")), delimiter=layout.delimiter, strict=True)
        header = [name.strip() for name in next(reader, [])]
        _check(header, layout)
        orders: dict[str, list[dict[str, str]]] = {}
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = _row(header, cells, reader.line_num)
                name = row.get(layout.group_by)
                if name is None:
                    raise Unmapped("", f"line {reader.line_num} names no order in the column {layout.group_by!r}")
                orders.setdefault(name, []).append(row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise Unmapped("", f"expected rows of comma-separated values in UTF-8: {error}") from error
    return [{"rows": rows} for rows in orders.values()]


def _check(header: list[str], layout: CsvLayout) -> None:
    if len(header) > CHANNEL_COLUMNS_MAX:
        raise Unmapped("", f"expected at most {CHANNEL_COLUMNS_MAX} columns, found {len(header)}")
    if len(set(header)) != len(header):
        raise Unmapped("", "expected each column once in the header")
    if layout.group_by not in header:
        raise Unmapped("", f"expected a column {layout.group_by!r} in the header")


def _row(header: list[str], cells: list[str], line: int) -> dict[str, str]:
    if len(cells) > len(header):
        raise Unmapped("", f"line {line} has {len(cells)} cells and the header {len(header)}")
    return {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}

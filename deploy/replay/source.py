"""Reads the ledger that is replayed: its lines as they stand, grouped into invoices, and what they come to. Pure.

The file is the *Online Retail* data (deploy/demo/README.md) or one with its columns. Amounts are exact decimals; an
amount in pence is price x quantity, rounded half away from zero, line by line: that is what "to the penny" means.
"""

import csv
import gzip
import itertools
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

_ZONE: Final = ZoneInfo("Europe/London")  # the distributor's; the file says none
_COLUMNS: Final = frozenset(
    {"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"}
)
_PENNY: Final = Decimal(1)
_NO_LEDGER: Final = (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error)


class Unreadable(Exception):  # noqa: N818 - it names what the file is
    """The file is not what it should be; the message names the line."""


class SourceLine(Struct, frozen=True, gc=False):
    """One line of the file. `row` counts from 1 behind the heading; `price` is pence, with what fraction it has.

    In whole pence are `price_minor` of one piece, and `amount_minor` of all: negative where goods or money went the
    other way.
    """

    row: int
    sku: str
    description: str
    quantity: int
    price: Decimal
    price_minor: int
    amount_minor: int


class SourceInvoice(Struct, frozen=True):
    """Adjacent lines with one number. `placed_at` is UTC; `customer` is a number or None."""

    number: str
    placed_at: datetime
    customer: str | None
    lines: tuple[SourceLine, ...]


class Survey(Struct):
    """What the file holds, counted before anything is sent: the other side of the account."""

    lines: int = 0
    invoices: int = 0
    amount_minor: int = 0
    exact_pence: Decimal = Decimal(0)


def source_line(row: int, sku: str, description: str, quantity: int, price: Decimal) -> SourceLine:
    """A line with its amounts rounded."""
    return SourceLine(row, sku, description, quantity, price, whole_pence(price), whole_pence(price * quantity))


def whole_pence(pence: Decimal) -> int:
    """Rounded half away from zero."""
    return int(pence) if pence == int(pence) else int(pence.quantize(_PENNY, ROUND_HALF_UP))


def read_invoices(path: Path, limit: int | None = None) -> Iterator[SourceInvoice]:
    """The first `limit` invoices of a gzipped CSV file, or all. Raises `Unreadable`."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = _COLUMNS - set(rows.fieldnames or ())
            if missing:
                raise Unreadable(f"{path}: there is no column {', '.join(sorted(missing))}")
            yield from _first(limit, _invoices(rows))
    except _NO_LEDGER as error:
        raise Unreadable(f"{path}: {error}") from error


def survey(invoices: Iterable[SourceInvoice]) -> Survey:
    """Count and add up."""
    found = Survey()
    numbers: set[str] = set()
    for invoice in invoices:
        numbers.add(invoice.number)
        for line in invoice.lines:
            found.lines += 1
            found.amount_minor += line.amount_minor
            found.exact_pence += line.price * line.quantity
    found.invoices = len(numbers)
    return found


def _first(limit: int | None, invoices: Iterator[SourceInvoice]) -> Iterator[SourceInvoice]:
    """So many numbers, each with all of its lines up to there: one of them goes on after others."""
    numbers: set[str] = set()
    for invoice in invoices:
        numbers.add(invoice.number)
        if limit is not None and len(numbers) > limit:
            return
        yield invoice


def _invoices(rows: Iterable[Mapping[str, str]]) -> Iterator[SourceInvoice]:
    for number, group in itertools.groupby(enumerate(rows, start=1), key=lambda pair: pair[1]["InvoiceNo"]):
        (first_row, head), *rest = group
        try:
            placed_at = _utc(head["InvoiceDate"])
        except ValueError as error:
            raise Unreadable(f"line {first_row}: {error}") from error
        lines = tuple(_line(row, fields) for row, fields in ((first_row, head), *rest))
        yield SourceInvoice(number, placed_at, head["CustomerID"] or None, lines)


def _line(row: int, fields: Mapping[str, str]) -> SourceLine:
    try:
        quantity, price = int(fields["Quantity"]), Decimal(fields["UnitPrice"]) * 100
    except (ValueError, InvalidOperation) as error:
        raise Unreadable(f"line {row}: {error}") from error
    return source_line(row, fields["StockCode"].strip().upper(), fields["Description"].strip(), quantity, price)


@lru_cache(maxsize=1024)
def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=_ZONE).astimezone(UTC)

"""What somebody publishes, read row by row: a JSON array of objects, or CSV with the fields' names in its first line.

All or nothing: where a row is wrong, what is wrong is said with its line, and there are no rows. A file without any row
is a mistake too: it would be an export that failed. In CSV an empty cell leaves its field out, and a cell that begins
with `[` or `{` is JSON (the offers of a price).
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from edge_core.errors import UNREADABLE, PermanentFault
from edge_core.limits import (
    NETWORK_ROWS_MAX,
    POLICIES_MAX,
    POLICY_SIGNALS_MAX,
    PROMOTIONS_MAX,
    REFERENCE_MISTAKES_MAX,
    REFERENCE_ROWS_MAX,
)
from edge_core.reference.datasets import NETWORK, Row, encode_row, key_of, kind_named, read_json
from edge_core.shapes import object_shape

Form = Literal["json", "csv"]

_ROWS: Final = msgspec.json.Decoder(list[Raw])
_ROWS_MAX: Final[Mapping[str, int]] = MappingProxyType(
    {
        "promotions": PROMOTIONS_MAX,
        "signals": POLICY_SIGNALS_MAX,
        "policies": POLICIES_MAX,
        **dict.fromkeys(NETWORK, NETWORK_ROWS_MAX),
    }
)
"""How many rows a dataset may have that somebody keeps in memory as a whole."""
_LIST_BEGINS: Final = ("[", "{")


class Mistake(Struct, frozen=True):
    """What is wrong with a row, and the line of the file on which it begins (from 1)."""

    line: int
    what: str


class Publication(Struct, frozen=True):
    """The rows by key, or the first mistakes and how many there are in all: one of the two is empty."""

    rows: dict[str, bytes]
    mistakes: tuple[Mistake, ...] = ()
    mistaken: int = 0


def read_publication(
    dataset: str, body: bytes, form: Form, fault_in: Callable[[Row], str | None] = lambda _row: None
) -> Publication:
    """Read what is to be a version of a dataset. Raises `PermanentFault` for a dataset that is not known.

    `fault_in` says what is wrong with a row by what only the machine knows, such as the names of time zones.
    """
    kind_named(dataset)
    rows: dict[str, bytes] = {}
    lines: dict[str, int] = {}
    mistakes: list[Mistake] = []
    for line, written in _json_rows(body) if form == "json" else _csv_rows(dataset, body):
        try:
            key, row = _read(dataset, written, fault_in)
            _check_place(key, lines, rows_max_of(dataset))
        except PermanentFault as fault:
            mistakes.append(Mistake(line, str(fault)))
        else:
            rows[key], lines[key] = row, line
    if not rows and not mistakes:
        mistakes.append(Mistake(1, "there is no row"))
    if mistakes:
        return Publication({}, tuple(mistakes[:REFERENCE_MISTAKES_MAX]), len(mistakes))
    return Publication(rows)


def rows_max_of(dataset: str) -> int:
    """How many rows a dataset may have."""
    return _ROWS_MAX.get(dataset, REFERENCE_ROWS_MAX)


Written = bytes | PermanentFault
"""A row as JSON, or why there is none."""


def _read(dataset: str, written: Written, fault_in: Callable[[Row], str | None]) -> tuple[str, bytes]:
    if isinstance(written, PermanentFault):
        raise written
    document = read_json(dataset, written)
    fault = fault_in(document)
    if fault is not None:
        raise PermanentFault(f"not a row of {dataset}: {fault}")
    return key_of(dataset, document), encode_row(document)


def _check_place(key: str, lines: dict[str, int], rows_max: int) -> None:
    if key in lines:
        raise PermanentFault(f"{key!r} stands on line {lines[key]} already")
    if len(lines) >= rows_max:
        raise PermanentFault(f"there are more than {rows_max} rows")


def _json_rows(body: bytes) -> Iterator[tuple[int, Written]]:
    """The elements of an array, or a single object, each with the line on which it begins."""
    try:
        rows = [Raw(body.strip())] if body.lstrip()[:1] == b"{" else _ROWS.decode(body)
    except UNREADABLE as error:
        yield 1, PermanentFault(f"not a JSON array of objects: {error}")
        return
    line, place = 1, 0
    for row in rows:
        written = bytes(row)
        found = body.index(written, place)  # only blanks and commas stand between two elements
        line += body.count(b"\n", place, found)
        yield line, written
        line += written.count(b"\n")
        place = found + len(written)


def _csv_rows(dataset: str, body: bytes) -> Iterator[tuple[int, Written]]:
    shape = object_shape(kind_named(dataset).document)
    line = 1
    try:
        lines = body.decode("utf-8-sig").split("\n")  # str.splitlines would end rows at other characters too
        reader = csv.DictReader((f"{each}\n" for each in lines), strict=True)
        names = reader.fieldnames or ()
        if len(set(names)) != len(names):
            yield 1, PermanentFault("a name stands twice in the first line")
            return
        line = reader.line_num + 1
        for cells in reader:
            yield line, _json_of(cells, shape)
            line = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError) as error:
        yield line, PermanentFault(f"not CSV in UTF-8: {error}")


def _json_of(cells: dict[str | Any, str | Any], shape: type[Struct]) -> Written:
    """A line of CSV as the JSON object that it stands for."""
    if None in cells:
        return PermanentFault("there are more cells than the first line has names")
    if None in cells.values():  # a file that was cut: what is missing must not become a default
        return PermanentFault("there are fewer cells than the first line has names")
    try:
        given = {name: _value(cell) for name, cell in cells.items() if cell}
        return msgspec.json.encode(msgspec.convert(given, shape, strict=False))
    except UNREADABLE as error:
        return PermanentFault(str(error))


def _value(cell: str) -> Any:
    return msgspec.json.decode(cell) if cell.startswith(_LIST_BEGINS) else cell

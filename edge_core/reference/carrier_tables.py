"""Tables of prices as carriers send them, read as rows of `tariffs` (docs/network.md, "Tables of carriers"). Pure.

    long:  one line for each zone and weight, with columns for a base, a rate and a minimum charge
    wide:  one line for each weight, one column for each zone, and the price in the cell

Two shapes cover what carriers send; a layout says which columns are which. All or nothing: what is wrong is said with
its line and its column. Amounts are rounded half up to a thousandth of the minor unit, weights down to a gram.
"""

import csv
from collections.abc import Iterator, Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

from edge_core.errors import UNREADABLE, PermanentFault
from edge_core.limits import CARRIER_CELL_CHARS_MAX, PARCEL_WEIGHT_G_MAX, REFERENCE_MISTAKES_MAX, ROUTING_COST_MILLI_MAX
from edge_core.orders.currency import CURRENCIES, minor_digits
from edge_core.reference.datasets import encode_row, key_of, read_json
from edge_core.reference.publication import Mistake, Publication
from edge_core.routing.tariffs import Band

_DATASET: Final = "tariffs"
_GRAMS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {"g": Decimal(1), "kg": Decimal(1000), "lb": Decimal("453.59237")}  # the international pound of 1959
)
_MILLI: Final = 1_000
_DIGITS_MAX: Final = 30  # before the point: beyond all bounds, and far from where decimals overflow

Column = Annotated[str, Meta(min_length=1, max_length=100)]


class Layout(Struct, frozen=True, forbid_unknown_fields=True):
    """Which columns of a carrier's table are which, and in what they count.

    A tariff is named by `tariff` and the values of `tariff_columns`, a zone by those of `zone_columns`, joined by `-`.
    Without `zone_columns` the table is wide: every other column is a zone, by the name that `zones` gives it, if any.
    Where a zone has several prices up to one weight, `same_weight` says which counts.
    """

    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    weight_column: Column
    weight_unit: Literal["g", "kg", "lb"] = "kg"
    tariff: str = ""
    tariff_columns: tuple[Column, ...] = ()
    zone_columns: tuple[Column, ...] = ()
    base_column: Column | None = None
    rate_column: Column | None = None
    minimum_column: Column | None = None
    zones: dict[Column, str] = {}
    ignored_columns: tuple[Column, ...] = ()
    same_weight: Literal["refuse", "cheapest", "dearest"] = "refuse"
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."


class _Price(NamedTuple):
    """One band, and the line of the file that says it."""

    line: int
    tariff_id: str
    zone: str
    band: Band


class _Wrong(Exception):  # noqa: N818 - it names what happened
    """A line cannot be read; the message says which column, and what was expected."""


def read_layout(body: bytes) -> Layout:
    """Read a layout. Raises `PermanentFault`, which says where, for what is none."""
    try:
        layout = msgspec.json.decode(body, type=Layout)
    except UNREADABLE as error:
        raise PermanentFault(f"not a layout: {error}") from error
    if layout.currency not in CURRENCIES:
        raise PermanentFault(f"not a layout: {layout.currency!r} is no active currency of ISO 4217")
    if not layout.tariff and not layout.tariff_columns:
        raise PermanentFault("not a layout: neither tariff nor tariff_columns names the tariff")
    if layout.zone_columns and not (layout.base_column or layout.rate_column or layout.minimum_column):
        raise PermanentFault("not a layout: no column says what is charged")
    return layout


def read_table(body: bytes, layout: Layout) -> Publication:
    """The rows of `tariffs` that a table stands for, by key; or what is wrong with it, by line."""
    mistakes: list[Mistake] = []
    tables: dict[tuple[str, str], dict[int, _Price]] = {}
    for found in _lines(body, layout):
        if isinstance(found, Mistake):
            mistakes.append(found)
            continue
        bands = tables.setdefault((found.tariff_id, found.zone), {})
        known = bands.get(found.band.weight_g_max)
        chosen = found if known is None else _chosen(known, found, layout)
        if chosen is None and known is not None:
            mistakes.append(Mistake(found.line, f"{_named(found)} has another price on line {known.line}"))
        elif chosen is not None:
            bands[found.band.weight_g_max] = chosen
    rows: dict[str, bytes] = {}
    for bands in tables.values():
        try:
            key, row = _row(layout, list(bands.values()))
            rows[key] = row
        except PermanentFault as fault:
            mistakes.append(Mistake(next(iter(bands.values())).line, str(fault)))
    if not rows and not mistakes:
        mistakes.append(Mistake(1, "there is no price"))
    if mistakes:
        mistakes.sort(key=lambda mistake: mistake.line)
        return Publication({}, tuple(mistakes[:REFERENCE_MISTAKES_MAX]), len(mistakes))
    return Publication(rows)


def _chosen(known: _Price, found: _Price, layout: Layout) -> _Price | None:
    """Of two prices up to one weight the one that counts at that weight; None where that is not for us to say."""
    if known.band == found.band:
        return known
    if layout.same_weight == "refuse":
        return None
    cheaper, dearer = sorted((known, found), key=lambda price: _charge(price.band))
    return cheaper if layout.same_weight == "cheapest" else dearer


def _charge(band: Band) -> int:
    rated = band.base_milli + -(-band.per_kg_milli * band.weight_g_max // _MILLI)
    return max(rated, band.charge_milli_min)


def _named(price: _Price) -> str:
    return f"{price.tariff_id} to {price.zone} up to {price.band.weight_g_max} g"


def _row(layout: Layout, prices: list[_Price]) -> tuple[str, bytes]:
    """A row as it is published. Raises `PermanentFault` for one that no dataset may have."""
    bands = sorted((price.band for price in prices), key=lambda band: band.weight_g_max)
    written = {
        "tariff_id": prices[0].tariff_id,
        "zone": prices[0].zone,
        "currency": layout.currency,
        "bands": [asdict(band) for band in bands],
    }
    tariff = read_json(_DATASET, msgspec.json.encode(written))
    return key_of(_DATASET, tariff), encode_row(tariff)


def _lines(body: bytes, layout: Layout) -> Iterator[_Price | Mistake]:
    line = 1
    try:
        text = body.decode("utf-8-sig")
        reader = csv.DictReader((f"{each}\n" for each in text.split("\n")), strict=True, delimiter=layout.delimiter)
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        wrong = _wrong_names(names, layout)
        if wrong is not None:
            yield Mistake(1, wrong)
            return
        zones = [name for name in names if name not in {layout.weight_column, *layout.ignored_columns}]
        line = reader.line_num + 1
        for cells in reader:
            if None in cells or None in cells.values():
                yield Mistake(line, f"expected {len(names)} cells")
            else:
                yield from _prices(line, {name: cell.strip() for name, cell in cells.items()}, layout, zones)
            line = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError) as error:
        yield Mistake(line, f"not CSV in UTF-8: {error}")


def _wrong_names(names: list[str], layout: Layout) -> str | None:
    if len(set(names)) != len(names):
        return "a name stands twice in the first line"
    amounts = (layout.base_column, layout.rate_column, layout.minimum_column)
    wanted = [
        layout.weight_column,
        *layout.tariff_columns,
        *layout.zone_columns,
        *layout.zones,
        *layout.ignored_columns,
    ]
    missing = [name for name in (*wanted, *amounts) if name is not None and name not in names]
    return f"there is no column {missing[0]!r}" if missing else None


def _prices(line: int, cells: Mapping[str, str], layout: Layout, zones: list[str]) -> Iterator[_Price | Mistake]:
    """What a line says: a price, or one for each zone of a wide table whose cell is not empty."""
    try:
        weight_g = _weight_g(cells, layout)
        tariff_id = "-".join(part for part in (layout.tariff, *(cells[name] for name in layout.tariff_columns)) if part)
        if layout.zone_columns:
            zone = "-".join(cells[name] for name in layout.zone_columns)
            yield _Price(line, tariff_id, zone, _band(cells, weight_g, layout))
            return
        for name in zones:
            if name not in layout.tariff_columns and cells[name]:
                band = Band(weight_g, _milli(cells, name, layout), 0, 0)
                yield _Price(line, tariff_id, layout.zones.get(name, name), band)
    except _Wrong as wrong:
        yield Mistake(line, str(wrong))


def _weight_g(cells: Mapping[str, str], layout: Layout) -> int:
    weight = _number(cells, layout.weight_column, layout) * _GRAMS[layout.weight_unit]
    if weight > PARCEL_WEIGHT_G_MAX:
        raise _Wrong(f"column {layout.weight_column!r}: more than {PARCEL_WEIGHT_G_MAX} g")
    return int(weight.to_integral_value(ROUND_FLOOR))


def _band(cells: Mapping[str, str], weight_g: int, layout: Layout) -> Band:
    per_kg = _GRAMS["kg"] / _GRAMS[layout.weight_unit]
    return Band(
        weight_g,
        0 if layout.base_column is None else _milli(cells, layout.base_column, layout),
        0 if layout.rate_column is None else _milli(cells, layout.rate_column, layout, per_kg),
        0 if layout.minimum_column is None else _milli(cells, layout.minimum_column, layout),
    )


def _milli(cells: Mapping[str, str], name: str, layout: Layout, times: Decimal = Decimal(1)) -> int:
    """An amount in thousandths of the minor unit."""
    amount = _number(cells, name, layout) * times * 10 ** minor_digits(layout.currency) * _MILLI
    if amount > ROUTING_COST_MILLI_MAX:
        raise _Wrong(f"column {name!r}: {cells[name]!r} is more than a parcel may cost")
    return int(amount.to_integral_value(ROUND_HALF_UP))


def _number(cells: Mapping[str, str], name: str, layout: Layout) -> Decimal:
    """A decimal number that is not below zero, as the table writes it."""
    cell = cells[name]
    written = cell if layout.decimal == "." else cell.replace(",", ".")
    try:
        number = Decimal(written) if len(cell) <= CARRIER_CELL_CHARS_MAX and "_" not in cell else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0 or number.adjusted() > _DIGITS_MAX:
        raise _Wrong(f"column {name!r}: expected a number, found {cell[:CARRIER_CELL_CHARS_MAX]!r}")
    return number

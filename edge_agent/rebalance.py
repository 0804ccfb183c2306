"""What the stock has to change by when orders get another past: pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from edge_core.errors import InvariantViolated
from edge_core.orders.merge import Merged
from edge_core.stock.ledger import Position, StockDelta


def difference(
    before: Iterable[Merged], after: Iterable[Merged], moves: list[StockDelta]
) -> dict[tuple[str, str | None], StockDelta]:
    """What the stock has to change by, each position once."""
    sums: dict[tuple[str, str | None], StockDelta] = {}

    def add(delta: StockDelta, sign: int) -> None:
        place = delta.sku, delta.lot
        base = sums.get(place) or StockDelta(delta.sku, delta.lot, delta.unit, expires_on=delta.expires_on)
        sums[place] = replace(
            base,
            on_hand_milli=base.on_hand_milli + sign * delta.on_hand_milli,
            reserved_milli=base.reserved_milli + sign * delta.reserved_milli,
            expires_on=base.expires_on or delta.expires_on,
        )

    for merged in before:
        for delta in merged.deltas():
            add(delta, -1)
    for merged in after:
        for delta in merged.deltas():
            add(delta, 1)
    for delta in moves:
        add(delta, 1)
    return {place: delta for place, delta in sums.items() if delta.on_hand_milli or delta.reserved_milli}


def sums_of(deltas: Iterable[StockDelta], sign: int) -> dict[tuple[str, str], tuple[int, int]]:
    """What positions change by, as the sums beside the log are kept: by SKU and lot, '' for none."""
    return {(d.sku, d.lot or ""): (sign * d.on_hand_milli, sign * d.reserved_milli) for d in deltas}


def shifted(position: Position | None, delta: StockDelta) -> Position:
    """A position after a difference; one that is not there yet begins at nothing."""
    base = position or Position(delta.sku, delta.lot, delta.unit, delta.expires_on)
    if base.reserved_milli + delta.reserved_milli < 0:
        raise InvariantViolated(f"reservations of {delta.sku!r} fall below zero")
    return replace(
        base,
        on_hand_milli=base.on_hand_milli + delta.on_hand_milli,
        reserved_milli=base.reserved_milli + delta.reserved_milli,
    )

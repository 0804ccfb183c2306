"""The stock of one location: what a lot holds, what may be promised of it, and the deltas that change it.

The invariant of every position: `on_hand = safety + free + rights + reserved`, each term at least zero (docs/stock.md).
`free` is therefore never stored. A change is a `StockDelta`, and deltas add up in any order, so that the edge, which
checks them, and the centre, which only mirrors them, reach the same figures.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from edge_core.errors import InvariantViolated


class Allocation(Struct, frozen=True, array_like=True, gc=False):
    """A quantity of one lot that belongs to one line of an order."""

    line_id: str
    sku: str
    lot: str | None
    unit: str
    quantity_milli: int


class StockDelta(Struct, frozen=True, array_like=True, gc=False):
    """What one event changes in one position, in thousandths of the unit."""

    sku: str
    lot: str | None
    unit: str
    on_hand_milli: int = 0
    reserved_milli: int = 0
    expires_on: str | None = None


class Position(Struct, frozen=True):
    """One SKU and lot at one location, in thousandths of the unit. `lot` is None for goods without lots."""

    sku: str
    lot: str | None
    unit: str
    expires_on: str | None
    on_hand_milli: int = 0
    safety_milli: int = 0
    rights_milli: int = 0
    reserved_milli: int = 0

    @property
    def free_milli(self) -> int:
        """What may still be promised here."""
        return self.on_hand_milli - self.safety_milli - self.rights_milli - self.reserved_milli


def apply_delta(position: Position | None, delta: StockDelta) -> Position:
    """The position after a delta. A term below zero or another unit is a decider's defect: `InvariantViolated`."""
    base = position or Position(delta.sku, delta.lot, delta.unit, delta.expires_on)
    if base.unit != delta.unit:
        raise InvariantViolated(f"{delta.sku!r} is kept in {base.unit}, the delta is in {delta.unit}")
    on_hand_milli = base.on_hand_milli + delta.on_hand_milli
    reserved_milli = base.reserved_milli + delta.reserved_milli
    after = Position(
        base.sku,
        base.lot,
        base.unit,
        base.expires_on,
        on_hand_milli,
        base.safety_milli,
        base.rights_milli,
        reserved_milli,
    )
    if on_hand_milli < 0 or reserved_milli < 0 or after.free_milli < 0:
        raise InvariantViolated(f"stock of {delta.sku!r} lot {delta.lot!r} would break: {after}")
    return after


def total(deltas: Iterable[StockDelta]) -> list[StockDelta]:
    """One delta for each position that changes, the sum of several.

    Goods that were found and handed over at once change nothing: a SKU that nobody has counted stays uncounted.
    """
    sums: dict[tuple[str, str | None, str], StockDelta] = {}
    for delta in deltas:
        place = delta.sku, delta.lot, delta.unit
        before = sums.get(place)
        sums[place] = (
            delta
            if before is None
            else StockDelta(
                delta.sku,
                delta.lot,
                delta.unit,
                before.on_hand_milli + delta.on_hand_milli,
                before.reserved_milli + delta.reserved_milli,
                before.expires_on or delta.expires_on,
            )
        )
    return [delta for delta in sums.values() if delta.on_hand_milli or delta.reserved_milli]


def stock_after(
    stock: Mapping[str, Sequence[Position]], deltas: Iterable[StockDelta]
) -> Mapping[str, Sequence[Position]]:
    """The positions by SKU once an entry's deltas have been applied, as a whole. Raises as `apply_delta` does."""
    after = dict(stock)
    for delta in total(deltas):
        there = {position.lot: position for position in after.get(delta.sku, ())}
        there[delta.lot] = apply_delta(there.get(delta.lot), delta)
        after[delta.sku] = tuple(there.values())
    return after


def allocate(
    positions: Sequence[Position], *, line_id: str, quantity_milli: int, lot: str | None, business_date: str
) -> tuple[Allocation, ...] | None:
    """Take a line's quantity from the lots, first expired first out; None where they do not hold enough.

    A named `lot` is taken alone. Lots past their date on the business date are never promised.
    """
    taken: list[Allocation] = []
    missing = quantity_milli
    for position in sorted(positions, key=_first_expired_first_out) if len(positions) > 1 else positions:
        usable = (lot is None or position.lot == lot) and not is_expired(position, business_date)
        quantity = min(missing, position.free_milli) if usable else 0
        if quantity > 0:
            taken.append(Allocation(line_id, position.sku, position.lot, position.unit, quantity))
            missing -= quantity
        if missing == 0:
            return tuple(taken)
    return None


def is_expired(position: Position, business_date: str) -> bool:
    """Whether the lot may no longer be sold: its date lies before the business date (both RFC 3339 full-dates)."""
    return position.expires_on is not None and position.expires_on < business_date


def reserve(allocations: Iterable[Allocation]) -> tuple[StockDelta, ...]:
    """Promise these quantities."""
    return tuple(StockDelta(a.sku, a.lot, a.unit, reserved_milli=a.quantity_milli) for a in allocations)


def release(allocations: Iterable[Allocation]) -> tuple[StockDelta, ...]:
    """Take the promise back."""
    return tuple(StockDelta(a.sku, a.lot, a.unit, reserved_milli=-a.quantity_milli) for a in allocations)


def consume(allocations: Iterable[Allocation]) -> tuple[StockDelta, ...]:
    """The promised goods have left the location."""
    return tuple(
        StockDelta(a.sku, a.lot, a.unit, on_hand_milli=-a.quantity_milli, reserved_milli=-a.quantity_milli)
        for a in allocations
    )


def hand_over(allocations: Iterable[Allocation]) -> tuple[StockDelta, ...]:
    """Promised and gone in one decision: what `reserve` and `consume` come to together."""
    return tuple([StockDelta(a.sku, a.lot, a.unit, on_hand_milli=-a.quantity_milli) for a in allocations])


def restock(allocations: Iterable[Allocation]) -> tuple[StockDelta, ...]:
    """The goods have come back and are for sale again."""
    return tuple(StockDelta(a.sku, a.lot, a.unit, on_hand_milli=a.quantity_milli) for a in allocations)


def _first_expired_first_out(position: Position) -> tuple[bool, str, str]:
    return (position.expires_on is None, position.expires_on or "", position.lot or "")

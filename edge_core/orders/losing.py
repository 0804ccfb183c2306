"""What a store's word about its shelf changes: goods that were not found, were fewer, or were damaged (domain 3).

Not found: nothing of that lot is free here any more. Short, damaged: so much less is on hand.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from edge_core.errors import Rejected
from edge_core.limits import STOCK_CHANGE_MILLI_MAX
from edge_core.orders.cancelling import unknown_line
from edge_core.orders.events import Event, StockMoved
from edge_core.orders.parts import add_up
from edge_core.orders.requests import LineQuantity
from edge_core.orders.world import Case
from edge_core.stock.ledger import Allocation, Position, StockDelta, apply_delta, release, total

Place = tuple[str, str | None]
Reason = Literal["not_found", "short", "damaged", "no_capacity", "closed", "no_carrier"]


def lost_goods(
    case: Case, reason: Reason | None, lines: Sequence[LineQuantity], released: Sequence[Allocation]
) -> tuple[Event, ...] | Rejected:
    """The movement that a reason leads to, if any, once `released` is free again. `lines` say how much of which."""
    unknown = unknown_line(case.state, lines)
    if unknown is not None:
        return unknown
    deltas: tuple[StockDelta, ...] | Rejected
    match reason:
        case "not_found":
            named = {line.line_id for line in lines} or {allocation.line_id for allocation in released}
            deltas = _not_there(case, [a for a in released if a.line_id in named], released)
        case "short" | "damaged":
            deltas = _fewer(lines, released)
        case _:
            return ()  # the shelf is as it was
    if isinstance(deltas, Rejected):
        return deltas
    moved = StockMoved(case.command.new_id, reason, str(case.command.order_id), deltas)
    return (moved,) if deltas else ()


def _not_there(case: Case, gone: Sequence[Allocation], released: Sequence[Allocation]) -> tuple[StockDelta, ...]:
    free = _positions_after(case, released)
    places = sorted({(a.sku, a.lot) for a in gone}, key=str)
    found = [free[place] for place in places if place in free and free[place].free_milli > 0]
    # The centre takes no larger change; more than half a thousand million pieces are gone by the second word.
    return tuple(
        StockDelta(p.sku, p.lot, p.unit, on_hand_milli=-min(p.free_milli, STOCK_CHANGE_MILLI_MAX)) for p in found
    )


def _positions_after(case: Case, released: Sequence[Allocation]) -> Mapping[Place, Position]:
    positions = {(p.sku, p.lot): p for several in case.world.stock.values() for p in several}
    for delta in total(release(released)):
        place = delta.sku, delta.lot
        positions[place] = apply_delta(positions.get(place), delta)
    return positions


def _fewer(lines: Sequence[LineQuantity], released: Sequence[Allocation]) -> tuple[StockDelta, ...] | Rejected:
    """At most what was promised of a line can be missing of it: what is promised to others is not this group's word."""
    if not lines:
        return Rejected("invalid-document", "goods that are missing or damaged: how much of which line", "/lines")
    wanted = add_up((line.line_id, line.quantity_milli) for line in lines)
    missing = dict(wanted)
    deltas: list[StockDelta] = []
    for allocation in released:
        part = min(missing.get(allocation.line_id, 0), allocation.quantity_milli)
        if part:
            deltas.append(StockDelta(allocation.sku, allocation.lot, allocation.unit, on_hand_milli=-part))
            missing[allocation.line_id] -= part
    for line_id, left_milli in missing.items():
        if left_milli:
            detail = (
                f"of line {line_id!r} {wanted[line_id] - left_milli} thousandths were promised, not {wanted[line_id]}"
            )
            return Rejected("quantity-too-large", detail, "/lines")
    return tuple(total(deltas))

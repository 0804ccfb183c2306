"""Goods that come back with their receipt: what may come back, where it goes, and what is paid back."""

from collections import defaultdict, deque
from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from edge_core.errors import InvariantViolated, Rejected
from edge_core.orders.cancelling import unknown_line
from edge_core.orders.events import Event, OrderReturned, StockMoved
from edge_core.orders.parts import Quantities, add_up, returnable
from edge_core.orders.requests import LineQuantity, ReturnLine, ReturnRequest
from edge_core.orders.settling import owed_minor, settle, taken_minor
from edge_core.orders.state import OrderState
from edge_core.orders.world import Case, World
from edge_core.stock.ledger import Allocation, StockDelta, restock


def take_back(case: Case) -> tuple[Event, ...] | Rejected:
    """Goods come back, are looked at and paid back at once, at the till."""
    request = case.command.request
    if not isinstance(request, ReturnRequest):
        raise InvariantViolated(f"{request!r} says not what comes back")
    state = case.state
    quantities = check_returnable(state, request.lines)
    if isinstance(quantities, Rejected):
        return quantities
    reversals = settle(state, returned=quantities, refund_to=request.refund_to)
    if isinstance(reversals, Rejected):
        return reversals
    restocked, damaged = lots_of(state, request.lines)
    returned = OrderReturned(
        return_id=case.command.new_id.hex,
        quantities=quantities,
        restocked=restocked,
        reversals=reversals,
        damaged=damaged,
        reason=request.reason,
        operator_id=request.operator_id,
    )
    return returned, *uncounted(case.world, restocked, case.command.new_id)


def check_returnable(state: OrderState, lines: Sequence[LineQuantity | ReturnLine]) -> Quantities | Rejected:
    """How much of each line comes back, sorted, or the first line of which that is too much."""
    unknown = unknown_line(state, lines)
    if unknown is not None:
        return unknown
    open_milli = returnable(state)
    for index, line in enumerate(lines):
        left = open_milli[line.line_id]
        if line.quantity_milli > left:
            detail = f"{line.quantity_milli} thousandths of line {line.line_id!r}, of which {left} can still come back"
            return Rejected("return-too-large", detail, f"/lines/{index}/quantity_milli")
        open_milli[line.line_id] = left - line.quantity_milli
    return tuple(sorted(add_up((line.line_id, line.quantity_milli) for line in lines).items()))


def refundable_minor(state: OrderState, quantities: Quantities) -> int:
    """What was taken beyond what the customer owes for what stays with them; never below zero."""
    return max(0, taken_minor(state) - owed_minor(state, returned=quantities))


def lots_of(state: OrderState, lines: Sequence[ReturnLine]) -> tuple[tuple[Allocation, ...], tuple[Allocation, ...]]:
    """The lots that the goods came from: those that are for sale again, and the damaged ones.

    Lots come back in the order in which they were promised, each up to what was handed over of it. What has not come
    back yet has no lot: a return that was only asked for keeps a quantity, and gets lots when somebody looks at it.
    """
    left = _lots_left(state)
    restocked: list[Allocation] = []
    damaged: list[Allocation] = []
    for line in lines:
        found = restocked if line.condition == "resaleable" else damaged
        found += _take(left[line.line_id], line.quantity_milli)
    return tuple(restocked), tuple(damaged)


def uncounted(world: World, restocked: Sequence[Allocation], movement_id: UUID) -> tuple[StockMoved, ...]:
    """What comes back and has no place in the ledger leaves it at once: nobody counted its shelf, its lot or its unit.

    Otherwise one returned piece would be all that the ledger knows of, and the next sale of two be refused (ADR 7); a
    lot would be without its date; or pieces be added to kilograms.
    """
    deltas = tuple(
        StockDelta(d.sku, d.lot, d.unit, on_hand_milli=-d.on_hand_milli)
        for d in restock(restocked)
        if not any((p.lot, p.unit) == (d.lot, d.unit) for p in world.stock.get(d.sku, ()))
    )
    return (StockMoved(movement_id, "uncounted", None, deltas),) if deltas else ()


def _lots_left(state: OrderState) -> dict[str, deque[Allocation]]:
    """By line, what was handed over and has not come back; what no lot is known of counts as the line's own lot."""
    delivered = [group for group in state.groups if group.status == "delivered"]
    lots = [allocation for group in delivered for allocation in group.allocations]
    unknown = add_up((line.line_id, line.quantity_milli) for group in delivered for line in group.lines)
    for lot in lots:
        unknown[lot.line_id] -= lot.quantity_milli
    lots += [
        Allocation(line.line_id, line.sku, line.lot, line.unit, unknown[line.line_id])
        for line in state.order.lines
        if unknown.get(line.line_id, 0) > 0
    ]
    back: defaultdict[tuple[str, str | None, str], int] = defaultdict(int)
    for lot in (lot for one in state.returns for lot in one.lots):
        back[lot.line_id, lot.lot, lot.unit] += lot.quantity_milli
    left: defaultdict[str, deque[Allocation]] = defaultdict(deque)
    for lot in lots:
        place = lot.line_id, lot.lot, lot.unit
        gone = min(back[place], lot.quantity_milli)
        back[place] -= gone
        if gone < lot.quantity_milli:
            left[lot.line_id].append(replace(lot, quantity_milli=lot.quantity_milli - gone))
    return left


def _take(lots: deque[Allocation], quantity_milli: int) -> list[Allocation]:
    """Take so much off the front of some lots, which become fewer."""
    taken: list[Allocation] = []
    while quantity_milli > 0 and lots:
        first = lots.popleft()
        part = min(first.quantity_milli, quantity_milli)
        taken.append(replace(first, quantity_milli=part))
        quantity_milli -= part
        if part < first.quantity_milli:
            lots.appendleft(replace(first, quantity_milli=first.quantity_milli - part))
    return taken

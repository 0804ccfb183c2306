"""Goods that come back with their receipt: what may come back, where it goes, and what is paid back."""

from collections.abc import Sequence
from uuid import UUID

from edge_core.errors import InvariantViolated, Rejected
from edge_core.orders.cancelling import unknown_line
from edge_core.orders.events import Event, OrderReturned, StockMoved
from edge_core.orders.parts import Quantities, add_up, is_open, returnable
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


def lots_of(
    state: OrderState, lines: Sequence[ReturnLine], return_id: str | None = None
) -> tuple[tuple[Allocation, ...], tuple[Allocation, ...]]:
    """The lots that the goods came from: those that are for sale again, and the damaged ones.

    Lots come back in the order in which they were promised; those of earlier returns are passed over, and so are those
    of other returns on their way (`return_id` is this one).
    """
    others = [one for one in state.returns if is_open(one) and one.return_id != return_id]
    passed = add_up((*state.returned, *(pair for one in others for pair in one.quantities)))
    left = {line.line_id: _lots_after(state, line.line_id, passed.get(line.line_id, 0)) for line in lines}
    restocked: list[Allocation] = []
    damaged: list[Allocation] = []
    for line in lines:
        found = restocked if line.condition == "resaleable" else damaged
        found += _take(left[line.line_id], line.quantity_milli)
    return tuple(restocked), tuple(damaged)


def uncounted(world: World, restocked: Sequence[Allocation], movement_id: UUID) -> tuple[StockMoved, ...]:
    """Goods of which nobody has counted the shelf stay uncounted: what comes back of them leaves the ledger at once.

    Otherwise one returned piece would be all that the ledger knows of, and the next sale of two be refused (ADR 7).
    """
    deltas = tuple(
        StockDelta(d.sku, d.lot, d.unit, on_hand_milli=-d.on_hand_milli)
        for d in restock(restocked)
        if not world.stock.get(d.sku)
    )
    return (StockMoved(movement_id, "uncounted", None, deltas),) if deltas else ()


def _lots_after(state: OrderState, line_id: str, passed_milli: int) -> list[Allocation]:
    """What was promised to a line, less what has come back; what no lot is known of counts as the line's own lot."""
    promised = [a for group in state.groups for a in group.allocations if a.line_id == line_id]
    line = next(line for line in state.order.lines if line.line_id == line_id)
    unknown_milli = line.quantity_milli - sum(allocation.quantity_milli for allocation in promised)
    if unknown_milli > 0:
        promised.append(Allocation(line_id, line.sku, line.lot, line.unit, unknown_milli))
    _take(promised, passed_milli)
    return promised


def _take(lots: list[Allocation], quantity_milli: int) -> list[Allocation]:
    """Take so much off the front of some lots, which become fewer."""
    taken: list[Allocation] = []
    while quantity_milli > 0 and lots:
        first = lots.pop(0)
        part = min(first.quantity_milli, quantity_milli)
        taken.append(Allocation(first.line_id, first.sku, first.lot, first.unit, part))
        quantity_milli -= part
        rest_milli = first.quantity_milli - part
        if rest_milli:
            lots.insert(0, Allocation(first.line_id, first.sku, first.lot, first.unit, rest_milli))
    return taken

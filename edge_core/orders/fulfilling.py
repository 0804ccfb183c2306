"""The way of a group from its promise to the customer's hand: route, accept or reject, pick, pack, ship, hand over."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from edge_core.errors import Rejected
from edge_core.orders.commands import AdvanceOrder, LineQuantity, RejectRequest, ShipRequest
from edge_core.orders.document import Line
from edge_core.orders.events import (
    Event,
    FulfillmentAccepted,
    FulfillmentDelivered,
    FulfillmentPacked,
    FulfillmentPicked,
    FulfillmentReadyForPickup,
    FulfillmentRejected,
    FulfillmentRouted,
    FulfillmentShipped,
    PaymentCaptured,
    StockMoved,
    StockReserved,
    name_of,
)
from edge_core.orders.fold import GroupState, OrderState
from edge_core.orders.machines import GROUP, PAYMENT
from edge_core.orders.world import Accepted, World
from edge_core.stock.ledger import Allocation, Position, StockDelta, allocate, apply_delta, release, total

Step = Callable[[World, OrderState, GroupState, AdvanceOrder], "tuple[Event, ...] | Rejected"]


def advance(world: World, state: OrderState, command: AdvanceOrder) -> Accepted | Rejected:
    """Take one group a step on, where its table allows that."""
    group = _group(state, command)
    if isinstance(group, Rejected):
        return group
    if state.holds:
        detail = f"the order is held ({', '.join(state.holds)}); the hold has to be answered first"
        return Rejected("command-not-allowed", detail, state=state.status)
    if command.name == "ready" and _method(state, group) != "pickup":
        return Rejected("command-not-allowed", "only an order to pick up becomes ready for it", state=group.status)
    if command.name == "ship" and _method(state, group) != "ship":
        return Rejected("command-not-allowed", "only an order to ship can be shipped", state=group.status)
    events = _STEPS[command.name](world, state, group, command)
    if isinstance(events, Rejected):
        return events
    if not GROUP.is_legal(group.status, name_of(events[0])):
        detail = f"group {group.group_id} is {group.status}; {command.name} is not possible from there"
        return Rejected("command-not-allowed", detail, state=group.status, allowed=GROUP.allowed(group.status))
    return Accepted(events)


def _group(state: OrderState, command: AdvanceOrder) -> GroupState | Rejected:
    wanted = getattr(command.request, "group_id", None)
    for group in state.groups:
        if wanted in {None, group.group_id}:
            return group
    return Rejected("unknown-reference", f"there is no group {wanted!r} in the order", "/group_id")


def _method(state: OrderState, group: GroupState) -> str:
    return next(asked.method for asked in state.order.fulfillment_groups if asked.group_id == group.group_id)


def _accept(_w: World, _s: OrderState, group: GroupState, _c: AdvanceOrder) -> tuple[Event, ...]:
    return (FulfillmentAccepted(group.group_id),)


def _pick(_w: World, _s: OrderState, group: GroupState, _c: AdvanceOrder) -> tuple[Event, ...]:
    return (FulfillmentPicked(group.group_id),)


def _pack(_w: World, _s: OrderState, group: GroupState, _c: AdvanceOrder) -> tuple[Event, ...]:
    return (FulfillmentPacked(group.group_id),)


def _ready(_w: World, _s: OrderState, group: GroupState, _c: AdvanceOrder) -> tuple[Event, ...]:
    return (FulfillmentReadyForPickup(group.group_id),)


def _ship(_w: World, state: OrderState, group: GroupState, command: AdvanceOrder) -> tuple[Event, ...]:
    request = command.request
    assert isinstance(request, ShipRequest)
    shipped = FulfillmentShipped(group.group_id, request.carrier, request.tracking, group.allocations)
    return (shipped, *_captures(state))


def _deliver(_w: World, state: OrderState, group: GroupState, _c: AdvanceOrder) -> tuple[Event, ...]:
    """The customer has the goods; where no carrier took them before, they leave the location now."""
    has_left = group.status == "shipped"
    delivered = FulfillmentDelivered(group.group_id, () if has_left else group.allocations)
    return (delivered,) if has_left else (delivered, *_captures(state))


def _captures(state: OrderState) -> tuple[PaymentCaptured, ...]:
    """What was promised is taken when the goods leave."""
    posted = {payment.payment_id: payment.amount_minor for payment in state.order.payments}
    return tuple(
        PaymentCaptured(payment.payment_id, posted[payment.payment_id])
        for payment in state.payments
        if payment.status == "authorized" and PAYMENT.is_legal(payment.status, "payment.captured")
    )


def _route(world: World, state: OrderState, group: GroupState, command: AdvanceOrder) -> tuple[Event, ...] | Rejected:
    """Promise goods to a group that waits for them."""
    lines = {line.line_id: line for line in state.order.lines}
    asked = next(each for each in state.order.fulfillment_groups if each.group_id == group.group_id)
    stock: dict[str, Sequence[Position]] = dict(world.stock)
    allocations: list[Allocation] = []
    for part in asked.lines:
        line = lines[part.line_id]
        taken = allocate(
            stock.get(line.sku, ()),
            line_id=line.line_id,
            quantity_milli=part.quantity_milli,
            lot=line.lot,
            business_date=command.business_date,
        )
        if taken is None:
            return Rejected("out-of-stock", f"{line.sku}: {part.quantity_milli} thousandths are not free")
        stock[line.sku] = [_less(position, taken) for position in stock[line.sku]]
        allocations += taken
    pickup = asked.method == "pickup"
    routed = FulfillmentRouted(group.group_id, "pickup" if pickup else "fulfil_here", command.location_id)
    return routed, StockReserved(group.group_id, tuple(allocations))


def _less(position: Position, taken: Sequence[Allocation]) -> Position:
    for allocation in taken:
        if allocation.lot == position.lot:
            delta = StockDelta(position.sku, position.lot, position.unit, reserved_milli=allocation.quantity_milli)
            return apply_delta(position, delta)
    return position


# --- rejecting -------------------------------------------------------------------------------------------------------


def _reject(world: World, state: OrderState, group: GroupState, command: AdvanceOrder) -> tuple[Event, ...] | Rejected:
    """Give the group up. What the reason says about the shelf changes the stock (domain 3)."""
    request = command.request
    assert isinstance(request, RejectRequest)
    lines = {line.line_id: line for line in state.order.lines}
    for index, part in enumerate(request.lines):
        if part.line_id not in lines:
            return Rejected("unknown-reference", f"there is no line {part.line_id!r}", f"/lines/{index}/line_id")
    positions = {(p.sku, p.lot): p for each in world.stock.values() for p in each}
    for delta in total(release(group.allocations)):
        positions[delta.sku, delta.lot] = apply_delta(positions.get((delta.sku, delta.lot)), delta)
    deltas = _lost(request, group, lines, positions)
    if isinstance(deltas, Rejected):
        return deltas
    rejected = FulfillmentRejected(group.group_id, request.reason, group.allocations)
    if not deltas:
        return (rejected,)
    assert request.reason in {"not_found", "short", "damaged"}
    return rejected, StockMoved(command.new_id, request.reason, str(command.order_id), deltas)


def _lost(
    request: RejectRequest,
    group: GroupState,
    lines: Mapping[str, Line],
    positions: Mapping[tuple[str, str | None], Position],
) -> tuple[StockDelta, ...] | Rejected:
    """Not found: nothing of it is free here. Short, damaged: so much less."""
    if request.reason == "not_found":
        named = {part.line_id for part in request.lines} or lines.keys()
        places = {(a.sku, a.lot) for a in group.allocations if a.line_id in named}
        gone = [positions[place] for place in sorted(places, key=str) if positions[place].free_milli > 0]
        return tuple(StockDelta(p.sku, p.lot, p.unit, on_hand_milli=-p.free_milli) for p in gone)
    if request.reason not in {"short", "damaged"}:
        return ()
    if not request.lines:
        return Rejected("invalid-document", f"{request.reason} says how much of which line is gone", "/lines")
    lost: list[StockDelta] = []
    for index, part in enumerate(request.lines):
        found = _take(part, group, positions)
        if found is None:
            detail = f"line {part.line_id!r} was not promised {part.quantity_milli} thousandths here"
            return Rejected("unknown-reference", detail, f"/lines/{index}/quantity_milli")
        lost += found
    return tuple(total(lost))


def _take(
    part: LineQuantity, group: GroupState, positions: Mapping[tuple[str, str | None], Position]
) -> list[StockDelta] | None:
    missing = part.quantity_milli
    deltas: list[StockDelta] = []
    for allocation in group.allocations:
        quantity = min(missing, allocation.quantity_milli) if allocation.line_id == part.line_id else 0
        if quantity and positions[allocation.sku, allocation.lot].free_milli >= quantity:
            deltas.append(StockDelta(allocation.sku, allocation.lot, allocation.unit, on_hand_milli=-quantity))
            missing -= quantity
    return None if missing else deltas


_STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "accept": _accept,
        "deliver": _deliver,
        "pack": _pack,
        "pick": _pick,
        "ready": _ready,
        "reject": _reject,
        "route": _route,
        "ship": _ship,
    }
)

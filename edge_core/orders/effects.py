"""What a command on a group does, by the names that process documents use: each effect makes events of a case.

Effects run in the order of the document, each on the order as the events before it leave it. The first event is the one
that its row is about; `edge_core.orders.fulfilling` sees to that.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec.structs import replace

from edge_core.checks.changing import is_edit, review_edits
from edge_core.errors import InvariantViolated, Rejected
from edge_core.ids import pickup_code_hash
from edge_core.orders.cancelling import cancel_group, hand_over
from edge_core.orders.document import GroupLine
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
    StockReserved,
)
from edge_core.orders.fold import fold_all
from edge_core.orders.further_events import GroupRedirected, GroupSplit
from edge_core.orders.guards import stays
from edge_core.orders.losing import lost_goods
from edge_core.orders.machines import GROUP
from edge_core.orders.parts import add_up, cut_group
from edge_core.orders.promising import Wanted, promise
from edge_core.orders.quoting import Draw, channel_of, draw_quotas
from edge_core.orders.requests import RedirectRequest, RejectRequest, ShipRequest, SplitRequest
from edge_core.orders.rerouting import asked_again, avoided_by, routed_anew
from edge_core.orders.settling import captures
from edge_core.orders.state import OrderState
from edge_core.orders.world import Case

Effect = Callable[[Case], tuple[Event, ...] | Rejected]


def promise_goods(case: Case) -> tuple[Event, ...] | Rejected:
    """A group that waits gets this location and goods of it."""
    lines = {line.line_id: line for line in case.state.order.lines}
    group, command = case.group, case.command
    wanted: list[Wanted] = [(lines[p.line_id], p.quantity_milli, lines[p.line_id].lot, None) for p in group.lines]
    allocations = promise(case.world.stock, wanted, command.business_date)
    if isinstance(allocations, Rejected):
        return allocations
    order = case.state.order
    channel = channel_of(order.channel, order.customer_tier, group.method)
    draw = Draw(order.order_id, channel, command.business_date, command.now_ms)
    drawn = draw_quotas(case.world, draw, allocations)
    if isinstance(drawn, Rejected):
        return drawn
    if group.method == "ship":
        sent = routed_anew(case, allocations)
        if sent:
            return *sent, *drawn
    decision: Literal["pickup", "fulfil_here"] = "pickup" if group.method == "pickup" else "fulfil_here"
    routed = FulfillmentRouted(group.group_id, decision, command.location_id)
    return routed, StockReserved(group.group_id, allocations), *drawn


def accept_group(case: Case) -> tuple[Event, ...]:
    """The location takes the group on."""
    return (FulfillmentAccepted(case.group.group_id),)


def pick_goods(case: Case) -> tuple[Event, ...]:
    """The goods are in the hand of the store."""
    return (FulfillmentPicked(case.group.group_id),)


def pack_goods(case: Case) -> tuple[Event, ...]:
    """The goods are in a parcel."""
    return (FulfillmentPacked(case.group.group_id),)


def issue_pickup_code(case: Case) -> tuple[Event, ...]:
    """The customer gets a code and a time; a code given out before is worth nothing any more."""
    group, command = case.group, case.command
    timeout = GROUP.timeout("ready_for_pickup")
    code_hash = pickup_code_hash(command.order_id, group.group_id, command.secret)
    expires_at_ms = None if timeout is None else command.now_ms + timeout.after_ms
    return (FulfillmentReadyForPickup(group.group_id, code_hash, expires_at_ms),)


def ship_goods(case: Case) -> tuple[Event, ...]:
    """A carrier has the goods; they leave the stock."""
    request = case.command.request
    if not isinstance(request, ShipRequest):
        raise InvariantViolated(f"{request!r} names no carrier")
    group = case.group
    return (FulfillmentShipped(group.group_id, request.carrier, request.tracking, group.allocations),)


def hand_goods_over(case: Case) -> tuple[Event, ...]:
    """The customer takes the goods from the store; they leave the stock."""
    return (FulfillmentDelivered(case.group.group_id, case.group.allocations),)


def confirm_delivery(case: Case) -> tuple[Event, ...]:
    """The carrier has brought the goods, which had left the stock before."""
    return (FulfillmentDelivered(case.group.group_id, ()),)


def capture_payments(case: Case) -> tuple[Event, ...]:
    """What was promised by banks is taken, up to what is owed."""
    return captures(case.state)


def give_group_up(case: Case) -> tuple[Event, ...] | Rejected:
    """The location cannot serve the group. What the reason says about the shelf changes the stock."""
    request, group = case.command.request, case.group
    if not isinstance(request, RejectRequest):
        raise InvariantViolated(f"{request!r} is no reason to reject")
    lost = lost_goods(case, request.reason, request.lines, group.allocations)
    if isinstance(lost, Rejected):
        return lost
    avoided = avoided_by(case, request.reason)
    rejected = FulfillmentRejected(group.group_id, request.reason, group.allocations, avoided)
    events: tuple[Event, ...] = (rejected, *lost)
    back = _given_back(fold_all(case.state, events), request)
    return back if isinstance(back, Rejected) else events + back


def _given_back(after: OrderState, request: RejectRequest) -> tuple[Event, ...] | Rejected:
    """An order that the centre assigned goes back to it with the last group that the location rejects."""
    waits = all(group.status in {"unrouted", "backordered"} for group in after.groups)
    if after.assigned is None or not waits or stays(after) is not None:
        return ()
    return hand_over(after, request.reason, request.operator_id)


def split_group(case: Case) -> tuple[Event, ...] | Rejected:
    """So much of the group waits as a group of its own, so that the rest can go."""
    request, group = case.command.request, case.group
    if not isinstance(request, SplitRequest):
        raise InvariantViolated(f"{request!r} says not what to split off")
    held = {line.line_id: line.quantity_milli for line in group.lines}
    parts = add_up((line.line_id, line.quantity_milli) for line in request.lines)
    for line_id, quantity_milli in parts.items():
        if quantity_milli > held.get(line_id, 0):
            detail = f"the group has {held.get(line_id, 0)} thousandths of line {line_id!r} left"
            return Rejected("quantity-too-large", detail, "/lines", state=group.status)
    if parts == held:
        return Rejected("quantity-too-large", "nothing would be left of the group", "/lines", state=group.status)
    _, released = cut_group(group, parts.items())
    lost = lost_goods(case, request.reason, request.lines, released)
    if isinstance(lost, Rejected):
        return lost
    lines = tuple(GroupLine(line_id, quantity_milli) for line_id, quantity_milli in parts.items())
    return GroupSplit(group.group_id, f"g{len(case.state.groups) + 1}", lines, released), *lost


def redirect_group(case: Case) -> tuple[Event, ...]:
    """The goods are sent instead of fetched, fetched instead of sent, or sent elsewhere: how is asked again."""
    request = case.command.request
    if not isinstance(request, RedirectRequest):
        raise InvariantViolated(f"{request!r} names no other way")
    event = GroupRedirected(case.group.group_id, request.method, request.ship_to, request.operator_id)
    after = fold_all(case.state, (event,))
    group = next(each for each in after.groups if each.group_id == event.group_id)
    return event, *asked_again(replace(case, state=after, chosen=group))


def review_address(case: Case) -> tuple[Event, ...]:
    """Addresses that are edited again and again from one source are looked at before anything leaves."""
    request = case.command.request
    wanted = request.ship_to if isinstance(request, RedirectRequest) else None
    if not is_edit(case.group.ship_to or case.state.order.ship_to, wanted):
        return ()
    return review_edits(case.world.evidence, case.command, hold_id=f"h{case.state.revision + 1}")


EFFECTS: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        effect.__name__: effect
        for effect in (
            accept_group,
            cancel_group,
            capture_payments,
            confirm_delivery,
            give_group_up,
            hand_goods_over,
            issue_pickup_code,
            pack_goods,
            pick_goods,
            promise_goods,
            redirect_group,
            review_address,
            ship_goods,
            split_group,
        )
    }
)
"""Every effect on a group by the name that documents use."""

"""What is left of an order and has to go another way: asked about again, without what has just failed."""

from msgspec.structs import replace

from edge_core.limits import ROUTING_COOL_DOWN_MS
from edge_core.orders.events import Event
from edge_core.orders.further_events import GroupSplit
from edge_core.orders.parts import TO_PICK
from edge_core.orders.routing_events import Avoided
from edge_core.orders.sending import Part, Sending, send
from edge_core.orders.world import Case
from edge_core.stock.ledger import Allocation, release, stock_after


def routed_anew(case: Case, goods: tuple[Allocation, ...]) -> tuple[Event, ...]:
    """What a group that waits still has to bring goes as routing says now; nothing where there is nothing to ask.

    What goes in a parcel of its own is split off first.
    """
    sent = send(case.world.router, _sending(case))
    if sent is None:
        return ()
    apart = range(len(case.state.groups) + 1, len(case.state.groups) + len(sent.parts))
    names = [case.group.group_id, *(f"g{number}" for number in apart)]
    split = [GroupSplit(names[0], name, part.lines, ()) for name, part in zip(names[1:], sent.parts[1:], strict=True)]
    events = (*split, *sent.events(names, case.command.location_id, goods))
    hold_id = f"h{case.state.revision + len(events) + 1}"
    return *events, *sent.hold(case.world.rules, hold_id=hold_id, now_ms=case.command.now_ms)


def asked_again(case: Case) -> tuple[Event, ...]:
    """What routing says of goods that are promised already and are sent to another address now.

    They stay one parcel: where they would have to be several, a person decides.
    """
    group = case.group
    if group.method != "ship" or not group.allocations:
        return ()
    freed = stock_after(case.world.stock, release(group.allocations))
    own_milli = sum(line.quantity_milli for line in group.lines) if group.status in TO_PICK else 0
    sending = replace(_sending(case), stock=freed, added_milli=case.world.added_milli - own_milli)
    sent = send(case.world.router, sending)
    if sent is None:
        return ()
    if len(sent.parts) > 1:
        sent = replace(sent, parts=(Part(group.lines),))
    hold_id = f"h{case.state.revision + 2}"  # behind the record
    return sent.decided([group.group_id]), *sent.hold(case.world.rules, hold_id=hold_id, now_ms=case.command.now_ms)


def avoided_by(case: Case, reason: str) -> Avoided | None:
    """What routing leaves alone after a group was rejected, where it had decided: the service, or the whole place."""
    group = case.group
    if group.decision_id is None or group.location_id is None:
        return None
    if reason == "no_carrier" and group.service_id is None:
        return None  # it was people's own carrier that did not come
    service_id = group.service_id if reason == "no_carrier" else None
    return Avoided(group.location_id, service_id, case.command.now_ms + ROUTING_COOL_DOWN_MS)


def _sending(case: Case) -> Sending:
    """What is left of the group, to be sent from the location that the command is carried out at."""
    group, order, command = case.group, case.state.order, case.command
    return Sending(
        order,
        group.lines,
        group.ship_to or order.ship_to,
        command.location_id,
        command.now_ms,
        case.world.stock,
        group.rejections,
        group.avoided,
        case.state.services,
        case.world.added_milli,
    )

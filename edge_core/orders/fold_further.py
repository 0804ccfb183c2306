"""The fold of what happens beside the 17: groups that are split or sent another way, and returns on their way."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec.structs import replace

from edge_core.errors import InvariantViolated
from edge_core.orders.draft import Draft
from edge_core.orders.events import OrderReturned, name_of
from edge_core.orders.further_events import (
    AssignmentTaken,
    GroupRedirected,
    GroupSplit,
    ReturnApproved,
    ReturnInspected,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
)
from edge_core.orders.machines import GROUP, ORDER, RETURN
from edge_core.orders.parts import Quantities, add_up, cut_group, returnable
from edge_core.orders.routing_events import RoutingDecided
from edge_core.orders.state import Assigned, GroupState, ReturnState


def _split(draft: Draft, event: GroupSplit) -> None:
    group = draft.group(event.group_id)
    GROUP.next_state(group.status, "group.split")
    if event.new_group_id in draft.groups:
        raise InvariantViolated(f"there is a group {event.new_group_id!r} already")
    rest, _ = cut_group(group, [(line.line_id, line.quantity_milli) for line in event.lines])
    if not rest.lines:
        raise InvariantViolated(f"nothing would be left of group {event.group_id!r}")
    draft.groups[event.group_id] = rest
    draft.groups[event.new_group_id] = GroupState(
        event.new_group_id,
        GROUP.initial,
        method=group.method,
        lines=event.lines,
        ship_to=group.ship_to,
        avoided=group.avoided,
    )


def _redirect(draft: Draft, event: GroupRedirected) -> None:
    group = draft.group(event.group_id)
    status = GROUP.next_state(group.status, "group.redirected")
    draft.groups[event.group_id] = replace(
        unasked(group),
        status=status,
        method=event.method,
        code_hash=None,
        expires_at_ms=None,
        ship_to=event.ship_to or group.ship_to,
    )


def unasked(group: GroupState) -> GroupState:
    """A group without what routing had decided about it: it goes another way now, or is asked about again."""
    if group.decision_id is None:
        return group
    return replace(group, service_id=None, arrives_at_ms=None, decision_id=None, sorts_first=False)


def _decide_routing(draft: Draft, event: RoutingDecided) -> None:
    for routed in event.groups:
        group = draft.group(routed.group_id)
        draft.groups[routed.group_id] = replace(
            group,
            service_id=routed.service_id,
            arrives_at_ms=routed.arrives_at_ms,
            decision_id=event.hash,
            sorts_first=routed.sorts_first,
        )


def _assign(draft: Draft, event: AssignmentTaken) -> None:
    if draft.assigned is not None or draft.validated:
        raise InvariantViolated("assignment.taken stands right after order.placed")
    draft.assigned = Assigned(event.central_order_id, event.attempt, event.accept_by_ms, part_of=event.part_of)


def end_assignment(draft: Draft, reason: str) -> None:
    """The order is no longer this location's."""
    if draft.assigned is None:
        raise InvariantViolated("an order that was not assigned cannot be handed back")
    draft.assigned = replace(draft.assigned, ended=reason)


def _request(draft: Draft, event: ReturnRequested) -> None:
    _demand_returnable(draft, event.return_id, event.quantities, "return.requested")
    draft.returns[event.return_id] = ReturnState(event.return_id, RETURN.initial, event.quantities)


def _step(draft: Draft, event: ReturnApproved | ReturnRefused | ReturnReceived) -> None:
    one = draft.one_return(event.return_id)
    draft.returns[event.return_id] = replace(one, status=RETURN.next_state(one.status, name_of(event)))


def _inspect(draft: Draft, event: ReturnInspected) -> None:
    one = draft.one_return(event.return_id)
    found = add_up((a.line_id, a.quantity_milli) for a in (*event.restocked, *event.damaged))
    if found != dict(one.quantities):
        raise InvariantViolated(f"return {event.return_id!r} is of {one.quantities}, inspected were {found}")
    on = "return.inspected" if event.restocked else "return.inspected:damaged"
    status = RETURN.next_state(one.status, on)
    draft.returns[event.return_id] = replace(one, status=status, lots=(*event.restocked, *event.damaged))


def settle_return(draft: Draft, event: OrderReturned) -> None:
    """Goods that came back are settled: at the end of a return's way, or in one step at the till."""
    on = "order.returned" if event.exchanged_for is None else "order.returned:exchanged"
    one = draft.returns.get(event.return_id)
    if one is None:
        _demand_returnable(draft, event.return_id, event.quantities, "order.returned")
        status = RETURN.next_state("restocked", on)  # it passed the states before in this one event
        lots = (*event.restocked, *event.damaged)
    elif one.quantities != event.quantities or event.restocked or event.damaged:
        raise InvariantViolated(f"return {event.return_id!r} is settled otherwise than it was inspected")
    else:
        status = RETURN.next_state(one.status, on)
        lots = one.lots
    draft.returns[event.return_id] = ReturnState(event.return_id, status, event.quantities, event.exchanged_for, lots)
    draft.returned = tuple(sorted(add_up((*draft.returned, *event.quantities)).items()))
    draft.credited_minor += event.credit_minor


def _demand_returnable(draft: Draft, return_id: str, quantities: Quantities, name: str) -> None:
    state = draft.state()
    if not ORDER.is_legal(state.status, "order.returned"):
        raise InvariantViolated(f"order: {name} is not legal in {state.status}")
    if return_id in draft.returns:
        raise InvariantViolated(f"there is a return {return_id!r} already")
    open_milli = returnable(state)
    for line_id, quantity_milli in quantities:
        left = open_milli.get(line_id, 0)
        if not 0 < quantity_milli <= left:
            raise InvariantViolated(f"{quantity_milli} of line {line_id!r} cannot come back")
        open_milli[line_id] = left - quantity_milli


FURTHER: Final[Mapping[type, Callable[[Draft, Any], None]]] = MappingProxyType(
    {
        GroupSplit: _split,
        GroupRedirected: _redirect,
        ReturnRequested: _request,
        ReturnApproved: _step,
        ReturnRefused: _step,
        ReturnReceived: _step,
        ReturnInspected: _inspect,
        AssignmentTaken: _assign,
        RoutingDecided: _decide_routing,
    }
)

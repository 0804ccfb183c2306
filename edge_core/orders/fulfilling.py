"""Commands on an order, carried out as the process documents say: find the row, ask its guards, run its effects."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from edge_core.errors import InvariantViolated, Rejected
from edge_core.orders.commands import AdvanceOrder
from edge_core.orders.effects import EFFECTS, Effect
from edge_core.orders.events import Event, name_of
from edge_core.orders.fold import fold_all
from edge_core.orders.guards import GUARDS
from edge_core.orders.legality import may_give, not_allowed
from edge_core.orders.machines import GROUP, ORDER, RETURN, Machine, Transition
from edge_core.orders.requests import GROUP_REQUESTS, GroupRequest, InspectRequest, ReturnStep
from edge_core.orders.return_effects import ORDER_EFFECTS, RETURN_EFFECTS
from edge_core.orders.state import GroupState, OrderState
from edge_core.orders.world import Case, World

ELSEWHERE = frozenset({"cancel_rest", "take_back_for_exchange"})
"""Effects of commands that are structs of their own (`CancelOrder`, `ExchangeOrder`)."""


def advance(world: World, state: OrderState, command: AdvanceOrder) -> tuple[Event, ...] | Rejected:
    """Carry a command out on the order, on one of its groups, or on one of its returns."""
    request = command.request
    if command.name in GROUP_REQUESTS and isinstance(request, GroupRequest):
        group = _group(state, command.name, request.group_id)
        if isinstance(group, Rejected):
            return group
        case = Case(world, state, command, chosen=group)
        return _carry_out(case, GROUP, group.status, EFFECTS)
    if isinstance(request, ReturnStep | InspectRequest):
        one = next((each for each in state.returns if each.return_id == request.return_id), None)
        if one is None:
            return Rejected("return-not-found", f"there is no return {request.return_id!r}", "/return_id")
        return _carry_out(Case(world, state, command, going_back=one), RETURN, one.status, RETURN_EFFECTS)
    return _carry_out(Case(world, state, command), ORDER, state.status, ORDER_EFFECTS)


def check(row: Transition, case: Case) -> Rejected | None:
    """Whether the command may be given by this one, and every guard lets it."""
    refused = may_give(row, case.command.role)
    for name in row.guards:
        refused = refused or GUARDS[name](case)
    return refused


def _carry_out(
    case: Case, machine: Machine, status: str, effects: Mapping[str, Effect]
) -> tuple[Event, ...] | Rejected:
    name = case.command.name
    row = machine.commanded(status, name)
    if row is None:
        return not_allowed(case.state, name, f"the {machine.name} is {status}")
    refused = check(row, case)
    if refused is not None:
        return refused
    events: tuple[Event, ...] = ()
    for effect in row.effects:
        made = effects[effect](replace(case, state=fold_all(case.state, events)) if events else case)
        if isinstance(made, Rejected):
            return made
        events += made
    if not events or name_of(events[0]) not in {row.event, *_ALSO.get(row.event, ())}:
        raise InvariantViolated(f"{name} in {status} made {[name_of(event) for event in events]}")
    return events


# A payment that comes later may be promised by a bank as well as taken; its row is about both.
# What is routed again may go in several parcels: then it is split first.
_ALSO: Mapping[str, Sequence[str]] = {
    "payment.captured": ("payment.authorized",),
    "fulfillment.routed": ("group.split",),
}


def _group(state: OrderState, command: str, wanted: str | None) -> GroupState | Rejected:
    """The group that is named, or the only one that could be meant."""
    if wanted is not None:
        found = [group for group in state.groups if group.group_id == wanted]
        return found[0] if found else Rejected("unknown-reference", f"there is no group {wanted!r}", "/group_id")
    able = [group for group in state.groups if GROUP.commanded(group.status, command) is not None]
    if len(able) > 1:
        names = ", ".join(group.group_id for group in able)
        return Rejected("group-ambiguous", f"{command} could mean {names}: name one", "/group_id")
    return able[0] if able else state.groups[0]


def unregistered() -> Iterable[str]:
    """Names in the documents that stand for nothing; there are none, or nothing runs."""
    registered = {GROUP.name: EFFECTS, ORDER.name: ORDER_EFFECTS, RETURN.name: RETURN_EFFECTS}
    for machine in (ORDER, GROUP, RETURN):
        for row in machine.transitions:
            yield from (name for name in row.guards if name not in GUARDS)
            yield from (name for name in row.effects if name not in registered[machine.name].keys() | ELSEWHERE)


if set(unregistered()):
    raise InvariantViolated(f"not registered: {sorted(set(unregistered()))}")

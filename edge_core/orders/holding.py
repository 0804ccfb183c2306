"""Holds of an order: asked for by people, approved, refused, or passed up where nobody answers in time.

A hold that stands keeps everything of the order where it is (`not_held`). It ends by an answer, or with the order.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from edge_core.checks.judge import ladder_from, rank_of
from edge_core.errors import InvariantViolated, Rejected
from edge_core.orders.cancelling import cancel_rest
from edge_core.orders.events import Event, FulfillmentDelivered, OrderApproved, OrderCancelled, OrderHeld
from edge_core.orders.judgment import Answer
from edge_core.orders.requests import ApproveRequest, CancelRequest, EscalateRequest, HoldRequest, RefuseRequest
from edge_core.orders.state import HoldState
from edge_core.orders.world import Case
from edge_core.people import is_same_person

Effect = Callable[[Case], tuple[Event, ...] | Rejected]


def hold_order(case: Case) -> tuple[Event, ...]:
    """Somebody wants the order looked at: it stops here."""
    request, command = case.command.request, case.command
    if not isinstance(request, HoldRequest):
        raise InvariantViolated(f"{request!r} is no request to hold")
    rules = case.world.rules
    first, *rest = ladder_from(rules.ladder, request.owner)
    return (
        OrderHeld(
            hold_id=f"h{case.state.revision + 1}",
            reasons=(request.reason,),
            owner=first.owner,
            due_at_ms=command.now_ms + first.within_ms,
            ladder=tuple(rest),
            rules_id=rules.rules_id,
            operator_id=request.operator_id,
        ),
    )


def release_hold(case: Case) -> tuple[Event, ...] | Rejected:
    """The order may go on, as far as this hold is concerned."""
    hold = hold_asked_for(case)
    if isinstance(hold, Rejected):
        return hold
    request, role = case.command.request, case.command.role
    reason = request.reason if isinstance(request, ApproveRequest) else None
    return (OrderApproved(hold.hold_id, request.operator_id or role, role, _follows(hold, "approve"), reason),)


def hand_over_what_waited(case: Case) -> tuple[Event, ...]:
    """The goods of a sale that waited at the counter go with the customer once no hold is left."""
    if case.state.holds:
        return ()
    waiting = [group for group in case.state.groups if group.method == "carry_out" and group.status == "reserved"]
    return tuple(FulfillmentDelivered(group.group_id, group.allocations) for group in waiting)


def refuse_order(case: Case) -> tuple[Event, ...] | Rejected:
    """The order is called off as far as its goods have not left: what was promised is free, payments go back."""
    hold, request = hold_asked_for(case), case.command.request
    if isinstance(hold, Rejected):
        return hold
    if not isinstance(request, RefuseRequest):
        raise InvariantViolated(f"{request!r} is no refusal")
    made = cancel_rest(case.state, CancelRequest(request.reason, request.operator_id), "refused")
    if isinstance(made, Rejected):
        return made
    followed = _follows(hold, "refuse")
    return tuple(_answering(event, followed) if isinstance(event, OrderCancelled) else event for event in made)


def escalate_hold(case: Case) -> tuple[Event, ...] | Rejected:
    """Nobody has answered in time: the next of the ladder has to. The last one keeps it."""
    hold = hold_asked_for(case)
    if isinstance(hold, Rejected):
        return hold
    rung = hold.ladder[0]
    due_at_ms = case.command.now_ms + rung.within_ms
    level, rest = hold.level + 1, hold.ladder[1:]
    return (OrderHeld(hold.hold_id, hold.reasons, rung.owner, due_at_ms, level, rest),)


def may_answer_hold(case: Case) -> Rejected | None:
    """Who answers stands at least as high as the one whom the hold waits for, and did not place the order."""
    hold = hold_asked_for(case)
    if isinstance(hold, Rejected):
        return hold
    role, operator_id = case.command.role, case.command.request.operator_id
    if rank_of(role) < rank_of(hold.owner):
        detail = f"hold {hold.hold_id} waits for {hold.owner}, not for {role}"
        return Rejected("role-not-allowed", detail, state=case.state.status)
    unnamed = role == "store" and operator_id is None
    if unnamed or (role != "centre" and is_same_person(operator_id, case.state.order.operator_id)):
        detail = "a hold is answered by somebody else than the operator of the order: name who does"
        return Rejected("approval-needed", detail, "/operator_id", state=case.state.status)
    return None


def hold_overdue(case: Case) -> Rejected | None:
    """The time to answer is over, and there is somebody above."""
    hold = hold_asked_for(case)
    if isinstance(hold, Rejected):
        return hold
    if case.command.now_ms < hold.due_at_ms or not hold.ladder:
        detail = f"hold {hold.hold_id} waits for {hold.owner} until {hold.due_at_ms} (Unix ms)"
        return Rejected("hold-not-overdue", detail, state=case.state.status)
    return None


def hold_asked_for(case: Case) -> HoldState | Rejected:
    """The hold that the request names, or the only one that there is."""
    request, holds = case.command.request, case.state.held
    wanted = request.hold_id if isinstance(request, ApproveRequest | RefuseRequest | EscalateRequest) else None
    if wanted is None and len(holds) > 1:
        names = ", ".join(hold.hold_id for hold in holds)
        return Rejected("hold-ambiguous", f"the order has the holds {names}: name one", "/hold_id")
    found = [hold for hold in holds if wanted in {None, hold.hold_id}]
    if not found:
        return Rejected("hold-not-found", f"there is no hold {wanted!r}", "/hold_id", state=case.state.status)
    return found[0]


def _follows(hold: HoldState, answer: Answer) -> bool | None:
    return None if hold.proposal is None else hold.proposal.answer == answer


def _answering(event: OrderCancelled, followed: bool | None) -> OrderCancelled:  # noqa: FBT001 - a value that is kept
    return OrderCancelled(
        event.reason, event.operator_id, event.released, event.reversals, event.quantities, event.kind, followed
    )


HOLD_EFFECTS: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        effect.__name__: effect
        for effect in (escalate_hold, hand_over_what_waited, hold_order, refuse_order, release_hold)
    }
)
"""Every effect on a hold by the name that documents use."""

"""What a command on an order as a whole or on a return does, by the names that process documents use."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from edge_core.errors import InvariantViolated, Rejected
from edge_core.orders.cancelling import cancel_lines, hand_back, void_order
from edge_core.orders.events import Event, OrderReturned
from edge_core.orders.further_events import (
    ReturnApproved,
    ReturnInspected,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
)
from edge_core.orders.holding import HOLD_EFFECTS
from edge_core.orders.parts import add_up
from edge_core.orders.paying import take_payment
from edge_core.orders.requests import InspectRequest, ReturnStep, ReturnWish
from edge_core.orders.returning import check_returnable, lots_of, take_back, uncounted
from edge_core.orders.settling import settle
from edge_core.orders.world import Case

Effect = Callable[[Case], tuple[Event, ...] | Rejected]


def request_return(case: Case) -> tuple[Event, ...] | Rejected:
    """A customer wants to bring goods back: so much is spoken for."""
    request = case.command.request
    if not isinstance(request, ReturnWish):
        raise InvariantViolated(f"{request!r} says not what is to come back")
    quantities = check_returnable(case.state, request.lines)
    if isinstance(quantities, Rejected):
        return quantities
    return (ReturnRequested(case.command.new_id.hex, quantities, request.reason),)


def approve_return(case: Case) -> tuple[Event, ...]:
    """The goods may come."""
    return (ReturnApproved(case.one_return.return_id, _step(case).operator_id),)


def refuse_return(case: Case) -> tuple[Event, ...] | Rejected:
    """The goods stay with the customer, who is owed a reason."""
    request = _step(case)
    if request.reason is None:
        return Rejected("invalid-document", "a return is refused for a reason", "/reason")
    return (ReturnRefused(case.one_return.return_id, request.reason, request.operator_id),)


def receive_goods(case: Case) -> tuple[Event, ...]:
    """The goods are in the building."""
    return (ReturnReceived(case.one_return.return_id),)


def inspect_goods(case: Case) -> tuple[Event, ...] | Rejected:
    """Somebody has looked at all goods of the return: what is resaleable is for sale again."""
    request, one = case.command.request, case.one_return
    if not isinstance(request, InspectRequest):
        raise InvariantViolated(f"{request!r} says not what was found")
    found = add_up((line.line_id, line.quantity_milli) for line in request.lines)
    if found != dict(one.quantities):
        detail = f"the return is of {dict(one.quantities)} (thousandths by line), inspected were {found}"
        return Rejected("inspection-mismatch", detail, "/lines", state=one.status)
    restocked, damaged = lots_of(case.state, request.lines)
    inspected = ReturnInspected(one.return_id, restocked, damaged, request.operator_id)
    return inspected, *uncounted(case.world, restocked, case.command.new_id)


def refund_return(case: Case) -> tuple[Event, ...] | Rejected:
    """What was paid for the goods of an inspected return goes back."""
    request, one, state = _step(case), case.one_return, case.state
    reversals = settle(state, returned=one.quantities, refund_to=request.refund_to)
    if isinstance(reversals, Rejected):
        return reversals
    return (
        OrderReturned(
            one.return_id, one.quantities, (), reversals, reason=request.reason, operator_id=request.operator_id
        ),
    )


def _step(case: Case) -> ReturnStep:
    if not isinstance(case.command.request, ReturnStep):
        raise InvariantViolated(f"{case.command.request!r} is no step of a return")
    return case.command.request


ORDER_EFFECTS: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        **{
            effect.__name__: effect
            for effect in (cancel_lines, hand_back, request_return, take_back, take_payment, void_order)
        },
        **HOLD_EFFECTS,
    }
)
"""Every effect on an order as a whole by the name that documents use."""

RETURN_EFFECTS: Final[Mapping[str, Effect]] = MappingProxyType(
    {effect.__name__: effect for effect in (approve_return, inspect_goods, receive_goods, refund_return, refuse_return)}
)
"""Every effect on a return by the name that documents use."""

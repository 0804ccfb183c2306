"""What has to hold before a command is carried out: conditions by the names that process documents use.

Each looks at a case and refuses it with a reason, or lets it pass with None.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from edge_core.checks.changing import Debt, check_debt, check_sending
from edge_core.errors import Rejected
from edge_core.ids import pickup_code_hash
from edge_core.orders.exchanging import CREDIT_ID
from edge_core.orders.holding import hold_overdue, may_answer_hold
from edge_core.orders.legality import has_room, has_room_for_return
from edge_core.orders.machines import GROUP
from edge_core.orders.requests import CollectRequest, PayRequest, RedirectRequest
from edge_core.orders.settling import owed_minor, secured_minor, share_minor
from edge_core.orders.state import OrderState
from edge_core.orders.world import Case

Guard = Callable[[Case], Rejected | None]


def not_held(case: Case) -> Rejected | None:
    """While somebody has to look at the order, nothing of it moves on."""
    holds = case.state.holds
    return Rejected("order-held", f"held by {', '.join(holds)}", state=case.state.status) if holds else None


def is_not_too_long(case: Case) -> Rejected | None:
    """An order is not divided, redirected and changed for ever: its history is folded at each step."""
    return has_room(case.state)


def may_come_back(case: Case) -> Rejected | None:
    """Goods come back however long the order's history is, but not in crumbs for ever."""
    return has_room_for_return(case.state)


def is_pickup(case: Case) -> Rejected | None:
    """Only what is fetched becomes ready to be fetched."""
    return _goes(case, "pickup")


def is_shipment(case: Case) -> Rejected | None:
    """Only what is sent can be handed to a carrier."""
    return _goes(case, "ship")


def is_redirectable(case: Case) -> Rejected | None:
    """Goods can be sent instead of fetched, to an address, fetched instead of sent, or sent to another address."""
    request, group = case.command.request, case.group
    if not isinstance(request, RedirectRequest) or request.method == "carry_out" or group.method == "carry_out":
        return Rejected("method-mismatch", "goods are sent or fetched", "/method", state=group.status)
    known = group.ship_to or case.state.order.ship_to
    goes_elsewhere = request.method == "ship" and request.ship_to not in {None, known}
    if request.method == group.method and not goes_elsewhere:
        return Rejected("method-mismatch", f"the way of the goods is {group.method} already", "/method")
    if request.method == "ship" and (request.ship_to or known) is None:
        return Rejected("invalid-document", "goods that are sent need an address", "/ship_to")
    return None


def may_be_sent(case: Case) -> Rejected | None:
    """What is redirected may go to that place, and is insured where it is worth so much; as when an order is placed."""
    request, group, state = case.command.request, case.group, case.state
    if not isinstance(request, RedirectRequest) or request.method != "ship":
        return None
    lines = {line.line_id: line for line in state.order.lines}
    going = [(lines[part.line_id], part.quantity_milli) for part in group.lines]
    others = [each for each in state.groups if each.method == "ship" and each.group_id != group.group_id]
    others = [each for each in others if each.status != "cancelled"]
    sent = [*going, *[(lines[p.line_id], p.quantity_milli) for each in others for p in each.lines]]
    worth_minor = sum(share_minor(line.net_minor, milli, line) for line, milli in sent if "insured" not in line.traits)
    address = request.ship_to or group.ship_to or state.order.ship_to
    return check_sending(case.world.evidence, address, going, worth_minor)


def may_owe(case: Case) -> Rejected | None:
    """A payment on account stays within the customer's limit. One that was announced was judged when it was."""
    request, order = case.command.request, case.state.order
    if not isinstance(request, PayRequest) or request.payment.tender != "on_account":
        return None
    if any(payment.payment_id == request.payment.payment_id for payment in case.state.payments):
        return None
    debt = Debt(order.customer_ref, order.currency, order.business_date, request.payment.amount_minor)
    return check_debt(case.world.evidence, debt)


def pickup_code_fits(case: Case) -> Rejected | None:
    """The customer shows the code that was given out for these goods. Hashes are compared, so time tells nothing."""
    request, group = case.command.request, case.group
    code = request.code if isinstance(request, CollectRequest) else ""
    found = pickup_code_hash(case.command.order_id, group.group_id, code)
    if found != group.code_hash:
        return Rejected("pickup-code-wrong", "another code was given out for these goods", "/code", state=group.status)
    return None


def pickup_overdue(case: Case) -> Rejected | None:
    """The time to fetch the goods is over."""
    expires_at_ms, status = case.group.expires_at_ms, case.group.status
    if expires_at_ms is None or case.command.now_ms < expires_at_ms:
        detail = f"group {case.group.group_id} can be fetched until {expires_at_ms} (Unix ms)"
        return Rejected("pickup-not-overdue", detail, state=status, allowed=GROUP.commands(status))
    return None


def balance_paid(case: Case) -> Rejected | None:
    """Where payment terms were agreed, goods leave once all that is owed is paid or promised by a bank."""
    owed, secured = owed_minor(case.state), secured_minor(case.state)
    if case.state.order.payment_terms is None or secured >= owed:
        return None
    return Rejected("balance-due", f"{owed} are owed, {secured} are paid", state=case.state.status, allowed=("pay",))


def nothing_has_left(case: Case) -> Rejected | None:
    """No goods are with a carrier or with the customer."""
    gone = [group for group in case.state.groups if not GROUP.is_legal(group.status, "order.cancelled:voided")]
    gone = [group for group in gone if group.status != "cancelled"]
    if gone:
        return Rejected("void-too-late", f"group {gone[0].group_id} is {gone[0].status}", state=case.state.status)
    return None


def same_business_date(case: Case) -> Rejected | None:
    """The day of the order is not over: its payments have not been settled."""
    placed, today = case.state.order.business_date, case.command.business_date
    if placed == today:
        return None
    return Rejected("void-too-late", f"placed on {placed}, today is {today}", state=case.state.status)


def no_exchange_paid(case: Case) -> Rejected | None:
    """What goods that came back have paid was not taken at a till, so it cannot be as if nothing had been."""
    order = case.state.order
    if order.order_type == "exchange" and any(payment.payment_id == CREDIT_ID for payment in order.payments):
        detail = "goods that came back have paid for it: cancel it, and the credit is given back"
        return Rejected("void-too-late", detail, state=case.state.status, allowed=("cancel",))
    return None


def is_assigned(case: Case) -> Rejected | None:
    """Only what the centre assigned can go back to it."""
    if case.state.assigned is None:
        return Rejected("not-assigned", "the order was placed here", state=case.state.status)
    return None


def goes_back_whole(case: Case) -> Rejected | None:
    """The order is as it came, so that another location can do all of it: nothing has left, nothing was changed."""
    return stays(case.state)


def stays(state: OrderState) -> Rejected | None:
    """Why an assigned order cannot go back to the centre any more; None where it can."""
    gone = [group for group in state.groups if not GROUP.is_legal(group.status, "order.cancelled:handed_back")]
    gone = [group for group in gone if group.status != "cancelled"]
    if gone:
        return Rejected("goods-left", f"group {gone[0].group_id} is {gone[0].status}", state=state.status)
    methods = {group.method for group in state.order.fulfillment_groups}
    was_redirected = any(group.ship_to is not None or group.method not in methods for group in state.groups)
    has_moved_money = bool(state.payments_added) or any(payment.refunded_minor for payment in state.payments)
    if state.cancelled or state.returned or was_redirected or has_moved_money:
        return Rejected("order-changed", "the order is not as it was assigned", state=state.status)
    return None


def _goes(case: Case, method: str) -> Rejected | None:
    if case.group.method == method:
        return None
    detail = f"group {case.group.group_id} goes by {case.group.method}, not by {method}"
    return Rejected("method-mismatch", detail, state=case.group.status)


GUARDS: Final[Mapping[str, Guard]] = MappingProxyType(
    {
        guard.__name__: guard
        for guard in (
            balance_paid,
            goes_back_whole,
            hold_overdue,
            is_assigned,
            is_not_too_long,
            is_pickup,
            is_redirectable,
            is_shipment,
            may_answer_hold,
            may_be_sent,
            may_come_back,
            may_owe,
            no_exchange_paid,
            not_held,
            nothing_has_left,
            pickup_code_fits,
            pickup_overdue,
            same_business_date,
        )
    }
)
"""Every guard by the name that documents use."""

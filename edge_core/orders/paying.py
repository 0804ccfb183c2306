"""Payments that come after the placing: the balance of a pre-order, or a pending payment that was made."""

from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import ORDER_PAYMENTS_MAX
from edge_core.orders.document import Payment
from edge_core.orders.events import Event, PaymentAuthorized, PaymentCaptured
from edge_core.orders.machines import PAYMENT
from edge_core.orders.requests import PayRequest
from edge_core.orders.settling import covered_minor, needed_minor, owed_minor
from edge_core.orders.validation import is_moment, looks_like_card_number
from edge_core.orders.world import Case


def take_payment(case: Case) -> tuple[Event, ...] | Rejected:
    """One more payment, or a pending one of the order that is authorized or captured now; never more than is owed."""
    request, state = case.command.request, case.state
    if not isinstance(request, PayRequest):
        raise InvariantViolated(f"{request!r} is no payment")
    tender = request.payment
    refused = _check_tender(tender)
    if refused is not None:
        return refused
    known = next((p for p in state.payments if p.payment_id == tender.payment_id), None)
    if known is not None:
        posted = next(each for each in state.tenders if each.payment_id == tender.payment_id)
        if not PAYMENT.is_legal(known.status, f"payment.{tender.status}"):
            detail = f"payment {tender.payment_id!r} is {known.status}"
            return Rejected("duplicate-identifier", detail, "/payment/payment_id", state=known.status)
        if tender.tender != posted.tender:
            detail = f"payment {tender.payment_id!r} was announced as {posted.tender}"
            return Rejected("payment-mismatch", detail, "/payment/tender")
        return _up_to(needed_minor(state)[tender.payment_id], tender)
    if len(state.payments) >= ORDER_PAYMENTS_MAX:
        return Rejected("order-too-long", f"the order has {ORDER_PAYMENTS_MAX} payments", state=state.status)
    return _up_to(owed_minor(state) - covered_minor(state), tender)


def _up_to(left_minor: int, tender: Payment) -> tuple[Event, ...] | Rejected:
    """The event of a payment, which tells what the provider said of it even where the payment was announced before."""
    if not 0 < tender.amount_minor <= left_minor:
        detail = f"a payment of {tender.amount_minor}, {max(0, left_minor)} are still to be paid with it"
        return Rejected("payment-mismatch", detail, "/payment/amount_minor")
    if tender.status == "authorized":
        return (PaymentAuthorized(tender.payment_id, tender.amount_minor, tender),)
    return (PaymentCaptured(tender.payment_id, tender.amount_minor, tender),)


def _check_tender(tender: Payment) -> Rejected | None:
    if tender.status == "pending":
        return Rejected("payment-mismatch", "a payment that comes now is authorized or captured", "/payment/status")
    if tender.token_ref is not None and looks_like_card_number(tender.token_ref):
        return Rejected("card-number-refused", "token_ref reads like a card number", "/payment/token_ref")
    if tender.expires_at is not None and not is_moment(tender.expires_at):
        return Rejected("invalid-time", f"{tender.expires_at} does not exist", "/payment/expires_at")
    return None

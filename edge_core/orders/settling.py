"""What a customer owes and gets back: exact to the minor unit, in however many parts an order is cancelled or returned.

What a line's part is worth is the difference of two shares of the whole line, each rounded half up: the parts of a line
always add up to the line. What is paid back is what was taken beyond what is still owed, never more. A payment that was
not taken yet ends once nothing of it is needed: a bank does not hold a customer's money for goods that nobody gets.
"""

from collections.abc import Iterable

from edge_core.errors import Rejected
from edge_core.orders.document import Line
from edge_core.orders.events import PaymentCaptured, PaymentReversal
from edge_core.orders.parts import add_up
from edge_core.orders.state import OrderState

Part = tuple[str, int]

_OVER = frozenset({"voided", "refunded", "failed"})
_NOT_TAKEN = ("authorized", "pending")  # the surer first


def owed_minor(state: OrderState, *, cancelled: Iterable[Part] = (), returned: Iterable[Part] = ()) -> int:
    """What the order costs, once so much more of its lines is cancelled and returned.

    Shipping stays, unless everything is cancelled.
    """
    lines, totals = state.order.lines, state.order.totals
    off = add_up((*state.cancelled, *cancelled))
    if all(off.get(line.line_id, 0) >= line.quantity_milli for line in lines):
        return 0
    gone = add_up((*off.items(), *state.returned, *returned))
    return totals.grand_total_minor - sum(
        share_minor(_paid_minor(line, includes_tax=totals.prices_include_tax), gone.get(line.line_id, 0), line)
        for line in lines
    )


def taken_minor(state: OrderState) -> int:
    """What the store has of the customer's money for this order."""
    return sum(p.captured_minor - p.refunded_minor for p in state.payments) - state.credited_minor


def owed_on_account_minor(state: OrderState) -> int:
    """What the customer owes for this order, and has promised to owe: payments on account that stand."""
    posted = {tender.payment_id: tender for tender in state.tenders}
    return sum(
        posted[p.payment_id].amount_minor - p.refunded_minor
        for p in state.payments
        if posted[p.payment_id].tender == "on_account" and p.status not in _OVER
    )


def covered_minor(state: OrderState) -> int:
    """What the store has, and what it has been promised by payments that were not taken yet."""
    posted = {tender.payment_id: tender.amount_minor for tender in state.tenders}
    return taken_minor(state) + sum(
        posted[p.payment_id] for p in state.payments if p.status in {"pending", "authorized"}
    )


def secured_minor(state: OrderState) -> int:
    """The same without payments that are only announced."""
    posted = {tender.payment_id: tender.amount_minor for tender in state.tenders}
    return taken_minor(state) + sum(posted[p.payment_id] for p in state.payments if p.status == "authorized")


def captures(state: OrderState) -> tuple[PaymentCaptured, ...]:
    """What was promised is taken when goods leave, up to what is owed."""
    needed = needed_minor(state)
    promised = [p.payment_id for p in state.payments if p.status == "authorized"]
    return tuple([PaymentCaptured(each, needed[each]) for each in promised if needed[each]])


def needed_minor(state: OrderState, *, cancelled: Iterable[Part] = (), returned: Iterable[Part] = ()) -> dict[str, int]:
    """How much of each payment that was not taken yet is still owed, once so much more is cancelled and returned.

    What a bank has promised comes before what was only announced, and each comes in the order of the document. Nothing
    is needed of an order of which nothing stays with the customer: what was not taken by then is not taken any more.
    """
    cancelled, returned = tuple(cancelled), tuple(returned)
    gone = add_up((*state.cancelled, *cancelled, *state.returned, *returned))
    left_minor = owed_minor(state, cancelled=cancelled, returned=returned) - taken_minor(state)
    if all(gone.get(line.line_id, 0) >= line.quantity_milli for line in state.order.lines):
        left_minor = 0
    posted = {tender.payment_id: tender.amount_minor for tender in state.tenders}
    needed: dict[str, int] = {}
    for status in _NOT_TAKEN:
        for payment_id in (p.payment_id for p in state.payments if p.status == status):
            needed[payment_id] = max(0, min(left_minor, posted[payment_id]))
            left_minor -= needed[payment_id]
    return needed


def settle(
    state: OrderState,
    *,
    cancelled: Iterable[Part] = (),
    returned: Iterable[Part] = (),
    credit_minor: int = 0,
    refund_to: str | None = None,
) -> tuple[PaymentReversal, ...] | Rejected:
    """What becomes of the payments when so much more is cancelled and returned.

    What was taken beyond what is then owed is given back, but for the credit that goes into another order; payments
    that were not taken and are not needed any more are voided.
    """
    cancelled, returned = tuple(cancelled), tuple(returned)
    back_minor = taken_minor(state) - owed_minor(state, cancelled=cancelled, returned=returned) - credit_minor
    reversals = refund(state, back_minor, refund_to)
    if isinstance(reversals, Rejected):
        return reversals
    needed = needed_minor(state, cancelled=cancelled, returned=returned)
    return *reversals, *[PaymentReversal(each, "voided", 0) for each, minor in needed.items() if not minor]


def refund(
    state: OrderState, refund_minor: int, refund_to: str | None = None
) -> tuple[PaymentReversal, ...] | Rejected:
    """Give so much back: to the payment named, or to all in their order, each up to what it took."""
    payments = [payment for payment in state.payments if refund_to in {None, payment.payment_id}]
    if not payments and refund_to is not None:
        return Rejected("unknown-reference", f"there is no payment {refund_to!r}", "/refund_to")
    reversals: list[PaymentReversal] = []
    left_minor = max(0, refund_minor)
    for payment in payments:
        amount_minor = min(left_minor, payment.captured_minor - payment.refunded_minor)
        if amount_minor > 0:
            reversals.append(PaymentReversal(payment.payment_id, "refunded", amount_minor))
            left_minor -= amount_minor
    if left_minor:
        detail = f"{refund_minor} are to be paid back, the payments can give {refund_minor - left_minor}"
        return Rejected("payment-mismatch", detail, "/refund_to" if refund_to is not None else None)
    return tuple(reversals)


def give_everything_back(state: OrderState, *, is_void: bool = False) -> tuple[PaymentReversal, ...]:
    """What was taken is refunded, what was only promised is voided; on a void what was just taken is voided too."""
    reversals: list[PaymentReversal] = []
    for payment in state.payments:
        left_minor = payment.captured_minor - payment.refunded_minor
        if payment.status in _OVER:
            continue
        is_voided = not payment.captured_minor or (is_void and payment.status == "captured")
        reversals.append(PaymentReversal(payment.payment_id, "voided" if is_voided else "refunded", left_minor))
    return tuple(reversals)


def _paid_minor(line: Line, *, includes_tax: bool) -> int:
    return line.net_minor if includes_tax else line.net_minor + line.tax_minor


def share_minor(amount_minor: int, part_milli: int, line: Line) -> int:
    """What so much of a line has of an amount of the whole line, rounded half up."""
    return (2 * amount_minor * part_milli + line.quantity_milli) // (2 * line.quantity_milli)

"""An exchange: goods come back, others go instead, and only the difference is paid or paid back.

One decision, two entries: the first order's return says how much of its money went into the second order, and the
second order is placed with that money as a voucher that was given and spent at once.
"""

from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.orders.commands import ExchangeOrder
from edge_core.orders.document import Payment, TillOrder
from edge_core.orders.events import Event, OrderReturned, deltas_of
from edge_core.orders.legality import has_room_for_return, may_give, not_allowed
from edge_core.orders.machines import ORDER
from edge_core.orders.placing import place_order
from edge_core.orders.returning import check_returnable, lots_of, refundable_minor, uncounted
from edge_core.orders.settling import settle
from edge_core.orders.state import OrderState
from edge_core.orders.validation import check_exchange
from edge_core.orders.world import Accepted, Follow, World
from edge_core.stock.ledger import stock_after

CREDIT_ID = "exchange"
"""The payment of the second order that stands for what came back."""


def exchange(world: World, state: OrderState, command: ExchangeOrder) -> Accepted | Rejected:
    """Take goods back and place the order for what goes instead, both or neither."""
    request, posted = command.request, command.request.order
    row = ORDER.commanded(state.status, "exchange")
    refused = not_allowed(state, "exchange", f"the order is {state.status}") if row is None else may_give(row, "store")
    refused = refused or has_room_for_return(state) or _within(check_exchange(posted)) or _check_currency(state, posted)
    if refused is not None:
        return refused
    quantities = check_returnable(state, request.lines)
    if isinstance(quantities, Rejected):
        return quantities
    back_minor = refundable_minor(state, quantities)
    credit_minor = min(back_minor, posted.totals.grand_total_minor)
    reversals = settle(state, returned=quantities, credit_minor=credit_minor, refund_to=request.refund_to)
    if isinstance(reversals, Rejected):
        return reversals
    paid = _with_credit(posted, credit_minor, command.return_id.hex)
    if isinstance(paid, Rejected):
        return paid
    restocked, damaged = lots_of(state, request.lines)
    returned = OrderReturned(
        return_id=command.return_id.hex,
        quantities=quantities,
        restocked=restocked,
        reversals=reversals,
        damaged=damaged,
        reason=request.reason,
        operator_id=request.operator_id,
        credit_minor=credit_minor,
        exchanged_for=command.place.order_id,
    )
    events: tuple[Event, ...] = (returned, *uncounted(world, restocked, command.return_id))
    # What came back is on the shelf when the second half looks: the same thing may be what goes instead.
    shelf = stock_after(world.stock, (delta for event in events for delta in deltas_of(event)))
    placed = place_order(replace(world, stock=shelf), replace(command.place, posted=paid))
    if isinstance(placed, Rejected):
        return _within(placed) or placed
    return Accepted(events, Follow(command.place.order_id, placed))


def _check_currency(state: OrderState, posted: TillOrder) -> Rejected | None:
    if posted.currency == state.order.currency:
        return None
    detail = f"the order was in {state.order.currency}, what goes instead is in {posted.currency}"
    return Rejected("payment-mismatch", detail, "/order/currency")


def _with_credit(posted: TillOrder, credit_minor: int, return_id: str) -> TillOrder | Rejected:
    """The order with what came back as its first payment. Handed over at once it must be paid in full."""
    if any(payment.payment_id == CREDIT_ID for payment in posted.payments):
        return Rejected("duplicate-identifier", f"{CREDIT_ID!r} is the credit's own name", "/order/payments")
    due_minor = posted.totals.grand_total_minor - credit_minor
    paid_minor = sum(payment.amount_minor for payment in posted.payments)
    captured_minor = sum(payment.amount_minor for payment in posted.payments if payment.status == "captured")
    is_short = posted.fulfillment.method == "carry_out" and captured_minor != due_minor
    if is_short or paid_minor > due_minor:
        detail = f"the difference is {due_minor}, captured are {captured_minor} of {paid_minor}"
        return Rejected("payment-mismatch", detail, "/order/payments")
    if not credit_minor:
        return posted
    credit = Payment(CREDIT_ID, "voucher", credit_minor, "captured", "offline", token_ref=return_id)
    return replace(posted, payments=(credit, *posted.payments))


def _within(refused: Rejected | None) -> Rejected | None:
    """The same refusal, its pointer leading into the part of the body that the second order is."""
    if refused is None or refused.pointer is None:
        return refused
    return replace(refused, pointer=f"/order{refused.pointer}")

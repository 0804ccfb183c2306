"""The commonest entry seen at a glance: a carry-out sale, placed, paid and handed over in one decision.

Most entries of a store are of this shape, and for them the fold has one possible end. `handed_over` recognises
the shape and says what left the location, `state_of` is the order afterwards; whatever is not recognised is folded
(`edge_core.orders.fold`). That both ways agree on every entry is a law of its own (tests/property/test_sale_laws.py).
"""

from collections.abc import Sequence
from typing import Final

from edge_core.errors import InvariantViolated
from edge_core.orders.document import Order
from edge_core.orders.events import (
    Event,
    FulfillmentDelivered,
    FulfillmentRouted,
    OrderPlaced,
    OrderValidated,
    PaymentCaptured,
    StockReserved,
)
from edge_core.orders.state import GroupState, OrderState, PaymentState
from edge_core.stock.ledger import Allocation

STATUS: Final = "completed"
"""The state of an order whose only entry is such a sale; its revision is the number of its events."""

_EVENTS_MIN: Final = 5  # placed, validated, routed, reserved, delivered; a payment each in between


def handed_over(events: Sequence[Event]) -> tuple[Allocation, ...] | None:
    """What a carry-out sale took from the location, or None for any other entry, which has to be folded."""
    if len(events) < _EVENTS_MIN:
        return None
    placed, validated = events[:2]
    routed, reserved, delivered = events[-3:]
    if (
        not isinstance(placed, OrderPlaced)
        or not isinstance(validated, OrderValidated)
        or not isinstance(routed, FulfillmentRouted)
        or not isinstance(reserved, StockReserved)
        or not isinstance(delivered, FulfillmentDelivered)
    ):
        return None
    is_whole = routed.decision != "backorder" and reserved.allocations == delivered.consumed
    groups = placed.order.fulfillment_groups
    is_one = len(groups) == 1 and groups[0].group_id == routed.group_id == reserved.group_id == delivered.group_id
    return delivered.consumed if is_whole and is_one and _is_paid(placed.order, events[2:-3]) else None


def state_of(events: Sequence[Event]) -> OrderState:
    """The state after the events of an entry that `handed_over` has recognised."""
    placed, routed, delivered = events[0], events[-3], events[-1]
    if (
        not isinstance(placed, OrderPlaced)
        or not isinstance(routed, FulfillmentRouted)
        or not isinstance(delivered, FulfillmentDelivered)
    ):
        raise InvariantViolated("the state of a sale was asked of something else")
    order = placed.order
    group = order.fulfillment_groups[0]
    captured = {each.payment_id: each.amount_minor for each in events[2:-3] if isinstance(each, PaymentCaptured)}
    return OrderState(
        order,
        revision=len(events),
        validated=True,
        holds=(),
        approved=False,
        payments=tuple([_payment(each.payment_id, captured.get(each.payment_id)) for each in order.payments]),
        groups=(
            GroupState(
                group.group_id,
                "delivered",
                routed.location_id,
                delivered.consumed,
                method=group.method,
                lines=group.lines,
            ),
        ),
        returned=(),
    )


def _payment(payment_id: str, captured_minor: int | None) -> PaymentState:
    if captured_minor is None:
        return PaymentState(payment_id, "pending")
    return PaymentState(payment_id, "captured", captured_minor)


def _is_paid(order: Order, captured: Sequence[Event]) -> bool:
    """Whether each of these captures a payment of the order, and none of them twice."""
    if len(captured) == len(order.payments) == 1:
        only = captured[0]
        if not isinstance(only, PaymentCaptured) or only.tender is not None:
            return False
        return only.payment_id == order.payments[0].payment_id
    names = {payment.payment_id for payment in order.payments}
    if len(names) != len(order.payments):
        return False
    for event in captured:
        if not isinstance(event, PaymentCaptured) or event.tender is not None or event.payment_id not in names:
            return False
        names.remove(event.payment_id)
    return True

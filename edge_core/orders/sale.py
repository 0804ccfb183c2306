"""The commonest entry seen at a glance: a carry-out sale, placed, paid and handed over in one decision.

Most entries of a store are of this shape, and for them the fold has one possible end. `handed_over` recognises
the shape and says what left the location; whatever it does not recognise is folded (`edge_core.orders.fold`). That
both ways agree on every entry is a law of its own (tests/property/test_sale_laws.py).
"""

from collections.abc import Sequence
from typing import Final

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


def _is_paid(order: Order, captured: Sequence[Event]) -> bool:
    """Whether each of these captures a payment of the order, and none of them twice."""
    if len(captured) == len(order.payments) == 1:
        only = captured[0]
        return isinstance(only, PaymentCaptured) and only.payment_id == order.payments[0].payment_id
    names = {payment.payment_id for payment in order.payments}
    if len(names) != len(order.payments):
        return False
    for event in captured:
        if not isinstance(event, PaymentCaptured) or event.tender is not None or event.payment_id not in names:
            return False
        names.remove(event.payment_id)
    return True

"""The fold: what follows what, what an illegal event does, and that nothing is edited."""

import pytest
from msgspec.structs import replace

from edge_core.errors import InvariantViolated
from edge_core.orders.events import (
    Event,
    FulfillmentDelivered,
    FulfillmentRejected,
    FulfillmentRouted,
    FulfillmentShipped,
    OrderApproved,
    OrderCancelled,
    OrderHeld,
    OrderPlaced,
    OrderReturned,
    OrderValidated,
    PaymentCaptured,
    PaymentReversal,
    StockMoved,
    StockReserved,
)
from edge_core.orders.fold import OrderState, fold, fold_all
from edge_core.stock.ledger import Allocation
from tests.rigs.orders import order_id, placed, till_order

SALE = placed(1, till_order(lines=1))
WAITING = placed(1, till_order(lines=1, method="ship"))
GOODS = (Allocation("1", till_order().lines[0].sku, None, "H87", 2_000),)
HELD = OrderHeld("h1", ("high-value",), "risk-desk", 0)


def sold() -> OrderState:
    """A completed sale of two pieces for 5.00."""
    return fold_all(None, SALE)


def reserved() -> OrderState:
    """An order to ship that the store holds goods for."""
    return fold_all(None, [*WAITING, FulfillmentRouted("g1", "fulfil_here", "store-0001"), StockReserved("g1", GOODS)])


def test_an_order_begins_with_its_placing_and_has_one() -> None:
    with pytest.raises(InvariantViolated, match=r"comes before order\.placed"):
        fold(None, SALE[1])
    with pytest.raises(InvariantViolated, match="twice"):
        fold(sold(), SALE[0])
    with pytest.raises(InvariantViolated, match="without events"):
        fold_all(None, [])


def test_the_revision_counts_every_event() -> None:
    assert sold().revision == len(SALE)
    state = None
    for count, event in enumerate(SALE, 1):
        state = fold(state, event)
        assert state.revision == count


def test_folding_changes_the_new_state_and_not_the_old_one() -> None:
    before = reserved()
    kept = replace(before)
    assert fold(before, HELD) != before
    assert before == kept


def test_stock_found_for_an_order_is_seen_and_changes_nothing_else() -> None:
    before = reserved()
    assert fold(before, StockMoved(order_id(9), "found", None, ())) == replace(before, revision=before.revision + 1)


@pytest.mark.parametrize(
    ("given", "event", "why"),
    [
        (sold, OrderValidated(()), "not legal in completed"),
        (sold, HELD, "not legal in completed"),
        (sold, OrderCancelled("late", None, (), ()), "order.cancelled is not legal in delivered"),
        (sold, FulfillmentDelivered("g1", ()), "not legal in delivered"),
        (sold, PaymentCaptured("p1", 500), "not legal in captured"),
        (sold, PaymentCaptured("p9", 500), "there is no payment 'p9'"),
        (sold, OrderReturned("r1", (("1", 2_001),), (), ()), "cannot come back"),
        (sold, OrderReturned("r1", (("9", 1),), (), ()), "cannot come back"),
        (sold, OrderReturned("r1", (("1", -1),), (), ()), "cannot come back"),
        (reserved, OrderReturned("r1", (("1", 1),), (), ()), "cannot come back"),
        (reserved, OrderApproved("h1", "op-1"), "no hold 'h1'"),
        (reserved, FulfillmentShipped("g9", "c", "t", ()), "there is no group 'g9'"),
        (reserved, StockReserved("g1", GOODS), "not legal in reserved"),
    ],
)
def test_an_event_that_cannot_follow_raises(given: object, event: Event, why: str) -> None:
    assert callable(given)
    with pytest.raises(InvariantViolated, match=why):
        fold(given(), event)


def test_nothing_is_routed_before_it_is_validated() -> None:
    with pytest.raises(InvariantViolated, match=r"before order\.validated"):
        fold(fold(None, SALE[0]), FulfillmentRouted("g1", "fulfil_here", "store-0001"))


def test_a_hold_stops_the_clock_until_everybody_has_approved() -> None:
    second = replace(HELD, hold_id="h2")
    state = fold_all(reserved(), [HELD, second])
    assert (state.status, state.holds) == ("held", ("h1", "h2"))
    with pytest.raises(InvariantViolated, match="hold 'h1' already"):
        fold(state, HELD)
    state = fold(state, OrderApproved("h1", "op-1"))
    assert state.status == "held"
    state = fold(state, OrderApproved("h2", "op-1"))
    assert (state.status, state.approved) == ("in_fulfillment", True)


def test_a_rejected_group_gives_its_goods_back_and_is_counted() -> None:
    state = fold(reserved(), FulfillmentRejected("g1", "not-found", GOODS))
    (group,) = state.groups
    assert (group.status, group.location_id, group.allocations, group.rejections) == ("unrouted", None, (), 1)
    assert state.status == "validated"


def test_a_late_backorder_changes_nothing_that_was_delivered() -> None:
    with pytest.raises(InvariantViolated):
        fold(sold(), FulfillmentRouted("g1", "backorder", None))
    assert sold().status == "completed"


def test_returns_add_up_and_refunds_follow_what_was_captured() -> None:
    state = fold(sold(), OrderReturned("r1", (("1", 500),), GOODS, (PaymentReversal("p1", "refunded", 125),)))
    assert (state.status, state.payments[0].status, state.payments[0].refunded_minor) == (
        "partially_returned",
        "partially_refunded",
        125,
    )
    state = fold(state, OrderReturned("r2", (("1", 1_500),), (), (PaymentReversal("p1", "refunded", 375),)))
    assert (state.status, state.returned, state.payments[0].status) == ("returned", (("1", 2_000),), "refunded")
    with pytest.raises(InvariantViolated):
        fold(state, OrderReturned("r3", (("1", 1),), (), ()))


def test_a_cancelled_order_has_nothing_left_that_is_promised_or_held() -> None:
    state = fold_all(reserved(), [HELD, OrderCancelled("changed-mind", None, GOODS, ())])
    assert (state.status, state.holds) == ("cancelled", ())
    assert all(group.allocations == () for group in state.groups)


def test_an_order_placed_keeps_its_document_for_ever() -> None:
    first = SALE[0]
    assert isinstance(first, OrderPlaced)
    assert sold().order is first.order

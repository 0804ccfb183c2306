"""Goods that come back: at the till, by a request, and for other goods."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from central_sync.ingest.effects import changes_of
from edge_core.errors import Rejected
from edge_core.orders.document import Address, FulfillmentRequest, Payment, TillOrder
from edge_core.orders.events import Event, OrderPlaced, OrderReturned
from edge_core.orders.further_events import ReturnInspected
from edge_core.orders.requests import (
    ExchangeRequest,
    InspectRequest,
    LineQuantity,
    ReturnLine,
    ReturnRequest,
    ReturnStep,
    ReturnWish,
    ShipRequest,
    SplitRequest,
    StepRequest,
    VoidRequest,
)
from tests.rigs.contract import PROBLEMS
from tests.rigs.counter import Counter, names, slug
from tests.rigs.orders import till_order

FIRST, SECOND = (line.sku for line in till_order().lines)


def counter(free: int = 10_000) -> Counter:
    found = Counter()
    found.receive(FIRST, free)
    found.receive(SECOND, free)
    return found


def sold(at: Counter, *payments: Payment) -> UUID:
    """A carry-out sale of two pieces each of two things: 10.00."""
    return at.place(replace(till_order(), payments=payments) if payments else till_order())


def sold_last(at: Counter) -> UUID:
    """A carry-out sale of two pieces of the first thing."""
    return at.place(till_order(lines=1))


def back(*lines: tuple[str, int] | tuple[str, int, str], **changes: object) -> ReturnRequest:
    return replace(ReturnRequest(tuple(ReturnLine(*line) for line in lines), "too-small"), **changes)


def returned(found: tuple[Event, ...] | Rejected) -> OrderReturned:
    assert not isinstance(found, Rejected), found
    (event,) = (each for each in found if isinstance(each, OrderReturned))
    return event


def refunds(event: OrderReturned) -> list[tuple[str, int]]:
    return [(reversal.payment_id, reversal.amount_minor) for reversal in event.reversals]


# --- at the till -----------------------------------------------------------------------------------------------------


def test_what_is_resaleable_goes_on_the_shelf_and_what_is_damaged_does_not() -> None:
    at = counter()
    placed = sold(at)
    event = returned(at.ask(placed, "return", back(("1", 500), ("1", 250, "damaged"))))
    assert refunds(event) == [("p1", 188)]
    assert ([a.quantity_milli for a in event.restocked], [a.quantity_milli for a in event.damaged]) == ([500], [250])
    assert at.positions[FIRST, None].on_hand_milli == 8_500
    assert at.states[placed].status == "partially_returned"


def test_a_line_that_comes_back_in_three_parts_is_refunded_to_the_last_unit() -> None:
    at = counter()
    placed = sold(at)
    parts = [returned(at.ask(placed, "return", back(("1", milli)))) for milli in (667, 666, 667)]
    assert sum(amount for event in parts for _, amount in refunds(event)) == 500
    assert at.states[placed].status == "partially_returned"
    returned(at.ask(placed, "return", back(("2", 2_000))))
    assert (at.states[placed].status, at.states[placed].payments[0].status) == ("returned", "refunded")


def test_more_cannot_come_back_than_was_sold() -> None:
    at = counter()
    placed = sold(at)
    assert slug(at.ask(placed, "return", back(("1", 2_001)))) == "return-too-large"
    assert slug(at.ask(placed, "return", back(("1", 1_500), ("1", 501)))) == "return-too-large"
    assert slug(at.ask(placed, "return", back(("9", 1)))) == "unknown-reference"
    names(at.ask(placed, "return", back(("1", 1_500))))
    assert slug(at.ask(placed, "return", back(("1", 501)))) == "return-too-large"


def test_nothing_comes_back_that_was_not_handed_over() -> None:
    at = counter()
    placed = at.place(till_order(method="pickup"))
    found = at.ask(placed, "return", back(("1", 1)))
    assert slug(found) == "return-too-large"


def test_a_split_tender_is_given_back_in_its_order_or_to_the_one_that_is_named() -> None:
    at = counter()
    tenders = (Payment("p1", "cash", 400, "captured", "offline"), Payment("p2", "card", 600, "captured", "online"))
    placed = sold(at, *tenders)
    assert refunds(returned(at.ask(placed, "return", back(("1", 2_000))))) == [("p1", 400), ("p2", 100)]
    assert slug(at.ask(placed, "return", back(("2", 2_000), refund_to="p1"))) == "payment-mismatch"
    assert slug(at.ask(placed, "return", back(("2", 2_000), refund_to="p9"))) == "unknown-reference"
    assert refunds(returned(at.ask(placed, "return", back(("2", 2_000), refund_to="p2")))) == [("p2", 500)]


def test_each_part_comes_back_to_the_lot_that_it_was_sold_from() -> None:
    at = Counter()
    at.receive(FIRST, 1_500, lot="soon", expires_on="2026-12-01")
    at.receive(FIRST, 1_500, lot="late", expires_on="2027-12-01")
    placed = at.place(till_order(lines=1))
    first = returned(at.ask(placed, "return", back(("1", 1_000))))
    second = returned(at.ask(placed, "return", back(("1", 1_000))))
    assert [(a.lot, a.quantity_milli) for a in first.restocked] == [("soon", 1_000)]
    assert [(a.lot, a.quantity_milli) for a in second.restocked] == [("soon", 500), ("late", 500)]
    assert {p.lot: p.on_hand_milli for p in at.positions.values()} == {"soon": 1_500, "late": 1_500}


def test_goods_that_nobody_has_counted_stay_uncounted_when_they_come_back() -> None:
    at = Counter()
    placed = sold(at)
    assert names(at.ask(placed, "return", back(("1", 1_000)))) == ["order.returned", "stock.moved"]
    assert at.positions == {}
    sold(at)  # more than came back can be sold, as before


def test_goods_whose_lots_were_named_since_do_not_become_a_lot_without_a_date() -> None:
    at = Counter()
    placed = sold(at)
    at.receive(FIRST, 3_000, lot="L1", expires_on="2026-12-01")
    assert names(at.ask(placed, "return", back(("1", 2_000)))) == ["order.returned", "stock.moved"]
    assert [(p.lot, p.on_hand_milli) for p in at.positions.values()] == [("L1", 3_000)]


def test_pieces_are_never_added_to_kilograms() -> None:
    at = Counter()
    placed = sold(at)
    at.receive(FIRST, 7_000, unit="KGM")
    found = at.ask(placed, "return", back(("1", 2_000)))
    assert names(found) == ["order.returned", "stock.moved"]
    assert [(p.unit, p.on_hand_milli) for p in at.positions.values()] == [("KGM", 7_000)]
    assert isinstance(found, tuple)
    assert changes_of(found) == ()  # and so does the centre


def test_what_was_delivered_can_come_back_while_the_rest_still_waits() -> None:
    at = counter()
    posted = replace(till_order(method="ship"), fulfillment=FulfillmentRequest("ship", ship_to=Address("A", "DE")))
    placed = at.place(posted)
    names(at.ask(placed, "split", SplitRequest((LineQuantity("2", 2_000),))))
    for name, request in (("pick", StepRequest("g1")), ("ship", ShipRequest("c", "T", "g1"))):
        names(at.ask(placed, name, request))
    assert slug(at.ask(placed, "return", back(("1", 2_000)))) == "return-too-large"
    names(at.ask(placed, "deliver", StepRequest("g1")))
    assert slug(at.ask(placed, "return", back(("2", 1)))) == "return-too-large"
    assert refunds(returned(at.ask(placed, "return", back(("1", 2_000))))) == [("p1", 500)]
    assert at.states[placed].status == "in_fulfillment"
    names(at.cancel(placed))
    assert at.states[placed].status == "returned"
    assert at.positions[FIRST, None].on_hand_milli == 10_000


# --- by a request ----------------------------------------------------------------------------------------------------


def wish(at: Counter, placed: UUID, quantity: int = 1_500) -> str:
    """A return that was asked for; its id."""
    names(at.ask(placed, "return-request", ReturnWish((LineQuantity("1", quantity),), "too-small")))
    return at.states[placed].returns[-1].return_id


def test_a_return_that_takes_its_way_moves_stock_at_the_inspection_and_money_at_the_end() -> None:
    at = counter()
    placed = sold(at)
    one = ReturnStep(wish(at, placed))
    assert names(at.ask(placed, "return-approve", one)) == ["return.approved"]
    assert names(at.ask(placed, "return-receive", one)) == ["return.received"]
    assert at.positions[FIRST, None].on_hand_milli == 8_000
    lines = (ReturnLine("1", 1_000), ReturnLine("1", 500, "damaged"))
    assert names(at.ask(placed, "return-inspect", InspectRequest(one.return_id, lines))) == ["return.inspected"]
    assert at.positions[FIRST, None].on_hand_milli == 9_000
    assert at.states[placed].returns[0].status == "restocked"
    assert at.states[placed].payments[0].refunded_minor == 0
    assert refunds(returned(at.ask(placed, "return-refund", one))) == [("p1", 375)]
    assert (at.positions[FIRST, None].on_hand_milli, at.states[placed].returns[0].status) == (9_000, "refunded")


def test_what_is_on_its_way_back_cannot_come_back_a_second_time() -> None:
    at = counter()
    placed = sold(at)
    return_id = wish(at, placed)
    assert slug(at.ask(placed, "return", back(("1", 501)))) == "return-too-large"
    refused = at.ask(placed, "return-refuse", ReturnStep(return_id, reason="worn"))
    assert names(refused) == ["return.refused"]
    assert names(at.ask(placed, "return", back(("1", 2_000)))) == ["order.returned"]


def test_what_is_only_asked_for_keeps_a_quantity_and_no_lot() -> None:
    at = Counter()
    at.receive(FIRST, 1_000, lot="soon", expires_on="2026-12-01")
    at.receive(FIRST, 1_000, lot="late", expires_on="2027-12-01")
    placed = at.place(till_order(lines=1))
    one = ReturnStep(wish(at, placed, 1_000))
    names(at.ask(placed, "return", back(("1", 1_000))))
    for step in ("return-approve", "return-receive"):
        names(at.ask(placed, step, one))
    names(at.ask(placed, "return-inspect", InspectRequest(one.return_id, (ReturnLine("1", 1_000),))))
    assert {p.lot: p.on_hand_milli for p in at.positions.values()} == {"soon": 1_000, "late": 1_000}


def test_a_return_goes_one_step_after_the_other() -> None:
    at = counter()
    placed = sold(at)
    one = ReturnStep(wish(at, placed))
    for step in ("return-receive", "return-refund"):
        assert slug(at.ask(placed, step, one)) == "command-not-allowed"
    assert slug(at.ask(placed, "return-approve", ReturnStep("unheard-of"))) == "return-not-found"
    assert slug(at.ask(placed, "return-refuse", one)) == "invalid-document"


def test_an_inspection_covers_exactly_what_was_to_come_back() -> None:
    at = counter()
    placed = sold(at)
    one = ReturnStep(wish(at, placed))
    names(at.ask(placed, "return-approve", one))
    names(at.ask(placed, "return-receive", one))
    for lines in ((ReturnLine("1", 1_499),), (ReturnLine("1", 1_500), ReturnLine("2", 1))):
        assert slug(at.ask(placed, "return-inspect", InspectRequest(one.return_id, lines))) == "inspection-mismatch"
    found = at.ask(placed, "return-inspect", InspectRequest(one.return_id, (ReturnLine("1", 1_500, "damaged"),)))
    assert not isinstance(found, Rejected)
    assert isinstance(found[0], ReturnInspected)
    assert at.states[placed].returns[0].status == "damaged"


# --- for other goods -------------------------------------------------------------------------------------------------


def instead(total: int, **changes: object) -> TillOrder:
    """The order for what goes instead: one piece of the second thing, the difference to 2.50 in cash."""
    posted = till_order(lines=1)
    line = replace(
        posted.lines[0], sku=SECOND, quantity_milli=1_000, unit_price_minor=total, gross_minor=total, net_minor=total
    )
    paid = total - 250
    payments = (Payment("p1", "cash", paid, "captured", "offline"),) if paid > 0 else ()
    totals = replace(
        posted.totals, gross_minor=total, net_minor=total, tax_minor=line.tax_minor, grand_total_minor=total
    )
    return replace(posted, order_type="exchange", lines=(line,), totals=totals, payments=payments, **changes)


def swap(order: TillOrder) -> ExchangeRequest:
    """One piece of the first thing, which cost 2.50, for that."""
    return ExchangeRequest((ReturnLine("1", 1_000),), "too-small", order)


@pytest.mark.parametrize(("total", "credit", "refund"), [(400, 250, []), (250, 250, []), (100, 100, [("p1", 150)])])
def test_an_exchange_settles_the_difference_alone(total: int, credit: int, refund: list[tuple[str, int]]) -> None:
    at = counter()
    placed = sold(at)
    event = returned(at.exchange(placed, swap(instead(total))))
    assert (event.credit_minor, refunds(event)) == (credit, refund)
    assert event.exchanged_for is not None
    new = at.states[event.exchanged_for]
    assert (new.status, new.order.order_type) == ("completed", "exchange")
    assert sum(payment.captured_minor for payment in new.payments) == total
    assert new.order.payments[0].token_ref == event.return_id
    assert at.states[placed].returns[0].status == "exchanged"
    assert at.positions[FIRST, None].on_hand_milli == 9_000
    assert at.positions[SECOND, None].on_hand_milli == 7_000


def test_money_that_went_into_an_exchange_is_not_given_back_again() -> None:
    at = counter()
    placed = sold(at)
    names(at.exchange(placed, swap(instead(250))))
    event = returned(at.ask(placed, "return", back(("1", 1_000), ("2", 2_000))))
    assert refunds(event) == [("p1", 750)]


def test_an_exchange_is_both_or_neither() -> None:
    at = counter(2_000)
    placed = sold(at)
    found = at.exchange(placed, swap(instead(250)))
    assert isinstance(found, Rejected)
    assert (found.slug, found.pointer) == ("out-of-stock", "/order/lines/0")
    assert len(at.states) == 1
    assert at.states[placed].status == "completed"


@pytest.mark.parametrize(
    ("order", "why", "pointer"),
    [
        (replace(instead(400), order_type="sale"), "flow-not-available", "/order/order_type"),
        (replace(instead(400), currency="EUR"), "payment-mismatch", "/order/currency"),
        (replace(instead(400), payments=()), "payment-mismatch", "/order/payments"),
        (replace(instead(400), placed_at="2026-02-30T00:00:00.000Z"), "invalid-time", "/order/placed_at"),
        (
            replace(instead(400), lines=(replace(instead(400).lines[0], unit="KGM"),)),
            "unit-mismatch",
            "/order/lines/0/unit",
        ),
        (
            replace(instead(400), payments=(replace(instead(400).payments[0], token_ref="4111 1111 1111 1111"),)),
            "card-number-refused",
            "/order/payments/0/token_ref",
        ),
        (
            replace(instead(400), payments=(Payment("exchange", "cash", 150, "captured", "offline"),)),
            "duplicate-identifier",
            "/order/payments",
        ),
        (
            replace(instead(400), fulfillment=FulfillmentRequest("ship")),
            "invalid-document",
            "/order/fulfillment/ship_to",
        ),
    ],
)
def test_an_exchange_that_does_not_add_up_is_refused_where_it_does_not(
    order: TillOrder, why: str, pointer: str
) -> None:
    at = counter()
    found = at.exchange(sold(at), swap(order))
    assert isinstance(found, Rejected)
    assert (found.slug, found.pointer) == (why, pointer)
    assert found.slug in PROBLEMS["exchange"]


def test_an_order_that_goods_have_paid_for_is_not_voided_but_cancelled_with_its_credit() -> None:
    at = counter()
    placed = sold(at)
    sent = replace(instead(400), fulfillment=FulfillmentRequest("ship", ship_to=Address("A. Receiver", "DE")))
    event = returned(at.exchange(placed, swap(sent)))
    assert event.exchanged_for is not None
    second = event.exchanged_for
    found = at.ask(second, "void", VoidRequest("mistake"))
    assert isinstance(found, Rejected)
    assert (found.slug, found.allowed) == ("void-too-late", ("cancel",))
    names(at.cancel(second))
    given = [(p.payment_id, p.status, p.refunded_minor) for p in at.states[second].payments]
    assert given == [("exchange", "refunded", 250), ("p1", "refunded", 150)]


def test_what_came_back_may_be_what_goes_instead() -> None:
    at = Counter()
    at.receive(FIRST, 2_000)
    placed = sold_last(at)
    instead_ = replace(instead(250), lines=(replace(instead(250).lines[0], sku=FIRST),))
    names(at.exchange(placed, swap(instead_)))
    assert at.positions[FIRST, None].on_hand_milli == 0
    damaged = replace(swap(instead_), lines=(ReturnLine("1", 1_000, "damaged"),))
    assert slug(at.exchange(placed, damaged)) == "out-of-stock"


def test_the_second_order_of_an_exchange_begins_with_its_placing() -> None:
    at = counter()
    placed = sold(at)
    names(at.exchange(placed, swap(instead(250))))
    (first, second) = at.entries[-2:]
    assert first[0] == placed
    assert isinstance(second[1][0], OrderPlaced)
    assert second[0] == second[1][0].order.order_id

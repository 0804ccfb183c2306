"""Calling off: all of it, some of it, what has not left, and on the day itself. Money and goods to the last unit."""

import pytest
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.orders.document import Payment, TillOrder, Totals
from edge_core.orders.events import Event, OrderCancelled
from edge_core.orders.requests import (
    CancelLinesRequest,
    LineQuantity,
    ShipRequest,
    SplitRequest,
    StepRequest,
    VoidRequest,
)
from tests.rigs.counter import Counter, names, slug
from tests.rigs.orders import till_order, with_line

FIRST, SECOND = (line.sku for line in till_order().lines)
STEP = StepRequest()
SHIP = ShipRequest("carrier", "T-1")


def counter() -> Counter:
    found = Counter()
    found.receive(FIRST, 10_000)
    found.receive(SECOND, 10_000)
    return found


def order(*payments: Payment) -> TillOrder:
    """Two lines of two pieces at 2.50, to be sent: 10.00 in all, and 1.00 for the sending."""
    posted = till_order(method="ship")
    totals = Totals(1_000, 0, 1_000, 116, 100, 1_100)
    paid = payments or (Payment("p1", "card", 1_100, "captured", "online"),)
    return replace(posted, totals=totals, payments=paid)


def lines(**quantities: int) -> CancelLinesRequest:
    """So much of the lines `line_1`, `line_2`."""
    parts = tuple(LineQuantity(name.removeprefix("line_"), milli) for name, milli in quantities.items())
    return CancelLinesRequest(parts, "changed-mind")


def cancelled(found: tuple[Event, ...] | Rejected) -> OrderCancelled:
    assert not isinstance(found, Rejected), found
    (event,) = found
    assert isinstance(event, OrderCancelled)
    return event


def test_a_part_of_a_line_is_called_off_and_exactly_its_share_is_given_back() -> None:
    at = counter()
    placed = at.place(order())
    event = cancelled(at.ask(placed, "cancel-lines", lines(line_1=500)))
    assert [reversal.amount_minor for reversal in event.reversals] == [125]
    state = at.states[placed]
    assert (state.status, state.cancelled, state.payments[0].status) == (
        "in_fulfillment",
        (("1", 500),),
        "partially_refunded",
    )
    assert at.positions[FIRST, None].reserved_milli == 1_500


def test_calling_everything_off_in_parts_gives_everything_back_with_the_sending() -> None:
    at = counter()
    placed = at.place(order())
    for _ in range(3):
        cancelled(at.ask(placed, "cancel-lines", lines(line_1=333, line_2=666)))
    last = cancelled(at.cancel(placed))
    assert last.quantities != ()
    state = at.states[placed]
    assert (state.status, state.payments[0].status, state.payments[0].refunded_minor) == (
        "cancelled",
        "refunded",
        1_100,
    )
    assert all(p.reserved_milli == 0 for p in at.positions.values())


def test_what_was_only_promised_by_a_bank_is_taken_for_what_stays_alone() -> None:
    at = counter()
    placed = at.place(order(Payment("p1", "card", 1_100, "authorized", "online")))
    assert cancelled(at.ask(placed, "cancel-lines", lines(line_1=2_000))).reversals == ()
    names(at.ask(placed, "pick", STEP))
    names(at.ask(placed, "ship", SHIP))
    assert at.states[placed].payments[0].captured_minor == 600


def test_what_a_bank_only_promised_goes_first_and_cash_is_given_back_last() -> None:
    at = counter()
    split = (Payment("p1", "cash", 500, "captured", "offline"), Payment("p2", "card", 600, "authorized", "online"))
    placed = at.place(order(*split))
    assert cancelled(at.ask(placed, "cancel-lines", lines(line_1=2_000))).reversals == ()
    event = cancelled(at.ask(placed, "cancel-lines", lines(line_2=1_000)))
    assert [(r.payment_id, r.kind, r.amount_minor) for r in event.reversals] == [
        ("p1", "refunded", 150),
        ("p2", "voided", 0),
    ]


def test_more_than_is_left_of_a_line_cannot_be_called_off() -> None:
    at = counter()
    placed = at.place(order())
    assert slug(at.ask(placed, "cancel-lines", lines(line_1=2_001))) == "quantity-too-large"
    assert slug(at.ask(placed, "cancel-lines", lines(line_9=1))) == "unknown-reference"
    names(at.ask(placed, "cancel-lines", lines(line_1=1_500)))
    twice = CancelLinesRequest((LineQuantity("1", 300), LineQuantity("1", 300)), "changed-mind")
    assert slug(at.ask(placed, "cancel-lines", twice)) == "quantity-too-large"


def test_what_has_left_cannot_be_called_off_and_the_answer_says_what_can_be_done() -> None:
    at = counter()
    placed = at.place(order())
    names(at.ask(placed, "pick", STEP))
    names(at.ask(placed, "ship", SHIP))
    for found in (at.cancel(placed), at.ask(placed, "cancel-lines", lines(line_1=1))):
        assert isinstance(found, Rejected)
        assert (found.slug, found.state) == ("goods-left", "in_fulfillment")
        assert "deliver" in found.allowed
    names(at.ask(placed, "deliver", STEP))
    assert slug(at.cancel(placed)) == "command-not-allowed"


def test_calling_off_what_has_not_left_completes_the_order_with_what_has() -> None:
    at = counter()
    placed = at.place(order())
    names(at.ask(placed, "split", SplitRequest((LineQuantity("2", 2_000),))))
    names(at.ask(placed, "pick", StepRequest("g1")))
    names(at.ask(placed, "ship", replace(SHIP, group_id="g1")))
    names(at.ask(placed, "deliver", STEP))
    event = cancelled(at.cancel(placed))
    assert ([r.amount_minor for r in event.reversals], event.released) == ([500], ())
    assert at.states[placed].status == "completed"
    assert slug(at.cancel(placed)) == "command-not-allowed"


def test_the_group_that_was_split_off_last_is_called_off_first() -> None:
    at = counter()
    placed = at.place(order())
    names(at.ask(placed, "split", SplitRequest((LineQuantity("1", 1_000),))))
    event = cancelled(at.ask(placed, "cancel-lines", lines(line_1=1_500)))
    assert [(part.group_id, part.quantity_milli) for part in event.quantities] == [("g2", 1_000), ("g1", 500)]
    assert [group.status for group in at.states[placed].groups] == ["reserved", "cancelled"]


def test_the_lots_that_were_promised_last_are_let_go_of_first() -> None:
    at = Counter()
    at.receive(FIRST, 1_500, lot="soon", expires_on="2026-12-01")
    at.receive(FIRST, 1_500, lot="late", expires_on="2027-12-01")
    placed = at.place(till_order(lines=1, method="ship"))
    event = cancelled(at.ask(placed, "cancel-lines", lines(line_1=700)))
    assert [(a.lot, a.quantity_milli) for a in event.released] == [("soon", 200), ("late", 500)]


def test_an_order_is_voided_on_its_day_and_what_was_taken_is_voided_not_refunded() -> None:
    at = counter()
    split = (Payment("p1", "cash", 500, "captured", "offline"), Payment("p2", "card", 600, "authorized", "online"))
    placed = at.place(order(*split))
    event = cancelled(at.ask(placed, "void", VoidRequest("mistake")))
    assert (event.kind, event.quantities) == ("voided", ())
    assert [(r.payment_id, r.kind, r.amount_minor) for r in event.reversals] == [
        ("p1", "voided", 500),
        ("p2", "voided", 0),
    ]
    state = at.states[placed]
    assert (state.status, [payment.status for payment in state.payments]) == ("cancelled", ["voided", "voided"])


def test_what_was_given_back_in_part_before_is_refunded_when_the_rest_is_voided() -> None:
    at = counter()
    placed = at.place(order())
    names(at.ask(placed, "cancel-lines", lines(line_1=2_000)))
    event = cancelled(at.ask(placed, "void", VoidRequest("mistake")))
    assert [(r.kind, r.amount_minor) for r in event.reversals] == [("refunded", 600)]


def test_an_order_is_not_voided_on_another_day_nor_after_something_left() -> None:
    at = counter()
    placed = at.place(order())
    at.business_date = "2026-11-22"
    assert slug(at.ask(placed, "void", VoidRequest("mistake"))) == "void-too-late"
    at.business_date = "2026-11-21"
    names(at.ask(placed, "pick", STEP))
    names(at.ask(placed, "ship", SHIP))
    assert slug(at.ask(placed, "void", VoidRequest("mistake"))) == "void-too-late"


@pytest.mark.parametrize("quantity", [1, 333, 1_000, 1_999])
def test_prices_without_tax_are_given_back_with_their_tax(quantity: int) -> None:
    posted = with_line(till_order(lines=1, method="ship"), quantity_milli=3_000, gross_minor=750, net_minor=750)
    posted = replace(
        posted,
        prices_include_tax=False,
        totals=Totals(750, 0, 750, 58, 0, 808),
        payments=(Payment("p1", "cash", 808, "captured", "offline"),),
    )
    at = counter()
    placed = at.place(posted)
    first = cancelled(at.ask(placed, "cancel-lines", lines(line_1=quantity)))
    rest = cancelled(at.cancel(placed))
    assert sum(r.amount_minor for event in (first, rest) for r in event.reversals) == 808

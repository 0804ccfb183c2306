"""Money that was announced or promised: taken up to what is owed, never more, and let go of once nothing is."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_core.orders.document import Address, FulfillmentRequest, Payment
from edge_core.orders.events import PaymentCaptured
from edge_core.orders.requests import (
    CancelLinesRequest,
    LineQuantity,
    PayRequest,
    ReturnLine,
    ReturnRequest,
    ShipRequest,
    StepRequest,
)
from edge_core.orders.settling import owed_minor, taken_minor
from tests.rigs.counter import Counter, names, slug
from tests.rigs.orders import till_order

STEP = StepRequest()
HALF_OFF = CancelLinesRequest((LineQuantity("1", 2_000),), "changed-mind")
BACK = {line_id: ReturnRequest((ReturnLine(line_id, 2_000),), "too-small") for line_id in ("1", "2")}
ANNOUNCED = Payment("p1", "card", 1_000, "pending", "online")
PROMISED = (
    Payment("p1", "card", 500, "authorized", "online"),
    Payment("p2", "card", 500, "authorized", "online"),
)


def placed(at: Counter, *payments: Payment) -> UUID:
    """Two lines at 5.00, to be sent."""
    posted = till_order(lines=2, method="ship")
    for line in posted.lines:
        at.receive(line.sku, 10_000)
    sent = FulfillmentRequest("ship", ship_to=Address("A. Receiver", "DE"))
    return at.place(replace(posted, payments=payments, fulfillment=sent))


def delivered(at: Counter, order: UUID) -> None:
    for name in ("pick", "ship", "deliver"):
        names(at.ask(order, name, ShipRequest("carrier", "T-1") if name == "ship" else STEP))


def pay(tender: Payment, amount_minor: int, **changes: object) -> PayRequest:
    return PayRequest(replace(tender, amount_minor=amount_minor, **({"status": "captured"} | changes)))


def statuses(at: Counter, order: UUID) -> list[str]:
    return [payment.status for payment in at.states[order].payments]


def test_what_was_announced_is_taken_up_to_what_is_still_owed() -> None:
    at = Counter()
    order = placed(at, ANNOUNCED)
    names(at.ask(order, "cancel-lines", HALF_OFF))
    assert slug(at.ask(order, "pay", pay(ANNOUNCED, 501))) == "payment-mismatch"
    names(at.ask(order, "pay", pay(ANNOUNCED, 500)))
    assert (owed_minor(at.states[order]), taken_minor(at.states[order])) == (500, 500)


def test_two_announced_payments_are_each_taken_for_what_the_other_does_not_cover() -> None:
    at = Counter()
    first, second = (replace(each, status="pending", amount_minor=500) for each in PROMISED)
    order = placed(at, first, second)
    off = replace(HALF_OFF, lines=(LineQuantity("1", 1_000),))
    names(at.ask(order, "cancel-lines", off))
    assert slug(at.ask(order, "pay", pay(second, 251))) == "payment-mismatch"
    names(at.ask(order, "pay", pay(second, 250)))
    names(at.ask(order, "pay", pay(first, 500)))
    assert taken_minor(at.states[order]) == owed_minor(at.states[order]) == 750


def test_a_bank_s_promise_for_a_part_is_taken_for_that_part_when_the_goods_leave() -> None:
    at = Counter()
    order = placed(at, ANNOUNCED)
    names(at.ask(order, "pay", pay(ANNOUNCED, 700, status="authorized")))
    delivered(at, order)
    assert at.states[order].payments[0].captured_minor == 700
    rest = Payment("p2", "cash", 300, "captured", "offline")
    names(at.ask(order, "pay", PayRequest(rest)))
    assert taken_minor(at.states[order]) == 1_000


def test_what_is_not_needed_any_more_of_what_banks_promised_is_voided_with_the_part_that_is_called_off() -> None:
    at = Counter()
    order = placed(at, *PROMISED)
    names(at.ask(order, "cancel-lines", HALF_OFF))
    assert statuses(at, order) == ["authorized", "voided"]
    delivered(at, order)
    assert slug(at.ask(order, "pay", pay(PROMISED[1], 500))) == "duplicate-identifier"
    names(at.ask(order, "return", BACK["2"]))
    assert statuses(at, order) == ["refunded", "voided"]


def test_of_goods_that_all_come_back_unpaid_nothing_is_announced_any_more() -> None:
    at = Counter()
    order = placed(at, ANNOUNCED)
    delivered(at, order)
    for line_id in ("1", "2"):
        names(at.ask(order, "return", BACK[line_id]))
    assert (at.states[order].status, statuses(at, order)) == ("returned", ["voided"])


def test_who_pays_on_delivery_and_gives_a_part_back_pays_for_the_rest() -> None:
    at = Counter()
    order = placed(at, ANNOUNCED)
    delivered(at, order)
    names(at.ask(order, "return", BACK["1"]))
    assert at.states[order].status == "partially_returned"
    names(at.ask(order, "pay", pay(ANNOUNCED, 500)))
    assert taken_minor(at.states[order]) == owed_minor(at.states[order]) == 500


@pytest.mark.parametrize("status", ["authorized", "captured"])
def test_what_the_provider_said_of_an_announced_payment_is_kept(status: str) -> None:
    at = Counter()
    order = placed(at, ANNOUNCED)
    said = {"status": status, "token_ref": "tok-1", "expires_at": "2026-12-01T00:00:00.000Z"}
    found = at.ask(order, "pay", pay(ANNOUNCED, 1_000, **said))
    names(found)
    assert [tender.token_ref for tender in at.states[order].tenders] == ["tok-1"]
    assert [tender.expires_at for tender in at.states[order].tenders] == ["2026-12-01T00:00:00.000Z"]
    if status == "authorized":
        delivered(at, order)
        assert isinstance(at.log[-2], PaymentCaptured)
        assert [tender.token_ref for tender in at.states[order].tenders] == ["tok-1"]

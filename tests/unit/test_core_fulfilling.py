"""From the shelf to the customer: each way that goods can go, and what stops them."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from central_sync.ingest.effects import changes_of
from edge_core.errors import Rejected
from edge_core.limits import STOCK_CHANGE_MILLI_MAX
from edge_core.orders.document import Address, FulfillmentRequest, Method, Payment, PaymentTerms, TillOrder
from edge_core.orders.events import (
    FulfillmentReadyForPickup,
    FulfillmentRejected,
    FulfillmentShipped,
    OrderCancelled,
    OrderHeld,
    PaymentCaptured,
    StockMoved,
)
from edge_core.orders.fold import fold
from edge_core.orders.rendering import Origin, Recorded, document
from edge_core.orders.requests import (
    CollectRequest,
    LineQuantity,
    PayRequest,
    RedirectRequest,
    RejectRequest,
    ShipRequest,
    SplitRequest,
    StepRequest,
)
from edge_core.sync.entry import ENTRY_VERSION, Entry
from tests.rigs.counter import HOUR_MS, Counter, names, slug
from tests.rigs.orders import till_order

SKU = till_order().lines[0].sku
STEP = StepRequest()
SHIP = ShipRequest("carrier", "T-1")
HOME = Address("A. Receiver", "DE")


def counter(free: int = 10_000) -> Counter:
    found = Counter()
    found.receive(SKU, free)
    return found


def order(method: Method, *, captured: bool = True) -> TillOrder:
    """Two pieces at 2.50 to be sent or fetched."""
    posted = till_order(lines=1, method=method)
    if captured:
        return posted
    return replace(posted, payments=(Payment("p1", "card", 500, "authorized", "online"),))


def stock(at: Counter) -> tuple[int, int, int]:
    position = at.positions[SKU, None]
    return position.on_hand_milli, position.reserved_milli, position.free_milli


def test_click_and_collect_goes_from_the_shelf_to_the_customer_who_knows_the_code() -> None:
    at = counter()
    placed = at.place(order("pickup", captured=False))
    for step in ("accept", "pick", "pack"):
        names(at.ask(placed, step, STEP))
    assert names(at.ask(placed, "ready", STEP)) == ["fulfillment.ready_for_pickup"]
    code = at.secret
    assert stock(at) == (10_000, 2_000, 8_000)
    assert slug(at.ask(placed, "collect", CollectRequest("WRONGONE"))) == "pickup-code-wrong"
    assert names(at.ask(placed, "collect", CollectRequest(code.lower()))) == [
        "fulfillment.delivered",
        "payment.captured",
    ]
    assert stock(at) == (8_000, 0, 8_000)
    assert at.states[placed].status == "completed"


def test_a_pickup_code_is_nowhere_in_the_log() -> None:
    at = counter()
    placed = at.place(order("pickup"))
    at.ask(placed, "pick", STEP)
    (event,) = at.ask(placed, "ready", STEP)  # type: ignore[misc]
    assert isinstance(event, FulfillmentReadyForPickup)
    assert at.secret not in repr(at.log)
    assert event.expires_at_ms == at.now_ms + 168 * HOUR_MS


def test_a_renewed_code_replaces_the_one_that_was_lost() -> None:
    at = counter()
    placed = at.place(order("pickup"))
    at.ask(placed, "pick", STEP)
    at.ask(placed, "ready", STEP)
    lost = at.secret
    assert names(at.ask(placed, "renew", STEP)) == ["fulfillment.ready_for_pickup"]
    renewed = at.secret
    assert slug(at.ask(placed, "collect", CollectRequest(lost))) == "pickup-code-wrong"
    assert names(at.ask(placed, "collect", CollectRequest(renewed))) == ["fulfillment.delivered"]


def test_goods_that_nobody_fetches_in_time_go_back_to_the_shelf_and_the_money_back_to_the_customer() -> None:
    at = counter()
    placed = at.place(order("pickup"))
    at.ask(placed, "pick", STEP)
    at.ask(placed, "ready", STEP)
    at.now_ms += 168 * HOUR_MS - 1
    assert slug(at.ask(placed, "expire", STEP, "timer")) == "pickup-not-overdue"
    at.now_ms += 1
    (event,) = at.ask(placed, "expire", STEP, "timer")  # type: ignore[misc]
    assert isinstance(event, OrderCancelled)
    assert (event.kind, event.reason, event.reversals[0].amount_minor) == ("expired", "pickup-expired", 500)
    assert at.states[placed].status == "cancelled"
    assert stock(at) == (10_000, 0, 10_000)


def test_ship_from_store_takes_the_money_when_the_goods_leave() -> None:
    at = counter()
    placed = at.place(order("ship", captured=False))
    at.ask(placed, "pick", STEP)
    found = at.ask(placed, "ship", SHIP)
    assert not isinstance(found, Rejected)
    shipped, captured = found
    assert isinstance(shipped, FulfillmentShipped)
    assert captured == PaymentCaptured("p1", 500)
    assert (at.states[placed].status, stock(at)) == ("in_fulfillment", (8_000, 0, 8_000))
    assert names(at.ask(placed, "deliver", STEP, "centre")) == ["fulfillment.delivered"]
    assert (at.states[placed].status, stock(at)) == ("completed", (8_000, 0, 8_000))


@pytest.mark.parametrize(
    ("reason", "lines", "on_hand"),
    [
        ("not_found", (), 0),  # nothing of it is free here
        ("short", (LineQuantity("1", 500),), 9_500),
        ("damaged", (LineQuantity("1", 500), LineQuantity("1", 1_000)), 8_500),
        ("no_capacity", (), 10_000),
        ("closed", (), 10_000),
    ],
)
def test_a_rejection_frees_the_goods_and_says_what_is_wrong_with_the_shelf(
    reason: str, lines: tuple[LineQuantity, ...], on_hand: int
) -> None:
    at = counter()
    placed = at.place(order("ship"))
    found = at.ask(placed, "reject", RejectRequest(reason, lines))  # type: ignore[arg-type]
    assert not isinstance(found, Rejected)
    assert isinstance(found[0], FulfillmentRejected)
    assert all(isinstance(event, StockMoved) and event.cause == reason for event in found[1:])
    assert stock(at) == (on_hand, 0, on_hand)
    assert at.states[placed].groups[0].rejections == 1


def test_what_is_promised_to_others_survives_that_nothing_was_found() -> None:
    at = counter(4_000)
    kept, placed = at.place(order("ship")), at.place(order("ship"))
    names(at.ask(placed, "reject", RejectRequest("not_found")))
    assert stock(at) == (2_000, 2_000, 0)
    assert names(at.ask(kept, "pick", STEP)) == ["fulfillment.picked"]


def test_no_more_is_written_off_at_once_than_the_centre_takes() -> None:
    at = counter(STOCK_CHANGE_MILLI_MAX)
    at.receive(SKU, 7_000)
    placed = at.place(order("ship"))
    found = at.ask(placed, "reject", RejectRequest("not_found"))
    assert not isinstance(found, Rejected)
    assert stock(at)[0] == 7_000
    (change,) = changes_of(found)
    assert change.on_hand_milli == -STOCK_CHANGE_MILLI_MAX


def test_more_cannot_be_missing_than_was_promised_however_often_it_is_named() -> None:
    at = counter()
    placed = at.place(order("ship"))
    twice = (LineQuantity("1", 1_500), LineQuantity("1", 1_500))
    assert slug(at.ask(placed, "reject", RejectRequest("short", twice))) == "quantity-too-large"
    assert slug(at.ask(placed, "reject", RejectRequest("short"))) == "invalid-document"
    assert slug(at.ask(placed, "reject", RejectRequest("short", (LineQuantity("9", 1),)))) == "unknown-reference"
    assert stock(at) == (10_000, 2_000, 8_000)


def test_a_rejected_group_is_routed_again_when_there_are_goods() -> None:
    at = counter(2_000)
    placed = at.place(order("ship"))
    at.ask(placed, "reject", RejectRequest("not_found"))
    assert slug(at.ask(placed, "route", STEP)) == "out-of-stock"
    at.receive(SKU, 3_000)
    assert names(at.ask(placed, "route", STEP)) == ["fulfillment.routed", "stock.reserved"]
    assert at.states[placed].groups[0].status == "reserved"


def test_a_part_that_is_missing_waits_on_its_own_while_the_rest_goes() -> None:
    at = counter(2_000)
    placed = at.place(order("ship"))
    split = SplitRequest((LineQuantity("1", 500),), "short")
    assert names(at.ask(placed, "split", split)) == ["group.split", "stock.moved"]
    assert stock(at) == (1_500, 1_500, 0)
    at.ask(placed, "pick", StepRequest("g1"))
    names(at.ask(placed, "ship", replace(SHIP, group_id="g1")))
    names(at.ask(placed, "deliver", STEP))
    assert at.states[placed].status == "in_fulfillment"
    at.receive(SKU, 500)
    names(at.ask(placed, "route", STEP))
    at.ask(placed, "pick", STEP)
    names(at.ask(placed, "ship", SHIP))
    names(at.ask(placed, "deliver", STEP))
    assert (at.states[placed].status, stock(at)) == ("completed", (0, 0, 0))


def test_a_split_leaves_something_and_takes_no_more_than_there_is() -> None:
    at = counter()
    placed = at.place(order("ship"))
    for quantity in (2_000, 2_001):
        assert slug(at.ask(placed, "split", SplitRequest((LineQuantity("1", quantity),)))) == "quantity-too-large"


def test_of_several_groups_a_command_has_to_name_one() -> None:
    at = counter()
    placed = at.place(order("ship"))
    at.ask(placed, "split", SplitRequest((LineQuantity("1", 500),)))
    at.ask(placed, "route", STEP)
    assert slug(at.ask(placed, "pick", STEP)) == "group-ambiguous"
    assert names(at.ask(placed, "pick", StepRequest("g2"))) == ["fulfillment.picked"]
    assert slug(at.ask(placed, "pick", StepRequest("g3"))) == "unknown-reference"


def test_what_was_reserved_in_the_store_can_be_sent_home() -> None:
    at = counter()
    placed = at.place(order("pickup"))
    at.ask(placed, "pick", STEP)
    at.ask(placed, "ready", STEP)
    assert slug(at.ask(placed, "redirect", RedirectRequest("ship"))) == "invalid-document"
    assert names(at.ask(placed, "redirect", RedirectRequest("ship", HOME))) == ["group.redirected"]
    assert slug(at.ask(placed, "collect", CollectRequest(at.secret))) == "command-not-allowed"
    assert names(at.ask(placed, "ship", SHIP)) == ["fulfillment.shipped"]
    assert at.states[placed].groups[0].ship_to == HOME


def test_goods_go_the_way_that_was_asked_for_and_no_other() -> None:
    at = counter()
    sent = at.place(replace(order("ship"), fulfillment=FulfillmentRequest("ship", ship_to=HOME)))
    fetched = at.place(order("pickup"))
    for placed in (sent, fetched):
        at.ask(placed, "pick", STEP)
    assert slug(at.ask(sent, "ready", STEP)) == "method-mismatch"
    assert slug(at.ask(fetched, "ship", SHIP)) == "method-mismatch"
    assert slug(at.ask(sent, "redirect", RedirectRequest("ship", HOME))) == "method-mismatch"
    assert slug(at.ask(sent, "redirect", RedirectRequest("carry_out"))) == "method-mismatch"


def test_each_group_goes_to_the_address_that_it_was_sent_to_with_the_services_that_were_asked_for() -> None:
    at = counter()
    placed = at.place(
        replace(order("ship"), fulfillment=FulfillmentRequest("ship", ship_to=HOME, services=("take_back",)))
    )
    names(at.ask(placed, "split", SplitRequest((LineQuantity("1", 1_000),))))
    office = Address("Office", "DE")
    for request in (RedirectRequest("pickup", None, "g2"), RedirectRequest("ship", office, "g2")):
        names(at.ask(placed, "redirect", request))
    events = tuple(event for subject, events in at.entries if subject == placed for event in events)
    place = Origin("store-0001", UUID(int=1), "orders", 1)
    shown = document([Recorded(place, Entry(ENTRY_VERSION, 1, 1 << 16, 1, placed, events))])
    assert shown.ship_to is not None
    assert shown.ship_to["name"] == "A. Receiver"
    assert [group.ship_to and group.ship_to["name"] for group in shown.fulfillment_groups] == ["A. Receiver", "Office"]
    for request in (RedirectRequest("pickup", None, "g2"), RedirectRequest("ship", None, "g2")):
        names(at.ask(placed, "redirect", request))
    assert at.states[placed].groups[1].ship_to == office  # an address that was given once is remembered
    assert [group.services for group in shown.fulfillment_groups] == [("take_back",)] * 2


def test_a_command_out_of_order_or_repeated_is_told_where_the_order_is_and_what_is_possible() -> None:
    at = counter()
    placed = at.place(order("ship"))
    found = at.ask(placed, "ship", SHIP)
    assert isinstance(found, Rejected)
    assert (found.slug, found.state) == ("command-not-allowed", "in_fulfillment")
    assert {"accept", "pick", "reject", "cancel", "void"} <= set(found.allowed)
    assert not {"ship", "deliver"} & set(found.allowed)
    names(at.ask(placed, "pick", STEP))
    assert slug(at.ask(placed, "pick", STEP)) == "command-not-allowed"


def test_nothing_of_a_held_order_moves_on_but_it_can_be_given_up() -> None:
    at = counter()
    placed = at.place(order("ship"))
    at.states[placed] = fold(at.states[placed], OrderHeld("h1", ("high-value",), "risk-desk", 0))
    for name in ("accept", "pick"):
        assert slug(at.ask(placed, name, STEP)) == "order-held"
    assert names(at.ask(placed, "reject", RejectRequest("closed"))) == ["fulfillment.rejected"]


def test_a_stale_revision_is_refused_before_anything_else() -> None:
    at = counter()
    placed = at.place(order("ship"))
    revision = at.states[placed].revision
    assert slug(at.ask(placed, "pick", StepRequest(expected_revision=revision - 1))) == "revision-stale"
    assert names(at.ask(placed, "pick", StepRequest(expected_revision=revision))) == ["fulfillment.picked"]


def test_a_command_is_for_those_whom_the_table_names() -> None:
    at = counter()
    placed = at.place(order("pickup"))
    assert slug(at.ask(placed, "pick", STEP, "centre")) == "role-not-allowed"
    assert slug(at.cancel(placed, "timer")) == "role-not-allowed"
    assert names(at.cancel(placed, "centre")) == ["order.cancelled"]


# --- pre-orders ------------------------------------------------------------------------------------------------------


def preorder(method: Method = "ship") -> TillOrder:
    return replace(
        order(method),
        order_type="preorder",
        fulfillment=FulfillmentRequest(method, ship_to=HOME),
        payments=(Payment("deposit", "card", 100, "captured", "online"),),
        payment_terms=PaymentTerms(100, 400),
    )


def balance(amount: int = 400, **changes: object) -> PayRequest:
    return PayRequest(replace(Payment("balance", "card", amount, "captured", "online"), **changes))


def test_a_preorder_waits_for_goods_and_leaves_once_its_balance_is_paid() -> None:
    at = counter(1)
    placed = at.place(preorder())
    assert at.states[placed].groups[0].status == "backordered"
    at.receive(SKU, 2_000)
    names(at.ask(placed, "route", STEP))
    names(at.ask(placed, "pick", STEP))
    assert slug(at.ask(placed, "ship", SHIP)) == "balance-due"
    assert names(at.ask(placed, "pay", balance())) == ["payment.captured"]
    assert names(at.ask(placed, "ship", SHIP)) == ["fulfillment.shipped"]
    assert [payment.captured_minor for payment in at.states[placed].payments] == [100, 400]


def test_a_balance_that_a_bank_promised_is_taken_when_the_goods_leave() -> None:
    at = counter()
    placed = at.place(preorder())
    assert names(at.ask(placed, "pay", balance(status="authorized"))) == ["payment.authorized"]
    names(at.ask(placed, "pick", STEP))
    assert names(at.ask(placed, "ship", SHIP)) == ["fulfillment.shipped", "payment.captured"]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (balance(401), "payment-mismatch"),
        (balance(status="pending"), "payment-mismatch"),
        (balance(payment_id="deposit"), "duplicate-identifier"),
        (balance(token_ref="4111 1111 1111 1111"), "card-number-refused"),
        (balance(expires_at="2026-02-30T00:00:00.000Z"), "invalid-time"),
    ],
)
def test_a_payment_that_cannot_be_is_refused(request_: PayRequest, why: str) -> None:
    at = counter()
    placed = at.place(preorder())
    assert slug(at.ask(placed, "pay", request_)) == why


def test_a_cancelled_preorder_gives_deposit_and_balance_back() -> None:
    at = counter()
    placed = at.place(preorder())
    names(at.ask(placed, "pay", balance()))
    names(at.cancel(placed))
    assert [(p.status, p.refunded_minor) for p in at.states[placed].payments] == [("refunded", 100), ("refunded", 400)]

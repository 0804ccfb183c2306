"""Orders of other channels: the three that ship, and what becomes of those that cannot be mapped."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_core.channels.adapt import Adapted, Refused, adapt, source_pointer
from edge_core.channels.mapping import Mapping, load
from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import (
    CHANNEL_BODY_BYTES_MAX,
    CHANNEL_COLUMNS_MAX,
    CHANNEL_DETAIL_CHARS_MAX,
    CHANNEL_ORDERS_MAX,
)
from edge_core.orders.document import TillOrder
from edge_core.orders.validation import check_order

ROOT = Path(__file__).parents[2]
GIVEN = {"store_id": "store-0001", "utc_offset": "+01:00"}


def shipped(channel: str) -> Mapping:
    found = load((ROOT / f"edge_core/channels/documents/{channel}.json").read_bytes())
    assert isinstance(found, Mapping), found
    return found


def sent(channel: str) -> bytes:
    (path,) = (ROOT / "tests/fixtures/channels").glob(f"{channel}.*")
    return path.read_bytes()


def changed(channel: str, **changes: Any) -> bytes:
    """The fixture with fields replaced; `line_0__sku` is a field of its first line."""
    order = msgspec.json.decode(sent(channel))
    for name, value in changes.items():
        holder, _, field = name.partition("__")
        place = order if not field else order["line_items"][int(holder.removeprefix("line_"))]
        place[field or name] = value
    return msgspec.json.encode(order)


def mapped(channel: str, body: bytes | None = None) -> TillOrder:
    outcome, *_ = adapt(shipped(channel), sent(channel) if body is None else body, GIVEN)
    assert isinstance(outcome, Adapted), outcome
    return outcome.order


def refused(channel: str, body: bytes) -> Rejected:
    (outcome,) = adapt(shipped(channel), body, GIVEN)
    assert isinstance(outcome, Refused), outcome
    assert outcome.rejected.slug == "channel-order-unmapped"
    return outcome.rejected


def test_a_shopify_webhook_becomes_an_order_that_passes_every_check() -> None:
    (outcome,) = adapt(shipped("shopify"), sent("shopify"), GIVEN)
    assert isinstance(outcome, Adapted)
    order = outcome.order
    assert check_order(order, frozenset({"store-0001"})) is None
    assert outcome.key == "shopify:6200354537772"
    assert (order.order_type, order.channel, order.placed_at) == ("ship", "shopify", "2026-11-21T03:09:39.000Z")
    assert [(line.sku, line.quantity_milli, line.gross_minor, line.net_minor) for line in order.lines] == [
        ("WB-550-BLU", 2_000, 4_980, 4_482),
        ("49148385", 3_000, 2_997, 2_697),
    ]
    assert order.totals.shipping_minor == 625, "with its tax, which no line has"
    assert (order.totals.tax_minor, order.totals.grand_total_minor) == (431, 8_235)
    assert [(a.kind, a.code, a.amount_minor) for a in order.adjustments] == [("coupon", "AUTUMN10", -798)]
    assert (order.payments[0].tender, order.payments[0].status) == ("card", "captured")
    address = order.fulfillment.ship_to
    assert address is not None
    assert (address.region, address.lines, address.latitude) == ("US-KY", ("Chestnut Street 92",), 38.254245)


def test_a_woocommerce_order_becomes_an_order_that_passes_every_check() -> None:
    order = mapped("woocommerce")
    assert check_order(order) is None
    assert order.placed_at == "2026-11-20T09:15:02.000Z"
    assert [(line.sku, line.unit_price_minor, line.gross_minor, line.net_minor) for line in order.lines] == [
        ("NB-A6", 334, 1_002, 900),  # three for 10.00 have no unit price in cents
        ("23", 2_521, 2_521, 2_269),
    ]
    assert [(a.adjustment_id, a.amount_minor) for a in order.adjustments] == [
        ("319", -352),
        ("unit-price-rounding", -2),
    ]
    assert order.totals.tax_minor == 603, "the shop rounds the sum, not each line"
    assert order.totals.grand_total_minor == 4_262


def test_prices_may_include_tax_and_goods_may_be_picked_up() -> None:
    order = mapped("shopify", changed("shopify", taxes_included=True, total_price="77.69", shipping_address=None))
    assert check_order(order) is None
    assert (order.order_type, order.fulfillment.method, order.fulfillment.ship_to) == ("pickup", "pickup", None)
    assert (order.prices_include_tax, order.totals.shipping_minor) == (True, 590)


def test_fees_of_a_shop_go_with_the_shipping() -> None:
    fee = {"id": 320, "name": "Gift wrap", "total": "2.00", "total_tax": "0.38"}
    body = changed("woocommerce", fee_lines=[fee], coupon_lines=[], total="45.00", total_tax="7.19")
    order = mapped("woocommerce", body)
    assert check_order(order) is None
    assert order.totals.shipping_minor == 490 + 238
    assert order.adjustments == ()


def test_rows_of_a_file_become_orders_that_pass_every_check() -> None:
    outcomes = adapt(shipped("csv"), sent("csv"), GIVEN)
    orders = [each.order for each in outcomes if isinstance(each, Adapted)]
    assert [each.key for each in outcomes] == ["csv:M-10041", "csv:M-10042"]
    assert [check_order(order) for order in orders] == [None, None]
    assert [(line.line_id, line.unit, line.quantity_milli) for line in orders[0].lines] == [
        ("1", "H87", 2_000),
        ("2", "KGM", 1_275),
    ]
    assert orders[0].lines[1].description == 'Gouda "young", sliced'
    assert orders[0].placed_at == "2026-11-20T09:15:00.000Z", "in the zone that was given"
    assert orders[1].placed_at == "2026-11-20T10:02:09.000Z", "in its own"


@pytest.mark.parametrize(
    ("channel", "changes", "pointer"),
    [
        ("shopify", {"total_price": "82.36"}, "/totals/grand_total_minor"),
        ("shopify", {"subtotal_price": "71.78"}, "/totals/net_minor"),
        ("woocommerce", {"total": "42.61"}, "/totals/grand_total_minor"),
        ("woocommerce", {"total_tax": "7.81"}, "/totals/grand_total_minor"),
    ],
)
def test_a_sum_of_the_channel_that_is_wrong_is_not_made_right(
    channel: str, changes: dict[str, str], pointer: str
) -> None:
    found = check_order(mapped(channel, changed(channel, **changes)))
    assert found is not None
    assert (found.slug, found.pointer) == ("totals-mismatch", pointer)


@pytest.mark.parametrize(
    ("channel", "changes", "pointer", "says"),
    [
        ("shopify", {"test": True}, None, "a test order"),
        ("shopify", {"cancelled_at": "2026-11-20T22:10:00-05:00"}, None, "cancelled at the shop"),
        ("shopify", {"financial_status": "refunded"}, None, "refunded"),
        ("shopify", {"financial_status": "new"}, "/payments/0/status", "found nothing; by lookup('payment'"),
        ("shopify", {"currency": "XTS"}, "/currency", "ISO 4217 code, found 'XTS'"),
        ("shopify", {"created_at": "yesterday"}, "/placed_at", "ISO 8601 date and time, found 'yesterday'"),
        ("shopify", {"created_at": "2026-11-20T22:09:39"}, "/placed_at", "with its offset"),
        ("shopify", {"line_1__price": "9.999"}, "/lines/1/unit_price_minor", "at most 2 decimals, found '9.999'"),
        ("shopify", {"line_0__price": None}, "/lines/0/unit_price_minor", "found nothing; by minor(price)"),
        ("shopify", {"line_0__quantity": "two"}, "/lines", "not supported between"),
        ("shopify", {"line_items": []}, "/lines", "length >= 1"),
        ("shopify", {"line_items": {}}, "/lines", "length >= 1"),
        ("shopify", {"id": None}, None, "the order's name at the channel"),
        ("shopify", {"line_0__sku": "käse"}, "/lines/0/sku", "matching regex"),
        ("shopify", {"line_0__grams": 10**9, "line_0__quantity": 10**9}, "/lines/0/quantity_milli", "<= 1000000000"),
        ("shopify", {"line_0__grams": 10**18}, "/lines/0/weight_grams", "<= 1000000000"),
        ("woocommerce", {"status": "failed"}, None, "never completed"),
        ("woocommerce", {"line_0__quantity": 0}, "/lines/0/unit_price_minor", "a total for a quantity"),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_the_place_and_the_expression(
    channel: str, changes: dict[str, Any], pointer: str | None, says: str
) -> None:
    rejected = refused(channel, changed(channel, **changes))
    if (pointer, says) != ("/lines", "not supported between"):
        assert rejected.pointer == pointer
        assert says in rejected.detail


def test_a_refusal_tells_no_more_of_a_long_value_than_anybody_reads() -> None:
    order = msgspec.json.decode(sent("shopify"))
    order["total_price"] = "1" * 500_000
    rejected = refused("shopify", msgspec.json.encode(order))
    assert len(rejected.detail) == CHANNEL_DETAIL_CHARS_MAX
    assert rejected.detail.startswith("expected a decimal number, found '111")
    assert "; by " in rejected.detail


def test_an_order_that_would_take_for_ever_is_refused() -> None:
    """Each of many discounts goes over each of many lines; and no line has a quantity, so that none is refused."""
    lines: list[Any] = [{"discount_allocations": []}] * 4_000
    discounts = [{"type": "manual"}] * 4_000
    rejected = refused("shopify", changed("shopify", line_items=lines, discount_applications=discounts))
    assert "is mapped in 250000 steps" in rejected.detail
    assert rejected.pointer is not None
    assert rejected.pointer.startswith("/adjustments/")


def test_a_currency_has_the_decimals_that_it_has() -> None:
    rejected = refused("shopify", changed("shopify", currency="JPY"))
    assert rejected.pointer == "/lines/0/unit_price_minor"
    assert "at most 0 decimals, found '24.90'" in rejected.detail
    dinars = mapped("shopify", changed("shopify", currency="KWD"))
    assert dinars.totals.grand_total_minor == 82_350
    assert check_order(dinars) is None


def test_amounts_that_are_written_as_numbers_do_not_become_floats() -> None:
    body = sent("shopify").replace(b'"price": "24.90"', b'"price": 24.9')
    assert body != sent("shopify")
    assert mapped("shopify", body) == mapped("shopify")


def test_one_order_that_cannot_be_mapped_does_not_hold_up_the_others() -> None:
    body = b"[%b,%b,%b]" % (sent("shopify"), changed("shopify", id=7, currency="?"), changed("shopify", id=8))
    outcomes = adapt(shipped("shopify"), body, GIVEN)
    assert [(type(each), each.key) for each in outcomes] == [
        (Adapted, "shopify:6200354537772"),
        (Refused, "shopify:7"),
        (Adapted, "shopify:8"),
    ]


@pytest.mark.parametrize(
    ("channel", "body", "says"),
    [
        ("shopify", b"{", "expected JSON"),
        ("shopify", b'"\xff"', "expected JSON"),
        ("shopify", b"[" * 100_000, "expected JSON"),
        ("shopify", b" " * (CHANNEL_BODY_BYTES_MAX + 1), "bytes"),
        ("shopify", b"[%b]" % b",".join([b"1"] * (CHANNEL_ORDERS_MAX + 1)), "orders"),
        ("csv", b"order_id,sku\n1,2,3\n", "line 2 has 3 cells"),
        ("csv", b"order_id,order_id\n", "each column once"),
        ("csv", b"sku\n1\n", "a column 'order_id'"),
        ("csv", b"", "a column 'order_id'"),
        ("csv", b"order_id,sku\n,2\n", "names no order"),
        ("csv", b'order_id,sku\n"1"x,2\n', "comma-separated values"),
        ("csv", b"order_id\n\xff\n", "UTF-8"),
        ("csv", b",".join(b"%d" % n for n in range(CHANNEL_COLUMNS_MAX + 1)), "columns"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(channel: str, body: bytes, says: str) -> None:
    assert says in refused(channel, body).detail


def test_a_file_may_have_windows_line_ends_blank_lines_and_lines_within_a_cell() -> None:
    body = sent("csv").replace(b"Winter tyre", b'"Winter\ntyre"').replace(b"\n", b"\r\n") + b"\r\n\r\n"
    outcomes = adapt(shipped("csv"), body, GIVEN)
    orders = [each.order for each in outcomes if isinstance(each, Adapted)]
    assert len(orders) == len(outcomes) == 2
    assert orders[1].lines[0].description == "Winter tyre"


def test_a_caller_that_does_not_give_what_the_mapping_needs_is_a_bug() -> None:
    with pytest.raises(InvariantViolated, match="needs store_id"):
        adapt(shipped("shopify"), sent("shopify"), {})


@pytest.mark.parametrize(
    ("channel", "place", "source"),
    [
        ("shopify", "/lines/1/unit_price_minor", "/line_items/1/price"),
        ("shopify", "/lines/0/sku", "/line_items/0/sku"),
        ("shopify", "/adjustments/0/amount_minor", "/line_items"),
        ("shopify", "/fulfillment/ship_to/region", "/shipping_address/country_code"),
        ("shopify", "/payments/0/tender", "/payment_gateway_names/0"),
        ("shopify", "/currency", "/currency"),
        ("shopify", "/lines", "/line_items"),
        ("shopify", "/lines/99/sku", "/line_items"),
        ("shopify", "/terminal_id", None),
        ("shopify", "/store_id", None),
        ("shopify", "/no/such/place", None),
        ("woocommerce", "/customer/ref", "/customer_id"),
        ("woocommerce", "/lines/1/sku", "/line_items/1/sku"),
        ("csv", "/lines/1/quantity_milli", "/0/rows/1/quantity"),
        ("csv", "/fulfillment/ship_to/name", "/0/rows/0/ship_name"),
    ],
)
def test_a_place_of_the_order_leads_back_to_what_was_read_for_it(channel: str, place: str, source: str | None) -> None:
    mapping = shipped(channel)
    outcome = adapt(mapping, sent(channel), GIVEN)[0]
    assert source_pointer(mapping, outcome, place, GIVEN) == source


def test_a_line_that_is_passed_over_does_not_shift_the_places_of_the_others() -> None:
    """Shopify leaves lines that were removed in the list, with a quantity of zero."""
    order = msgspec.json.decode(sent("shopify"))
    order["line_items"].insert(0, {**order["line_items"][0], "quantity": 0})
    outcome = adapt(shipped("shopify"), msgspec.json.encode(order), GIVEN)[0]
    assert source_pointer(shipped("shopify"), outcome, "/lines/0/sku", GIVEN) == "/line_items/1/sku"

"""Each check of a posted order: what it refuses, where it points, and that it lets the good ones through."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from edge_core.orders.document import (
    Address,
    Adjustment,
    FulfillmentRequest,
    Payment,
    PaymentTerms,
    Promise,
    TaxLine,
    TillOrder,
)
from edge_core.orders.validation import check_order, is_date, looks_like_card_number
from tests.rigs.orders import fixture_order, till_order, with_line

Change = Callable[[TillOrder], TillOrder]

UTC = "2026-11-21T09:30:00.000Z"


def wrong(posted: TillOrder) -> tuple[str, str | None]:
    """The code and the pointer of what is wrong with an order."""
    found = check_order(posted)
    assert found is not None, "nothing was found wrong"
    return found.slug, found.pointer


def with_totals(posted: TillOrder, **changes: int) -> TillOrder:
    return replace(posted, totals=replace(posted.totals, **changes))


def with_payment(posted: TillOrder, **changes: object) -> TillOrder:
    return replace(posted, payments=(replace(posted.payments[0], **changes), *posted.payments[1:]))


def to_ship(**changes: object) -> TillOrder:
    """A good order to ship."""
    request = FulfillmentRequest("ship", ship_to=Address("A. Receiver", "DE"))
    return replace(till_order(method="ship"), fulfillment=replace(request, **changes))


@pytest.mark.parametrize("name", ["order-sale", "order-ship"])
def test_the_examples_are_accepted_as_they_are(name: str) -> None:
    assert check_order(fixture_order(name)) is None


def test_a_good_order_of_each_kind_is_accepted() -> None:
    assert check_order(till_order()) is None
    assert check_order(to_ship()) is None
    assert check_order(till_order(method="pickup")) is None


# --- which store, which flow -----------------------------------------------------------------------------------------


def test_an_order_of_another_store_is_refused_where_the_agent_knows_its_stores() -> None:
    posted = till_order(store_id="store-0002")
    found = check_order(posted, frozenset({"store-0001"}))
    assert found is not None
    assert (found.slug, found.pointer) == ("wrong-store", "/store_id")
    assert check_order(posted, frozenset({"store-0001", "store-0002"})) is None


@pytest.mark.parametrize("order_type", ["exchange", "transfer"])
def test_kinds_of_order_that_are_not_posted_are_refused(order_type: str) -> None:
    assert wrong(replace(till_order(), order_type=order_type)) == ("flow-not-available", "/order_type")


@pytest.mark.parametrize(("order_type", "method"), [("sale", "ship"), ("ship", "carry_out"), ("pickup", "carry_out")])
def test_a_method_that_does_not_go_with_the_kind_of_order_is_refused(order_type: str, method: str) -> None:
    posted = replace(till_order(), order_type=order_type, fulfillment=FulfillmentRequest(method))  # type: ignore[arg-type]
    assert wrong(posted) == ("flow-not-available", "/fulfillment/method")


def test_an_order_to_ship_needs_an_address() -> None:
    assert wrong(to_ship(ship_to=None)) == ("invalid-document", "/fulfillment/ship_to")


def test_services_are_done_where_goods_are_sent_each_once() -> None:
    assert check_order(to_ship(services=("install", "take_back"))) is None
    assert wrong(to_ship(services=("install", "install"))) == ("duplicate-identifier", "/fulfillment/services")
    fetched = replace(till_order(method="pickup"), fulfillment=FulfillmentRequest("pickup", services=("install",)))
    assert wrong(fetched) == ("flow-not-available", "/fulfillment/services")


@pytest.mark.parametrize("currency", ["XXX", "eur", "EU1", "ADP", "XAU"])
def test_a_currency_that_nobody_pays_with_is_refused(currency: str) -> None:
    assert wrong(replace(till_order(), currency=currency)) == ("unknown-currency", "/currency")


# --- times -----------------------------------------------------------------------------------------------------------

TERMS = PaymentTerms(0, 1_000, "2026-02-29T00:00:00.000Z")


@pytest.mark.parametrize(
    ("posted", "pointer"),
    [
        (replace(till_order(), placed_at="2026-02-30T09:30:00.000Z"), "/placed_at"),
        (replace(till_order(), placed_at="2026-11-21T24:30:00.000Z"), "/placed_at"),
        (replace(till_order(), placed_at="20२६-11-21T09:30:00.000Z"), "/placed_at"),
        (replace(till_order(), business_date="2026-13-01"), "/business_date"),
        (with_line(till_order(), 1, expires_on="2026-06-31"), "/lines/1/expires_on"),
        (with_payment(till_order(), expires_at="2026-11-31T00:00:00.000Z"), "/payments/0/expires_at"),
        (replace(till_order(), payment_terms=TERMS), "/payment_terms/balance_due_at"),
        (to_ship(promise=Promise("2026-00-01T00:00:00.000Z", UTC)), "/fulfillment/promise/from"),
        (to_ship(promise=Promise(UTC, "2026-11-21T09:60:00.000Z")), "/fulfillment/promise/to"),
        (to_ship(promise=Promise(UTC, "2026-11-21T09:29:59.999Z")), "/fulfillment/promise/to"),
    ],
)
def test_times_that_do_not_exist_are_refused_where_they_stand(posted: TillOrder, pointer: str) -> None:
    assert wrong(posted) == ("invalid-time", pointer)


def test_a_promise_may_begin_and_end_at_one_moment() -> None:
    assert check_order(to_ship(promise=Promise(UTC, UTC))) is None


def test_leap_days_are_known() -> None:
    assert is_date("2028-02-29")
    assert not is_date("2027-02-29")
    assert check_order(replace(till_order(), placed_at="2028-02-29T23:59:59.999Z")) is None
    assert wrong(replace(till_order(), placed_at="2028-02-29T23:59:60.000Z")) == ("invalid-time", "/placed_at")


# --- identifiers and references --------------------------------------------------------------------------------------


def test_an_identifier_that_occurs_twice_is_refused_at_its_second_place() -> None:
    good = till_order()
    adjustments = (Adjustment("a1", "manual", 0), Adjustment("a2", "manual", 0), Adjustment("a1", "manual", 0))
    payments = tuple(Payment("p1", "cash", 500, "captured", "offline") for _ in range(2))
    assert wrong(with_line(good, 1, line_id="1")) == ("duplicate-identifier", "/lines/1/line_id")
    assert wrong(replace(good, adjustments=adjustments)) == ("duplicate-identifier", "/adjustments/2/adjustment_id")
    assert wrong(replace(good, payments=payments)) == ("duplicate-identifier", "/payments/1/payment_id")


def test_a_reference_to_a_line_that_is_not_there_is_refused() -> None:
    good = till_order()
    adjustments = (Adjustment("a1", "manual", 0, lines=("1", "9")),)
    assert wrong(replace(good, adjustments=adjustments)) == ("unknown-reference", "/adjustments/0/lines/1")
    assert wrong(with_line(good, 1, parent_line_id="9")) == ("unknown-reference", "/lines/1/parent_line_id")
    assert wrong(with_line(good, 1, parent_line_id="2")) == ("unknown-reference", "/lines/1/parent_line_id")
    assert check_order(with_line(good, 1, parent_line_id="1")) is None


# --- amounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off_by", [-1, 1])
@pytest.mark.parametrize("field", ["gross_minor", "net_minor"])
def test_a_line_whose_amount_is_off_by_one_minor_unit_is_refused(field: str, off_by: int) -> None:
    amount = getattr(till_order().lines[1], field) + off_by
    assert wrong(with_line(till_order(), 1, **{field: amount})) == ("totals-mismatch", f"/lines/1/{field}")


def test_a_line_is_rounded_half_up() -> None:
    def weighed(gross_minor: int) -> TillOrder:
        line = {"quantity_milli": 1_001, "unit_price_minor": 500, "gross_minor": gross_minor, "net_minor": gross_minor}
        posted = with_line(till_order(lines=1), 0, **line)
        paid = with_payment(posted, amount_minor=gross_minor)
        return with_totals(paid, gross_minor=gross_minor, net_minor=gross_minor, grand_total_minor=gross_minor)

    assert check_order(weighed(501)) is None  # 500.5
    assert wrong(weighed(500)) == ("totals-mismatch", "/lines/0/gross_minor")


def test_a_tax_inside_the_price_cannot_be_more_than_the_price() -> None:
    assert wrong(with_line(till_order(), 0, tax_minor=501)) == ("totals-mismatch", "/lines/0/tax_minor")


@pytest.mark.parametrize("off_by", [-1, 1])
@pytest.mark.parametrize("field", ["gross_minor", "discount_minor", "net_minor", "tax_minor", "grand_total_minor"])
def test_every_total_that_is_off_by_one_minor_unit_is_refused(field: str, off_by: int) -> None:
    for name in ("order-sale", "order-ship"):
        posted = fixture_order(name)
        amount = getattr(posted.totals, field) + off_by
        assert wrong(with_totals(posted, **{field: amount})) == ("totals-mismatch", f"/totals/{field}")


@pytest.mark.parametrize("off_by", [-1, 1])
def test_shipping_that_is_off_by_one_minor_unit_is_refused(off_by: int) -> None:
    posted = with_totals(fixture_order("order-ship"), shipping_minor=990 + off_by)
    assert wrong(posted) == ("totals-mismatch", "/totals/grand_total_minor")


def test_tax_outside_the_prices_is_added_to_the_grand_total() -> None:
    posted = fixture_order("order-ship")
    assert not posted.prices_include_tax
    assert wrong(replace(posted, prices_include_tax=True)) == ("totals-mismatch", "/totals/grand_total_minor")


@pytest.mark.parametrize("off_by", [-1, 1])
def test_tax_lines_that_are_off_by_one_minor_unit_are_refused(off_by: int) -> None:
    good = till_order()
    taxes = (TaxLine("VAT", 130_000, 884, 116 + off_by),)
    assert wrong(replace(good, tax_lines=taxes)) == ("totals-mismatch", "/tax_lines")
    assert check_order(replace(good, tax_lines=(TaxLine("VAT", 130_000, 884, 116),))) is None


@pytest.mark.parametrize("off_by", [-1, 1])
def test_adjustments_that_are_off_by_one_minor_unit_are_refused(off_by: int) -> None:
    posted = fixture_order("order-sale")
    adjustment = replace(posted.adjustments[0], amount_minor=-30 + off_by)
    assert wrong(replace(posted, adjustments=(adjustment,))) == ("totals-mismatch", "/adjustments")
    assert check_order(replace(posted, adjustments=())) is None


# --- payments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off_by", [-1, 1])
def test_a_sale_is_paid_to_the_minor_unit(off_by: int) -> None:
    assert wrong(with_payment(till_order(), amount_minor=1_000 + off_by)) == ("payment-mismatch", "/payments")


def test_a_sale_is_paid_by_money_that_was_taken() -> None:
    assert wrong(with_payment(till_order(), status="authorized")) == ("payment-mismatch", "/payments")


def test_an_order_to_ship_may_be_paid_later_and_never_more_than_it_costs() -> None:
    assert check_order(replace(to_ship(), payments=())) is None
    assert wrong(with_payment(to_ship(), amount_minor=1_001)) == ("payment-mismatch", "/payments")


@pytest.mark.parametrize("off_by", [-1, 0, 1])
def test_deposit_and_balance_are_the_grand_total(off_by: int) -> None:
    posted = replace(to_ship(), payment_terms=PaymentTerms(300, 700 + off_by))
    if off_by:
        assert wrong(posted) == ("payment-mismatch", "/payment_terms")
    else:
        assert check_order(posted) is None


@pytest.mark.parametrize("number", ["4111111111111111", "4111 1111 1111 1111", "3782-822463-10005", "6304000000000000"])
def test_a_card_number_is_refused_and_not_repeated_in_the_answer(number: str) -> None:
    posted = with_payment(till_order(), token_ref=number)
    assert wrong(posted) == ("card-number-refused", "/payments/0/token_ref")
    found = check_order(posted)
    assert found is not None
    assert number not in found.detail


@pytest.mark.parametrize(
    "text", ["4111111111111112", "tok-4111111111111111", "411111111111", "", "41111111111111111111"]
)
def test_what_is_not_a_card_number_is_a_reference(text: str) -> None:
    assert not looks_like_card_number(text)

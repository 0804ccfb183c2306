"""The demo's adapter: what it makes of the real sample, the agent's own checks must accept."""

from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from deploy.demo.invoices import COUNTRIES, OrderType, order_type, stock_receipts, to_order
from deploy.demo.make_sample import choose, spread
from deploy.demo.records import Cancellation, Invoice, Ledger, Line, Omission, Row, link, load, read
from edge_core import limits
from edge_core.orders.commands import StockMovement
from edge_core.orders.document import TillOrder
from edge_core.orders.validation import check_order
from edge_core.shapes import json_reader


@pytest.fixture(scope="module")
def sample() -> Ledger:
    return load()


def row(number: str = "536365", **changes: str) -> Row:
    usual = {
        "InvoiceNo": number,
        "StockCode": "85123A",
        "Description": "WHITE HANGING HEART T-LIGHT HOLDER",
        "Quantity": "6",
        "InvoiceDate": "2010-12-01 08:26",
        "UnitPrice": "2.55",
        "CustomerID": "17850",
        "Country": "United Kingdom",
    }
    return usual | changes


def read_all(*rows: Row) -> tuple[list[Invoice | Cancellation], Counter[Omission]]:
    omitted: Counter[Omission] = Counter()
    return list(link(read(rows, omitted))), omitted


def an_invoice(**changes: object) -> Invoice:
    line = Line("85123A", "HOLDER", 6, 255)
    usual = Invoice("536365", datetime(2010, 12, 1, 8, 26, tzinfo=UTC), "17850", "United Kingdom", (line,))
    return msgspec.structs.replace(usual, **changes)


# --- the sample ------------------------------------------------------------------------------------------------------


def test_every_invoice_of_the_sample_becomes_an_order_that_the_agent_accepts(sample: Ledger) -> None:
    for invoice in sample.invoices:
        body = msgspec.json.encode(to_order(invoice, store_id="store-1", terminal_id="till-1"))
        order = json_reader(TillOrder)(body)
        assert len(body) <= limits.BODY_BYTES_MAX
        assert check_order(order, frozenset()) is None, invoice.number


def test_the_sample_has_orders_of_all_three_types_and_cancellations_of_both_kinds(sample: Ledger) -> None:
    types = Counter(order_type(invoice) for invoice in sample.invoices)
    assert types["sale"] > types["ship"] > types["pickup"] > 0
    assert len(sample.invoices) + len(sample.cancellations) == 600
    assert 0 < sum(cancellation.whole for cancellation in sample.cancellations) < len(sample.cancellations)


def test_every_cancellation_of_the_sample_belongs_to_an_earlier_invoice_of_it(sample: Ledger) -> None:
    seen: dict[str, Invoice] = {}
    for record in sample.records:
        match record:
            case Invoice():
                assert record.number not in seen
                seen[record.number] = record
            case Cancellation():
                assert record.original is not None
                assert seen[record.original].customer == record.customer


def test_the_receipts_bring_in_exactly_what_the_invoices_sell(sample: Ledger) -> None:
    receipts = stock_receipts(sample.invoices)
    received: Counter[str] = Counter()
    for receipt in receipts:
        movement = json_reader(StockMovement)(msgspec.json.encode(receipt))
        received.update({line.sku: line.quantity_milli for line in movement.lines})
    sold: Counter[str] = Counter()
    for invoice in sample.invoices:
        for line in invoice.lines:
            sold[line.sku] += line.quantity * 1000
    assert received == sold
    assert len({receipt["reference"] for receipt in receipts}) == len(receipts) > 1


# --- reading ---------------------------------------------------------------------------------------------------------


def test_adjacent_rows_of_one_number_are_one_invoice_with_its_time_in_utc() -> None:
    records, omitted = read_all(
        row(InvoiceDate="2011-07-01 08:26"), row(StockCode="71053", Quantity="2", UnitPrice="3.395"), row("536366")
    )
    assert records[0] == Invoice(
        "536365",
        datetime(2011, 7, 1, 7, 26, tzinfo=UTC),  # British Summer Time
        "17850",
        "United Kingdom",
        (
            Line("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 6, 255),
            Line("71053", "WHITE HANGING HEART T-LIGHT HOLDER", 2, 340),
        ),
    )
    assert [record.number for record in records] == ["536365", "536366"]
    assert not omitted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Quantity": "0"}, "quantity-not-positive"),
        ({"Quantity": "-3"}, "quantity-not-positive"),
        ({"UnitPrice": "0.00"}, "price-not-positive"),
        ({"UnitPrice": "-11062.06"}, "price-not-positive"),
        ({"UnitPrice": "0.001"}, "price-not-positive"),
        ({"StockCode": "POST"}, "not-goods"),
        ({"StockCode": "BANK CHARGES"}, "not-goods"),
    ],
)
def test_a_line_that_is_no_sale_of_goods_is_left_out_and_counted(change: dict[str, str], reason: Omission) -> None:
    records, omitted = read_all(row(), row(**change))
    assert [len(record.lines) for record in records] == [1]
    assert omitted == {reason: 1}


def test_an_invoice_of_which_nothing_is_left_is_counted_too() -> None:
    records, omitted = read_all(row(UnitPrice="0"), row(StockCode="M"))
    assert records == []
    assert omitted == {"price-not-positive": 1, "not-goods": 1, "nothing-left": 1}


def test_an_invoice_longer_than_an_order_may_be_becomes_several() -> None:
    records, _ = read_all(*[row()] * (limits.LINES_MAX + 1), row("536366"), row())
    assert [(record.number, len(record.lines)) for record in records] == [
        ("536365", limits.LINES_MAX),
        ("536365-2", 1),
        ("536366", 1),
        ("536365-3", 1),
    ]


def test_a_missing_description_is_replaced_by_the_code() -> None:
    records, _ = read_all(row(Description="", StockCode="85123a"))
    assert records[0].lines[0] == Line("85123A", "85123A", 6, 255)


# --- cancellations ---------------------------------------------------------------------------------------------------


def test_a_cancellation_finds_the_customers_latest_invoice_that_covers_it() -> None:
    records, _ = read_all(row("1"), row("2"), row("3", Quantity="5"), row("C4", Quantity="-6"))
    assert records[-1] == Cancellation(
        "C4", datetime(2010, 12, 1, 8, 26, tzinfo=UTC), "17850", records[0].lines, original="2", whole=True
    )


def test_goods_cannot_be_taken_back_twice() -> None:
    records, _ = read_all(row("1"), *(row(f"C{n}", Quantity="-4") for n in (2, 3)))
    originals = [(r.original, r.whole) for r in records if isinstance(r, Cancellation)]
    assert originals == [("1", False), (None, False)]


@pytest.mark.parametrize("change", [{"CustomerID": ""}, {"CustomerID": "1"}, {"StockCode": "71053"}])
def test_a_cancellation_of_another_customer_or_article_stays_without_original(change: dict[str, str]) -> None:
    records, _ = read_all(row("1"), row("C2", Quantity="-6", **change))
    assert isinstance(records[-1], Cancellation)
    assert records[-1].original is None


# --- orders ----------------------------------------------------------------------------------------------------------


def test_orders_from_abroad_are_shipped_to_the_country_and_to_nobody_in_particular() -> None:
    order = to_order(an_invoice(country="EIRE"), store_id="s", terminal_id="t")
    assert order["order_type"] == "ship"
    assert order["fulfillment"] == {"method": "ship", "ship_to": {"name": "Customer 17850", "country": "IE"}}
    assert order["payments"][0]["status"] == "authorized"


def test_a_buyer_without_a_number_carries_the_goods_out_and_pays_cash() -> None:
    for number in map(str, range(100)):
        order = to_order(an_invoice(number=number, customer=None), store_id="s", terminal_id="t")
        assert order["order_type"] == "sale"
        assert order["customer"] is None
        assert order["payments"][0] == {
            "payment_id": "p1",
            "tender": "cash",
            "amount_minor": 1530,
            "status": "captured",
            "authorization": "offline",
        }


@pytest.mark.parametrize("type_", ["sale", "pickup", "ship"])
def test_time_and_type_can_be_given(type_: OrderType) -> None:
    now = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    document = to_order(an_invoice(), store_id="s", terminal_id="t", placed_at=now, type_=type_)
    assert document["placed_at"] == "2026-11-21T09:30:00.000Z"
    assert document["order_type"] == type_
    assert check_order(json_reader(TillOrder)(msgspec.json.encode(document)), frozenset()) is None


def test_every_country_is_two_letters() -> None:
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES.values())
    assert len(set(COUNTRIES.values())) == len(COUNTRIES) == 38


# --- choosing the sample ---------------------------------------------------------------------------------------------


def test_a_chosen_invoice_brings_all_of_its_cancellations() -> None:
    rows = [row("1"), row("C2", Quantity="-1"), row("3"), row("C4", Quantity="-1"), row("C5", CustomerID="9")]
    records, omitted = read_all(*rows)
    assert choose(Ledger(tuple(records), omitted)) == {"1", "C2", "3", "C4"}


def test_the_chosen_lie_evenly_over_the_whole() -> None:
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert spread(range(3), 4) == [0, 1, 2]

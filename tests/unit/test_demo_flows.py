"""What the demo makes of a cancellation: which lines come back, for money or for other goods."""

from datetime import UTC, datetime

import msgspec
import pytest

from deploy.demo.flows import Back, Sold, coming_back, is_exchange, steps_of, to_exchange, to_return
from deploy.demo.records import Cancellation, Invoice, Line
from edge_core.orders.machines import GROUP
from edge_core.orders.requests import ExchangeRequest
from edge_core.orders.validation import check_exchange
from edge_core.shapes import json_reader

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CUP, BAG = Line("CUP", "a cup", 3, 250), Line("BAG", "a bag", 2, 199)


def sold(*lines: Line) -> Sold:
    return Sold("order-1", Invoice("536365", NOON, "12345", "France", lines), [line.quantity for line in lines])


def taken(*lines: Line, number: str = "C1") -> Cancellation:
    return Cancellation(number, NOON, "12345", lines, "536365")


def some(line: Line, quantity: int) -> Line:
    return Line(line.sku, line.description, quantity, line.unit_price_minor)


def test_what_comes_back_is_found_in_the_lines_that_still_have_it() -> None:
    order = sold(CUP, BAG, some(CUP, 1))
    assert coming_back(order, taken(some(CUP, 4))) == (Back(0, 3), Back(2, 1))
    order.left[0] = 0
    assert coming_back(order, taken(some(CUP, 1), some(BAG, 2))) == (Back(2, 1), Back(1, 2))


def test_nothing_comes_back_where_the_customer_does_not_have_all_of_it() -> None:
    assert coming_back(sold(CUP), taken(some(CUP, 4))) == ()


def test_a_return_names_the_lines_of_the_order() -> None:
    assert to_return((Back(1, 2),))["lines"] == [{"line_id": "2", "quantity_milli": 2000}]


def test_an_exchange_is_for_the_same_goods_and_nothing_is_paid() -> None:
    body = to_exchange(sold(CUP, BAG), (Back(0, 1), Back(1, 2)), store_id="s", terminal_id="t", placed_at=NOON)
    order = body["order"]
    assert (order["order_type"], order["payments"], order["totals"]["grand_total_minor"]) == ("exchange", [], 648)
    assert [(line["sku"], line["quantity_milli"]) for line in order["lines"]] == [("CUP", 1000), ("BAG", 2000)]


def test_a_whole_cancellation_is_no_exchange_and_some_others_are() -> None:
    numbers = [f"C{number}" for number in range(30)]
    assert any(is_exchange(taken(CUP, number=number)) for number in numbers)
    assert not any(is_exchange(Cancellation(n, NOON, None, (CUP,), "536365", whole=True)) for n in numbers)


@pytest.mark.parametrize("kind", ["ship", "pickup"])
def test_the_steps_lead_through_the_table_of_a_group_to_its_end(kind: str) -> None:
    state = "reserved"
    for step, _ in steps_of(kind, "T-1"):
        row = GROUP.commanded(state, step)
        assert row is not None, (state, step)
        state = row.target
    assert state == "delivered"


def test_an_exchange_is_a_body_that_the_agent_reads_and_finds_right() -> None:
    body = to_exchange(sold(CUP), (Back(0, 1),), store_id="s", terminal_id="t", placed_at=NOON)
    request = json_reader(ExchangeRequest)(msgspec.json.encode(body))
    assert check_exchange(request.order) is None

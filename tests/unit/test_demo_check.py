"""The check at the end of the demo: it must be able to say no, and name what differs."""

import pytest
from msgspec.structs import replace

from deploy.demo.check import CentreBook, Day, DayBooks, EdgeBook, StoreBooks, TillBook, differences, pounds
from deploy.house.looking import CentreOrder


def sound_books() -> StoreBooks:
    """Three orders, one of them cancelled, and two deliveries: six entries, all confirmed."""
    tills = TillBook(orders={"a": 1000, "b": 250, "c": 99}, cancelled={"b"}, movements=2, asked_again=3, replayed=1)
    orders = (
        CentreOrder("c", "completed", 99),
        CentreOrder("b", "cancelled", 250),
        CentreOrder("a", "confirmed", 1000),
    )
    edge = EdgeBook(accepted=6, confirmed=6, pending=0, parked=0, verified=True)
    return StoreBooks("store-1", tills, edge, CentreBook(6, 0, (), orders), sound_days())


def sound_days() -> DayBooks:
    """The same in the reports of one day."""
    day = Day(orders=3, grand_total_minor=1349, cancellations=1)
    return DayBooks(x=[day], z=[day], codes=["1-a"], centre=[day], centre_codes=["1-a"], priced_by="book")


def with_orders(*orders: CentreOrder) -> StoreBooks:
    books = sound_books()
    return replace(books, centre=replace(books.centre, orders=orders))


def test_books_that_agree_have_no_differences() -> None:
    assert differences(sound_books()) == []


def test_every_step_return_and_exchange_must_be_an_entry_of_the_log() -> None:
    books = sound_books()
    books.tills.steps, books.tills.returns, books.tills.exchanges = 4, 1, 1
    assert "store-1: 6 accepted in the log, but 12 answered to the tills" in differences(books)


def test_an_order_that_did_not_reach_its_customer_at_the_centre_is_named() -> None:
    books = sound_books()
    books.tills.brought["pickup"] |= {"a", "c"}
    assert differences(books) == ["store-1: 1 order brought to the customer but not completed at the centre: a"]


def test_parcels_that_went_without_routing_are_a_difference() -> None:
    books = sound_books()
    books.tills.brought["ship"].add("c")
    assert differences(books) == ["store-1: none of its parcels was routed by the network that the office published"]
    books.tills.routed = 1
    assert differences(books) == []


def test_goods_that_came_back_at_one_end_alone_are_named() -> None:
    books = with_orders(*sound_books().centre.orders[1:], CentreOrder("c", "partially_returned", 99))
    books.tills.returned.add("a")
    assert differences(books) == [
        "store-1: 1 order of which goods came back, but not at the centre: a",
        "store-1: 1 order of which goods came back at the centre alone: c",
    ]


def test_an_order_that_is_missing_at_the_centre_is_named() -> None:
    found = differences(with_orders(*sound_books().centre.orders[:2]))
    assert found == [
        "store-1: 1 order missing at the centre: a",
        "store-1: the tills took £13.49, the centre counts £3.49",
    ]


def test_an_order_that_is_at_the_centre_twice_is_named() -> None:
    orders = sound_books().centre.orders
    found = differences(with_orders(*orders, orders[0]))
    assert found == [
        "store-1: 1 order at the centre more than once: c",
        "store-1: the tills took £13.49, the centre counts £14.48",
    ]


def test_an_order_that_no_till_was_answered_is_named() -> None:
    found = differences(with_orders(*sound_books().centre.orders, CentreOrder("d", "completed", 0)))
    assert found == ["store-1: 1 order at the centre and answered to no till: d"]


def test_wrong_totals_are_found_even_where_their_sum_is_right() -> None:
    found = differences(
        with_orders(
            CentreOrder("c", "completed", 100), CentreOrder("b", "cancelled", 249), CentreOrder("a", "confirmed", 1000)
        )
    )
    assert found == ["store-1: 2 orders at the centre with another total: b, c"]


def test_a_cancel_that_did_not_arrive_is_named_and_so_is_one_that_nobody_asked_for() -> None:
    found = differences(
        with_orders(
            CentreOrder("c", "cancelled", 99), CentreOrder("b", "confirmed", 250), CentreOrder("a", "confirmed", 1000)
        )
    )
    assert found == [
        "store-1: 1 order cancelled at the till but not at the centre: b",
        "store-1: 1 order cancelled at the centre but not at the till: c",
    ]


@pytest.mark.parametrize(
    ("edge", "expected"),
    [
        ({"accepted": 7}, "7 accepted in the log, but 6 answered to the tills"),
        ({"accepted": 7}, "7 accepted, but 6 confirmed + pending + parked"),
        ({"accepted": 7}, "6 held by the centre, but 7 accepted"),
        ({"pending": 1}, "1 pending, but 0 expected"),
        ({"parked": 2}, "2 parked at the edge, but 0 expected"),
        ({"confirmed": 5}, "5 confirmed, but 6 held by the centre and not parked"),
        ({"verified": False}, "edge-agent verify has findings"),
    ],
)
def test_each_equation_of_the_edge_is_checked(edge: dict[str, int], expected: str) -> None:
    books = sound_books()
    assert f"store-1: {expected}" in differences(replace(books, edge=replace(books.edge, **edge)))


@pytest.mark.parametrize(
    ("centre", "expected"),
    [
        ({"durable_seq": 7}, "7 held by the centre, but 6 accepted"),
        ({"parked": 1}, "1 parked at the centre, but 0 expected"),
        ({"differences": ("orders: 9 is not 8",)}, "the centre says: orders: 9 is not 8"),
    ],
)
def test_each_equation_of_the_centre_is_checked(centre: dict[str, object], expected: str) -> None:
    books = sound_books()
    assert f"store-1: {expected}" in differences(replace(books, centre=replace(books.centre, **centre)))


def test_an_answer_that_a_till_did_not_expect_is_told() -> None:
    books = sound_books()
    books.tills.refusals.append("409 instead of 201: no stock")
    assert differences(books) == ["store-1: a till was not answered as it should be: 409 instead of 201: no stock"]


def test_many_orders_are_counted_and_only_some_of_them_named() -> None:
    books = sound_books()
    books.tills.orders.update({f"x{number}": 0 for number in range(20)})
    assert "store-1: 20 orders missing at the centre: x0, x1, x10, x11, x12 and 15 more" in differences(books)


@pytest.mark.parametrize(
    ("minor", "text"), [(0, "£0.00"), (7, "£0.07"), (123456, "£1,234.56"), (-1, "-£0.01"), (-123456, "-£1,234.56")]
)
def test_pence_are_shown_as_pounds(minor: int, text: str) -> None:
    assert pounds(minor) == text


def test_a_report_that_says_something_else_than_the_tills_the_store_or_the_centre_is_named() -> None:
    for name, first in (("x", "the X reports"), ("z", "the Z reports"), ("centre", "the centre's Z reports")):
        books = sound_books()
        setattr(books.days, name, [Day(orders=3, grand_total_minor=1348, cancellations=1)])
        assert any(text.startswith(f"store-1: {first} say") for text in differences(books)), name


def test_a_close_that_the_centre_does_not_have_is_named() -> None:
    books = sound_books()
    books.days.centre_codes = []
    assert differences(books) == ["store-1: closed as ['1-a'], at the centre as []"]


def test_a_store_that_sold_by_its_tills_prices_to_the_end_is_named() -> None:
    books = sound_books()
    books.days.priced_by = "till"
    assert differences(books) == ["store-1: its last order was priced by 'till', not by the price book"]

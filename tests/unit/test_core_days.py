"""The books of a business day: what belongs to it, what it adds up to, and closing it once."""

from collections import Counter
from uuid import UUID

from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.orders.commands import CloseDay
from edge_core.orders.day_events import CurrencySums, DayClosed, TenderSum
from edge_core.orders.days import Books, add_order, add_unreceipted, books_of, close_day, day_of, late, sums_of
from edge_core.orders.document import Payment, TillOrder
from edge_core.orders.events import Event, PaymentCaptured
from edge_core.orders.further_events import GoodsTakenBack
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Origin, Recorded
from edge_core.orders.requests import CloseRequest, ExchangeRequest, ReturnLine, ReturnRequest, VoidRequest
from edge_core.sync.entry import ENTRY_VERSION, Entry
from tests.rigs.counter import Counter as Shop
from tests.rigs.orders import BUSINESS_DATE, order_id, till_order

NEXT_DATE = "2026-11-22"
LIFE = order_id(1)


def books_on(shop: Shop, date: str) -> Books:
    """The books of a date."""
    books: Books = Counter()
    for order in shop.states:
        add_order(books, merge(history(shop, order)).accepted, lambda recorded: day_of(recorded, date_at) == date)
    return books


def history(shop: Shop, order: UUID) -> list[Recorded]:
    return [at(seq, order, events) for seq, (of, events) in enumerate(shop.entries, 1) if of == order]


def at(seq: int, order: UUID | None, events: tuple[Event, ...]) -> Recorded:
    """An entry at its place in the log; each was recorded a millisecond after the one before it."""
    return Recorded(Origin("store-0001", LIFE, "orders", seq), Entry(ENTRY_VERSION, seq, seq, seq, order, events))


def date_at(seq: int) -> str:
    """The first two entries were recorded on the business date."""
    return BUSINESS_DATE if seq <= 2 else NEXT_DATE


def the_sums(books: Books) -> CurrencySums:
    (found,) = sums_of(books)
    return found


def close(date: str, *closed: DayClosed, sums: tuple[CurrencySums, ...] = ()) -> DayClosed | Rejected:
    command = CloseDay(order_id(9), date, NEXT_DATE, LIFE, 7, sums, CloseRequest("op-1"))
    decided = close_day(closed, command)
    if isinstance(decided, Rejected):
        return decided
    (event,) = decided
    assert isinstance(event, DayClosed)
    return event


def test_a_sale_is_in_the_books_of_its_business_date_with_totals_and_tender() -> None:
    shop = Shop()
    shop.place(till_order())
    assert the_sums(books_on(shop, BUSINESS_DATE)) == CurrencySums(
        "CNY",
        orders=1,
        gross_minor=1_000,
        net_minor=1_000,
        tax_minor=116,
        grand_total_minor=1_000,
        tenders=(TenderSum("cash", captured_minor=1_000),),
    )
    assert books_on(shop, NEXT_DATE) == Counter()


def test_what_is_given_back_is_in_the_books_of_the_day_on_which_it_was_given_back() -> None:
    shop = Shop()
    order = shop.place(till_order())
    shop.place(till_order())
    shop.ask(order, "return", ReturnRequest((ReturnLine("1", 1_000),), "too-small"))
    assert the_sums(books_on(shop, BUSINESS_DATE)).returns == 0
    found = the_sums(books_on(shop, NEXT_DATE))
    assert (found.orders, found.returns) == (0, 1)
    assert found.tenders == (TenderSum("cash", refunded_minor=250),)


def test_a_void_takes_the_money_out_of_the_drawer_without_a_refund() -> None:
    shop = Shop()
    shop.ask(shop.place(till_order(method="ship")), "void", VoidRequest("mistake"))
    found = the_sums(books_on(shop, BUSINESS_DATE))
    assert (found.voids, found.cancellations) == (1, 0)
    assert found.tenders == (TenderSum("cash", captured_minor=1_000, voided_minor=1_000),)


def test_a_payment_that_came_later_is_counted_under_its_own_tender() -> None:
    shop = Shop()
    order = shop.place(with_payments(till_order(method="ship"), Payment("p1", "cash", 400, "captured", "offline")))
    shop.entries.append((order, (captured("p2", "card", 600),)))
    found = the_sums(books_on(shop, BUSINESS_DATE))
    assert found.tenders == (TenderSum("card", 600), TenderSum("cash", 400))


def test_over_an_exchange_what_was_credited_comes_to_nothing() -> None:
    shop = Shop()
    order = shop.place(till_order())
    shop.entries = shop.entries[:1]
    instead = replace(till_order(lines=1), order_type="exchange", payments=())
    shop.exchange(order, ExchangeRequest((ReturnLine("1", 2_000),), "too-small", instead))
    both = books_on(shop, BUSINESS_DATE) + books_on(shop, NEXT_DATE)
    found = the_sums(both)
    assert (found.orders, found.exchanges) == (2, 1)
    assert TenderSum("exchange", captured_minor=500, refunded_minor=500) in found.tenders


def test_goods_without_a_receipt_are_a_refund_of_their_own() -> None:
    books: Books = Counter()
    add_unreceipted(
        books,
        GoodsTakenBack(LIFE, "none", (), (), "EUR", 990, "voucher", "op-1", "boss", BUSINESS_DATE, "till-1"),
    )
    assert the_sums(books).unreceipted_returns == 1
    assert the_sums(books).tenders == (TenderSum("voucher", refunded_minor=990),)


def test_the_sums_that_are_recorded_lead_back_to_the_books() -> None:
    shop = Shop()
    shop.place(till_order())
    books = books_on(shop, BUSINESS_DATE)
    assert +books_of(sums_of(books)) == +books


def test_z_numbers_follow_each_other_and_a_day_is_closed_once() -> None:
    first = close(BUSINESS_DATE)
    assert isinstance(first, DayClosed)
    assert first.z_number == 1
    second = close(NEXT_DATE, first)
    assert isinstance(second, DayClosed)
    assert second.z_number == 2
    again = close(BUSINESS_DATE, first, second)
    assert isinstance(again, Rejected)
    assert again.slug == "day-closed"


def test_a_day_that_has_not_begun_is_not_closed() -> None:
    refused = close("2026-11-23")
    assert isinstance(refused, Rejected)
    assert refused.slug == "invalid-time"


def test_what_comes_of_a_day_after_its_close_is_late_and_the_z_report_stays() -> None:
    shop = Shop()
    shop.place(till_order())
    closed = close(BUSINESS_DATE, sums=sums_of(books_on(shop, BUSINESS_DATE)))
    assert isinstance(closed, DayClosed)
    assert late(books_on(shop, BUSINESS_DATE), closed) == ()
    shop.place(till_order(lines=1))
    (since,) = late(books_on(shop, BUSINESS_DATE), closed)
    assert (since.orders, since.grand_total_minor, since.tenders) == (1, 500, (TenderSum("cash", 500),))


def with_payments(posted: TillOrder, *payments: Payment) -> TillOrder:
    return replace(posted, payments=payments)


def captured(payment_id: str, tender: str, amount_minor: int) -> Event:
    payment = Payment(payment_id, tender, amount_minor, "captured", "offline")  # type: ignore[arg-type]
    return PaymentCaptured(payment_id, amount_minor, payment)

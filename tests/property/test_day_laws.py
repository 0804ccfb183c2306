"""The books of all days add up to everything that happened, whatever was asked of whichever orders."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from edge_core.orders.days import Books, add_order, add_unreceipted, books_of, day_of, sums_of
from edge_core.orders.further_events import GoodsTakenBack
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Origin, Recorded
from edge_core.sync.entry import ENTRY_VERSION, Entry
from tests.property.test_order_projection import a_day
from tests.rigs.orders import BUSINESS_DATE, order_id
from tests.rigs.players import Player

LIFE = order_id(1)
DATES = (BUSINESS_DATE, "2026-11-22", "2026-11-23")


def entries_of(at: Player) -> list[Recorded]:
    """The log, a third of it recorded on each of the three dates."""
    share = len(at.entries) // len(DATES) + 1
    return [
        Recorded(
            Origin("store-0001", LIFE, "orders", seq), Entry(ENTRY_VERSION, seq, seq, (seq - 1) // share, order, events)
        )
        for seq, (order, events) in enumerate(at.entries, 1)
    ]


def books_on(entries: list[Recorded], dates: tuple[str, ...]) -> Books:
    """The books of some days, from any order of the entries."""

    def is_wanted(recorded: Recorded) -> bool:
        return day_of(recorded, lambda third: DATES[third]) in dates

    books: Books = Counter()
    for order in {recorded.entry.order_id for recorded in entries} - {None}:
        of_order = [recorded for recorded in entries if recorded.entry.order_id == order]
        add_order(books, merge(of_order).accepted, is_wanted)
    for recorded in filter(is_wanted, entries):
        for event in recorded.entry.events:
            if isinstance(event, GoodsTakenBack):
                add_unreceipted(books, event)
    return books


@given(st.integers(0, 1 << 32))
def test_the_days_add_up_to_everything_and_agree_with_the_orders(seed: int) -> None:
    at = a_day(seed)
    entries = entries_of(at)
    each = [books_on(entries, (date,)) for date in DATES]
    everything = books_on(entries, DATES)
    total: Books = Counter()
    for books in each:
        total.update(books)
    assert +total == +everything
    payments = [payment for state in at.states.values() for payment in state.payments]
    fields = ("captured_minor", "refunded_minor", "voided_minor")
    sums = {field: sum(amount for (_, _, name), amount in everything.items() if name == field) for field in fields}
    unreceipted = sum(
        event.refund_minor
        for recorded in entries
        for event in recorded.entry.events
        if isinstance(event, GoodsTakenBack)
    )
    credited = sum(state.credited_minor for state in at.states.values())
    assert sums["captured_minor"] == sum(payment.captured_minor for payment in payments)
    given_back = sum(payment.refunded_minor for payment in payments)
    assert sums["refunded_minor"] + sums["voided_minor"] == given_back + unreceipted + credited


@given(st.integers(0, 1 << 32), st.randoms(use_true_random=False))
def test_neither_the_order_of_the_entries_nor_their_coming_twice_changes_a_day(seed: int, chance: Random) -> None:
    entries = entries_of(a_day(seed))
    orders = [recorded for recorded in entries if recorded.entry.order_id is not None]
    shuffled = [*orders, *chance.choices(orders, k=5)] if orders else []
    chance.shuffle(shuffled)
    assert sums_of(books_on(shuffled, DATES[:1])) == sums_of(books_on(orders, DATES[:1]))


@given(st.integers(0, 1 << 32))
def test_what_a_z_report_holds_leads_back_to_the_books(seed: int) -> None:
    books = books_on(entries_of(a_day(seed)), DATES[:1])
    assert +books_of(sums_of(books)) == +books

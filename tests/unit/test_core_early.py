"""Early copies, in virtual time: when the newest orders go ahead of their backlog, which of them, and at what cost."""

from msgspec.structs import replace

from edge_core.limits import EARLY_BACKLOG_ENTRIES, EARLY_ENTRIES_MAX, EARLY_INTERVAL_MS
from edge_core.sync.link_types import (
    CheckHash,
    EarlySent,
    HashChecked,
    LogGrew,
    Received,
    SendEarly,
    SendPush,
    Tick,
    TransportDown,
    TransportUp,
)
from edge_core.sync.messages import Grant, GrantMessage
from tests.rigs.link_steps import INCARNATION, Link, ack, of, streaming, welcome

MANY = 100_000


def test_a_short_backlog_is_sent_in_its_turn_alone() -> None:
    assert of(SendEarly, streaming(tail_seq=EARLY_BACKLOG_ENTRIES).last) == []


def test_behind_a_long_backlog_the_newest_go_ahead_at_once() -> None:
    assert of(SendEarly, streaming(tail_seq=MANY).last) == [SendEarly(MANY - EARLY_ENTRIES_MAX + 1)]


def test_each_fresh_order_is_copied_once_within_the_interval() -> None:
    link = streaming(tail_seq=MANY)
    link.feed(EarlySent(MANY, 100))
    assert of(SendEarly, link.feed(LogGrew("orders", MANY + 1))) == []
    assert of(SendEarly, link.after(EARLY_INTERVAL_MS)) == [SendEarly(MANY + 1)]
    link.feed(EarlySent(MANY + 1, 100))
    assert of(SendEarly, link.after(EARLY_INTERVAL_MS)) == []


def test_a_copy_that_could_not_be_sent_is_asked_for_again() -> None:
    link = streaming(tail_seq=MANY)
    assert of(SendEarly, link.after(EARLY_INTERVAL_MS)) == [SendEarly(MANY - EARLY_ENTRIES_MAX + 1)]


def test_a_flood_of_sales_is_copied_from_its_newest_end() -> None:
    link = streaming(tail_seq=MANY)
    link.feed(EarlySent(MANY, 100), LogGrew("orders", MANY + 1_000))
    assert of(SendEarly, link.after(EARLY_INTERVAL_MS)) == [SendEarly(MANY + 1_000 - EARLY_ENTRIES_MAX + 1)]


def test_a_copy_moves_neither_the_stream_nor_its_pushes() -> None:
    link = streaming(tail_seq=MANY)
    before = link.orders
    link.feed(EarlySent(MANY, 100))
    assert link.orders == before
    assert (before.sent_seq, before.durable_seq) == (0, 0)


def test_a_node_with_a_small_share_copies_a_smaller_backlog_too() -> None:
    link = streaming(tail_seq=1_000)
    assert of(SendEarly, link.feed(Received(GrantMessage(INCARNATION, Grant(1, 900, 0, 0)))))


def test_a_node_under_a_cap_copies_a_smaller_backlog_too_and_pays_for_it() -> None:
    link = streaming(tail_seq=1_000)
    assert of(SendEarly, link.feed(Tick(64_000)))
    before = link.state.pace.bytes.level_milli
    link.feed(EarlySent(1_000, 2_000))
    assert link.state.pace.bytes.level_milli == before - 2_000_000


def test_before_its_start_a_node_copies_only_what_it_sold_since_the_greeting() -> None:
    link = Link(tail_seq=MANY)
    link.feed(TransportUp())
    late = welcome().message
    grant = Grant(1, 100, 30_000, 0)
    checks = of(CheckHash, link.feed(Received(replace(late, grant=grant))))
    for check in checks:
        assert isinstance(check, CheckHash)
        assert of(SendEarly, link.feed(HashChecked(check, is_same=True))) == []
    assert of(SendEarly, link.feed(LogGrew("orders", MANY + 1))) == [SendEarly(MANY + 1)]
    link.feed(EarlySent(MANY + 1, 100), LogGrew("orders", MANY + 2))
    link.now_ms += 30_000
    assert of(SendEarly, link.feed(Tick())) == [SendEarly(MANY + 2)]


def test_after_a_new_connection_the_newest_are_copied_again() -> None:
    link = streaming(tail_seq=MANY)
    link.feed(EarlySent(MANY, 100), TransportDown(0.5), TransportUp())
    checks = of(CheckHash, link.feed(welcome()))
    effects = link.feed(*(HashChecked(check, is_same=True) for check in checks if isinstance(check, CheckHash)))
    assert of(SendEarly, link.after(EARLY_INTERVAL_MS) + effects)


def test_once_the_backlog_is_sent_orders_go_in_their_turn_again() -> None:
    link = streaming(tail_seq=MANY)
    link.push(MANY)
    link.feed(EarlySent(MANY, 100), ack(MANY))
    link.now_ms += EARLY_INTERVAL_MS
    effects = link.feed(LogGrew("orders", MANY + 1))
    assert of(SendEarly, effects) == []
    assert of(SendPush, effects) == [SendPush("orders", MANY + 1)]

"""The edge's link, step by step: greeting, streaming, acks, silence, lost connections."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_core.limits import (
    CONNECT_DELAY_MS,
    CONNECT_DELAY_MS_MAX,
    HEARTBEAT_INTERVAL_MS,
    HELLO_TIMEOUT_MS,
    PUSH_WINDOW_MAX,
    RESEND_AFTER_MS,
)
from edge_core.sync.link_types import (
    BeginIncarnation,
    CheckHash,
    CompareFormer,
    Connect,
    GoOnSelling,
    HashChecked,
    LogGrew,
    PushFailed,
    PushSent,
    Rebook,
    Received,
    RecordAttempt,
    RecordDurable,
    RecordHistory,
    SendHeartbeat,
    SendHello,
    SendPush,
    Tick,
    TransportDown,
    TransportUp,
)
from edge_core.sync.messages import (
    Decision,
    Grant,
    GrantMessage,
    Welcome,
)
from edge_core.sync.send_stream import InFlight
from tests.rigs.link_steps import (
    HASH,
    HISTORY,
    INCARNATION,
    OTHER_HISTORY,
    Link,
    ack,
    hash_at,
    of,
    pushes,
    streaming,
    welcome,
)

# --- greeting --------------------------------------------------------------------------------------------------------


def test_a_connection_begins_with_a_hello_and_nothing_else() -> None:
    assert Link().feed(TransportUp()) == (SendHello(),)


def test_nothing_is_pushed_before_the_welcome_however_much_there_is() -> None:
    link = Link()
    assert pushes(link.feed(LogGrew("orders", 500), Tick(), TransportUp(), LogGrew("orders", 600), Tick())) == []


def test_a_hello_that_is_not_answered_is_said_again_and_ever_less_often() -> None:
    link = Link()
    link.feed(TransportUp())
    assert link.after(HELLO_TIMEOUT_MS - 1) == ()
    assert link.after(1) == (SendHello(),)
    assert link.after(HELLO_TIMEOUT_MS) == ()
    assert link.after(HELLO_TIMEOUT_MS) == (SendHello(),)


def test_a_welcome_has_its_history_written_down_and_its_hashes_checked_before_anything_is_pushed() -> None:
    link = Link()
    greeting = welcome(7)
    assert isinstance(greeting.message, Welcome)
    effects = link.feed(TransportUp(), greeting)[1:]
    assert effects == (
        RecordHistory(HISTORY, greeting.message.lanes),
        CheckHash("orders", 7, hash_at(7)),
        CheckHash("bulk", 0, HASH),
        GoOnSelling(),
        CompareFormer(()),
    )
    orders, bulk = (effect for effect in effects if isinstance(effect, CheckHash))
    assert pushes(link.feed(HashChecked(orders, is_same=True))) == []
    assert pushes(link.feed(HashChecked(bulk, is_same=True))) == [SendPush("orders", 8)]


def test_another_hash_at_the_centres_position_begins_a_new_incarnation() -> None:
    link = Link()
    link.feed(TransportUp(), welcome(7))
    assert of(BeginIncarnation, link.feed(HashChecked(CheckHash("orders", 7, hash_at(7)), is_same=False)))
    assert link.state.phase == "renewing"


def test_a_centre_that_holds_more_than_the_file_makes_it_begin_a_new_incarnation() -> None:
    link = Link(tail_seq=5)
    (begin,) = of(BeginIncarnation, link.feed(TransportUp(), welcome(6)))
    assert isinstance(begin, BeginIncarnation)
    assert "rolled back" in begin.reason
    assert link.state.phase == "renewing"


def test_what_is_meant_for_another_incarnation_is_not_heard() -> None:
    link = Link()
    link.feed(TransportUp())
    message = welcome().message
    assert isinstance(message, Welcome)
    assert link.feed(Received(replace(message, incarnation=UUID(int=9)))) == ()
    assert link.state.phase == "greeting"


def test_a_restored_centre_is_sent_again_what_it_lost() -> None:
    link = Link(tail_seq=10, durable_seq=9)
    link.feed(TransportUp())
    checks = of(CheckHash, link.feed(welcome(3, "rewind")))
    assert pushes(link.feed(*(HashChecked(c, is_same=True) for c in checks if isinstance(c, CheckHash)))) == [
        SendPush("orders", 4)
    ]


# --- streaming -------------------------------------------------------------------------------------------------------


def test_pushes_fill_the_window_and_go_on_as_acks_come() -> None:
    link = streaming()
    for to_seq in (10, 20, 30):
        assert pushes(link.push(to_seq)) == [SendPush("orders", to_seq + 1)]
    assert pushes(link.push(40)) == []
    assert len(link.orders.in_flight) == 4
    effects = link.feed(ack(20))
    assert RecordDurable("orders", 20, 0, 0) in effects
    assert pushes(effects) == [SendPush("orders", 41)]


def test_orders_are_asked_for_before_bulk() -> None:
    link = Link()
    link.feed(LogGrew("bulk", 5), TransportUp())
    checks = of(CheckHash, link.feed(welcome()))
    found = link.feed(*(HashChecked(c, is_same=True) for c in checks if isinstance(c, CheckHash)))
    assert [push.lane for push in pushes(found)] == ["orders", "bulk"]


def test_an_ack_between_two_pushes_is_checked_against_the_own_chain_first() -> None:
    link = streaming()
    link.push(10)
    (check,) = of(CheckHash, link.feed(ack(5)))
    assert isinstance(check, CheckHash)
    assert (check.seq, link.orders.durable_seq) == (5, 0)
    assert RecordDurable("orders", 5, 0, 0) in link.feed(HashChecked(check, is_same=True))


def test_an_ack_with_another_hash_begins_a_new_incarnation() -> None:
    link = streaming()
    link.push(10)
    assert of(BeginIncarnation, link.feed(ack(10, hash_=HASH)))


def test_an_ack_beyond_the_end_of_the_file_begins_a_new_incarnation() -> None:
    assert of(BeginIncarnation, streaming(tail_seq=10).feed(ack(11)))


def test_an_ack_of_another_history_greets_anew() -> None:
    link = streaming()
    link.push(10)
    assert link.feed(ack(10, OTHER_HISTORY)) == (SendHello(),)
    assert (link.state.phase, link.orders.durable_seq) == ("greeting", 0)


def test_an_ack_behind_what_was_confirmed_greets_anew_for_the_centre_was_restored() -> None:
    link = streaming()
    link.push(10)
    link.feed(ack(10))
    assert link.feed(ack(4)) == (SendHello(),)
    link.feed(welcome(4))
    assert link.orders.durable_seq == 4


def test_an_ack_that_moves_nothing_ends_the_long_wait_for_a_centre_that_is_back() -> None:
    link = streaming(tail_seq=10)
    link.push(10)
    for doubled in (1, 2, 4):
        assert pushes(link.after(RESEND_AFTER_MS * doubled)) != []
        link.push(10)
    link.feed(ack(0))
    assert pushes(link.after(RESEND_AFTER_MS)) != []


def test_the_books_are_corrected_to_what_the_centre_greets_with() -> None:
    link = Link(durable_seq=50)
    link.feed(TransportUp(), welcome(20))
    check = CheckHash("orders", 20, hash_at(20))
    assert Rebook("orders", 20, 0, 0) in link.feed(HashChecked(check, is_same=True))


def test_a_check_that_was_begun_under_another_history_confirms_nothing() -> None:
    link = streaming()
    link.push(10)
    (check,) = of(CheckHash, link.feed(ack(5)))
    assert isinstance(check, CheckHash)
    link.feed(TransportDown(0.5), TransportUp(), welcome(3, "rewind", OTHER_HISTORY))
    assert of(RecordDurable, link.feed(HashChecked(check, is_same=True))) == []
    assert link.orders.durable_seq == 3


def test_silence_is_answered_by_sending_again_from_what_is_durable() -> None:
    link = streaming()
    link.push(10)
    link.feed(ack(10))
    link.feed(PushSent("orders", 11, InFlight(20, hash_at(20))))
    link.feed(PushFailed("orders"))
    assert SendPush("orders", 11) in link.after(RESEND_AFTER_MS)


def test_a_push_that_failed_is_tried_again_at_the_next_tick_and_not_at_once() -> None:
    link = streaming()
    assert link.feed(PushFailed("orders"), LogGrew("orders", 101)) == ()
    assert SendPush("orders", 1) in link.after(1)


def test_a_grant_narrows_and_widens_the_window_and_never_beyond_its_limit() -> None:
    link = streaming()
    for window, expected in ((1, 1), (64, PUSH_WINDOW_MAX)):
        link.feed(Received(GrantMessage(INCARNATION, Grant(window, 0, 0, 0))))
        assert link.state.window == expected


def test_a_heartbeat_leaves_at_once_and_then_every_few_seconds() -> None:
    link = Link()
    link.feed(TransportUp())
    checks = of(CheckHash, link.feed(welcome()))
    found = link.feed(*(HashChecked(c, is_same=True) for c in checks if isinstance(c, CheckHash)))
    assert len(of(SendHeartbeat, found)) == 1
    assert of(SendHeartbeat, link.after(HEARTBEAT_INTERVAL_MS - 1)) == []
    assert len(of(SendHeartbeat, link.after(1))) == 1


# --- losing the connection -------------------------------------------------------------------------------------------


def test_a_lost_connection_is_tried_again_after_a_random_part_of_a_bound_that_doubles() -> None:
    link = Link()
    delays = [
        connect.delay_ms for _ in range(10) for connect in link.feed(TransportDown(1.0)) if isinstance(connect, Connect)
    ]
    assert delays == [min(CONNECT_DELAY_MS << n, CONNECT_DELAY_MS_MAX) for n in range(10)]
    assert link.feed(TransportDown(0.0)) == (Connect(0), RecordAttempt(11))
    assert link.feed(TransportDown(0.25)) == (Connect(CONNECT_DELAY_MS_MAX // 4), RecordAttempt(12))


def test_only_an_ack_of_the_centre_resets_the_pause() -> None:
    link = Link()
    link.feed(TransportDown(1.0), TransportDown(1.0), TransportUp())
    checks = of(CheckHash, link.feed(welcome()))
    link.feed(*(HashChecked(c, is_same=True) for c in checks if isinstance(c, CheckHash)))
    assert link.state.attempt == 2
    link.feed(PushSent("orders", 1, InFlight(10, hash_at(10))), ack(10))
    assert link.state.attempt == 0


def test_what_was_on_its_way_is_sent_again_after_the_next_welcome() -> None:
    link = streaming()
    link.push(10)
    link.feed(TransportDown(0.5), TransportUp())
    assert link.orders.in_flight == ()
    checks = of(CheckHash, link.feed(welcome()))
    assert SendPush("orders", 1) in link.feed(
        *(HashChecked(c, is_same=True) for c in checks if isinstance(c, CheckHash))
    )


@pytest.mark.parametrize("decision", ["resume", "rewind"])
def test_a_welcome_that_comes_after_the_connection_was_lost_starts_nothing(decision: Decision) -> None:
    link = streaming()
    link.feed(TransportDown(0.5))
    assert link.feed(welcome(0, decision), Tick()) == ()
    assert link.state.phase == "offline"

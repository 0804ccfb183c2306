"""The edge's link, step by step: greeting, streaming, acks, silence, fences; the shell is played by the test."""

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
from edge_core.sync.edge_link import (
    CheckHash,
    Connect,
    Effect,
    HashChecked,
    LinkInput,
    LinkState,
    LogGrew,
    PushFailed,
    PushSent,
    Rebook,
    Received,
    RecordDurable,
    RecordHistory,
    SendHeartbeat,
    SendHello,
    SendPush,
    Stop,
    Tick,
    TransportDown,
    TransportUp,
    step,
)
from edge_core.sync.messages import Ack, Decision, DurablePosition, Grant, GrantMessage, Lane, Welcome
from edge_core.sync.send_stream import InFlight, SendStream

INCARNATION, HISTORY, OTHER_HISTORY = UUID(int=1), UUID(int=2), UUID(int=3)
START_MS = 10_000
HASH = bytes(32)


def hash_at(seq: int) -> bytes:
    return seq.to_bytes(32, "big")


class Link:
    """A link under test: its state, its effects so far, and a clock that stands until it is moved."""

    def __init__(self, tail_seq: int = 100, durable_seq: int = 0) -> None:
        streams = (SendStream("orders", tail_seq, durable_seq, durable_seq), SendStream("bulk"))
        self.state = LinkState(INCARNATION, streams)
        self.now_ms = START_MS
        self.last: tuple[Effect, ...] = ()

    def feed(self, *inputs: LinkInput) -> tuple[Effect, ...]:
        """Feed inputs and return the effects of all of them."""
        found: tuple[Effect, ...] = ()
        for each in inputs:
            self.state, effects = step(self.state, each, self.now_ms)
            found += effects
        self.last = found
        return found

    def after(self, ms: int) -> tuple[Effect, ...]:
        """What a tick leads to so much later."""
        self.now_ms += ms
        return self.feed(Tick())

    @property
    def orders(self) -> SendStream:
        return self.state.streams[0]

    def push(self, to_seq: int) -> tuple[Effect, ...]:
        """The push that was asked for has left, up to here."""
        (asked,) = pushes(self.last)
        return self.feed(PushSent("orders", asked.from_seq, InFlight(to_seq, hash_at(to_seq))))


def pushes(effects: tuple[Effect, ...]) -> list[SendPush]:
    return [effect for effect in effects if isinstance(effect, SendPush)]


def of(kind: type[Effect], effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def welcome(seq: int = 0, decision: Decision = "resume", history: UUID = HISTORY, window: int = 4) -> Received:
    lanes = (DurablePosition("orders", seq, hash_at(seq)), DurablePosition("bulk", 0, HASH))
    return Received(Welcome(history, INCARNATION, decision, lanes, Grant(window, 0, 0, 0), 0, "so it is"))


def ack(seq: int, history: UUID = HISTORY, hash_: bytes | None = None, lane: Lane = "orders") -> Received:
    return Received(Ack(history, INCARNATION, lane, seq, seq, 0, hash_at(seq) if hash_ is None else hash_, 0))


def streaming(durable_seq: int = 0, tail_seq: int = 100) -> Link:
    """A link that was welcomed and whose hashes were checked; the first push is asked for."""
    link = Link(tail_seq)
    link.feed(TransportUp())
    for check in of(CheckHash, link.feed(welcome(durable_seq))):
        assert isinstance(check, CheckHash)
        link.feed(HashChecked(check, is_same=True))
    return link


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
    effects = link.feed(TransportUp(), welcome(7))[1:]
    assert effects == (
        RecordHistory(HISTORY),
        CheckHash("orders", 7, hash_at(7)),
        CheckHash("bulk", 0, HASH),
    )
    orders, bulk = (effect for effect in effects if isinstance(effect, CheckHash))
    assert pushes(link.feed(HashChecked(orders, is_same=True))) == []
    assert pushes(link.feed(HashChecked(bulk, is_same=True))) == [SendPush("orders", 8)]


def test_another_hash_at_the_centres_position_stops_the_link() -> None:
    link = Link()
    link.feed(TransportUp(), welcome(7))
    assert of(Stop, link.feed(HashChecked(CheckHash("orders", 7, hash_at(7)), is_same=False)))
    assert link.state.phase == "stopped"


def test_a_centre_that_holds_more_than_the_file_stops_the_link() -> None:
    link = Link(tail_seq=5)
    (stop,) = of(Stop, link.feed(TransportUp(), welcome(6)))
    assert isinstance(stop, Stop)
    assert "rolled back" in stop.reason
    assert link.state.stop_reason == stop.reason


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


def test_an_ack_with_another_hash_stops_the_link() -> None:
    link = streaming()
    link.push(10)
    assert of(Stop, link.feed(ack(10, hash_=HASH)))


def test_an_ack_beyond_the_end_of_the_file_stops_the_link() -> None:
    assert of(Stop, streaming(tail_seq=10).feed(ack(11)))


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
    assert Rebook("orders", 20) in link.feed(HashChecked(check, is_same=True))


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


# --- fences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["fence", "refuse"])
def test_a_fence_that_answers_the_hello_is_obeyed(decision: Decision) -> None:
    link = Link()
    link.feed(TransportUp())
    (stop,) = of(Stop, link.feed(welcome(0, decision)))
    assert stop == Stop(f"{decision}: so it is")


@pytest.mark.parametrize("decision", ["fence", "refuse", "rewind"])
def test_what_is_told_unasked_is_asked_about_and_only_that_answer_is_obeyed(decision: Decision) -> None:
    link = streaming()
    link.push(10)
    assert link.feed(welcome(0, decision)) == (SendHello(),)
    link.feed(welcome(10))
    assert link.state.phase == "streaming"


def test_a_stopped_link_goes_on_telling_the_centre_why() -> None:
    link = Link()
    link.feed(TransportUp(), welcome(0, "fence"))
    assert link.after(1) == (SendHeartbeat(),)
    assert link.after(HEARTBEAT_INTERVAL_MS) == (SendHeartbeat(),)


def test_a_stopped_link_pushes_nothing_ever_again_and_stays_connected() -> None:
    link = Link()
    link.feed(TransportUp(), welcome(0, "fence"))
    inputs: tuple[LinkInput, ...] = (
        LogGrew("orders", 900),
        ack(5),
        Received(GrantMessage(INCARNATION, Grant(8, 0, 0, 0))),
        TransportDown(0.5),
        TransportUp(),
        welcome(),
        Tick(),
    )
    effects = link.feed(*inputs)
    assert pushes(effects) == []
    assert len(of(Connect, effects)) == 1
    assert link.state.phase == "stopped"


# --- losing the connection -------------------------------------------------------------------------------------------


def test_a_lost_connection_is_tried_again_after_a_random_part_of_a_bound_that_doubles() -> None:
    link = Link()
    delays = [
        connect.delay_ms for _ in range(10) for connect in link.feed(TransportDown(1.0)) if isinstance(connect, Connect)
    ]
    assert delays == [min(CONNECT_DELAY_MS << n, CONNECT_DELAY_MS_MAX) for n in range(10)]
    assert link.feed(TransportDown(0.0)) == (Connect(0),)
    assert link.feed(TransportDown(0.25)) == (Connect(CONNECT_DELAY_MS_MAX // 4),)


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

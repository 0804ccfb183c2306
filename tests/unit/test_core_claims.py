"""Who is the node: a newcomer's claim at the centre, how an edge makes it, and what is no answer to a hello."""

from uuid import UUID

from edge_core.limits import HELD_RESEND_AFTER_MS_MAX, HELLO_TIMEOUT_MS, RESEND_AFTER_MS
from edge_core.sync import handshake
from edge_core.sync.link_types import CheckHash, HashChecked, Rebook, Received, RecordDurable, SendHello, TransportUp
from edge_core.sync.messages import Ack, DurablePosition, Grant, Hello, Welcome
from tests.rigs.link_steps import (
    HASH,
    HISTORY,
    INCARNATION,
    Link,
    ack,
    hash_at,
    of,
    pushes,
    streaming,
    welcome,
)

FORMER, LATER = UUID(int=7), UUID(int=8)


def hello(succeeds: UUID | None = None) -> Hello:
    return Hello("store-0001", INCARNATION, (), None, 0, "0.1.0", 1, succeeds=succeeds)


def confirm(current: UUID) -> Received:
    return Received(Welcome(HISTORY, INCARNATION, "confirm", (), Grant(1, 0, 0, 0), 0, current=current))


def held(seq: int, reason: str | None = "entry version 2") -> Received:
    return Received(Ack(HISTORY, INCARNATION, "orders", seq, seq, 0, hash_at(seq), 0, held=reason))


# --- the claim -------------------------------------------------------------------------------------------------------


def test_the_first_incarnation_of_a_node_needs_to_name_nobody() -> None:
    assert handshake.may_succeed(hello(), None)
    assert handshake.may_succeed(hello(succeeds=FORMER), None)


def test_a_newcomer_becomes_the_node_only_by_naming_the_one_that_is_so_now() -> None:
    assert not handshake.may_succeed(hello(), FORMER)
    assert handshake.may_succeed(hello(succeeds=FORMER), FORMER)


def test_a_claim_of_the_past_names_one_that_is_the_node_no_more() -> None:
    assert not handshake.may_succeed(hello(succeeds=FORMER), LATER)


def test_an_edge_that_is_asked_to_confirm_says_hello_again_and_names_who_it_was_told() -> None:
    link = Link()
    link.feed(TransportUp())
    assert link.feed(confirm(FORMER)) == (SendHello(),)
    assert (link.state.phase, link.state.succeeds) == ("greeting", FORMER)
    assert link.feed(confirm(FORMER)) == (), "a question that came twice is answered once"
    assert link.after(HELLO_TIMEOUT_MS) == (SendHello(),), "and again when no welcome comes"
    assert link.feed(confirm(LATER)) == (SendHello(),), "somebody else was sooner: the claim is made anew"
    assert link.state.succeeds == LATER


def test_a_claim_is_over_with_the_welcome() -> None:
    link = Link()
    link.feed(TransportUp(), confirm(FORMER), welcome(0))
    assert (link.state.phase, link.state.succeeds) == ("streaming", None)


def test_a_question_of_long_ago_does_not_disturb_a_link_that_streams() -> None:
    link = streaming()
    assert link.feed(confirm(FORMER)) == ()
    assert link.state.phase == "streaming"


# --- what is no answer ----------------------------------------------------------------------------------------------


def test_a_call_to_greet_again_is_not_taken_for_the_answer_to_the_hello() -> None:
    link = streaming()
    call = Received(Welcome(HISTORY, INCARNATION, "rewind", (), Grant(1, 0, 0, 0), 0, "unknown"))
    assert link.feed(call) == (SendHello(),)
    assert link.feed(call) == ()
    assert link.state.phase == "greeting", "nothing may be pushed before the hashes were compared"


# --- the books -------------------------------------------------------------------------------------------------------


def test_a_welcome_brings_the_books_that_lost_acks_have_not() -> None:
    link = Link(durable_seq=7)
    lanes = (DurablePosition("orders", 7, hash_at(7), 0, 2, 1), DurablePosition("bulk", 0, HASH))
    message = Received(Welcome(HISTORY, INCARNATION, "resume", lanes, Grant(1, 0, 0, 0), 0))
    orders, _ = of(CheckHash, link.feed(TransportUp(), message))
    assert isinstance(orders, CheckHash)
    assert link.feed(HashChecked(orders, is_same=True))[0] == Rebook("orders", 7, 2, 1)


# --- a stream that is held -------------------------------------------------------------------------------------------


def test_a_held_stream_asks_with_one_push_ever_more_rarely() -> None:
    link = streaming(tail_seq=10)
    link.push(10)
    assert len(link.state.streams[0].in_flight) == 1
    assert pushes(link.feed(held(0))) == [], "one is on its way, and that is enough"
    waits: list[int] = []
    waited_ms = 0
    while len(waits) < 8 and waited_ms < 10 * HELD_RESEND_AFTER_MS_MAX:
        waited_ms += 250
        if pushes(link.after(250)):
            waits.append(waited_ms)
            link.push(10)
            link.feed(held(0))
            waited_ms = 0
    assert waits[0] <= RESEND_AFTER_MS
    assert waits == sorted(waits)
    assert waits[-1] == HELD_RESEND_AFTER_MS_MAX


def test_progress_without_a_hold_ends_one() -> None:
    link = streaming()
    link.push(10)
    link.feed(held(5))
    check = CheckHash("orders", 5, hash_at(5), held(5).message)  # type: ignore[arg-type]
    assert RecordDurable("orders", 5, 0, 0, 0, "entry version 2") in link.feed(HashChecked(check, is_same=True))
    assert link.orders.is_held
    link.feed(ack(10))
    assert not link.orders.is_held


def test_an_ack_without_a_hold_ends_one_also_where_nothing_moved() -> None:
    link = streaming()
    link.push(10)
    link.feed(held(0), ack(0))
    assert (link.orders.is_held, link.orders.resend_after_ms) == (False, RESEND_AFTER_MS)


def test_an_answer_to_a_heartbeat_says_nothing_of_a_hold() -> None:
    link = streaming(tail_seq=10)
    link.push(10)
    link.feed(held(0))
    assert pushes(link.after(RESEND_AFTER_MS))
    link.push(10)
    assert link.feed(held(0, None)) == (RecordDurable("orders", 0, 0, 0, 0, None),)
    assert (link.orders.is_held, link.orders.resend_after_ms) == (True, 2 * RESEND_AFTER_MS)


def test_an_answer_to_a_heartbeat_that_brings_a_lost_ack_keeps_the_hold() -> None:
    link = streaming()
    link.push(10)
    link.feed(held(0), held(10, None))
    assert (link.orders.durable_seq, link.orders.is_held) == (10, True)

"""Both ends of a stream, and the handshake: what each input means, one at a time."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_core import ids
from edge_core.errors import PeerFault
from edge_core.limits import PUSH_ENTRIES_MAX, PUSH_WINDOW_MAX, RESEND_AFTER_MS, RESEND_AFTER_MS_MAX
from edge_core.sync import chain, handshake, send_stream
from edge_core.sync.handshake import CentreView
from edge_core.sync.messages import Hello, LanePosition, pack_block
from edge_core.sync.receive_stream import Applied, Cursor, Duplicate, Fork, Gap, prepare, receive
from edge_core.sync.send_stream import InFlight, SendStream
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog

HASH = bytes(32)


def log_of(entries: int, **name: str) -> NodeLog:
    """A log whose bodies are bytes that nobody reads."""
    log = NodeLog(**name)  # type: ignore[arg-type]
    for number in range(1, entries + 1):
        log.append(b"body %d" % number)
    return log


# --- sending ---------------------------------------------------------------------------------------------------------


def sending(*pushed_to: int, tail: int = 100) -> SendStream:
    """A stream that has pushed up to each of these."""
    stream = SendStream("orders", tail_seq=tail)
    for to_seq in pushed_to:
        stream = send_stream.pushed(stream, stream.sent_seq + 1, InFlight(to_seq, HASH), 1_000)
    return stream


def test_a_held_stream_with_its_question_on_the_way_is_not_hungry_and_starves_no_other_lane() -> None:
    stream = sending(8)
    assert send_stream.is_hungry(stream, 4)
    assert not send_stream.is_hungry(send_stream.held(stream), 4)
    assert send_stream.is_hungry(send_stream.held(send_stream.rewind(stream, 0)), 4)


def test_an_empty_log_wants_nothing_and_a_grown_one_wants_its_first_entry() -> None:
    stream = SendStream("orders")
    assert send_stream.wants(stream, PUSH_WINDOW_MAX) is None
    assert send_stream.wants(send_stream.grow(stream, 1), PUSH_WINDOW_MAX) == 1


def test_a_log_never_shrinks() -> None:
    assert send_stream.grow(SendStream("orders", tail_seq=5), 3).tail_seq == 5


def test_one_load_at_a_time_and_never_more_pushes_than_the_window() -> None:
    stream = sending(10, 20)
    assert send_stream.wants(stream, 3) == 21
    assert send_stream.wants(send_stream.loading(stream), 3) is None
    assert send_stream.wants(stream, 2) is None


def test_a_push_that_could_not_leave_is_asked_for_again_after_a_while() -> None:
    stream = send_stream.not_pushed(send_stream.loading(sending(10)))
    assert send_stream.wants(stream, 8) is None
    assert send_stream.wants(send_stream.unblocked(stream), 8) == 11


def test_a_push_may_hold_entries_that_were_committed_while_it_was_loaded() -> None:
    stream = send_stream.pushed(sending(tail=10), 1, InFlight(12, HASH), 0)
    assert (stream.sent_seq, stream.tail_seq) == (12, 12)


def test_a_push_that_a_rewind_has_overtaken_is_forgotten() -> None:
    stream = send_stream.rewind(send_stream.loading(sending(10, 20)), 5)
    stream = send_stream.pushed(stream, 21, InFlight(30, HASH), 0)
    assert (stream.sent_seq, stream.in_flight) == (5, ())
    assert send_stream.wants(stream, 8) == 6


def test_an_ack_is_cumulative_and_old_news_changes_nothing() -> None:
    stream = send_stream.acked(sending(10, 20, 30), 20, 2_000)
    assert (stream.durable_seq, stream.sent_seq, [push.to_seq for push in stream.in_flight]) == (20, 30, [30])
    assert send_stream.acked(stream, 10, 3_000) == stream
    assert send_stream.acked(stream, 20, 3_000) == stream


def test_an_ack_in_the_middle_of_a_push_leaves_that_push_on_its_way() -> None:
    assert [push.to_seq for push in send_stream.acked(sending(10, 20), 15, 0).in_flight] == [20]


def test_an_ack_for_more_than_was_sent_moves_sent_as_well() -> None:
    stream = send_stream.acked(sending(10), 40, 0)
    assert (stream.durable_seq, stream.sent_seq, stream.in_flight) == (40, 40, ())


def test_what_stalls_is_sent_again_after_ever_longer_waits() -> None:
    stream, now_ms, waits = sending(10), 1_000, []
    for _ in range(7):
        waits.append(stream.resend_after_ms)
        assert send_stream.resend_if_stalled(stream, now_ms + stream.resend_after_ms - 1) == stream
        now_ms += stream.resend_after_ms
        stream = send_stream.resend_if_stalled(stream, now_ms)
        assert (stream.sent_seq, stream.in_flight) == (0, ())
        stream = send_stream.pushed(stream, 1, InFlight(10, HASH), now_ms)
    assert waits == [min(RESEND_AFTER_MS << n, RESEND_AFTER_MS_MAX) for n in range(7)]
    assert send_stream.acked(stream, 10, now_ms).resend_after_ms == RESEND_AFTER_MS


def test_nothing_is_sent_again_while_nothing_is_on_its_way() -> None:
    assert send_stream.resend_if_stalled(sending(), 10**9) == sending()


def test_a_clock_that_went_backwards_sends_again_rather_than_never() -> None:
    assert send_stream.resend_if_stalled(sending(10), 0).in_flight == ()


def test_progress_is_counted_from_the_oldest_push() -> None:
    stream = send_stream.pushed(sending(10), 11, InFlight(20, HASH), 2_500)
    assert stream.progress_ms == 1_000
    assert send_stream.resend_if_stalled(stream, 1_000 + RESEND_AFTER_MS).in_flight == ()


def test_the_hash_of_a_push_is_known_while_it_is_on_its_way() -> None:
    stream = send_stream.pushed(sending(10), 11, InFlight(20, b"\x07" * 32), 0)
    assert send_stream.known_hash(stream, 20) == b"\x07" * 32
    assert send_stream.known_hash(stream, 15) is None


# --- receiving -------------------------------------------------------------------------------------------------------

LOG = log_of(10)


def cursor(seq: int) -> Cursor:
    return Cursor(seq, LOG.hashes[seq])


@pytest.mark.parametrize(
    ("at", "from_seq", "to_seq", "outcome"),
    [
        (0, 1, 4, Applied(cursor(4), 0)),
        (4, 5, 10, Applied(cursor(10), 0)),
        (4, 1, 10, Applied(cursor(10), 4)),
        (4, 4, 5, Applied(cursor(5), 1)),
        (4, 1, 4, Duplicate(4, LOG.hashes[4])),
        (4, 1, 3, Duplicate(3, LOG.hashes[3])),
        (4, 6, 10, Gap(5)),
        (0, 2, 2, Gap(1)),
    ],
)
def test_a_push_means_what_its_place_says(at: int, from_seq: int, to_seq: int, outcome: object) -> None:
    assert receive(cursor(at), prepare(LOG.push(from_seq, to_seq))) == outcome


def test_another_history_is_a_fork_wherever_it_can_be_seen() -> None:
    other = log_of(10, node_id="store-0002")
    assert receive(cursor(4), prepare(other.push(5, 10))) == Fork(4)
    assert receive(cursor(4), prepare(other.push(1, 10))) == Fork(4)
    assert receive(cursor(4), prepare(other.push(1, 4))) == Fork(4)


def test_older_entries_of_another_history_are_told_by_their_hash() -> None:
    other = log_of(10, node_id="store-0002")
    found = receive(cursor(4), prepare(other.push(1, 3)))
    assert isinstance(found, Duplicate)
    assert found.expected_hash != LOG.hashes[3]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"from_seq": 0, "to_seq": 9}, "range-invalid"),
        ({"from_seq": 2, "to_seq": 1}, "range-invalid"),
        ({"to_seq": PUSH_ENTRIES_MAX + 1}, "range-invalid"),
        ({"to_seq": 9}, "range-invalid"),
        ({"to_seq": 11}, "range-invalid"),
        ({"previous_hash": HASH}, "chain-broken"),
        ({"tail_hash": HASH}, "chain-broken"),
        ({"block": b"junk"}, "undecodable"),
        ({"block": pack_block([b"body"] * 10)[1]}, "chain-broken"),
    ],
)
def test_a_push_that_contradicts_itself_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(PeerFault) as caught:
        prepare(replace(LOG.push(), **changes))
    assert caught.value.reason == reason


def test_a_push_under_another_nodes_name_does_not_begin_at_its_genesis() -> None:
    start = Cursor(0, chain.genesis("store-0002", LOG.incarnation, "orders"))
    assert receive(start, prepare(LOG.push())) == Fork(0)


# --- the handshake ---------------------------------------------------------------------------------------------------

HISTORY, OTHER_HISTORY = UUID(int=1), UUID(int=2)


def answer(
    seq: int,
    *,
    holds: int,
    superseded_by: UUID | None = None,
    known: UUID | None = None,
    hash_: bytes = b"",
    may_return: bool = False,
) -> str:
    """The centre's decision on a node that ends at `seq`, where it holds `holds` entries."""
    lanes = (LanePosition("orders", 1, seq, LOG.hashes[seq]),)
    hello = Hello("store-0001", LOG.incarnation, lanes, known, 0, "0.1.0", 1)
    view = CentreView(holds, hash_ or LOG.hashes[holds])
    decision, detail = handshake.answer(
        hello, HISTORY, {"orders": view}, superseded_by=superseded_by, may_return=may_return
    )
    assert (decision == "resume") == (detail == "")
    return decision


def test_a_node_that_is_ahead_or_level_with_the_same_history_goes_on() -> None:
    assert answer(0, holds=0) == answer(7, holds=3) == answer(7, holds=7, known=HISTORY) == "resume"


def test_a_node_that_knew_another_history_of_the_centre_sends_again_from_what_is_held() -> None:
    assert answer(7, holds=3, known=OTHER_HISTORY) == "rewind"


def test_a_node_that_is_behind_was_rolled_back_and_is_fenced() -> None:
    assert answer(3, holds=7) == answer(3, holds=7, known=OTHER_HISTORY) == "fence"


def test_a_node_with_another_history_at_the_same_seq_is_fenced() -> None:
    assert answer(7, holds=7, hash_=HASH) == "fence"


def test_a_node_that_another_machine_has_replaced_is_refused() -> None:
    assert answer(7, holds=3, superseded_by=UUID(int=9)) == "refuse"


def test_a_replaced_life_begins_anew_only_where_its_own_machine_replaced_it_and_has_gone_silent() -> None:
    here, there = ids.machine_mark("a"), ids.machine_mark("b")
    put_back, lost, foreign = (
        ids.incarnation(START_MS, n << 24, mark) for n, mark in ((1, here), (2, here), (3, there))
    )
    assert handshake.may_return(put_back, silent=lost)
    assert not handshake.may_return(put_back, silent=None), "it is heard: this is a copy"
    assert not handshake.may_return(put_back, silent=foreign), "it is off: this is the machine that it replaced"
    assert answer(7, holds=3, superseded_by=lost, may_return=True) == "fence"


def test_a_replaced_node_that_was_rolled_back_too_is_fenced_first_for_its_seqs_are_taken() -> None:
    assert answer(3, holds=7, superseded_by=UUID(int=9)) == "fence"

"""How far a node may let go of its log, and how a hello shows that the centre was put back."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core.sync import handshake
from edge_core.sync.handshake import CentreView
from edge_core.sync.messages import AckedPosition, Hello
from edge_core.sync.retention import Cut, Held, Mark, Window, cut, next_mark
from tests.rigs.golden import HASH, HISTORY, MESSAGES, MOVEMENT

WINDOW = Window(keep_ms=100, keep_ms_max=1_000, bytes_max=0, mark_ms=10)
HELD = Held(
    tail_seq=50, durable_seq=40, backed_up_seq=30, pruned_seq=0, key_seq=1 << 40, marks=(Mark(0, 20), Mark(500, 40))
)
HELLO = next(message for message in MESSAGES if isinstance(message, Hello))

seqs = st.integers(0, 60)
helds = st.builds(
    Held,
    tail_seq=seqs,
    durable_seq=seqs,
    backed_up_seq=seqs,
    pruned_seq=st.just(0),
    key_seq=seqs,
    marks=st.lists(st.builds(Mark, at_ms=st.integers(0, 3_000), seq=seqs), max_size=4).map(tuple),
)


def test_what_is_covered_and_old_may_go() -> None:
    assert cut(HELD, WINDOW, now_ms=200, used_bytes=0) == Cut(20, is_forced=False)
    assert cut(HELD, WINDOW, now_ms=700, used_bytes=0) == Cut(30, is_forced=False)


def test_a_limit_of_age_goes_beyond_the_backup_and_says_so() -> None:
    assert cut(HELD, WINDOW, now_ms=1_600, used_bytes=0) == Cut(40, is_forced=True)


def test_a_limit_of_size_lets_go_of_the_share_that_is_too_much() -> None:
    window = replace(WINDOW, bytes_max=80)
    assert cut(HELD, window, now_ms=0, used_bytes=100) == Cut(10, is_forced=False)
    assert cut(replace(HELD, backed_up_seq=5), window, now_ms=0, used_bytes=100) == Cut(10, is_forced=True)


def test_a_mark_is_written_once_a_while_and_after_the_centres_clock_was_set_back() -> None:
    assert next_mark(HELD, WINDOW, 509) is None
    assert next_mark(HELD, WINDOW, 510) == Mark(510, 40)
    assert next_mark(HELD, WINDOW, 400) == Mark(400, 40)
    set_back = replace(HELD, marks=(*HELD.marks, Mark(400, 40)))
    assert next_mark(set_back, WINDOW, 409) is None, "one mark a while, also while another lies in the future"
    assert next_mark(set_back, WINDOW, 410) == Mark(410, 40)
    assert next_mark(replace(HELD, durable_seq=0, marks=()), WINDOW, 510) is None


@given(helds, st.integers(0, 5_000), st.integers(0, 200))
def test_nothing_goes_that_is_not_acked_or_is_the_last_or_answers_a_key(held: Held, now_ms: int, used: int) -> None:
    made = cut(held, replace(WINDOW, bytes_max=100), now_ms=now_ms, used_bytes=used)
    assert made.seq >= 0
    assert made.seq == 0 or made.seq <= min(held.durable_seq, held.tail_seq - 1, held.key_seq)
    assert made.is_forced == (made.seq > held.backed_up_seq)


@given(helds, st.integers(0, 5_000))
def test_a_cut_never_goes_back(held: Held, now_ms: int) -> None:
    first = cut(held, WINDOW, now_ms=now_ms, used_bytes=0)
    again = cut(replace(held, pruned_seq=first.seq, backed_up_seq=0), WINDOW, now_ms=now_ms, used_bytes=0)
    assert again.seq >= first.seq


def _views(durable_seq: int) -> dict[str, CentreView]:
    return {lane: CentreView(durable_seq, HASH) for lane in ("orders", "bulk")}


def test_an_ack_of_the_present_history_beyond_what_is_held_shows_a_restore() -> None:
    hello = replace(HELLO, acked=(AckedPosition("orders", 8),))
    assert handshake.restored(hello, HISTORY, _views(8)) is None
    shown = handshake.restored(hello, HISTORY, _views(7))
    assert shown == "orders: the node was acked up to 8, the centre holds up to 7"


def test_acks_of_a_history_before_show_nothing_so_that_it_changes_once() -> None:
    hello = replace(HELLO, acked=(AckedPosition("orders", 8),))
    assert handshake.restored(hello, MOVEMENT, _views(7)) is None


def test_a_node_that_has_let_go_of_what_the_centre_lost_goes_on_under_another_name() -> None:
    lanes = (replace(HELLO.lanes[0], first_seq=6),)
    decision, detail = handshake.answer(replace(HELLO, lanes=lanes), HISTORY, _views(3), superseded_by=None)
    assert (decision, detail.split(";")[0]) == (
        "fence",
        "orders: 4 to 5 are neither at the centre nor at the node any more",
    )
    assert handshake.answer(replace(HELLO, lanes=lanes), HISTORY, _views(5), superseded_by=None)[0] == "resume"

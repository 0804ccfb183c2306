"""How far a node may let go of its log, pure (docs/store.md, "What is kept, and how long").

    pruned <= cut <= durable, and the last entry always stays

An entry goes when the centre has it, the centre's backup covers it, it is old enough, and no client's key answers with
it. A limit of age or of size may go before the backup: what is then let go of has no second copy that outlives the
centre, which is an alarm. Nothing goes before the centre has acked it, whatever the limits say.

Age is measured by the centre's clock and not by the times in the entries: a mark says that at such a time the centre
had the stream up to a seq, so everything up to there is older than the mark. A clock in the store that jumps by years
neither hurries nor hinders anything.
"""

from msgspec import Struct


class Window(Struct, frozen=True):
    """How long and how much is kept: `keep_ms` in any case, `keep_ms_max` and `bytes_max` (0: no limit) at most.

    Marks are `mark_ms` apart; for `remember_ms` it is known what is gone.
    """

    keep_ms: int
    keep_ms_max: int
    bytes_max: int
    mark_ms: int
    remember_ms: int = 0


class Mark(Struct, frozen=True):
    """At this time, Unix milliseconds by the centre's clock, the centre had the stream up to `seq`."""

    at_ms: int
    seq: int


class Held(Struct, frozen=True):
    """A stream as the file has it; `key_seq` is the last entry before the first with which a client's key answers."""

    tail_seq: int
    durable_seq: int
    backed_up_seq: int
    pruned_seq: int
    key_seq: int
    marks: tuple[Mark, ...] = ()


class Cut(Struct, frozen=True):
    """Let go of everything up to `seq`; `is_forced` where that goes beyond what the backup covers."""

    seq: int
    is_forced: bool


def next_mark(held: Held, window: Window, now_ms: int) -> Mark | None:
    """The mark to write down now, if it is time for one.

    A mark that lies in the future is of a time when the centre's clock was ahead: it says nothing, also not that a mark
    was written just now, and goes when the next one is written.
    """
    newest_ms = max((mark.at_ms for mark in held.marks if mark.at_ms <= now_ms), default=None)
    if held.durable_seq == 0 or (newest_ms is not None and now_ms - newest_ms < window.mark_ms):
        return None
    return Mark(now_ms, held.durable_seq)


def cut(held: Held, window: Window, *, now_ms: int, used_bytes: int) -> Cut:
    """How far to let go of a stream. The same as now (`seq` = `pruned_seq`) where nothing may go."""
    may_go = min(held.durable_seq, held.tail_seq - 1, held.key_seq)
    covered = min(held.backed_up_seq, _older(held, now_ms - window.keep_ms))
    wanted = max(covered, _older(held, now_ms - window.keep_ms_max), _too_much(held, window, used_bytes))
    seq = max(held.pruned_seq, min(may_go, wanted))
    return Cut(seq, is_forced=seq > max(held.backed_up_seq, held.pruned_seq))


def _older(held: Held, before_ms: int) -> int:
    """The last entry that is older than a time."""
    return max((mark.seq for mark in held.marks if mark.at_ms <= before_ms), default=0)


def _too_much(held: Held, window: Window, used_bytes: int) -> int:
    """The oldest share of the entries that is as large as the share by which the file is too large."""
    if not window.bytes_max or used_bytes <= window.bytes_max:
        return 0
    kept = held.tail_seq - held.pruned_seq
    return held.pruned_seq + -(-kept * (used_bytes - window.bytes_max) // used_bytes)

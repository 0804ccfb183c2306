"""The newest entries of a long backlog, ahead of their turn (docs/protocol.md, "Early copies"). Pure.

A lane is a stream in order, so what is sold now would be seen last. While more is pending than is sent in a moment, the
newest entries are sent a second time as an `Early`: a copy that the centre shows as provisional. Nothing waits for it,
nothing acks it, and one that is lost costs only the sight of it.
"""

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import EARLY_BACKLOG_ENTRIES, EARLY_ENTRIES_MAX, EARLY_ENTRY_BYTES, EARLY_INTERVAL_MS
from edge_core.sync import pacing
from edge_core.sync.pacing import Pace
from edge_core.sync.send_stream import SendStream


class EarlyCopies(Struct, frozen=True):
    """How far copies were sent, when the last one was asked for, and where the log ended at the greeting."""

    seq: int = 0
    asked_ms: int = 0
    greeted_seq: int = 0


def greeted(tail_seq: int) -> EarlyCopies:
    """A connection begins: the centre may have forgotten every copy."""
    return EarlyCopies(greeted_seq=tail_seq)


def wants(copies: EarlyCopies, stream: SendStream, pace: Pace, now_ms: int) -> int | None:
    """The seq from which to send a copy now, or None. The newest `EARLY_ENTRIES_MAX` are enough.

    Before the node's grant begins, when thousands may have greeted at once, only what was sold since the greeting.
    """
    is_soon = copies.asked_ms != 0 and 0 <= now_ms - copies.asked_ms < EARLY_INTERVAL_MS
    if is_soon or stream.tail_seq - stream.durable_seq <= _moment(pace, now_ms):
        return None
    floor = copies.greeted_seq if now_ms - pace.granted_ms < pace.grant.start_after_ms else 0
    after = max(copies.seq, floor, stream.sent_seq, stream.tail_seq - EARLY_ENTRIES_MAX)
    return after + 1 if after < stream.tail_seq else None


def asked(copies: EarlyCopies, now_ms: int) -> EarlyCopies:
    """A copy was asked for; where it cannot be sent, it is asked for again."""
    return replace(copies, asked_ms=max(1, now_ms))


def sent(copies: EarlyCopies, to_seq: int) -> EarlyCopies:
    """A copy left."""
    return replace(copies, seq=max(copies.seq, to_seq))


def _moment(pace: Pace, now_ms: int) -> int:
    """What is sent within a second or less: so much may be pending before a fresh entry would have to wait."""
    rate, cap = pacing.rate_at(pace, now_ms), pace.cap_bytes_per_s
    bounds = [EARLY_BACKLOG_ENTRIES, *([rate] if rate else []), *([cap // EARLY_ENTRY_BYTES] if cap else [])]
    return min(bounds)

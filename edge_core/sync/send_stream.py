"""The sending end of a stream, pure: windowed, cumulative acks, level-driven resend; the same in both directions.

    durable <= sent <= tail      entries up to `durable` are acked, up to `sent` are on their way, up to `tail` exist

A push is asked for while fewer than `window` are on their way. An ack moves `durable`; acks for less than that are old
news. When nothing moved for `resend_after_ms` although something is on its way, `sent` goes back to `durable`, and the
wait doubles up to its limit, until the other side is heard again. A stream that the other side holds (it cannot read
on for now) has one push on its way, as a question, ever more rarely.
"""

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import HELD_RESEND_AFTER_MS_MAX, RESEND_AFTER_MS, RESEND_AFTER_MS_MAX


class InFlight(Struct, frozen=True):
    """A push on its way: its last seq and the chain's hash there."""

    to_seq: int
    tail_hash: bytes


class SendStream(Struct, frozen=True):
    """One lane's sending end. `progress_ms` is when an ack last moved it, or when the oldest push left."""

    lane: str
    tail_seq: int = 0
    durable_seq: int = 0
    sent_seq: int = 0
    in_flight: tuple[InFlight, ...] = ()
    is_loading: bool = False
    is_blocked: bool = False
    is_held: bool = False
    progress_ms: int = 0
    resend_after_ms: int = RESEND_AFTER_MS


def grow(stream: SendStream, tail_seq: int) -> SendStream:
    """The log has entries up to `tail_seq`; it never shrinks."""
    return replace(stream, tail_seq=max(stream.tail_seq, tail_seq))


def wants(stream: SendStream, window: int) -> int | None:
    """The seq from which to load the next push, or None while there is nothing to send or no room to send it."""
    return None if stream.is_loading or not is_hungry(stream, window) else stream.sent_seq + 1


def is_hungry(stream: SendStream, window: int) -> bool:
    """Whether the next push could be asked for, now or once the present load is there."""
    room = 1 if stream.is_held else window
    return not stream.is_blocked and stream.sent_seq < stream.tail_seq and len(stream.in_flight) < room


def loading(stream: SendStream) -> SendStream:
    """A load was asked for; no second one until it is there."""
    return replace(stream, is_loading=True)


def pushed(stream: SendStream, from_seq: int, push: InFlight, now_ms: int) -> SendStream:
    """A push left. One that no longer follows `sent` (a rewind came between) is forgotten, and asked for again.

    What was loaded exists, even where the word that the log has grown is still on its way here.
    """
    stream = replace(grow(stream, push.to_seq), is_loading=False)
    if from_seq != stream.sent_seq + 1:
        return stream
    return replace(
        stream,
        sent_seq=push.to_seq,
        in_flight=(*stream.in_flight, push),
        progress_ms=stream.progress_ms if stream.in_flight else now_ms,
    )


def not_pushed(stream: SendStream) -> SendStream:
    """The load failed or the transport would not take it: nothing more is asked for until `unblocked`."""
    return replace(stream, is_loading=False, is_blocked=True)


def unblocked(stream: SendStream) -> SendStream:
    """Time has passed since a push could not be sent; try again."""
    return replace(stream, is_blocked=False) if stream.is_blocked else stream


def acked(stream: SendStream, durable_seq: int, now_ms: int) -> SendStream:
    """Everything up to `durable_seq` is durable at the other side."""
    if durable_seq <= stream.durable_seq:
        return stream
    return replace(
        stream,
        durable_seq=durable_seq,
        sent_seq=max(stream.sent_seq, durable_seq),
        in_flight=tuple(push for push in stream.in_flight if push.to_seq > durable_seq),
        progress_ms=now_ms,
        resend_after_ms=RESEND_AFTER_MS,
        is_held=False,
    )


def heard(stream: SendStream) -> SendStream:
    """The other side answers, but lacks something: patience is for one that does not answer."""
    return replace(stream, resend_after_ms=RESEND_AFTER_MS, is_held=False)


def held(stream: SendStream) -> SendStream:
    """The other side answers and takes nothing more for now: the patience goes on growing."""
    return replace(stream, is_held=True)


def rewind(stream: SendStream, durable_seq: int) -> SendStream:
    """Start again from what the other side holds, be it less than it had acked before."""
    return replace(stream, durable_seq=durable_seq, sent_seq=durable_seq, in_flight=())


def resend_if_stalled(stream: SendStream, now_ms: int) -> SendStream:
    """Go back to `durable` when nothing moved for too long (or the clock went backwards)."""
    waited_ms = now_ms - stream.progress_ms
    if not stream.in_flight or 0 <= waited_ms < stream.resend_after_ms:
        return stream
    longest_ms = HELD_RESEND_AFTER_MS_MAX if stream.is_held else RESEND_AFTER_MS_MAX
    patience_ms = min(stream.resend_after_ms * 2, longest_ms)
    return replace(rewind(stream, stream.durable_seq), resend_after_ms=patience_ms, progress_ms=now_ms)


def known_hash(stream: SendStream, seq: int) -> bytes | None:
    """The chain's hash at `seq` where a push on its way ends there."""
    return next((push.tail_hash for push in stream.in_flight if push.to_seq == seq), None)

"""How fast a node may send: the centre's grant in entries a second, the operator's cap in bytes a second. Pure.

    rate = the grant's, from `start_after_ms` after it came until `ttl_ms` after it came; the trickle before and after
    level += rate * time, at most BURST_MS of it;  a push may leave while there is a level;  level -= what left

Two token buckets (RFC 2697 calls them committed rates). What leaves is known only once it is loaded, so a bucket may go
below zero by one push and pays that back. Orders come first; while orders wait for tokens, the bulk lane gets one entry
for each `BULK_TURN_DIVISOR` of theirs, so that it is slow and never stands still.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import (
    BULK_TURN_DIVISOR,
    BULK_TURN_ENTRIES,
    BURST_MS,
    CONNECT_DELAY_MS,
    CONNECT_DELAY_MS_MAX,
    LINK_TICK_INTERVAL_MS,
    PUSH_BYTES_MAX,
    PUSH_ENTRIES_MAX,
    TRICKLE_ENTRIES_PER_S,
)
from edge_core.sync.messages import Grant

_NO_LIMIT: Final = Grant(window=1, rate_entries_per_s=0, start_after_ms=0, ttl_ms=0)


class Bucket(Struct, frozen=True):
    """Tokens as of a moment, in thousandths; below zero is a debt."""

    level_milli: int = 0
    at_ms: int = 0


class Pace(Struct, frozen=True):
    """What a node may send now.

    `granted_ms` is when the grant came, `cap_bytes_per_s` the operator's cap (0: none), both on the node's own
    monotonic clock. `owed` counts orders that went first while the bulk lane waited.
    """

    grant: Grant = _NO_LIMIT
    granted_ms: int = 0
    cap_bytes_per_s: int = 0
    entries: Bucket = Bucket()
    bytes: Bucket = Bucket()
    owed: int = 0


class Allowance(Struct, frozen=True):
    """How large the next push may be: entries, and their bytes before compression."""

    entries_max: int = PUSH_ENTRIES_MAX
    bytes_max: int = PUSH_BYTES_MAX


def rate_at(pace: Pace, now_ms: int) -> int:
    """Entries a second at a time; 0 is no limit. Never less than the trickle that a fresh order always has."""
    since_ms = now_ms - pace.granted_ms
    grant = pace.grant
    is_early = since_ms < grant.start_after_ms
    is_over = grant.ttl_ms > 0 and not 0 <= since_ms < grant.ttl_ms
    if is_early or is_over:
        return TRICKLE_ENTRIES_PER_S
    return max(grant.rate_entries_per_s, TRICKLE_ENTRIES_PER_S) if grant.rate_entries_per_s else 0


def granted(pace: Pace, grant: Grant, now_ms: int) -> Pace:
    """A grant came. A first one finds a full trickle, so that an order that waits for it goes at once."""
    rate = rate_at(pace, now_ms)
    level = _filled(pace.entries, rate, now_ms) if rate else Bucket(_burst_milli(TRICKLE_ENTRIES_PER_S), now_ms)
    return replace(pace, grant=grant, granted_ms=now_ms, entries=level)


def capped(pace: Pace, bytes_per_s: int, now_ms: int) -> Pace:
    """The operator's cap is this now; 0 lifts it."""
    if bytes_per_s == pace.cap_bytes_per_s:
        return pace
    if pace.cap_bytes_per_s:
        level = _filled(pace.bytes, pace.cap_bytes_per_s, now_ms)
    else:
        level = Bucket(_burst_milli(bytes_per_s), now_ms)
    return replace(pace, cap_bytes_per_s=bytes_per_s, bytes=level)


def is_limited(pace: Pace, now_ms: int) -> bool:
    """Whether anything but the window holds the node back."""
    return bool(pace.cap_bytes_per_s or rate_at(pace, now_ms))


def allowance(pace: Pace, now_ms: int, waiting: int) -> Allowance | None:
    """How much of the `waiting` entries may leave now, or None for nothing yet.

    It waits for as many tokens as come between two looks at the clock rather than send single entries.
    """
    rate, cap = rate_at(pace, now_ms), pace.cap_bytes_per_s
    entries_max, bytes_max = PUSH_ENTRIES_MAX, PUSH_BYTES_MAX
    if rate:
        level = _filled(pace.entries, rate, now_ms).level_milli // 1_000
        if level < min(waiting, PUSH_ENTRIES_MAX, max(1, rate * LINK_TICK_INTERVAL_MS // 1_000)):
            return None
        entries_max = min(level, PUSH_ENTRIES_MAX)
    if cap:
        if _filled(pace.bytes, cap, now_ms).level_milli <= 0:
            return None
        bytes_max = min(cap, PUSH_BYTES_MAX)
    return Allowance(entries_max, bytes_max)


def left(pace: Pace, entries: int, size_bytes: int, now_ms: int) -> Pace:
    """So many entries in so many bytes have left."""
    rate, cap = rate_at(pace, now_ms), pace.cap_bytes_per_s
    taken = pace
    if rate:
        taken = replace(taken, entries=_taken(_filled(pace.entries, rate, now_ms), entries))
    if cap:
        taken = replace(taken, bytes=_taken(_filled(pace.bytes, cap, now_ms), size_bytes))
    return taken


# --- two lanes, one budget --------------------------------------------------------------------------------------------


def is_bulks_turn(pace: Pace) -> bool:
    """Whether orders went first for so long that the bulk lane is owed a push."""
    return pace.owed >= BULK_TURN_DIVISOR * BULK_TURN_ENTRIES


def took_turn(pace: Pace, lane: str, entries: int, *, bulk_waits: bool) -> Pace:
    """Keep count of who went first; a debt does not outlive the waiting."""
    if lane == "bulk":
        return replace(pace, owed=max(0, pace.owed - BULK_TURN_DIVISOR * entries))
    if not bulk_waits:
        return replace(pace, owed=0) if pace.owed else pace
    return replace(pace, owed=min(pace.owed + entries, 2 * BULK_TURN_DIVISOR * BULK_TURN_ENTRIES))


# --- connecting -------------------------------------------------------------------------------------------------------


def connect_delay_ms(attempt: int, jitter: float) -> int:
    """Full jitter (Brooker 2015): a random part (`jitter`, 0 to 1) of a bound that doubles with each attempt."""
    return int(min(CONNECT_DELAY_MS << min(attempt, 16), CONNECT_DELAY_MS_MAX) * jitter)


def first_delay_ms(attempt: int, jitter: float) -> int:
    """Before the first connection of a process: none, unless the one before it tried in vain as well."""
    return connect_delay_ms(attempt - 1, jitter) if attempt else 0


def _filled(bucket: Bucket, rate: int, now_ms: int) -> Bucket:
    """What came in since; a clock that went backwards brings nothing."""
    gained = rate * max(0, now_ms - bucket.at_ms)
    return Bucket(min(bucket.level_milli + gained, _burst_milli(rate)), now_ms)


def _taken(bucket: Bucket, amount: int) -> Bucket:
    return replace(bucket, level_milli=bucket.level_milli - amount * 1_000)


def _burst_milli(rate: int) -> int:
    return rate * BURST_MS

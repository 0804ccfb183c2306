"""How much the centre lets in: a rate for all nodes together that follows its own commits, and each node's share. Pure.

Additive increase, multiplicative decrease (Chiu and Jain 1989): while nine of ten pushes would be committed within
`GRANT_LATENCY_MS_TARGET`, the rate grows a little; when not, it falls to a part of what was really committed, and no
further: the queue that is there keeps the centre at work until the rate has grown again. Only the nodes that have a
backlog share it; everyone else sends what they sell, which no grant holds up and which goes before (`PushQueue`).
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import (
    GRANT_BACKLOG_ENTRIES,
    GRANT_CHANGE_PERCENT,
    GRANT_DECREASE_PERCENT,
    GRANT_INCREASE_PER_S,
    GRANT_LATENCY_MS_TARGET,
    GRANT_LOOK_INTERVAL_MS,
    GRANT_PUSHES_IN_FLIGHT_MAX,
    GRANT_RATE_DEFAULT,
    GRANT_RATE_MAX,
    GRANT_RENEW_AFTER_MS,
    GRANT_SAMPLES_MAX,
    GRANT_START_AFTER_MS_MAX,
    GRANT_START_STEP_MS,
    GRANT_TTL_MS,
    PUSH_ENTRIES_MAX,
    PUSH_WINDOW_MAX,
    TRICKLE_ENTRIES_PER_S,
)
from edge_core.sync.messages import Grant


class Batch(Struct, frozen=True):
    """A batch that was committed: how long it took, the entries of its pushes, and how many waited behind it."""

    took_ms: int
    entries: int
    queued: int


class Regulator(Struct, frozen=True):
    """The rate for all nodes together, in entries a second, and the batches of the present look, which began and ended.

    `wait_ms` is what nine of ten pushes would have waited for their COMMIT in the look before.
    """

    rate: int = GRANT_RATE_DEFAULT
    wait_ms: int = 0
    batches: tuple[Batch, ...] = ()
    entries: int = 0
    began_ms: int = 0
    ended_ms: int = 0


class Told(Struct, frozen=True):
    """What a node was granted last, and when."""

    grant: Grant
    told_ms: int


START: Final = Regulator()


def committed(regulator: Regulator, batch: Batch, now_ms: int) -> Regulator:
    """A batch was committed. A silence ends a look early: idle time says nothing of the speed."""
    begun_ms = now_ms - batch.took_ms
    if not regulator.batches or begun_ms - regulator.ended_ms > GRANT_LOOK_INTERVAL_MS:
        regulator = replace(_looked(regulator), began_ms=begun_ms)
    batches = (*regulator.batches, batch)[-GRANT_SAMPLES_MAX:]
    regulator = replace(regulator, batches=batches, entries=regulator.entries + batch.entries, ended_ms=now_ms)
    return _looked(regulator) if now_ms - regulator.began_ms >= GRANT_LOOK_INTERVAL_MS else regulator


def _looked(regulator: Regulator) -> Regulator:
    """A look is over: the rate that follows from it, and nothing seen yet of the next one."""
    if not regulator.batches:
        return regulator
    measured = regulator.entries * 1_000 // max(1, regulator.ended_ms - regulator.began_ms)
    wait_ms = _wait_ms(regulator.batches, max(1, measured))
    return Regulator(_next_rate(regulator.rate, wait_ms, measured), wait_ms)


def _wait_ms(batches: Sequence[Batch], per_s: int) -> int:
    """What nine of ten pushes would wait: for what is before them, at the speed of all that was taken."""
    waits_ms = sorted(batch.took_ms + batch.queued * 1_000 // per_s for batch in batches)
    return waits_ms[len(waits_ms) * 9 // 10]


def _next_rate(rate: int, wait_ms: int, measured: int) -> int:
    """With a queue what was measured is all that the centre can do: to go below it once lets the queue go down."""
    if wait_ms <= GRANT_LATENCY_MS_TARGET:
        return min(rate + GRANT_INCREASE_PER_S, GRANT_RATE_MAX)
    return max(min(rate, measured * GRANT_DECREASE_PERCENT // 100), TRICKLE_ENTRIES_PER_S)


def is_backlog(pending: int) -> bool:
    """Whether a node has so much to send that it needs a share."""
    return pending > GRANT_BACKLOG_ENTRIES


def grant_for(regulator: Regulator, *, pending: int, backlogged: int, jitter: float = 0.0) -> Grant:
    """The grant of one node. `backlogged` counts the nodes that share, this one included.

    `jitter` (0 to 1) spreads the beginnings of those that greet together; 0 for a node that is sending already.
    """
    if not is_backlog(pending):
        return Grant(PUSH_WINDOW_MAX, 0, 0, GRANT_TTL_MS)
    nodes = max(1, backlogged)
    rate = max(regulator.rate // nodes, TRICKLE_ENTRIES_PER_S)
    # What commits in the time that a push may wait, and one more, which is read meanwhile: a slow centre hears little.
    useful = 1 + rate * GRANT_LATENCY_MS_TARGET // (1_000 * PUSH_ENTRIES_MAX)
    window = max(1, min(PUSH_WINDOW_MAX, GRANT_PUSHES_IN_FLIGHT_MAX // nodes, useful))
    spread_ms = min((nodes - 1) * GRANT_START_STEP_MS, GRANT_START_AFTER_MS_MAX)
    return Grant(window, rate, int(spread_ms * jitter), GRANT_TTL_MS)


def is_news(told: Told | None, grant: Grant, now_ms: int) -> bool:
    """Whether a node should hear its grant: it has none that lasts, or the new one differs enough to matter."""
    if told is None or not 0 <= now_ms - told.told_ms < GRANT_RENEW_AFTER_MS + told.grant.start_after_ms:
        return True
    before, after = told.grant.rate_entries_per_s, grant.rate_entries_per_s
    if now_ms - told.told_ms < GRANT_LOOK_INTERVAL_MS + told.grant.start_after_ms:
        return False
    if not (before and after):
        return before != after
    return abs(after - before) * 100 > before * GRANT_CHANGE_PERCENT

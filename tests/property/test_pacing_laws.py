"""Laws of the pace, whatever happens: nothing goes faster than it may, and nothing that waits stands still."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_core.limits import (
    BULK_TURN_DIVISOR,
    BULK_TURN_ENTRIES,
    BURST_MS,
    PUSH_ENTRIES_MAX,
    TRICKLE_ENTRIES_PER_S,
)
from edge_core.sync import pacing
from edge_core.sync.messages import Grant
from edge_core.sync.pacing import Pace

GRANTS = st.builds(
    Grant,
    window=st.just(8),
    rate_entries_per_s=st.integers(1, 5_000),
    start_after_ms=st.integers(0, 20_000),
    ttl_ms=st.integers(0, 20_000),
)


@settings(max_examples=200)
@given(grant=GRANTS, waits_ms=st.lists(st.integers(1, 3_000), min_size=5, max_size=60), waiting=st.integers(1, 10_000))
def test_no_more_leaves_than_came_in_and_at_least_a_trickle(grant: Grant, waits_ms: list[int], waiting: int) -> None:
    pace, now_ms, sent, most = pacing.granted(Pace(), grant, 0), 0, 0, 0
    for wait_ms in waits_ms:
        most += max(pacing.rate_at(pace, now_ms), pacing.rate_at(pace, now_ms + wait_ms)) * wait_ms
        now_ms += wait_ms
        allowed = pacing.allowance(pace, now_ms, waiting)
        if allowed is not None:
            entries = min(waiting, allowed.entries_max)
            sent += entries
            pace = pacing.left(pace, entries, 0, now_ms)
    assert sent <= TRICKLE_ENTRIES_PER_S + most / 1_000 + max(grant.rate_entries_per_s, TRICKLE_ENTRIES_PER_S)
    quiet = sum(min(wait_ms, BURST_MS) for wait_ms in waits_ms)
    least = min(TRICKLE_ENTRIES_PER_S * quiet / 1_000, len(waits_ms) * min(waiting, PUSH_ENTRIES_MAX))
    assert sent >= least - max(grant.rate_entries_per_s, TRICKLE_ENTRIES_PER_S, PUSH_ENTRIES_MAX)


@settings(max_examples=200)
@given(sizes=st.lists(st.integers(1, 1_000_000), min_size=1, max_size=50), cap=st.integers(16_000, 10_000_000))
def test_bytes_under_a_cap_are_bounded_by_time_and_one_push(sizes: list[int], cap: int) -> None:
    pace, sent = pacing.capped(Pace(), cap, 0), 0
    for number, size in enumerate(sizes):
        now_ms = number * 250
        if pacing.allowance(pace, now_ms, 1) is not None:
            pace = pacing.left(pace, 1, size, now_ms)
            sent += size
        assert sent <= cap * (BURST_MS + now_ms) / 1_000 + max(sizes)


@settings(max_examples=200)
@given(orders=st.lists(st.integers(1, PUSH_ENTRIES_MAX), min_size=1, max_size=300))
def test_neither_lane_starves_while_both_wait(orders: list[int]) -> None:
    pace, sent, bulk = Pace(), 0, 0
    for entries in orders:
        if pacing.is_bulks_turn(pace):
            bulk += BULK_TURN_ENTRIES
            pace = pacing.took_turn(pace, "bulk", BULK_TURN_ENTRIES, bulk_waits=True)
        else:
            sent += entries
            pace = pacing.took_turn(pace, "orders", entries, bulk_waits=True)
    assert bulk * BULK_TURN_DIVISOR <= sent, "orders go first"
    turn = BULK_TURN_DIVISOR * BULK_TURN_ENTRIES
    assert bulk * BULK_TURN_DIVISOR >= sent - 2 * turn - PUSH_ENTRIES_MAX, "bulk does not stand still"

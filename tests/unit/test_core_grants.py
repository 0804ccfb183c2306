"""Grants, in virtual time: the rate follows the commits, and the nodes with a backlog share it."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from central_sync.ingest.granting import Granting
from edge_core.limits import (
    GRANT_BACKLOG_ENTRIES,
    GRANT_DECREASE_PERCENT,
    GRANT_LATENCY_MS_TARGET,
    GRANT_LOOK_INTERVAL_MS,
    GRANT_NODES_MAX,
    GRANT_PUSHES_IN_FLIGHT_MAX,
    GRANT_RATE_DEFAULT,
    GRANT_RENEW_AFTER_MS,
    GRANT_START_AFTER_MS_MAX,
    GRANT_TTL_MS,
    NODE_OFFLINE_AFTER_MS,
    PUSH_ENTRIES_MAX,
    PUSH_WINDOW_MAX,
    TRICKLE_ENTRIES_PER_S,
)
from edge_core.sync import grants
from edge_core.sync.grants import START, Batch, Regulator, Told
from edge_core.sync.messages import (
    DurablePosition,
    Grant,
    Heartbeat,
    Hello,
    LaneLedger,
    LanePosition,
    Welcome,
)

HASH, INCARNATION, HISTORY = bytes(32), UUID(int=1), UUID(int=2)
MANY = 1_000_000


def seconds_of(
    regulator: Regulator, seconds: int, *, per_s: int, queued: int = 0, took_ms: int = 250, now_ms: int = 1_000
) -> Regulator:
    """So many seconds of four commits each, with so many entries waiting behind each."""
    for number in range(seconds * 4):
        batch = Batch(took_ms, per_s // 4, queued)
        regulator = grants.committed(regulator, batch, now_ms + number * 250)
    return regulator


def pairs_of(count: int, pending: int, first: int = 0) -> list[tuple[Hello, Welcome]]:
    """The hellos of so many nodes, and their welcomes."""
    pairs = []
    for number in range(first, first + count):
        lanes = (LanePosition("orders", 1, pending, HASH),)
        hello = Hello(f"store-{number:05}", INCARNATION, lanes, None, 0, "0.1.0", 1)
        durable = (DurablePosition("orders", 0, HASH),)
        pairs.append((hello, Welcome(HISTORY, INCARNATION, "resume", durable, Grant(8, 0, 0, 0), 0)))
    return pairs


def greeted(granting: Granting, count: int, pending: int, now_ms: int = 0, first: int = 0) -> list[Welcome]:
    """So many nodes say hello in one batch."""
    return granting.greeted(pairs_of(count, pending, first), now_ms)


def beat(accepted: int, confirmed: int) -> Heartbeat:
    books = LaneLedger("orders", accepted, confirmed, accepted - confirmed, 0)
    return Heartbeat("store-00000", INCARNATION, (books,), 0, 0, 0, "0.1.0")


# --- the rate --------------------------------------------------------------------------------------------------------


def queue_of(wait_ms: int, per_s: int) -> int:
    """The entries for which a push waits so long at such a speed."""
    return wait_ms * per_s // 1_000


def test_a_long_queue_lowers_the_rate_to_a_part_of_what_was_committed_and_no_further() -> None:
    slow = seconds_of(START, 8, queued=queue_of(2 * GRANT_LATENCY_MS_TARGET, 4_000), per_s=4_000)
    assert slow.rate == 4_000 * GRANT_DECREASE_PERCENT // 100


def test_without_a_queue_the_rate_grows_by_little_and_never_at_once() -> None:
    slow = seconds_of(START, 3, queued=queue_of(2 * GRANT_LATENCY_MS_TARGET, 4_000), per_s=4_000)
    later = seconds_of(slow, 10, per_s=4_000, now_ms=20_000)
    assert slow.rate < later.rate < GRANT_RATE_DEFAULT


def test_a_window_of_one_store_is_no_queue_for_a_quick_centre() -> None:
    in_flight = PUSH_WINDOW_MAX * PUSH_ENTRIES_MAX
    assert seconds_of(START, 10, queued=in_flight, per_s=10_000).rate > GRANT_RATE_DEFAULT


def test_one_slow_commit_among_many_does_not_lower_the_rate() -> None:
    regulator = START
    for number in range(40):
        queued = 10_000 if number == 20 else 0
        regulator = grants.committed(regulator, Batch(30, 100, queued), 1_000 + number * 30)
    assert regulator.rate > GRANT_RATE_DEFAULT


def test_the_first_batch_after_a_silence_is_not_taken_for_the_speed_of_the_centre() -> None:
    busy = seconds_of(START, 2, per_s=8_000)
    after = grants.committed(busy, Batch(400, 512, 8_000), 60_000)
    assert after.rate == busy.rate


@pytest.mark.parametrize("each_ms", [50, 150, 300, 400, 600, 700, 999, 1_500, 5_000])
def test_an_idle_centre_lets_the_rate_grow_however_its_batches_come(each_ms: int) -> None:
    regulator = replace(START, rate=100)
    for number in range(1, 30_000 // each_ms):
        regulator = grants.committed(regulator, Batch(each_ms // 10, 10, 0), number * each_ms)
    assert regulator.rate > 3_000


def test_one_stall_is_forgotten_in_seconds_though_a_slow_rate_makes_pushes_rare() -> None:
    regulator = grants.committed(START, Batch(10_000, 512, 4_096), 10_000)
    assert regulator.rate < 100
    now_ms = 10_000
    while regulator.rate < 10_000:
        now_ms += PUSH_ENTRIES_MAX * 1_000 // regulator.rate
        regulator = grants.committed(regulator, Batch(40, PUSH_ENTRIES_MAX, 0), now_ms)
    assert now_ms < 60_000


def test_batches_that_take_longer_than_a_look_are_looked_at_all_the_same() -> None:
    slow = START
    for number in range(1, 4):
        slow = grants.committed(slow, Batch(5 * GRANT_LOOK_INTERVAL_MS, 500, 500), number * 6 * GRANT_LOOK_INTERVAL_MS)
    assert slow.rate < 100


def test_however_slow_the_centre_is_a_trickle_is_left() -> None:
    dead = seconds_of(START, 120, took_ms=60_000, per_s=0)
    assert dead.rate == TRICKLE_ENTRIES_PER_S


# --- the shares ------------------------------------------------------------------------------------------------------


def test_a_store_that_sends_what_it_sells_has_no_rate_and_no_delay() -> None:
    assert grants.grant_for(START, pending=GRANT_BACKLOG_ENTRIES, backlogged=500, jitter=1.0) == Grant(
        PUSH_WINDOW_MAX, 0, 0, GRANT_TTL_MS
    )


def test_nodes_with_a_backlog_share_the_rate_and_the_pushes_in_flight() -> None:
    welcomes = greeted(Granting(lambda: 0.5), 20, MANY)
    assert {w.grant.rate_entries_per_s for w in welcomes} == {GRANT_RATE_DEFAULT // 20}
    assert {w.grant.window for w in welcomes} == {GRANT_PUSHES_IN_FLIGHT_MAX // 20}
    slow = replace(START, rate=GRANT_RATE_DEFAULT // 10)
    assert grants.grant_for(slow, pending=MANY, backlogged=20).window == 1


def test_a_slow_centre_is_sent_no_more_at_once_than_it_commits_in_time() -> None:
    per_push = PUSH_ENTRIES_MAX * 1_000 // GRANT_LATENCY_MS_TARGET + 1
    windows = [
        grants.grant_for(replace(START, rate=rate), pending=MANY, backlogged=1).window
        for rate in (0, per_push, 4 * per_push, 1_000 * per_push)
    ]
    assert windows == [1, 2, 5, PUSH_WINDOW_MAX]


def test_a_node_alone_has_the_whole_rate_at_once() -> None:
    (welcome,) = greeted(Granting(lambda: 1.0), 1, MANY)
    assert welcome.grant == Grant(PUSH_WINDOW_MAX, GRANT_RATE_DEFAULT, 0, GRANT_TTL_MS)


def test_thousands_that_greet_together_begin_at_moments_of_their_own_within_a_bound() -> None:
    chances = iter([number / 6_000 for number in range(6_000)])
    starts = [w.grant.start_after_ms for w in greeted(Granting(lambda: next(chances)), 6_000, MANY)]
    assert len(set(starts)) > 5_000
    assert max(starts) <= GRANT_START_AFTER_MS_MAX


def test_nodes_that_fall_silent_leave_their_share_to_the_others() -> None:
    granting = Granting(lambda: 0.0)
    greeted(granting, 9, MANY, first=1)
    greeted(granting, 1, MANY, now_ms=0)
    news = granting.reported(beat(MANY, 0), NODE_OFFLINE_AFTER_MS + 1)
    assert granting.backlogged == 1
    assert news is not None
    assert news.grant.rate_entries_per_s == GRANT_RATE_DEFAULT


def test_a_node_whose_backlog_is_done_needs_no_share() -> None:
    granting = Granting(lambda: 0.0)
    greeted(granting, 2, MANY)
    assert granting.acked("store-00000", INCARNATION, "orders", MANY, 5_000) is not None
    assert granting.backlogged == 1
    assert granting.rate_of("store-00000") is None
    assert granting.rate_of("store-00001") == GRANT_RATE_DEFAULT // 2


def test_nodes_that_are_remembered_are_bounded() -> None:
    granting = Granting(lambda: 0.0)
    greeted(granting, GRANT_NODES_MAX, MANY)
    assert len(greeted(granting, 1, MANY, first=GRANT_NODES_MAX)) == 1
    assert granting.backlogged == GRANT_NODES_MAX


# --- the news --------------------------------------------------------------------------------------------------------


def test_a_grant_is_renewed_while_it_lasts_and_not_with_every_ack() -> None:
    granting = Granting(lambda: 0.0)
    greeted(granting, 1, MANY)
    assert granting.acked("store-00000", INCARNATION, "orders", 10, 2_000) is None
    assert granting.reported(beat(MANY, 10), GRANT_RENEW_AFTER_MS - 1) is None
    assert granting.reported(beat(MANY, 10), GRANT_RENEW_AFTER_MS) is not None
    assert GRANT_RENEW_AFTER_MS < GRANT_TTL_MS / 2


def test_only_a_change_that_matters_is_told() -> None:
    told = Told(Grant(8, 1_000, 0, GRANT_TTL_MS), 0)
    assert not grants.is_news(told, Grant(8, 1_100, 0, GRANT_TTL_MS), 2_000)
    assert grants.is_news(told, Grant(8, 700, 0, GRANT_TTL_MS), 2_000)
    assert not grants.is_news(told, Grant(8, 700, 0, GRANT_TTL_MS), 500)


def test_a_node_that_has_yet_to_begin_is_not_told_to_begin_now() -> None:
    told = Told(Grant(8, 1_000, 30_000, GRANT_TTL_MS), 0)
    assert not grants.is_news(told, Grant(8, 5_000, 0, GRANT_TTL_MS), 29_000)


def test_a_process_that_does_not_know_a_node_tells_it_at_its_first_heartbeat() -> None:
    assert Granting(lambda: 0.0).reported(beat(5, 5), 0) is not None


def test_what_a_stopped_stream_has_left_takes_nobodys_share_until_it_is_acked_again() -> None:
    granting = Granting(lambda: 0.0)
    greeted(granting, 2, MANY)
    granting.stopped("store-00000", UUID(int=9), "orders")  # another incarnation's
    assert granting.backlogged == 2
    granting.stopped("store-00000", INCARNATION, "orders")
    granting.reported(beat(MANY, 0), 1_000)
    assert granting.backlogged == 1
    granting.acked("store-00000", INCARNATION, "orders", 10, 2_000)
    assert granting.backlogged == 2


def test_a_node_that_is_not_let_in_takes_nobodys_share() -> None:
    granting = Granting(lambda: 0.0)
    [(hello, welcome)] = pairs_of(1, MANY)
    granting.greeted([(hello, replace(welcome, decision="fence"))], 0)
    assert granting.backlogged == 0
    granting.greeted([(hello, welcome)], 0)
    assert granting.backlogged == 1

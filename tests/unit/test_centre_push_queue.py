"""Which pushes go into the next transaction: fresh orders first, every backlog in the end, each stream in its order."""

import asyncio

from central_sync.ingest.backlog import Backlog
from central_sync.ingest.push_queue import PushQueue
from central_sync.ingest.reading import ReadPush, read_push
from edge_core.limits import (
    INGEST_BATCH_MS_TARGET,
    INGEST_ENTRIES_MAX,
    INGEST_PROMPT_ENTRIES_MAX,
    MQTT_INBOX_MAX,
    PUSH_ENTRIES_MAX,
)
from edge_core.sync.messages import encode_message, is_push
from holdfast_runtime.mqtt import Inbox
from tests.rigs.streams import NodeLog

LONG = INGEST_PROMPT_ENTRIES_MAX + 1


def pushes(node_id: str, *sizes: int) -> list[ReadPush]:
    """Pushes of one stream that follow each other."""
    log = NodeLog(node_id)
    log.sell(sum(sizes))
    found, at = [], 0
    for size in sizes:
        found.append(read_push(log.push(at + 1, at + size), b"x" * 100))
        at += size
    return found


def test_a_fresh_order_goes_before_the_backlog_of_another_store() -> None:
    queue, backlog = PushQueue(), pushes("store-0001", LONG, LONG, LONG)
    (fresh,) = pushes("store-0002", 1)
    for push in [*backlog, fresh]:
        queue.put(push)
    assert queue.take(8, 2 * LONG + 1) == [fresh, *backlog[:2]]
    assert queue.take(8, 2 * LONG + 1) == backlog[2:]


def test_a_short_push_that_ends_a_backlog_stays_behind_it() -> None:
    queue, backlog = PushQueue(), pushes("store-0001", LONG, LONG, 1)
    for push in backlog:
        queue.put(push)
    assert [queue.take(1, 1_000) for _ in backlog] == [[push] for push in backlog]
    assert not queue.take(1, 1_000)


def test_a_long_push_does_not_overtake_the_short_one_before_it() -> None:
    queue, own = PushQueue(), pushes("store-0001", 1, 1, LONG)
    for push in own:
        queue.put(push)
    taken = [push for _ in range(3) for push in queue.take(1, 1_000)]
    assert taken == own


def test_however_many_stores_sell_a_backlog_goes_on() -> None:
    queue, (long,) = PushQueue(), pushes("store-0001", LONG)
    queue.put(long)
    for number in range(20):
        queue.put(pushes(f"store-1{number:03}", 1)[0])
    assert queue.take(4, LONG + 3)[-1] is long


def test_what_waits_is_counted_and_nothing_is_left_of_what_was_taken() -> None:
    queue, backlog = PushQueue(), pushes("store-0001", LONG, 2)
    for push in backlog:
        queue.put(push)
    bodies = sum(len(body) for push in backlog for body in push.batch.bodies)
    assert (len(queue), queue.entries, queue.bytes) == (2, LONG + 2, 200 + 2 * bodies)
    queue.take(8, 1_000)
    assert (len(queue), queue.entries, queue.bytes) == (0, 0, 0)
    (short,) = pushes("store-0001", 1)
    queue.put(short)
    queue.put(pushes("store-0002", LONG)[0])
    assert queue.take(8, 1_000)[0] is short, "the stream has no backlog any more"


async def test_a_transaction_holds_what_commits_in_its_time_on_a_slow_machine_too() -> None:
    backlog, own = Backlog(), pushes("store-0001", *[PUSH_ENTRIES_MAX] * 3)
    for _ in range(20):
        backlog.committed(INGEST_ENTRIES_MAX, took_s=100 * INGEST_BATCH_MS_TARGET / 1000)
    for push in own:
        await backlog.put(push)
    assert await backlog.take() == own[:1]
    for _ in range(20):
        backlog.committed(INGEST_ENTRIES_MAX, took_s=INGEST_BATCH_MS_TARGET / 1000)
    assert await backlog.take() == own[1:]


async def test_a_fresh_order_is_found_behind_two_transactions_of_a_backlog_and_goes_first() -> None:
    backlog, own = Backlog(entries_max=2 * LONG), pushes("store-0001", *[LONG] * 5)
    (fresh,) = pushes("store-0002", 1)
    for push in [*own, fresh]:
        async with asyncio.timeout(1):
            await backlog.put(push)
    assert await backlog.take() == [fresh, own[0]]


async def test_a_short_transaction_says_nothing_of_a_long_one() -> None:
    backlog, own = Backlog(), pushes("store-0001", *[PUSH_ENTRIES_MAX] * 3)
    backlog.committed(1, took_s=5.0)
    for push in own:
        await backlog.put(push)
    assert await backlog.take() == own


def test_of_thousands_of_greetings_in_the_inbox_only_the_pushes_are_counted() -> None:
    log, inbox = NodeLog(), Inbox(MQTT_INBOX_MAX)
    log.sell(1)
    for message in (log.hello(), log.push(), log.early(1), log.hello(), log.push()):
        inbox.offer("up", encode_message(message))
    inbox.offer("up", b"push")
    assert inbox.count(is_push) == 2
    inbox.get_nowait()
    inbox.get_nowait()
    assert inbox.count(is_push) == 1

"""The ingester's queue and what it makes of a push, without a database."""

import asyncio
import json
import os
from itertools import pairwise
from uuid import UUID

import pytest
from msgspec.structs import replace

from central_sync.api.rendering import Seen, event_id, parse_event_id, server_sent_events
from central_sync.ingest.backlog import Backlog, Work, fill, read_in_turns
from central_sync.ingest.greetings import GRANT
from central_sync.ingest.projection import Projection
from central_sync.ingest.reading import ReadPush, part_of, read_entry, read_push
from central_sync.ingest.recalling import lost_by, provable
from central_sync.store.backups import LossRow
from central_sync.store.feed import FeedEntry, FeedPosition
from central_sync.store.parked import ForeignMessage
from central_sync.store.streams import StreamKey
from edge_core.errors import PeerFault
from edge_core.limits import (
    INGEST_ASKS_BYTES_MAX,
    INGEST_ASKS_MAX,
    INGEST_ASKS_WAITING_MAX,
    INGEST_HELLOS_MAX,
    INGEST_READ_ENTRIES,
    INGEST_READS_MAX,
    INGEST_WORKS_MAX,
    MQTT_INBOX_MAX,
)
from edge_core.orders.routing_events import RoutedGroup, RoutingDecided
from edge_core.sync.audit_messages import Digest, Supply
from edge_core.sync.entry import encode_entry, new_entry
from edge_core.sync.messages import (
    Bye,
    Decision,
    DurablePosition,
    Hello,
    Push,
    Recall,
    Welcome,
    decode_up,
    encode_message,
)
from holdfast_runtime.mqtt import Inbox
from tests.rigs.orders import cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog


def pushed(entries: int, node_id: str = "store-0001") -> ReadPush:
    log = NodeLog(node_id)
    log.sell(entries)
    return read_push(log.push(), b"")


async def understood(_: str, payload: bytes) -> Work:
    message = decode_up(payload)
    if isinstance(message, Push):
        return await read_in_turns(message, payload)
    assert isinstance(message, Hello | Bye)
    return message


async def test_a_batch_is_whatever_waits_up_to_the_bounds() -> None:
    backlog = Backlog(pushes_max=3, entries_max=5)
    for entries in (2, 2, 2):
        await backlog.put(pushed(entries))
    assert [len(work.readings) for work in await backlog.take() if isinstance(work, ReadPush)] == [2, 2]
    assert len(await backlog.take()) == 1


async def test_a_push_that_alone_is_over_the_bound_is_taken_alone() -> None:
    backlog = Backlog(pushes_max=3, entries_max=1)
    await backlog.put(pushed(4))
    assert len(await backlog.take()) == 1


async def test_a_full_backlog_makes_the_reader_wait_until_a_batch_is_taken() -> None:
    backlog = Backlog(pushes_max=2, entries_max=100)
    push = pushed(1)
    await backlog.put(push)
    await backlog.put(push)
    waiting = asyncio.ensure_future(backlog.put(push))
    done, _ = await asyncio.wait({waiting}, timeout=0)
    assert not done
    assert len(await backlog.take()) == 2
    await waiting
    assert await backlog.take() == [push]


async def test_a_backlog_is_bounded_in_the_bytes_of_what_waits() -> None:
    backlog = Backlog(bytes_max=1_000)
    note = ForeignMessage("", "", "undecodable", "", bytes(1_000))
    await backlog.put(note)
    waiting = asyncio.ensure_future(backlog.put(note))
    done, _ = await asyncio.wait({waiting}, timeout=0)
    assert not done
    assert await backlog.take() == [note]
    await waiting


async def test_a_push_does_not_wait_behind_thousands_of_hellos_and_those_go_on_meanwhile() -> None:
    backlog = Backlog()
    for number in range(3_000):
        await backlog.put(NodeLog(f"store-{number:04}").hello())
    push = pushed(1)
    await backlog.put(push)
    batch = await backlog.take()
    assert batch[0] is push
    assert len(batch) == 1 + INGEST_HELLOS_MAX


async def test_the_inbox_drops_nothing_while_thousands_of_hellos_arrive() -> None:
    backlog, inbox = Backlog(), Inbox(MQTT_INBOX_MAX)
    reading = asyncio.ensure_future(fill(backlog, inbox, understood))
    for number in range(3_000):
        inbox.offer("up", encode_message(NodeLog(f"store-{number:04}").hello()))
        if number % INGEST_READS_MAX == 0:
            await asyncio.sleep(0)  # what one read of the socket brought
    await asyncio.sleep(0)
    reading.cancel()
    assert inbox.dropped == 0
    assert len(backlog) >= 3_000 - INGEST_READS_MAX


async def test_others_have_their_turn_after_each_push_that_is_read() -> None:
    log = NodeLog()
    log.sell(1)
    backlog, inbox = Backlog(), Inbox(MQTT_INBOX_MAX)
    for _ in range(3):
        inbox.offer("up", encode_message(log.push()))
    reading = asyncio.ensure_future(fill(backlog, inbox, understood))
    await asyncio.sleep(0)
    assert len(backlog) == 1
    reading.cancel()


async def test_a_long_push_is_read_in_turns_with_others_and_comes_whole() -> None:
    log = NodeLog()
    log.sell(3 * INGEST_READ_ENTRIES)
    message = log.push()
    reading = asyncio.ensure_future(read_in_turns(message, b""))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 3
    assert reading.result() == read_push(message, b"")


async def test_a_hello_that_is_said_again_is_answered_once_and_with_its_newest_words() -> None:
    backlog, log = Backlog(), NodeLog()
    await backlog.put(log.hello())
    log.sell(1)
    await backlog.put(log.hello())
    (hello,) = await backlog.take()
    assert isinstance(hello, Hello)
    assert hello.lanes[0].tail_seq == 1


async def test_a_recall_that_is_sent_again_while_it_waits_is_answered_once_and_pushes_no_other_out() -> None:
    backlog = Backlog()
    quiet, loud = UUID(int=1), UUID(int=2)
    await backlog.put(Recall("store-0001", quiet, UUID(int=3), "orders", ()))
    for number in range(INGEST_ASKS_WAITING_MAX + 1):
        await backlog.put(Recall("store-0002", loud, UUID(int=number), "orders", ()))
    newest = Recall("store-0002", loud, UUID(int=INGEST_ASKS_WAITING_MAX), "orders", ())
    assert await backlog.take() == [Recall("store-0001", quiet, UUID(int=3), "orders", ()), newest]


async def test_a_thousand_short_messages_are_one_batch() -> None:
    backlog = Backlog(pushes_max=1)
    for _ in range(INGEST_WORKS_MAX):
        await backlog.put(Bye("store-0001", UUID(int=1), "the evening"))
    assert len(await backlog.take()) == INGEST_WORKS_MAX


def test_a_sale_of_goods_that_were_found_for_it_changes_no_stock() -> None:
    log = NodeLog()
    log.sell(1)
    (reading,) = read_push(log.push(), b"").readings
    assert reading.fault is None
    assert reading.changes == ()


def test_an_order_that_goes_on_in_the_batch_in_which_it_began_is_folded_from_its_bytes() -> None:
    log = NodeLog()
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    log.record(cancelled(1, history), order_id(1))
    log.record(history, order_id(1))
    projection = Projection({})
    work = read_push(log.push(), b"")
    assert work.readings[0].standing is not None
    assert [projection.take(work.key, reading) for reading in work.readings] == [True, True, False]
    (row,) = projection.new_orders()
    assert (row.status, row.revision, row.first_seq, row.last_seq) == ("cancelled", len(history) + 1, 1, 2)
    assert [(parked.seq, parked.fault.detail) for parked in projection.parked] == [(3, "order.placed twice")]


@pytest.mark.parametrize("seed", range(50))
def test_bytes_of_any_kind_are_an_entry_or_a_fault_and_nothing_else(seed: int) -> None:
    log = NodeLog()
    log.sell(1)
    body = bytearray(log.bodies[0])
    position = seed * len(body) // 50
    for damaged in (bytes(body[:position]), bytes(body[:position] + os.urandom(3) + body[position + 3 :])):
        reading = read_entry(1, damaged, b"")
        assert (reading.entry is None and reading.standing is None) == (reading.fault is not None)
        assert Projection({}).take(StreamKey("store-0001", log.incarnation, "orders"), reading) in {True, False}


def test_a_push_whose_chain_does_not_lead_to_its_hash_is_the_peers_fault() -> None:
    log = NodeLog()
    log.sell(2)
    message = log.push()
    broken = Push(
        message.node_id,
        message.incarnation,
        message.lane,
        1,
        2,
        message.previous_hash,
        b"\x00" * 32,
        "zstd",
        message.block,
    )
    with pytest.raises(PeerFault, match="chain-broken"):
        read_push(broken, b"")


def test_every_part_of_a_push_follows_the_part_before_it() -> None:
    whole = pushed(7)
    parts = [part_of(whole, start, start + 1) for start in range(7)]
    for before, after in pairwise(parts):
        assert after.batch.previous_hash == before.batch.hashes[-1]
        assert after.batch.from_seq == before.batch.to_seq + 1


def test_random_bytes_are_no_message() -> None:
    for size in (0, 1, 3, 100, 5_000):
        with pytest.raises(PeerFault):
            decode_up(os.urandom(size))


def test_the_feed_tells_of_a_decision_of_routing_without_its_bytes() -> None:
    groups = (RoutedGroup("g1", "van", 7),)
    decided = RoutingDecided(groups, "nearest@1", 1, b"\x01\x02", b"the question", b"the decision")
    read = new_entry(seq=1, hlc=1, recorded_at_ms=1, order_id=UUID(int=1), events=(decided,))
    key = StreamKey("n", UUID(int=2), "orders")
    (event,) = server_sent_events(FeedEntry(FeedPosition(1, 1, 1), True, UUID(int=9), key, False, encode_entry(read)))
    told = json.loads(event[event.index(b"data: ") + 6 :])
    shown = {"group_id": "g1", "service_id": "van", "arrives_at_ms": 7, "sorts_first": False}
    assert (told["type"], told["data"]) == (
        "routing.decided",
        {"groups": [shown], "policy": "nearest@1", "hash": "0102"},
    )


def test_the_id_of_an_event_names_the_place_to_go_on_from() -> None:
    log = NodeLog()
    log.sell(1)
    place = FeedPosition(700, 3, 1)
    entry = FeedEntry(place, True, UUID(int=9), StreamKey("n", log.incarnation, "orders"), False, log.bodies[0])
    events = server_sent_events(entry)
    history = UUID(int=9).hex
    assert events[2].startswith(f"id: {history}-700-3-1-2\nevent: payment.captured\ndata: {{".encode())
    assert all(event.endswith(b"}\n\n") for event in events)
    assert parse_event_id(event_id(entry, 2)) == Seen(UUID(int=9), FeedPosition(700, 3, 0), 3)
    for place_ in ("", "1-2-3", "1-2-3-4-5", "a-b-c-d", "1-2-3--4", "9" * 30 + "-1-1-1", "١-1-1-1"):
        assert parse_event_id(f"{history}-{place_}") is None
    for text in ("", "1-2-3-4", f"{history[1:]}-1-2-3-4", f"{history}-1-2-3-4\n"):
        assert parse_event_id(text) is None


def _digest(number: int, block: bytes = b"") -> Digest:
    supply = Supply(1, bytes(32), "raw", block) if block else None
    return Digest(f"store-{number:04}", UUID(int=1), UUID(int=1), "orders", number, number, bytes(32), (), supply)


async def test_a_push_does_not_wait_behind_digests_and_recalls_and_a_few_of_those_go_after_it() -> None:
    backlog = Backlog()
    asks = [_digest(number) for number in range(1, 10)]
    for ask in asks:
        await backlog.put(ask)
    push = pushed(1)
    await backlog.put(push)
    assert await backlog.take() == [push, *asks[:INGEST_ASKS_MAX]]
    assert await backlog.take() == asks[INGEST_ASKS_MAX : 2 * INGEST_ASKS_MAX]


async def test_digests_beyond_the_bounds_push_out_the_oldest_and_make_nobody_wait() -> None:
    backlog = Backlog()
    for number in range(INGEST_ASKS_WAITING_MAX + 2):
        await backlog.put(_digest(number))
    assert len(backlog) == INGEST_ASKS_WAITING_MAX
    assert (await backlog.take())[0] == _digest(2)
    heavy = [_digest(number, bytes(INGEST_ASKS_BYTES_MAX // 2)) for number in range(3)]
    for digest in heavy:
        await backlog.put(digest)
    assert await backlog.take() == heavy[1:]


def test_what_comes_before_a_damaged_row_is_delivered() -> None:
    log = NodeLog()
    log.sell(5)
    rows = list(zip(log.hashes[3:], log.bodies[2:], strict=True))
    assert provable(rows, 2, log.hashes[2]) == 3
    rows[1] = (rows[1][0], b"\xc1" + rows[1][1][1:])
    assert provable(rows, 2, log.hashes[2]) == 1
    del rows[0]
    assert provable(rows, 2, log.hashes[2]) == 0


@pytest.mark.parametrize(
    ("decision", "first_seq", "lost"),
    [("fence", 9, [(5, 8)]), ("fence", 5, []), ("fence", 1, []), ("resume", 9, [])],
)
def test_a_hello_that_begins_beyond_what_the_centre_holds_shows_what_is_lost(
    decision: Decision, first_seq: int, lost: list[tuple[int, int]]
) -> None:
    log = NodeLog()
    hello = log.hello()
    begins = replace(hello, lanes=tuple(replace(lane, first_seq=first_seq, tail_seq=12) for lane in hello.lanes[:1]))
    held = (DurablePosition("orders", 4, bytes(32)),)
    answer = Welcome(UUID(int=1), log.incarnation, decision, held, GRANT, 0)
    found = [LossRow(log.node_id, log.incarnation, "orders", first, last) for first, last in lost]
    assert lost_by(begins, answer) == found

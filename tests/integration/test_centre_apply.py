"""The one push transaction on a real PostgreSQL: what is appended, what is shown, what is parked, what is refused."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from central_sync.ingest.reading import part_of, read_push
from central_sync.store.database import Database
from edge_core import ids
from edge_core.orders.events import StockMoved
from edge_core.stock.ledger import StockDelta
from edge_core.sync.entry import ENTRY_VERSION, Entry, encode_entry
from edge_core.sync.messages import pack_block
from tests.rigs.centre import greet, migrated, push, push_read, rows
from tests.rigs.orders import START_MS, cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog

CURSOR = "SELECT durable_seq, durable_hash, parked, fenced FROM stream_cursor WHERE lane = 'orders' AND node_id = $1"
PARKED = "SELECT seq, reason FROM parked ORDER BY id"


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> NodeLog:
    """A node that has said hello."""
    node = NodeLog()
    await greet(database, node)
    return node


async def test_a_push_is_appended_byte_for_byte_and_moves_the_cursor(database: Database, log: NodeLog) -> None:
    log.sell(3)
    outcome = await push(database, log.push())
    assert await rows(database, "SELECT seq, body, hash FROM entry ORDER BY seq") == [
        (seq, log.bodies[seq - 1], log.hashes[seq]) for seq in (1, 2, 3)
    ]
    assert await rows(database, CURSOR, log.node_id) == [(3, log.hashes[3], 0, None)]
    (row,) = outcome.cursors.values()
    assert (row.durable_seq, row.durable_hash) == (3, log.hashes[3])


async def test_a_sale_is_shown_as_completed_with_its_total_and_place(database: Database, log: NodeLog) -> None:
    log.sell(1)
    await push(database, log.push())
    statement = "SELECT order_id, node_id, status, grand_total_minor, revision, first_seq, last_seq FROM order_view"
    assert await rows(database, statement) == [(order_id(1), "store-0001", "completed", 1000, 7, 1, 1)]


async def test_a_replayed_push_is_acked_but_not_applied_twice(database: Database, log: NodeLog) -> None:
    log.record([_receipt(5_000)])
    log.sell(2)
    await push(database, log.push())
    before = await rows(database, "SELECT * FROM stock_view ORDER BY sku")
    again = await push(database, log.push(), log.push(1, 2))
    assert again.duplicates == 2
    assert next(iter(again.cursors.values())).durable_seq == 3
    assert await rows(database, "SELECT count(*) FROM entry") == [(3,)]
    assert await rows(database, "SELECT * FROM stock_view ORDER BY sku") == before


async def test_an_overlapping_push_adds_only_what_is_new(database: Database, log: NodeLog) -> None:
    log.sell(4)
    await push(database, log.push(1, 2))
    outcome = await push(database, log.push(1, 4))
    assert outcome.entries == 2
    assert await rows(database, CURSOR, log.node_id) == [(4, log.hashes[4], 0, None)]
    assert await rows(database, "SELECT from_seq, to_seq FROM feed ORDER BY batch") == [(1, 2), (3, 4)]


async def test_a_push_after_a_gap_is_answered_with_the_present_cursor(database: Database, log: NodeLog) -> None:
    log.sell(4)
    await push(database, log.push(1, 1))
    outcome = await push(database, log.push(3, 4))
    assert (outcome.gaps, next(iter(outcome.cursors.values())).durable_seq) == (1, 1)
    assert await rows(database, "SELECT max(seq) FROM entry") == [(1,)]


async def test_pushes_of_one_stream_in_one_batch_follow_each_other(database: Database, log: NodeLog) -> None:
    log.sell(6)
    outcome = await push(database, log.push(1, 2), log.push(3, 4), log.push(5, 6))
    assert outcome.entries == 6
    assert await rows(database, CURSOR, log.node_id) == [(6, log.hashes[6], 0, None)]


async def test_a_stream_that_never_said_hello_is_acked_at_its_beginning(database: Database) -> None:
    stranger = NodeLog("store-0099")
    stranger.sell(1)
    outcome = await push(database, stranger.push())
    (row,) = outcome.cursors.values()
    assert (row.durable_seq, row.durable_hash) == (0, stranger.hashes[0])
    assert await rows(database, "SELECT count(*) FROM entry") == [(0,)]


async def test_another_history_under_the_same_name_is_fenced_and_kept(database: Database, log: NodeLog) -> None:
    log.sell(2)
    await push(database, log.push())
    clone = NodeLog(log.node_id, log.incarnation)
    clone.sell(3, first=10)
    outcome = await push(database, clone.push())
    assert list(outcome.fences) == outcome.forks
    assert await rows(database, PARKED) == [(None, "fork")]
    assert (await rows(database, CURSOR, log.node_id))[0][3] is not None
    log.sell(1, first=3)
    after = await push(database, log.push(3, 3))
    assert after.fences, "a fenced stream is told so, whoever sends it"
    assert await rows(database, "SELECT count(*) FROM entry") == [(2,)]


async def test_an_old_duplicate_with_another_hash_is_a_fork_and_not_ignored(database: Database, log: NodeLog) -> None:
    log.sell(4)
    await push(database, log.push())
    clone = NodeLog(log.node_id, log.incarnation)
    clone.sell(2, first=10)
    assert (await push(database, clone.push())).forks


async def test_a_cancel_in_a_later_push_changes_the_order(database: Database, log: NodeLog) -> None:
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    await push(database, log.push())
    log.record(cancelled(1, history), order_id(1))
    await push(database, log.push(2, 2))
    statement = "SELECT status, revision, first_seq, last_seq FROM order_view"
    assert await rows(database, statement) == [("cancelled", len(history) + 1, 1, 2)]


async def test_a_cancel_in_the_same_push_is_one_row_in_its_last_state(database: Database, log: NodeLog) -> None:
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    log.record(cancelled(1, history), order_id(1))
    await push(database, log.push())
    assert await rows(database, "SELECT status, last_seq FROM order_view") == [("cancelled", 2)]


async def test_stock_adds_up_over_batches_and_lots(database: Database, log: NodeLog) -> None:
    log.record([_receipt(5_000, lot="L1", expires_on="2027-01-31")])
    log.record([_receipt(2_000)])
    await push(database, log.push())
    log.record([_receipt(1_500, lot="L1")])
    await push(database, log.push(3, 3))
    statement = "SELECT lot, on_hand_milli, expires_on::text FROM stock_view ORDER BY lot"
    assert await rows(database, statement) == [("", 2_000, None), ("L1", 6_500, "2027-01-31")]


async def test_an_undecodable_entry_is_parked_and_its_neighbours_go_on(database: Database, log: NodeLog) -> None:
    log.sell(1)
    log.append(b"\xc1 not an entry")
    log.sell(1, first=3)
    outcome = await push(database, log.push())
    assert await rows(database, CURSOR, log.node_id) == [(3, log.hashes[3], 1, None)]
    assert await rows(database, PARKED) == [(2, "undecodable")]
    assert await rows(database, "SELECT body FROM entry WHERE is_parked") == [(b"\xc1 not an entry",)]
    assert await rows(database, "SELECT count(*) FROM order_view") == [(2,)]
    assert next(iter(outcome.cursors.values())).parked == 1


async def test_whatever_follows_a_parked_entry_in_its_order_is_parked_too(database: Database, log: NodeLog) -> None:
    history = placed(1, till_order(method="ship"))
    of_a_later_version = [ENTRY_VERSION, 1, START_MS << 16, START_MS, order_id(1).bytes, [["order.teleported"]], None]
    log.append(msgspec.msgpack.encode(of_a_later_version))
    await push(database, log.push())
    log.record(cancelled(1, history), order_id(1))
    log.sell(1, first=2)
    await push(database, log.push(2, 3))
    assert await rows(database, PARKED) == [(1, "undecodable"), (2, "order-parked")]
    assert await rows(database, "SELECT order_id FROM order_view") == [(order_id(2),)]


async def test_a_change_that_cannot_follow_is_parked_and_the_order_stays_as_it_was(
    database: Database, log: NodeLog
) -> None:
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    log.record(cancelled(1, history), order_id(1))
    log.record(cancelled(1, history), order_id(1))
    await push(database, log.push())
    assert await rows(database, PARKED) == [(3, "unfoldable")]
    assert await rows(database, "SELECT status, last_seq FROM order_view") == [("cancelled", 2)]


async def test_an_entry_that_names_the_order_of_another_node_is_parked_and_the_order_stays(
    database: Database, log: NodeLog
) -> None:
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    intruder = NodeLog("store-0002")
    intruder.record(history, order_id(1))
    await greet(database, intruder)
    await push(database, log.push())
    await push(database, intruder.push())
    assert await rows(database, "SELECT node_id, reason FROM parked") == [("store-0002", "order-elsewhere")]
    log.record(cancelled(1, history), order_id(1))
    await push(database, log.push(2, 2))
    assert await rows(database, "SELECT node_id, status FROM order_view") == [("store-0001", "cancelled")]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"display_number": "zero\x00character"}, "a zero character that PostgreSQL's text refuses"),
        ({"display_number": "9" * 5_000}, "a number too long for an index"),
        ({"business_date": "2026-02-31"}, "a date that does not exist"),
        ({"placed_at": "2026-11-21T25:00:00.000Z"}, "a time that does not exist"),
    ],
)
async def test_a_document_that_the_columns_cannot_hold_is_parked(
    database: Database, log: NodeLog, change: dict[str, str], why: str
) -> None:
    first, *others = placed(1)
    order = msgspec.structs.replace(first.order, **change)  # type: ignore[union-attr]
    log.record([msgspec.structs.replace(first, order=order), *others], order_id(1))
    log.sell(1, first=2)
    await push(database, log.push())
    assert [seq for seq, _ in await rows(database, PARKED)] == [1], why
    assert await rows(database, "SELECT order_id FROM order_view") == [(order_id(2),)]


async def test_a_change_of_stock_beyond_every_bound_is_parked(database: Database, log: NodeLog) -> None:
    log.record([_receipt(1 << 62)])
    await push(database, log.push())
    assert await rows(database, PARKED) == [(1, "range-invalid")]
    assert await rows(database, "SELECT count(*) FROM stock_view") == [(0,)]


async def test_an_entry_that_stands_elsewhere_than_it_says_is_parked(database: Database, log: NodeLog) -> None:
    log.append(encode_entry(Entry(ENTRY_VERSION, 7, START_MS << 16, START_MS, None, (_receipt(1),))))
    await push(database, log.push())
    assert await rows(database, PARKED) == [(1, "range-invalid")]


async def test_many_nodes_go_into_one_transaction(database: Database) -> None:
    logs = [NodeLog(f"store-{number:04}") for number in range(20)]
    await greet(database, *logs)
    for number, node in enumerate(logs):
        node.sell(5, first=1 + number * 5)
    await push(database, *(node.push() for node in logs))
    assert await rows(database, "SELECT count(*), count(DISTINCT ingested_at) FROM entry") == [(100, 1)]
    assert await rows(database, "SELECT sum(durable_seq) FROM stream_cursor") == [(100,)]


async def test_two_ingesters_of_one_node_apply_each_entry_once(database: Database, log: NodeLog) -> None:
    log.sell(200)
    everything = [log.push(seq, seq + 9) for seq in range(1, 200, 10)]
    await asyncio.gather(*(push(database, message) for message in everything for _ in range(2)))
    for message in everything:
        await push(database, message)
    assert await rows(database, "SELECT count(*), count(DISTINCT seq) FROM entry") == [(200, 200)]
    assert await rows(database, CURSOR, log.node_id) == [(200, log.hashes[200], 0, None)]


async def test_a_part_of_a_push_is_a_push_with_a_whole_chain(database: Database, log: NodeLog) -> None:
    log.sell(5)
    whole = read_push(log.push(), b"")
    await push_read(database, [part_of(whole, 0, 2), part_of(whole, 2, 5)])
    assert await rows(database, CURSOR, log.node_id) == [(5, log.hashes[5], 0, None)]


async def test_an_order_that_begins_twice_in_one_node_keeps_its_first_state(database: Database, log: NodeLog) -> None:
    log.sell(1)
    await push(database, log.push())
    log.record(placed(1), order_id(1))
    log.sell(1, first=2)
    await push(database, log.push(2, 3))
    assert await rows(database, PARKED) == [(2, "unfoldable")]
    assert await rows(database, "SELECT revision FROM order_view ORDER BY order_id") == [(7,), (7,)]


async def test_rows_beyond_a_cursor_do_not_stop_the_stream(database: Database, log: NodeLog) -> None:
    log.sell(2)
    await push(database, log.push())
    async with database.transaction() as connection:
        statement = "UPDATE stream_cursor SET durable_seq = 1, durable_hash = $1 WHERE lane = 'orders'"
        await connection.execute(statement, log.hashes[1])
        await connection.execute("DELETE FROM order_view WHERE order_id = $1", order_id(2))
    await push(database, log.push(2, 2))
    assert await rows(database, CURSOR, log.node_id) == [(2, log.hashes[2], 0, None)]


async def test_codecs_without_compression_are_taken_too(database: Database, log: NodeLog) -> None:
    log.sell(1)
    message = log.push()
    raw = msgspec.msgpack.encode(log.bodies)
    await push(database, msgspec.structs.replace(message, codec="raw", block=raw))
    assert pack_block(log.bodies)[0] == "zstd"
    assert await rows(database, "SELECT count(*) FROM entry") == [(1,)]


def _receipt(on_hand_milli: int, lot: str | None = None, expires_on: str | None = None) -> StockMoved:
    delta = StockDelta("06901234567892", lot, "H87", on_hand_milli=on_hand_milli, expires_on=expires_on)
    return StockMoved(ids.uuid7(START_MS, on_hand_milli), "receipt", "ASN-1", (delta,))

"""The centre's end of the audit on a real PostgreSQL: what is folded again when single records are mended."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from central_sync.ingest import auditing
from central_sync.store.database import Database
from edge_core.orders.events import OrderPlaced
from edge_core.sync.audit_messages import Digest, Supply
from edge_core.sync.entry import decode_entry, encode_entry
from edge_core.sync.messages import pack_block
from tests.rigs.centre import greet, migrated, push, rows
from tests.rigs.orders import cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog

_VIEW = "SELECT order_id, display_number, status, revision, placed_at, first_seq, last_seq FROM order_view ORDER BY 1"
_NO_CALENDAR_HAS_IT = "2026-11-21T09:30>00.000Z"  # one bit of a colon


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> NodeLog:
    """A node whose first order is placed in its first entry and called off in its third."""
    node = NodeLog()
    history = placed(1, till_order(method="ship"))
    node.record(history, order_id(1))
    node.sell(1, first=2)
    node.record(cancelled(1, history), order_id(1))
    await greet(database, node)
    await push(database, node.push())
    return node


async def harm(database: Database, statement: str, *arguments: object) -> None:
    async with database.transaction() as connection:
        assert not (await connection.execute(statement, *arguments)).endswith(" 0"), "the damage missed"


async def supply(database: Database, log: NodeLog, from_seq: int, to_seq: int) -> int:
    """What the node has of this range is offered to the centre; how many entries that mended."""
    offered = Supply(from_seq, log.hashes[from_seq - 1], *pack_block(log.bodies[from_seq - 1 : to_seq]))
    where = log.node_id, log.incarnation, log.incarnation, log.lane
    digest = Digest(*where, 1, log.tail_seq, bytes(32), (), offered)
    async with database.transaction() as connection:
        return (await auditing.answer(connection, digest)).mended


def with_another_time(body: bytes) -> bytes:
    """The same entry, placed at a time that can be decoded and is none."""
    entry = decode_entry(body)
    first = entry.events[0]
    assert isinstance(first, OrderPlaced)
    other = replace(first, order=replace(first.order, placed_at=_NO_CALENDAR_HAS_IT))
    return encode_entry(replace(entry, events=(other, *entry.events[1:])))


async def test_an_order_is_folded_again_only_when_all_its_records_are_what_they_were(
    database: Database, log: NodeLog
) -> None:
    before = await rows(database, _VIEW)
    await harm(database, "UPDATE entry SET body = $1 WHERE seq = 1", with_another_time(log.bodies[0]))
    await harm(database, "UPDATE entry SET body = '\\xc1' WHERE seq = 3")
    await harm(database, "UPDATE order_view SET status = 'placed' WHERE order_id = $1", order_id(1))
    assert await supply(database, log, 3, 3) == 1
    (found,) = await rows(database, "SELECT status FROM order_view WHERE order_id = $1", order_id(1))
    assert found == ("placed",), "its first record is not what it was yet"
    assert await supply(database, log, 1, 1) == 1
    assert await rows(database, _VIEW) == before


async def test_an_order_is_folded_again_where_no_more_than_the_hash_of_its_record_was_damaged(
    database: Database, log: NodeLog
) -> None:
    before = await rows(database, _VIEW)
    await harm(database, "UPDATE entry SET hash = decode(repeat('00', 32), 'hex') WHERE seq = 2")
    await harm(database, "UPDATE order_view SET status = 'placed' WHERE order_id = $1", order_id(2))
    assert await supply(database, log, 3, 3) == 1
    assert await rows(database, _VIEW) == before

"""Copies that run ahead of a backlog, on a real PostgreSQL: shown at once, never counted, gone with the truth."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from central_sync.api.rendering import server_sent_events
from central_sync.ingest import early
from central_sync.ingest.early import ReadEarly
from central_sync.ingest.reading import read_push
from central_sync.store import feed, orders
from central_sync.store.database import Database
from central_sync.store.early import Reached
from central_sync.store.feed import FeedPosition
from edge_core.limits import EARLY_ROWS_PER_STREAM_MAX
from edge_core.sync.messages import Early
from tests.rigs.brokers import Broker
from tests.rigs.centre import edge, eventually, greet, migrated, push, rows, running_centre
from tests.rigs.orders import cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog

LEFT = "SELECT (SELECT count(*) FROM early_entry), (SELECT count(*) FROM early_order)"


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> NodeLog:
    """A node that has said hello, with a backlog of 40 sales."""
    node = NodeLog()
    await greet(database, node)
    node.sell(40)
    return node


async def keep(database: Database, *messages: Early) -> int:
    async with database.transaction() as connection:
        return await early.keep(connection, [ReadEarly(read_push(message, b"")) for message in messages])


async def settle(database: Database) -> list[Reached]:
    async with database.transaction() as connection:
        return (await early.settle(connection))[0]


async def listed(database: Database) -> dict[str, bool]:
    """Each order in the list, and whether it is provisional."""
    async with database.reading() as connection:
        found = await orders.page(connection, node_id=None, status=None, before=None, rows_max=500)
    assert len({row.order_id for row, _ in found}) == len(found), "an order is listed twice"
    return {str(row.order_id): provisional for row, provisional in found}


async def test_a_copy_is_listed_as_provisional_and_moves_no_books(database: Database, log: NodeLog) -> None:
    assert await keep(database, log.early(39, 40)) == 2
    assert await listed(database) == {str(order_id(39)): True, str(order_id(40)): True}
    assert await rows(database, "SELECT max(durable_seq), sum(parked)::int FROM stream_cursor") == [(0, 0)]
    assert await rows(database, "SELECT count(*) FROM entry") == [(0,)]
    assert await rows(database, "SELECT count(*) FROM stock_view") == [(0,)]


async def test_the_truth_takes_the_place_of_its_copy_and_is_equal_to_it(database: Database, log: NodeLog) -> None:
    await keep(database, log.early(39, 40))
    await push(database, log.push(1, 39))
    assert (await listed(database))[str(order_id(39))] is False
    assert [(copy.seq, copy.is_same) for copy in await settle(database)] == [(39, True)]
    await push(database, log.push(40, 40))
    assert [(copy.seq, copy.is_same) for copy in await settle(database)] == [(40, True)]
    assert await rows(database, LEFT) == [(0, 0)]
    assert set((await listed(database)).values()) == {False}


async def test_a_copy_that_was_not_the_truth_is_found_and_the_truth_is_shown(database: Database, log: NodeLog) -> None:
    liar = NodeLog(log.node_id, log.incarnation)
    liar.sell(2, first=100)
    await keep(database, liar.early(1, 2))
    await push(database, log.push(1, 2))
    assert {copy.is_same for copy in await settle(database)} == {False}
    assert await listed(database) == {str(order_id(1)): False, str(order_id(2)): False}


async def test_nothing_changes_when_every_copy_is_thrown_away(database: Database, log: NodeLog) -> None:
    await keep(database, log.early(30, 40))
    async with database.transaction() as connection:
        await connection.execute("TRUNCATE early_entry, early_order")
    await push(database, log.push())
    assert await settle(database) == []
    assert len(await listed(database)) == 40


async def test_an_order_that_began_before_the_copies_is_not_shown_from_them(database: Database, log: NodeLog) -> None:
    history = placed(50, till_order(method="ship"))
    log.record(history, order_id(50))
    log.record(cancelled(50, history), order_id(50))
    assert await keep(database, log.early(42, 42)) == 0
    assert await keep(database, log.early(41, 42)) == 2
    ((status, last_seq),) = await rows(database, "SELECT status, last_seq FROM early_order")
    assert (status, last_seq) == ("cancelled", 42)


async def test_a_copy_that_comes_twice_or_late_is_kept_once_or_not_at_all(database: Database, log: NodeLog) -> None:
    await keep(database, log.early(39, 40))
    assert await keep(database, log.early(39, 40)) == 0
    await push(database, log.push(1, 20))
    assert await keep(database, log.early(15, 20)) == 0


async def test_a_stranger_and_a_fenced_stream_show_nothing(database: Database, log: NodeLog) -> None:
    stranger = NodeLog("store-0099")
    stranger.sell(1)
    assert await keep(database, stranger.early(1)) == 0
    await keep(database, log.early(40))
    async with database.transaction() as connection:
        await connection.execute("UPDATE stream_cursor SET fenced = 'a fork' WHERE node_id = $1", log.node_id)
    assert await keep(database, log.early(39)) == 0
    assert [copy.is_same for copy in await settle(database)] == [None]
    assert await listed(database) == {}


async def test_the_copies_of_a_stream_are_bounded_and_the_newest_stay(database: Database, log: NodeLog) -> None:
    log.sell(EARLY_ROWS_PER_STREAM_MAX, first=41)
    for first in range(1, log.tail_seq + 1, 32):
        await keep(database, log.early(first, min(first + 31, log.tail_seq)))
    assert await rows(database, LEFT) == [(EARLY_ROWS_PER_STREAM_MAX, EARLY_ROWS_PER_STREAM_MAX)]
    assert await rows(database, "SELECT max(seq) FROM early_entry") == [(log.tail_seq,)]


async def test_the_live_feed_tells_a_copy_and_then_the_truth_under_one_id(database: Database, log: NodeLog) -> None:
    await keep(database, log.early(1, 1))
    copies = await _told(database)
    await push(database, log.push(1, 1))
    both = await _told(database)
    assert copies
    assert both[: len(copies)] == copies
    truth = both[len(copies) :]
    assert [event.pop("provisional") for event in copies] == [True] * len(copies)
    assert truth == copies, "the same source and id, without the mark"


async def _told(database: Database) -> list[dict[str, object]]:
    async with database.reading() as connection:
        page = await feed.after(connection, FeedPosition(0, 0, 0), 100)
    events = [event for entry in page for event in server_sent_events(entry)]
    return [msgspec.json.decode(event.split(b"data: ")[1]) for event in events]


async def test_a_fresh_order_is_seen_in_the_api_before_its_backlog(nats: Broker, centre_dsn: str) -> None:
    log = NodeLog()
    log.sell(40)
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, log.node_id) as node:
        await eventually(lambda: centre.centre.leases.is_listening, "the centre never listened")
        await node.say(log.hello())
        await node.hear()
        await node.say(log.early(40))
        path = f"/v1/orders/{order_id(40)}"
        await eventually(lambda: _is_there(centre.http, path), "the copy was never seen")
        assert (await centre.get(path))["provisional"] is True
        await node.say(log.push())
        assert (await node.hear_ack_of(40)).durable_seq == 40
        assert "provisional" not in await centre.get(path)


async def _is_there(http: object, path: str) -> bool:
    return bool((await http.get(path)).is_success)  # type: ignore[attr-defined]

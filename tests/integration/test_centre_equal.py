"""One decision that two lives of a disk have each appended again: used once, held twice, and nobody waits (G6, G8)."""

from collections.abc import AsyncIterator
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from central_sync import parking
from central_sync.ingest import projection
from central_sync.store.database import Database
from central_sync.store.migrate import Migration, migrations
from central_sync.verify import verify
from edge_core import ids
from edge_core.orders.events import Event, OrderReturned, StockMoved
from edge_core.stock.ledger import StockDelta
from edge_core.sync.entry import decode_entry, encode_entry
from tests.rigs.brokers import Broker
from tests.rigs.centre import greet, migrated, push, rows, running_centre
from tests.rigs.orders import START_MS, cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog

BOOKS = "SELECT durable_seq, parked, replayed, discarded FROM stream_cursor WHERE lane = 'orders' ORDER BY incarnation"
ORDERS = "SELECT order_id, status, revision, first_seq, last_seq FROM order_view ORDER BY order_id"
STOCK = "SELECT sku, on_hand_milli, reserved_milli FROM stock_view ORDER BY sku"
PARKED = "SELECT seq, reason FROM parked ORDER BY id"


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> NodeLog:
    """A node that has said hello, with goods, a sale, and an order that is cancelled."""
    node = NodeLog()
    await greet(database, node)
    history = placed(1, till_order(method="ship"))
    node.record([_receipt(5_000)])
    node.record(history, order_id(1))
    node.record(cancelled(1, history), order_id(1))
    node.sell(1, first=2)
    return node


@pytest.fixture
async def other_life(database: Database, log: NodeLog) -> NodeLog:
    """Another life of its disk, which has recorded something of its own and then all of that again."""
    life = NodeLog(log.node_id, ids.uuid7(START_MS, 2))
    await greet(database, life)
    life.sell(1, first=3)
    for body in log.bodies:
        again(life, body)
    return life


def again(life: NodeLog, body: bytes) -> None:
    """Append a decision again, under the seq that comes next."""
    life.append(encode_entry(replace(decode_entry(body), seq=life.tail_seq + 1)))


async def looks(database: Database) -> list[list[tuple[object, ...]]]:
    return [await rows(database, statement) for statement in (ORDERS, STOCK)]


async def test_a_decision_that_comes_again_from_another_life_is_used_once_and_counted_as_held(
    database: Database, log: NodeLog, other_life: NodeLog
) -> None:
    await push(database, log.push())
    await push(database, other_life.push(1, 1))
    before = await looks(database)
    outcome = await push(database, other_life.push(2, 5))
    assert await looks(database) == before
    assert (outcome.entries, len(outcome.passed_over)) == (4, 4)
    assert await rows(database, BOOKS) == [(4, 0, 0, 0), (5, 0, 0, 0)]
    assert await rows(database, PARKED) == []
    assert (await verify(database)).findings == ()
    shown = await rows(database, "SELECT incarnation, from_seq, to_seq FROM feed ORDER BY xact, batch")
    assert shown == [(log.incarnation, 1, 4), (other_life.incarnation, 1, 1)], "viewers see nothing twice"


async def test_the_same_in_one_batch_is_used_once(database: Database, log: NodeLog, other_life: NodeLog) -> None:
    await push(database, other_life.push(1, 1))
    other_life.sell(1, first=9)
    outcome = await push(database, log.push(), other_life.push(2, 6))
    assert len(outcome.passed_over) == 4
    seen = await rows(database, "SELECT from_seq, to_seq FROM feed WHERE incarnation = $1", other_life.incarnation)
    assert seen == [(1, 1), (6, 6)]
    assert await rows(database, PARKED) == []
    assert [row[1] for row in (await looks(database))[0]] == ["cancelled", "completed", "completed", "completed"]


async def test_an_order_goes_on_in_the_life_whose_entries_were_passed_over(
    database: Database, log: NodeLog, other_life: NodeLog
) -> None:
    await push(database, log.push(1, 2))
    await push(database, other_life.push(1, 3))
    await push(database, other_life.push(4, 4))  # the cancellation comes first from the life that had it second
    await push(database, log.push(3, 4))
    assert await rows(database, PARKED) == []
    assert [row[1] for row in (await looks(database))[0]] == ["cancelled", "completed", "completed"]


async def test_a_return_that_could_happen_twice_happens_once(database: Database) -> None:
    log = NodeLog()
    await greet(database, log)
    log.record(placed(1, till_order()), order_id(1))
    log.record([_half_returned()], order_id(1))
    life = NodeLog(log.node_id, ids.uuid7(START_MS, 2))
    await greet(database, life)
    again(life, log.bodies[1])
    await push(database, log.push())
    before = await looks(database)
    assert before[0][0][1] == "partially_returned"
    await push(database, life.push())
    assert await looks(database) == before


async def test_the_page_of_an_order_shows_its_journey_once(
    nats: Broker, centre_dsn: str, database: Database, log: NodeLog, other_life: NodeLog
) -> None:
    await push(database, log.push())
    await push(database, other_life.push())
    async with running_centre(centre_dsn, nats.url) as centre:
        document = await centre.get(f"/v1/orders/{order_id(1)}")
    assert [step["event"] for step in document["journey"]].count("order.placed") == 1
    assert document["status"] == "cancelled"


async def test_what_earlier_software_parked_blocks_nobody_and_is_replayed_without_an_effect(
    database: Database, log: NodeLog, other_life: NodeLog
) -> None:
    await push(database, log.push(1, 2))
    with patch.object(projection, "is_used", lambda _order, _entry: False):
        await push(database, other_life.push(1, 3))
    assert await rows(database, PARKED) == [(3, "unfoldable")]
    await push(database, log.push(3, 4))
    before = await looks(database)
    assert [row[1] for row in before[0]] == ["cancelled", "completed", "completed"]
    for (parked_id,) in await rows(database, "SELECT id FROM parked"):
        await parking.replay(database, parked_id, who="op")
    assert await looks(database) == before
    assert await rows(database, BOOKS) == [(4, 0, 0, 0), (3, 0, 1, 0)]


async def test_movements_that_were_used_before_the_table_existed_are_known_to_it(
    database: Database, log: NodeLog, other_life: NodeLog
) -> None:
    await push(database, log.push())
    await push(database, other_life.push(1, 1))
    before = await looks(database)
    async with database.transaction() as connection:
        await connection.execute("DROP TABLE stock_movement")
        await connection.execute(_named("name_movements").sql)
    assert await rows(database, "SELECT movement_id, seq FROM stock_movement") == [(_receipt(5_000).movement_id, 1)]
    await push(database, other_life.push(2, 2))
    assert await looks(database) == before


def _named(name: str) -> Migration:
    return next(migration for migration in migrations() if name in migration.name)


def _receipt(on_hand_milli: int) -> StockMoved:
    delta = StockDelta("06901234567892", None, "H87", on_hand_milli=on_hand_milli)
    return StockMoved(ids.uuid7(START_MS, on_hand_milli), "receipt", "ASN-1", (delta,))


def _half_returned() -> Event:
    return OrderReturned("R-1", (("1", 1_000),), (), ())

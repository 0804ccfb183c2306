"""The centre's database: its migrations, what `verify` finds, and values that PostgreSQL refuses."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from central_sync import instructions
from central_sync.ingest import recalling
from central_sync.ingest.leases import ShardLeases
from central_sync.ingest.reading import read_push
from central_sync.ingest.worker import Ingester
from central_sync.store import backups, downlinks, leases, nodes, parked
from central_sync.store import database as store_database
from central_sync.store.backups import LossRow
from central_sync.store.database import Connection, Database
from central_sync.store.migrate import check, migrate, migrations
from central_sync.store.parked import ForeignMessage
from central_sync.telemetry import Telemetry
from central_sync.verify import verify
from edge_core import ids
from edge_core.errors import InvariantViolated, PermanentFault, TransientFault
from edge_core.limits import (
    GRANT_LATENCY_MS_TARGET,
    INGEST_INBOX_MAX,
    LEASE_TTL_MS,
    LOSS_ROWS_PER_NODE_MAX,
    PARKED_PAYLOAD_BYTES_MAX,
    PARKED_ROWS_PER_NODE_MAX,
    SHARDS,
)
from edge_core.orders.events import StockMoved
from edge_core.stock.ledger import StockDelta
from edge_core.sync.audit_messages import CurrencyTotal, DayTotal, DayTotals
from edge_core.sync.instruction import CancelTask
from edge_core.sync.messages import Heartbeat, Mark, Recall, encode_message
from edge_core.sync.topics import topic
from holdfast_runtime.mqtt import MqttLink
from tests.rigs.centre import eventually, greet, migrated, push, rows
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


async def test_migrations_are_applied_once_even_by_two_processes_at_the_same_time(postgres_dsn: str) -> None:
    first, second = await Database.open(postgres_dsn), await Database.open(postgres_dsn)
    try:
        with pytest.raises(PermanentFault, match="migration 0"):
            await check(first)
        applied = await asyncio.gather(migrate(first), migrate(second))
        assert sorted(applied[0] + applied[1]) == [migration.name for migration in migrations()]
        assert await migrate(first) == []
        await check(second)
    finally:
        await first.close()
        await second.close()


async def test_a_schema_of_a_later_version_is_left_alone(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO migration (number, name) VALUES (9999, '9999_from_tomorrow.sql')")
    with pytest.raises(InvariantViolated, match="9999"):
        await migrate(database)


async def test_a_database_that_is_not_there_is_a_transient_fault_and_a_wrong_name_a_permanent_one(
    postgres_dsn: str,
) -> None:
    with pytest.raises(TransientFault):
        await Database.open("postgresql://postgres@/postgres?host=/nowhere")
    with pytest.raises(PermanentFault, match="3D000"):
        await Database.open(postgres_dsn.replace("/test_", "/no_such_"))


async def test_verify_finds_nothing_in_what_was_taken_in(database: Database) -> None:
    log = NodeLog()
    log.sell(3)
    log.append(b"\xc1")
    await greet(database, log)
    await push(database, log.push())
    found = await verify(database)
    assert (found.streams, found.entries, found.findings) == (2, 4, ())


@pytest.mark.parametrize(
    ("damage", "seq", "problem"),
    [
        ("UPDATE entry SET body = set_byte(body, 20, get_byte(body, 20) # 1) WHERE seq = 2", 2, "bytes do not lead"),
        ("UPDATE entry SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1) WHERE seq = 2", 2, "bytes do not lead"),
        ("DELETE FROM entry WHERE seq = 2", 2, "missing"),
        ("DELETE FROM entry WHERE seq = 3", 2, "the stream ends here"),
        ("UPDATE stream_cursor SET parked = 1 WHERE lane = 'orders'", 3, "cursor counts 1"),
        ("UPDATE stream_cursor SET durable_hash = '\\x00' WHERE lane = 'orders'", 3, "another hash"),
        ("DELETE FROM stream_cursor WHERE lane = 'orders'", 0, "no cursor"),
    ],
)
async def test_verify_names_what_was_damaged(database: Database, damage: str, seq: int, problem: str) -> None:
    log = NodeLog()
    log.sell(3)
    await greet(database, log)
    await push(database, log.push())
    async with database.transaction() as connection:
        await connection.execute(damage)
    findings = (await verify(database)).findings
    assert [(found.node_id, found.lane, found.seq) for found in findings if problem in found.problem] == [
        ("store-0001", "orders", seq)
    ]


async def test_an_entry_that_postgresql_refuses_is_found_by_halving_and_parked_alone(database: Database) -> None:
    log = NodeLog()
    log.sell(4)
    full = StockMoved(ids.uuid7(START_MS, 1), "receipt", None, (StockDelta("brimful", None, "H87", on_hand_milli=1),))
    log.record([full])
    log.sell(4, first=6)
    other = NodeLog("store-0002")
    other.sell(2, first=20)
    await greet(database, log, other)
    async with database.transaction() as connection:
        statement = "INSERT INTO stock_view VALUES ($1, 'brimful', '', 'H87', NULL, 9223372036854775807, 0)"
        await connection.execute(statement, log.node_id)
    await _ingester(database).settle([read_push(log.push(), b""), read_push(other.push(), b"")])
    assert await rows(database, "SELECT node_id, seq, reason FROM parked") == [(log.node_id, 5, "unstorable")]
    assert await rows(database, "SELECT durable_seq, parked FROM stream_cursor WHERE durable_seq > 0 ORDER BY 1") == [
        (2, 0),
        (9, 1),
    ]
    assert await rows(database, "SELECT count(*) FROM order_view") == [(10,)]
    assert (await verify(database)).findings == ()


async def test_thousands_of_greetings_that_wait_do_not_look_like_a_centre_that_is_slow(database: Database) -> None:
    log = NodeLog()
    log.sell(1)
    await greet(database, log)
    link, registry = _absent_broker(), CollectorRegistry()
    for _ in range(INGEST_INBOX_MAX):
        link.inbox.offer(topic(log.node_id, "up"), encode_message(log.hello()))
    await _ingester(database, link, registry).settle([read_push(log.push(), b"")])
    waited_s = registry.get_sample_value("central_commit_wait_seconds")
    assert waited_s is not None
    assert waited_s * 1000 < GRANT_LATENCY_MS_TARGET


async def test_foreign_messages_are_cut_and_bounded_for_each_node(database: Database) -> None:
    async with database.transaction() as connection:
        message = ForeignMessage("store-0001", "a\x00topic", "undecodable", "x" * 5_000, b"y" * 200_000)
        assert await parked.add_foreign(connection, message)
        await connection.execute(
            "INSERT INTO parked (node_id, topic, reason, detail, payload)"
            " SELECT 'store-0001', '', '', '', '' FROM generate_series(2, $1::int)",
            PARKED_ROWS_PER_NODE_MAX,
        )
        assert not await parked.add_foreign(connection, message)
        assert await parked.add_foreign(connection, message._replace(node_id="store-0002"))
    assert await rows(database, "SELECT length(payload), length(detail) FROM parked WHERE id = 1") == [
        (PARKED_PAYLOAD_BYTES_MAX, 300)
    ]


async def test_the_shards_of_a_dead_ingester_are_taken_over_and_a_restarted_one_keeps_its_own(
    database: Database,
) -> None:
    dead, alive = ids.uuid7(START_MS, 1), ids.uuid7(START_MS, 2)
    async with database.transaction() as connection:
        assert len(await leases.renew(connection, dead, LEASE_TTL_MS)) == SHARDS
    async with database.transaction() as connection:
        assert await leases.renew(connection, alive, LEASE_TTL_MS) == frozenset()
        assert len(await leases.renew(connection, dead, LEASE_TTL_MS)) == SHARDS // 2
        await connection.execute("UPDATE shard_lease SET expires_at = now() WHERE owner = $1", dead)
        await connection.execute("UPDATE ingester SET expires_at = now() WHERE owner = $1", dead)
        assert len(await leases.renew(connection, alive, LEASE_TTL_MS)) == SHARDS


async def test_a_server_that_hangs_is_noticed_soon(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_database, "DATABASE_PING_TIMEOUT_MS", 0)
    with pytest.raises(TransientFault):
        await database.ping()


async def test_every_database_has_a_history_of_its_own_that_stays(database: Database) -> None:
    async with database.reading() as connection:
        before = await nodes.history_id(connection)
    await migrate(database)
    async with database.reading() as connection:
        assert await nodes.history_id(connection) == before


def _absent_broker() -> MqttLink:
    return MqttLink("mqtt://127.0.0.1:1", "nobody", inbox_max=INGEST_INBOX_MAX)


def _ingester(database: Database, link: MqttLink | None = None, registry: CollectorRegistry | None = None) -> Ingester:
    """An ingester without a broker: its answers find no connection."""
    link = link or _absent_broker()
    telemetry = Telemetry(registry or CollectorRegistry())
    owner = ids.uuid7(START_MS, 3)
    return Ingester(
        link=link,
        database=database,
        leases=ShardLeases(owner, database, link, telemetry),
        history_id=owner,
        telemetry=telemetry,
        now_ms=lambda: START_MS,
    )


async def test_books_that_the_database_refuses_for_good_are_dropped_and_those_after_them_compared(
    database: Database,
) -> None:
    log = NodeLog()
    await greet(database, log)
    worker = _ingester(database)
    days = (DayTotal("2026-01-01", 1, 0, (CurrencyTotal("E\x00R", 1),)),)
    refused = DayTotals("store\x00", log.incarnation, 0, days)
    async with asyncio.timeout(10):
        await worker.settle([Heartbeat(log.node_id, log.incarnation, (), 0, 0, START_MS, "1.0")])
        await worker.settle([refused, DayTotals(log.node_id, log.incarnation, 0, days)])
    [(differences,)] = await rows(database, "SELECT day_differences FROM node_status")
    assert len(differences) == 1
    assert "E\N{REPLACEMENT CHARACTER}R" in differences[0]


@pytest.mark.parametrize("keys", [("one", "other"), ("same", "same")])
async def test_what_two_ask_at_once_of_a_node_without_a_downlink_is_all_in_it(
    database: Database, keys: tuple[str, str]
) -> None:
    async def ask(connection: Connection, key: str) -> object:
        task = CancelTask("customer changed mind")
        return await instructions.issue(connection, "store-0001", task, subject=None, key=key, now_ms=START_MS)

    async with database.transaction() as first, asyncio.timeout(20):
        await ask(first, keys[0])

        async def ask_too() -> None:
            async with database.transaction() as second:
                await ask(second, keys[1])

        waiting = asyncio.ensure_future(ask_too())
        blocked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        await eventually(lambda: rows(database, blocked), "the second waits for the first")
    await waiting
    async with database.reading() as connection:
        row = (await downlinks.read(connection, ["store-0001"]))["store-0001"]
        assert len(await downlinks.after(connection, "store-0001", row.incarnation, 0, 64)) == len(set(keys))


async def test_losses_of_a_node_are_bounded_however_many_streams_it_invents(database: Database) -> None:
    found = []
    for number in range(LOSS_ROWS_PER_NODE_MAX + 1):
        async with database.transaction() as connection:
            loss = LossRow("store-0001", ids.uuid7(START_MS, number), "orders", 1, 9)
            found.append(await backups.note_loss(connection, loss))
    assert found == [True] * LOSS_ROWS_PER_NODE_MAX + [False]


async def test_a_recall_that_meets_a_lost_row_of_the_centre_is_answered_from_the_beginning(database: Database) -> None:
    log = NodeLog()
    log.sell(3)
    await greet(database, log)
    await push(database, log.push())
    recall = Recall(log.node_id, log.incarnation, log.incarnation, "orders", (Mark(9, bytes(32)),))
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM entry WHERE seq = 3")
        recalled = await recalling.recalled(connection, recall)
    assert (recalled.deliver.from_seq, recalled.deliver.to_seq) == (1, 0)
    assert recalled.deliver.previous_hash == log.hashes[0]

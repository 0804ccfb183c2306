"""How fast a store's backlog reaches the centre's COMMIT, and what a fresh order feels of it meanwhile.

Everything shares the machine: agent, broker, PostgreSQL, centre, and a second store without a backlog. The floor is the
same entries put into the same table by the same idempotent insert, 500 a transaction, on one connection, and nothing
else. A lane is a stream in order, so a fresh order of the draining store comes after its backlog; what must stay quick
is its 201, and every other store.
"""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from bench.backlog import build
from bench.house import Agent, Centre, cpu_s, running_database
from bench.orders import STORE_ID
from bench.results import Row, percentile, say
from bench.visible import Placed, Pollers, Till
from central_sync.embedded import EmbeddedBroker
from central_sync.store.database import Database
from central_sync.store.migrate import migrate
from edge_core.limits import STREAM_SEQ_BITS

FLOOR_BATCH_ENTRIES: Final = 500
_FLOOR_ENTRIES: Final = 50_000
_FRESH_INTERVAL_S: Final = 0.1
_POLL_INTERVAL_S: Final = 0.02
_DRAIN_S_MAX: Final = 120.0  # a slower drain is measured on what it did by then
_OTHER_NODE: Final = "store-0002"
_INSERT: Final = """
    INSERT INTO entry (node_id, incarnation, lane, seq, order_id, is_parked, hash, body)
    SELECT $1, $2, 'orders', new.seq, new.order_id, false, new.hash, new.body
    FROM unnest($3::bigint[], $4::uuid[], $5::bytea[], $6::bytea[]) AS new (seq, order_id, hash, body)
    ON CONFLICT DO NOTHING
"""

_Columns: TypeAlias = tuple[str, UUID, list[int], list[UUID | None], Sequence[bytes], Sequence[bytes]]


class _Drained(Struct):
    """What one round gave; latencies in ms."""

    per_s: float
    fresh_visible_ms: list[float]
    fresh_answered_ms: list[float]


class _Progress(Struct):
    """How far the backlog was durable at the first look that saw any of it, and at the last; times in seconds."""

    first: int = 0
    last: int = 0
    began: float = 0.0
    ended: float = 0.0


async def measure_drain(folder: Path, *, entries: int, rounds: int) -> list[Row]:
    """Rows for the drain. Floor and figure alternate, each in a database of its own."""
    backlog = folder / "backlog" / "store.db"
    say(f"  building a backlog of {entries:,} entries")
    await build(backlog, entries)
    batches = _floor_batches(backlog)
    floors: list[float] = []
    drains: list[_Drained] = []
    with running_database(folder / "drain-postgres") as (dsn, server):
        for number in range(rounds):
            floors.append(await _floor(await _new_database(dsn, f"floor_{number}"), batches))
            say(f"  bare inserts: {floors[-1]:,.0f} entries/s")
            database = await _new_database(dsn, f"drain_{number}")
            drains.append(await _drain(folder / f"drain-{number}", backlog, entries, database, server))
    shutil.rmtree(backlog.parent)
    visible = [value for drained in drains for value in drained.fresh_visible_ms]
    answered = [value for drained in drains for value in drained.fresh_answered_ms]
    return [
        Row("drain_entries_per_s", median(drained.per_s for drained in drains), "1/s", median(floors)),
        Row("drain_fresh_visible_p99_ms", percentile(visible, 99), "ms"),
        Row("drain_fresh_answered_p99_ms", percentile(answered, 99), "ms"),
    ]


def _floor_batches(file: Path) -> list[_Columns]:
    """The first entries of a file as the columns of the floor's statement, a batch each."""
    connection = sqlite3.connect(file)
    ((node_id, incarnation),) = connection.execute("SELECT node_id, incarnation FROM identity")
    sql = "SELECT entry_id, order_id, hash, body FROM entry ORDER BY entry_id LIMIT ?"
    rows = connection.execute(sql, (_FLOOR_ENTRIES,)).fetchall()
    connection.close()
    batches: list[_Columns] = []
    for at in range(0, len(rows), FLOOR_BATCH_ENTRIES):
        ids, orders, hashes, bodies = zip(*rows[at : at + FLOOR_BATCH_ENTRIES], strict=True)
        seqs = [entry_id & ((1 << STREAM_SEQ_BITS) - 1) for entry_id in ids]
        order_ids = [order_id and UUID(bytes=order_id) for order_id in orders]
        batches.append((node_id, UUID(bytes=incarnation), seqs, order_ids, hashes, bodies))
    return batches


async def _new_database(dsn: str, name: str) -> str:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return dsn.replace("/postgres?", f"/{name}?")


async def _floor(dsn: str, batches: list[_Columns]) -> float:
    """Entries per second into a new database with the centre's own tables; each statement commits by itself."""
    database = await Database.open(dsn, connections_max=1)
    await migrate(database)
    await database.close()
    connection = await asyncpg.connect(dsn)
    statement = await connection.prepare(_INSERT)
    began = time.perf_counter()
    for batch in batches:
        await statement.fetch(*batch)
    took_s = time.perf_counter() - began
    await connection.close()
    return sum(len(batch[2]) for batch in batches) / took_s


async def _drain(folder: Path, backlog: Path, entries: int, dsn: str, server: int) -> _Drained:
    """One round: everything starts, the link opens, and the clock runs from the first push's COMMIT to the last's."""
    broker = EmbeddedBroker(folder / "broker")
    centre = Centre(folder / "centre", dsn, broker.start())
    agent = Agent(folder / "agent", broker_url=broker.url)
    other = Agent(folder / "other", _OTHER_NODE, broker.url)
    shutil.copy(backlog, agent.file)
    try:
        await centre.service.start()
        await other.service.start()
        await other.receive_stock()
        await Till(other.port, other.token).place()
        await agent.service.start()
        assert broker.child is not None
        pids = {"agent": agent.pid, "broker": broker.child.pid, "PostgreSQL": server, "centre": centre.pid}
        return await _watch(agent, other, centre, entries, dsn, pids)
    finally:
        for service in (agent.service, other.service, centre.service):
            service.child.stop()
        broker.stop()
        shutil.rmtree(folder)


async def _watch(agent: Agent, other: Agent, centre: Centre, entries: int, dsn: str, pids: dict[str, int]) -> _Drained:
    used_s = {name: cpu_s(pid) for name, pid in pids.items()}
    fresh = asyncio.create_task(_place_fresh(agent, other, centre))
    seen = await _progress(dsn, entries)
    costs = {name: (cpu_s(pid) - used_s[name]) / seen.last * 1e6 for name, pid in pids.items()}
    fresh.cancel()
    drained = await fresh
    drained.per_s = (seen.last - seen.first) / (seen.ended - seen.began)
    say(
        f"  drained {min(seen.last, entries):,} of {entries:,} entries at {drained.per_s:,.0f}/s; CPU of an entry: "
        + ", ".join(f"{name} {cost:.0f} us" for name, cost in costs.items())
    )
    visible, answered = drained.fresh_visible_ms, drained.fresh_answered_ms
    say(
        f"  {len(visible)} fresh orders of another store visible within p50 {percentile(visible, 50):.0f}, "
        f"p99 {percentile(visible, 99):.0f} ms; 201 at the draining store p50 {percentile(answered, 50):.1f}, "
        f"p99 {percentile(answered, 99):.1f} ms"
    )
    return drained


async def _progress(dsn: str, entries: int) -> _Progress:
    """Follow the cursor until the backlog is durable, or the time is up."""
    connection = await asyncpg.connect(dsn)
    statement = "SELECT coalesce(max(durable_seq), 0) FROM stream_cursor WHERE node_id = $1"
    found, deadline = _Progress(), time.perf_counter() + _DRAIN_S_MAX
    try:
        while found.last < entries and time.perf_counter() < deadline:
            found.last = await connection.fetchval(statement, STORE_ID)
            if found.last and not found.first:
                found.first, found.began = found.last, time.perf_counter()
            await asyncio.sleep(_POLL_INTERVAL_S)
        found.ended = time.perf_counter()
    finally:
        await connection.close()
    assert found.last > found.first, "nothing was drained"
    return found


async def _place_fresh(agent: Agent, other: Agent, centre: Centre) -> _Drained:
    """An order every 100 ms at both stores, until cancelled; then what they felt.

    The other store's orders become visible one after the other, so only the oldest that is not yet seen is asked for:
    a crowd of pollers was a third of the centre's work.
    """
    drained = _Drained(0.0, [], [])
    here, there = Till(agent.port, agent.token), Till(other.port, other.token)
    pollers = Pollers(centre.port, _POLL_INTERVAL_S)
    unseen: asyncio.Queue[Placed | None] = asyncio.Queue()

    async def follow() -> None:
        while (placed := await unseen.get()) is not None:
            seen_ns = await pollers.seen_ns(placed.order_id)
            drained.fresh_visible_ms.append((seen_ns - placed.answered_ns) / 1e6)

    following = asyncio.create_task(follow())
    try:
        while True:
            placed, answered = await asyncio.gather(there.place(), here.place())
            drained.fresh_answered_ms.append((answered.answered_ns - answered.sent_ns) / 1e6)
            unseen.put_nowait(placed)
            await asyncio.sleep(_FRESH_INTERVAL_S)
    except asyncio.CancelledError:
        unseen.put_nowait(None)
        await following
        return drained
    finally:
        for part in (here, there, pollers):
            part.close()

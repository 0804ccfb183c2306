"""Rows of the centre are damaged that a store has lost: what is around them comes back, and what is lacking is told."""

import asyncio
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import structlog

from edge_agent.recovery import Recovery
from edge_agent.store import log
from edge_agent.store.connection import fetch
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.ids import uuid7
from edge_core.orders.events import StockMoved
from edge_core.stock.ledger import StockDelta
from edge_core.sync.link_types import FormerKey
from edge_core.sync.messages import Deliver, FormerStream, pack_block
from tests.rigs.brokers import Broker
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.fleet import FleetNode, opened_fleet
from tests.rigs.house import CentreProcess
from tests.rigs.mending import SoundCopy, mend
from tests.rigs.orders import START_MS, cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog
from tests.rigs.waiting import eventually

_SHARED = 4


def _recovery(desk: Desk) -> Recovery:
    return Recovery(desk.file, desk.intake, real_surroundings(ZoneInfo("UTC")))


def _behind(twin: NodeLog, from_seq: int, lacking: int, to_seq: int | None = None) -> Deliver:
    """What the centre delivers from behind its damage."""
    last = twin.tail_seq if to_seq is None else to_seq
    at = twin.hashes[from_seq - 1], twin.hashes[last]
    block = pack_block(twin.bodies[from_seq - 1 : last])
    return Deliver(twin.incarnation, "orders", from_seq, last, *at, *block, lacking=lacking)


async def _put_back(desk: Desk, secret: int) -> NodeLog:
    """A store that was put back: the centre has ten sales more, and it has sold some in secret."""
    await desk.receive(10**6)
    await desk.sell(_SHARED - 1)
    stream = desk.file.streams["orders"]
    twin = NodeLog("store-0001", stream.incarnation)
    for _, _, body in await log.read_range(desk.file.reader, stream, 1, _SHARED):
        twin.append(body)
    twin.sell(10, first=100)
    if secret:
        await desk.sell(secret)
    return twin


async def _seqs(desk: Desk, incarnation: UUID) -> list[int]:
    stream = await log.find_stream(desk.file.writer, incarnation, "orders")
    assert stream is not None
    return [seq for seq, _, _ in await log.read_range(desk.file.reader, stream, 1, 100)]


@pytest.mark.parametrize("secret", [0, 1, 7])
async def test_what_is_behind_the_damage_comes_back_and_what_was_sold_in_secret_moves(
    tmp_path: Path, secret: int
) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        twin = await _put_back(desk, secret)
        recovery, key = _recovery(desk), FormerKey(twin.incarnation, "orders")
        suspected = asyncio.Event()
        recovery.on_damage = suspected.set
        await recovery.begin_incarnation("its tail is behind")
        deliver = _behind(twin, 7, lacking=2)
        with structlog.testing.capture_logs() as logs:
            assert await recovery.restore(key, deliver) is False
            assert await recovery.restore(key, deliver) is None, "said twice"
            assert await recovery.restore(key, _behind(twin, 15, 0)) is True
        (told,) = [line for line in logs if line["event"] == "recovery.entries_lacking"]
        assert (told["entries"], told["seqs"], suspected.is_set()) == (2, [5, 6], True)
        assert await _seqs(desk, twin.incarnation) == list(range(1, 15)), "5 and 6 are places without an entry"
        assert len(await _seqs(desk, desk.file.streams["orders"].incarnation)) == secret
        assert {finding.where for finding in (await verify_file(path)).findings} == {"orders 5", "orders 6"}
        # A later process, to which the delivery is said once more.
        assert await _recovery(desk).restore(key, deliver) is False
        assert await _seqs(desk, twin.incarnation) == list(range(1, 15)), "5 and 6 are places without an entry"


async def test_nothing_is_lacking_where_the_store_has_what_is_damaged_at_the_centre(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        twin = await _put_back(desk, 0)
        recovery = _recovery(desk)
        await recovery.begin_incarnation("its tail is behind")
        with structlog.testing.capture_logs() as logs:
            assert await recovery.restore(FormerKey(twin.incarnation, "orders"), _behind(twin, 5, lacking=2)) is False
        assert [line for line in logs if line["event"] == "recovery.entries_lacking"] == []
        assert await _seqs(desk, twin.incarnation) == list(range(1, 15))
        assert (await verify_file(path)).findings == ()


async def test_what_was_lacking_and_is_mended_after_all_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        twin = await _put_back(desk, 0)
        history = placed(200, till_order(method="ship"))
        twin.record([_receipt()])
        twin.record(history, order_id(200))
        twin.record(cancelled(200, history), order_id(200))
        twin.sell(2, first=300)
        recovery, key = _recovery(desk), FormerKey(twin.incarnation, "orders")
        await recovery.begin_incarnation("its tail is behind")
        before = await desk.on_hand()
        assert await recovery.restore(key, _behind(twin, 5, 0, to_seq=14)) is False
        assert await recovery.restore(key, _behind(twin, 17, lacking=2)) is False
        assert await desk.on_hand() == before
        stream = await log.find_stream(desk.file.writer, twin.incarnation, "orders")
        assert stream is not None
        rows = [(seq, twin.hashes[seq], body) for seq, body in enumerate(twin.bodies, 1)]
        assert await mend(desk, SoundCopy(stream, rows)) == 2
        assert await desk.on_hand() == before + 7_000
        assert (await verify_file(path)).findings == ()
        await recovery.restore(key, _behind(twin, 20, 0))
        assert await desk.on_hand() == before + 7_000


def _receipt() -> StockMoved:
    delta = StockDelta(till_order().lines[0].sku, None, "H87", on_hand_milli=7_000)
    return StockMoved(uuid7(START_MS, 77), "receipt", "ASN-1", (delta,))


async def test_a_damaged_end_is_not_waited_for(tmp_path: Path) -> None:
    async with opened_desk(tmp_path / "store.db") as desk:
        twin = await _put_back(desk, 3)
        recovery, key = _recovery(desk), FormerKey(twin.incarnation, "orders")
        await recovery.begin_incarnation("its tail is behind")
        assert await recovery.restore(key, _behind(twin, 15, lacking=10)) is True
        assert await _seqs(desk, twin.incarnation) == list(range(1, 15)), "ten of them places without an entry"
        there = FormerStream(twin.incarnation, "orders", 14, twin.hashes[14])
        assert await recovery.asks([there]) == (), "nothing is left to ask"
        assert len(await _seqs(desk, desk.file.streams["orders"].incarnation)) == 3


async def test_a_store_whose_disk_was_lost_has_everything_around_a_damaged_row_of_its_centre(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    centre = CentreProcess(tmp_path, nats.url, postgres_dsn)
    try:
        await centre.start()
        async with opened_fleet(tmp_path / "first", nats.url, 1) as (node,):
            await node.sell(30)
            waiting = await node.ship()
            await node.sell(30)
            await eventually(lambda: _is_acked(node), 60)
            stock, held = node.stock(), node.orders()
        await _damage(postgres_dsn, 20)
        async with opened_fleet(tmp_path / "second", nats.url, 1) as (node,):
            await eventually(lambda: _has(node, len(held) - 1), 60)
            assert node.orders() < held
            assert node.stock() == stock
            scrub = asyncio.create_task(node.agent.scrub.run())
            await eventually(lambda: _is_listed(node), 60)
            scrub.cancel()
            assert await node.cancel(waiting) == 200
            await eventually(lambda: _is_acked(node), 60)
            assert {f.where for f in (await verify_file(node.agent.file.path)).findings} == {"orders 20"}
    finally:
        await centre.end()


async def _damage(dsn: str, seq: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("UPDATE entry SET body = '\\xc1' WHERE lane = 'orders' AND seq = $1", seq)
    finally:
        await connection.close()


async def _is_acked(node: FleetNode) -> bool:
    assert node.session.is_settled, node.session.state.phase
    assert node.session.state.streams[0].durable_seq == node.tail_seq
    return True


async def _has(node: FleetNode, orders: int) -> bool:
    assert len(node.orders()) == orders, len(node.orders())
    assert node.session.is_settled
    return True


async def _is_listed(node: FleetNode) -> bool:
    """The record is listed as damaged."""
    damaged = await fetch(node.agent.file.reader, "SELECT entry_id & ((1 << 40) - 1) FROM damage")
    assert damaged == [(20,)], damaged
    return True

"""A store whose disk was lost sells with the right stock at once, and its history follows."""

from pathlib import Path

from edge_agent.store import log
from edge_agent.store.verify import verify_file
from tests.rigs.brokers import Broker
from tests.rigs.fleet import FleetNode, opened_fleet
from tests.rigs.house import CentreProcess
from tests.rigs.waiting import eventually

_ENTRIES = 4_000


async def test_open_orders_and_stock_are_right_before_the_history_is_whole(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    centre = CentreProcess(tmp_path, nats.url, postgres_dsn)
    try:
        await centre.start()
        async with opened_fleet(tmp_path / "first", nats.url, 1) as fleet:
            (node,) = fleet
            await node.sell(10)
            waiting = [await node.ship() for _ in range(3)]
            await _sell_many(node, _ENTRIES)
            waiting.append(await node.ship())
            await _acked(node)
            stock, orders = node.stock(), node.orders()
        async with opened_fleet(tmp_path / "second", nats.url, 1) as fleet:
            (node,) = fleet
            await eventually(lambda: _holds(node, stock), 60)
            assert await node.cancel(waiting[0]) == 200
            assert await _to_come(node) > 0
            assert set(waiting) <= node.orders() < orders
            assert (await verify_file(node.agent.file.path)).findings == ()
            await eventually(lambda: _whole(node), 120)
            assert node.orders() == orders
            assert node.stock() == _less_reserved(stock)
            assert (await verify_file(node.agent.file.path)).findings == ()
            assert node.rows("SELECT * FROM pruned_stock") == []
            await _acked(node)
            theirs = {(at[0], at[2]): found for at, found in (await centre.hashes(node.node_id)).items()}
            assert theirs == node.hashes()
            assert await centre.stock(node.node_id) == node.stock()
    finally:
        await centre.end()


async def _sell_many(node: FleetNode, count: int) -> None:
    for _ in range(count // 500):
        await node.sell(500)


async def _to_come(node: FleetNode) -> int:
    streams = await log.read_streams(node.agent.file.reader)
    return sum(stream.pruned_seq for stream in streams if stream.is_awaited)


async def _holds(node: FleetNode, stock: dict[str, tuple[int, int]]) -> bool:
    assert node.stock() == stock, node.stock()
    return True


async def _whole(node: FleetNode) -> bool:
    assert node.session.is_settled
    assert await _to_come(node) == 0
    return True


async def _acked(node: FleetNode) -> None:
    async def look() -> bool:
        state = node.session.state
        assert node.session.is_settled, state.phase
        assert state.streams[0].durable_seq == node.tail_seq, (state.streams[0].durable_seq, node.tail_seq)
        return True

    await eventually(look, 90)


def _less_reserved(stock: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """After one order of two pieces of each was called off."""
    return {sku: (on_hand, reserved - 2_000) for sku, (on_hand, reserved) in stock.items()}

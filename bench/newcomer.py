"""A store's disk is lost: how long until it sells with the right stock, and until its whole history is back.

One store in this process with the agent's real parts, over the embedded broker, and the centre's own process on the
embedded PostgreSQL. The clock starts with the new machine's agent. A till orders all the while the history comes.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from bench.house import running_database
from bench.results import Row, say
from central_sync.embedded import EmbeddedBroker
from central_sync.embedded.broker import free_port
from holdfast_runtime import log
from tests.rigs.fleet import FleetNode, opened_fleet
from tests.rigs.house import CentreProcess
from tests.rigs.waiting import eventually

_AT_ONCE: Final = 500
_OPEN_ORDERS: Final = 100
_PATIENCE_S: Final = 600


async def measure_newcomer(folder: Path, *, entries: int) -> list[Row]:
    """So many sales, a hundred orders that are open, and the disk is gone."""
    log.configure("error")
    broker = EmbeddedBroker(folder / "broker", free_port())
    url = await asyncio.to_thread(broker.start)
    try:
        with running_database(folder / "postgres") as (dsn, _):
            centre = CentreProcess(folder, url, dsn)
            try:
                await centre.start()
                stock = await _lived(folder, url, entries)
                return await _come_back(folder, url, stock)
            finally:
                await centre.end()
    finally:
        await asyncio.to_thread(broker.stop)


async def _lived(folder: Path, url: str, entries: int) -> dict[str, tuple[int, int]]:
    """The first machine's life; what it had in stock at the end."""
    async with opened_fleet(folder / "first", url, 1) as fleet:
        (node,) = fleet
        for sold in range(0, entries, _AT_ONCE):
            await node.sell(min(_AT_ONCE, entries - sold))
        for _ in range(_OPEN_ORDERS):
            await node.ship()

        async def acked() -> bool:
            durable_seq = node.session.state.streams[0].durable_seq
            assert durable_seq == node.tail_seq, f"{durable_seq} of {node.tail_seq}"
            return True

        await eventually(acked, _PATIENCE_S)
        return node.stock()


async def _come_back(folder: Path, url: str, stock: dict[str, tuple[int, int]]) -> list[Row]:
    began = time.monotonic()
    async with opened_fleet(folder / "second", url, 1) as fleet:
        (node,) = fleet

        async def knows_its_stock() -> bool:
            assert node.stock() == stock, node.stock()
            return True

        await eventually(knows_its_stock, _PATIENCE_S)
        right_s = time.monotonic() - began
        answers_ms = await _sell_until_whole(node)
        whole_s = time.monotonic() - began
        say(f"  {len(node.orders())} orders back, {len(answers_ms)} sold meanwhile, slowest {max(answers_ms):.0f} ms")
    return [Row("newcomer_right_stock_s", right_s, "s"), Row("newcomer_whole_history_s", whole_s, "s")]


async def _sell_until_whole(node: FleetNode) -> list[float]:
    """A customer every tenth of a second; how long each waited, in milliseconds."""
    waited = []
    while not node.session.is_settled:
        asked = time.monotonic()
        await node.sell(1)
        waited.append((time.monotonic() - asked) * 1000)
        await asyncio.sleep(0.1)
    return waited

"""A record is damaged before the centre has it: it is lost and named, and everything else arrives."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.rigs.brokers import Broker
from tests.rigs.fleet import FleetNode, opened_fleet
from tests.rigs.house import CentreProcess
from tests.rigs.waiting import eventually

_EIGHTH = "WHERE entry_id & ((1 << 40) - 1) = 8"


@pytest.mark.parametrize(
    "damage",
    [f"UPDATE entry SET body = CAST(x'c1' || substr(body, 2) AS BLOB) {_EIGHTH}", f"DELETE FROM entry {_EIGHTH}"],
)
async def test_one_damaged_record_that_was_not_acked_keeps_no_other_back(
    nats: Broker, postgres_dsn: str, tmp_path: Path, damage: str
) -> None:
    centre = CentreProcess(tmp_path, nats.url, postgres_dsn)
    try:
        await centre.start()
        async with opened_fleet(tmp_path, nats.url, 1) as (node,):
            await node.sell(3)
            await eventually(lambda: _has(centre, 3), 30)
            nats.kill()
            before = node.agent.file.streams["orders"].incarnation
            await node.sell(10)
            assert await asyncio.to_thread(_harm, node.agent.file.path, damage) == 1
            nats.start()
            await eventually(lambda: _has(centre, 12), 60)
            assert node.agent.file.streams["orders"].incarnation != before
            await node.sell(2)
            await eventually(lambda: _has(centre, 14), 30)
            await eventually(lambda: _is_settled(node), 30)
    finally:
        await centre.end()


def _harm(path: Path, damage: str) -> int:
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        return connection.execute(damage).rowcount


async def _has(centre: CentreProcess, orders: int) -> bool:
    found = await centre.totals("store-0001")
    assert len(found) == orders, len(found)
    return True


async def _is_settled(node: FleetNode) -> bool:
    return node.session.is_settled

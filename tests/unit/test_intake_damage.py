"""One damaged record harms only whoever asks for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge_agent.app import random_bits
from edge_agent.intake import Intake, Surroundings
from edge_agent.link.books import wall_ms
from edge_agent.store.file import StoreFile
from edge_core import ids
from tests.rigs.orders import till_order


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[StoreFile, Intake]]:
    """A file with its writer at work."""
    file = StoreFile(path, "node-1")
    await file.open(incarnation=ids.uuid7(1, 1), now_ms=1)
    intake = Intake(file, Surroundings(wall_ms, random_bits, ZoneInfo("UTC"), lambda: True))
    writer = asyncio.create_task(intake.run())
    yield file, intake
    intake.close()
    await writer
    await file.close()


@pytest.mark.parametrize(
    "damage", ["UPDATE entry SET body = x'c1' WHERE entry_id & 0xff = 1", "DELETE FROM entry WHERE entry_id & 0xff = 1"]
)
async def test_a_replay_of_a_damaged_order_is_refused_and_its_neighbour_in_the_batch_is_sold(
    tmp_path: Path, damage: str
) -> None:
    order = till_order()
    async with opened(tmp_path / "store.db") as (file, intake):
        assert (await intake.submit(order, "old", None)).status == 201
        assert (await intake.submit(order, "other", None)).status in {201, 409}
        await file.writer.execute(damage)
        old, fresh = await asyncio.gather(
            intake.submit(order, "old", None),
            intake.submit(msgspec.structs.replace(order, terminal_id="t9"), "new", None),
        )
        assert (old.status, msgspec.json.decode(old.body)["type"]) == (503, "urn:holdfast:problem:storage-unavailable")
        assert fresh.status in {201, 409}
        assert intake.fault is None

"""One damaged record harms only whoever asks for it."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.rigs.desk import opened_desk
from tests.rigs.orders import till_order


@pytest.mark.parametrize(
    "damage", ["UPDATE entry SET body = x'c1' WHERE entry_id & 0xff = 1", "DELETE FROM entry WHERE entry_id & 0xff = 1"]
)
async def test_a_replay_of_a_damaged_order_is_refused_and_its_neighbour_in_the_batch_is_sold(
    tmp_path: Path, damage: str
) -> None:
    order = till_order()
    async with opened_desk(tmp_path / "store.db", "node-1") as desk:
        file, intake = desk.file, desk.intake
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

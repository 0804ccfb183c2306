"""What becomes of those who wait when the writer ends."""

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge_agent.batch import Batch
from edge_agent.intake import Intake
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.surroundings import real_surroundings
from edge_core import ids
from edge_core.errors import InvariantViolated, StorageFault
from tests.rigs.orders import till_order


async def test_a_bug_in_a_decision_ends_the_writer_and_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decide(*_: object) -> None:
        raise InvariantViolated("planted")

    monkeypatch.setattr(Batch, "decide", decide)
    file = StoreFile(tmp_path / "store.db", "node-1")
    await file.open(incarnation=ids.uuid7(1, 1), now_ms=1)
    intake = Intake(file, real_surroundings(ZoneInfo("UTC")), is_offline=lambda: True)
    writer = asyncio.create_task(intake.run())
    answer = await intake.submit(till_order(), "key-1", None)
    assert (answer.status, msgspec.json.decode(answer.body)["code"]) == (500, "HF4006")
    later = await intake.submit(till_order(), "key-2", None)
    assert msgspec.json.decode(later.body)["type"] == "urn:holdfast:problem:stopping"
    with pytest.raises(InvariantViolated, match="planted"):
        await writer
    await file.close()


async def test_a_bug_in_a_change_of_the_log_ends_the_writer_and_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def change(_: Connection) -> None:
        raise InvariantViolated("planted")

    file = StoreFile(tmp_path / "store.db", "node-1")
    await file.open(incarnation=ids.uuid7(1, 1), now_ms=1)
    intake = Intake(file, real_surroundings(ZoneInfo("UTC")), is_offline=lambda: True)
    writer = asyncio.create_task(intake.run())
    with pytest.raises(StorageFault):
        await intake.change_log(change)
    with pytest.raises(InvariantViolated, match="planted"):
        await writer
    await file.close()


async def test_a_store_that_another_machine_has_replaced_takes_no_order_until_it_is_the_node_again(
    tmp_path: Path,
) -> None:
    file = StoreFile(tmp_path / "store.db", "node-1")
    await file.open(incarnation=ids.uuid7(1, 1), now_ms=1)
    intake = Intake(file, real_surroundings(ZoneInfo("UTC")), is_offline=lambda: True)
    writer = asyncio.create_task(intake.run())
    intake.fence("incarnation 9 has taken this node over")
    refused = await intake.submit(till_order(), "key-1", None)
    assert (refused.status, msgspec.json.decode(refused.body)["code"]) == (503, "HF4007")
    intake.fence(None)
    assert (await intake.submit(till_order(), "key-1", None)).status != 503
    intake.close()
    await writer
    await file.close()

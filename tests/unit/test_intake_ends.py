"""What becomes of those who wait when the writer ends."""

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge_agent.batch import Batch
from edge_agent.intake import Intake, Surroundings
from edge_agent.store.file import StoreFile
from edge_core import ids
from edge_core.errors import InvariantViolated
from tests.rigs.orders import till_order


async def test_a_bug_in_a_decision_ends_the_writer_and_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decide(*_: object) -> None:
        raise InvariantViolated("planted")

    monkeypatch.setattr(Batch, "decide", decide)
    file = StoreFile(tmp_path / "store.db", "node-1")
    await file.open(incarnation=ids.uuid7(1, 1), now_ms=1)
    intake = Intake(file, Surroundings(lambda: 1, lambda: 1, ZoneInfo("UTC"), lambda: True))
    writer = asyncio.create_task(intake.run())
    answer = await intake.submit(till_order(), "key-1", None)
    assert (answer.status, msgspec.json.decode(answer.body)["code"]) == (500, "HF4006")
    later = await intake.submit(till_order(), "key-2", None)
    assert msgspec.json.decode(later.body)["type"] == "urn:holdfast:problem:stopping"
    with pytest.raises(InvariantViolated, match="planted"):
        await writer
    await file.close()

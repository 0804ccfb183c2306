"""What a till is told when the disk fails its transaction: only what is known."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.store.connection import Connection
from edge_agent.submission import Answer
from edge_core.errors import StorageFault
from edge_core.orders.commands import MovementLine, StockMovement
from tests.rigs.desk import opened_desk

RECEIPT = StockMovement("receipt", (MovementLine("sku-1", 1_000, "H87"),))


def detail(answer: Answer) -> str:
    return str(msgspec.json.decode(answer.body)["detail"])


async def test_a_commit_of_which_the_outcome_is_not_known_is_not_called_unrecorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync after the last write fails: the entry is in the file all the same, as it may be after a real fault."""
    async with opened_desk(tmp_path / "store.db", "node-1") as desk:
        file, intake = desk.file, desk.intake
        execute = file.writer.execute

        async def fail_after_commit(sql: str, *parameters: Any) -> Any:
            done = await execute(sql, *parameters)
            if sql == "COMMIT":
                monkeypatch.undo()
                raise sqlite3.OperationalError("disk I/O error")
            return done

        monkeypatch.setattr(file.writer, "execute", fail_after_commit)
        refused = await intake.submit(RECEIPT, "key-1", None)
        assert refused.status == 503
        assert "not known" in detail(refused)
        assert "nothing was recorded" not in refused.body.decode()
        while intake.fault is not None:
            await asyncio.sleep(0)
        assert (await intake.submit(RECEIPT, "key-1", None)).status == 201
        assert file.tails["orders"].seq == 1, "the repetition was answered from the entry that is there"


async def test_a_fault_before_the_commit_is_told_to_have_left_nothing(tmp_path: Path) -> None:
    async def fail(_: Connection) -> None:
        raise StorageFault("storage-unavailable", "planted")

    async with opened_desk(tmp_path / "store.db", "node-1") as desk:
        intake = desk.intake
        refused, written = await asyncio.gather(
            intake.submit(RECEIPT, "key-1", None), intake.write(fail), return_exceptions=True
        )
        assert isinstance(written, StorageFault)
        assert isinstance(refused, Answer)
        assert "planted; nothing was recorded" in detail(refused)

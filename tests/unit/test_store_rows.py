"""Rows that are written many at once: what is there moves on, what is new comes beside it."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_agent.store import orders, stock
from edge_agent.store.file import StoreFile
from edge_agent.store.orders import OrderFilter, OrderHead
from edge_core.stock.ledger import Position

NODE = "store-0001"


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[StoreFile]:
    file = StoreFile(tmp_path / "store.db", NODE)
    await file.open(incarnation=UUID(int=1), now_ms=1)
    yield file
    await file.close()


def head(number: int) -> OrderHead:
    return OrderHead(UUID(int=number), number, 6, "sale", "validated", "till-1", "2026-11-21", "CNY", 100 + number)


@pytest.mark.parametrize("count", [1, 16, 17, 40])
async def test_as_many_heads_as_there_are_come_in_and_move_on(file: StoreFile, count: int) -> None:
    first = [head(number) for number in range(count)]
    moved = [replace(each, last_entry=each.last_entry + count, revision=9, status="completed") for each in first]
    for written in (first, [*moved[1:], head(count)]):
        async with file.transaction() as connection:
            await orders.put_heads(connection, written)
    found = await orders.list_heads(file.reader, OrderFilter(), count + 1)
    assert found == [head(count), *reversed(moved[1:]), first[0]]


async def test_positions_that_are_there_are_changed_and_others_begin(file: StoreFile) -> None:
    old = [Position("a", None, "H87", None, 5_000), Position("b", "L1", "KGM", "2027-01-01", 7_000)]
    sold = replace(old[1], on_hand_milli=6_000, reserved_milli=500, safety_milli=200, rights_milli=300)
    new = [Position("b", "L2", "KGM", None, 1_000), Position("c", None, "H87", None, 2_000, 100, 200, 300)]
    for written in (old, [sold, *new]):
        async with file.transaction() as connection:
            await stock.put_positions(connection, written)
    assert await stock.read_positions(file.reader, ["a", "b", "c"]) == [old[0], sold, *new]

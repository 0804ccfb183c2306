"""What a store takes back of its earlier lives, delivery by delivery."""

import asyncio
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import structlog

from edge_agent.recovery import Recovery
from edge_agent.store import log
from edge_agent.store.connection import Connection, fetch
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.limits import MOVE_STEP_ENTRIES, MOVE_STEPS_MAX
from edge_core.sync.link_types import FormerKey
from edge_core.sync.messages import Deliver, FormerStream, pack_block
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.streams import NodeLog


def _recovery(desk: Desk) -> Recovery:
    return Recovery(desk.file, desk.intake, real_surroundings(ZoneInfo("UTC")))


def _deliver(twin: NodeLog) -> Deliver:
    p = twin.push()
    return Deliver(twin.incarnation, "orders", p.from_seq, p.to_seq, p.previous_hash, p.tail_hash, p.codec, p.block)


@pytest.mark.parametrize("unreadable", [b"\xc1xx", b"\x97\x02"], ids=["rubbish", "a later version"])
async def test_an_entry_that_cannot_be_read_here_comes_back_as_it_is_with_its_neighbours(
    tmp_path: Path, unreadable: bytes
) -> None:
    twin = NodeLog("store-0001", UUID(int=7))
    twin.sell(1)
    twin.append(unreadable)
    twin.sell(1, first=3)
    async with opened_desk(tmp_path / "store.db") as desk:
        key = FormerKey(twin.incarnation, "orders")
        assert await _recovery(desk).restore(key, _deliver(twin)) is False
        (stream,) = [s for s in desk.file.former if s.incarnation == twin.incarnation]
        rows = await log.read_range(desk.file.reader, stream, 1, 10)
        assert [body for _, _, body in rows] == twin.bodies
        assert [at for _, at, _ in rows] == twin.hashes[1:]
        await desk.receive(10**6)
        await desk.sell(1)


async def test_what_only_the_store_has_moves_in_steps_between_which_tills_are_served(tmp_path: Path) -> None:
    path, count = tmp_path / "store.db", 5 * MOVE_STEP_ENTRIES
    async with opened_desk(path) as desk:
        key = await _left_behind(desk, count)
        moved = asyncio.create_task(_recovery(desk).restore(key, await _nothing_after(desk, key, 3)))
        await desk.sell(1)
        assert not moved.done()
        (former,) = await _former(desk)
        assert 0 < former.moved_seq < 3 + count
        assert await moved is True
        assert await _entries(desk) == 3 + count + 1
        assert (await verify_file(path)).findings == ()


async def test_a_move_that_was_cut_short_goes_on_where_it_was_and_loses_nothing(tmp_path: Path) -> None:
    path, count = tmp_path / "store.db", (MOVE_STEPS_MAX + 3) * MOVE_STEP_ENTRIES
    async with opened_desk(path) as desk:
        key = await _left_behind(desk, count)
        nothing = await _nothing_after(desk, key, 3)
        assert await _recovery(desk).restore(key, nothing) is False
        assert (await verify_file(path)).findings == ()
    with structlog.testing.capture_logs() as logs:
        async with opened_desk(path) as desk:
            recovery = _recovery(desk)
            await recovery.begin_incarnation("once more")
            (former, _) = await _former(desk)
            assert former.moved_seq == 3 + MOVE_STEPS_MAX * MOVE_STEP_ENTRIES
            there = FormerStream(key.incarnation, "orders", 3, nothing.previous_hash)
            assert (await recovery.differing([there]))[0] == key
            assert (await recovery.locator(key))[0].seq == 3  # what follows is on its way, and is not offered
            assert await recovery.restore(key, nothing) is True
            assert key not in await recovery.differing([there])
            assert await _entries(desk) == 3 + count
            assert (await verify_file(path)).findings == ()
    assert [line for line in logs if line["event"] == "recovery.entries_lost"] == []


async def test_what_is_damaged_is_named_as_lost_and_nothing_that_has_moved_already(tmp_path: Path) -> None:
    path, count = tmp_path / "store.db", (MOVE_STEPS_MAX + 1) * MOVE_STEP_ENTRIES
    async with opened_desk(path) as desk:
        key = await _left_behind(desk, count)
        nothing = await _nothing_after(desk, key, 3)
        recovery = _recovery(desk)
        assert await recovery.restore(key, nothing) is False
        (former,) = await _former(desk)

        async def spoil(connection: Connection) -> None:
            await connection.execute("UPDATE entry SET body = x'c1' WHERE entry_id = ?", (former.entry_id(count),))

        await desk.intake.write(spoil)
        with structlog.testing.capture_logs() as logs:
            assert await recovery.restore(key, nothing) is True
        assert [line["seqs"] for line in logs if line["event"] == "recovery.entries_lost"] == [[count]]


async def _left_behind(desk: Desk, count: int) -> FormerKey:
    """A former stream with three entries that the centre has too, and so many that only this file has."""
    await desk.receive(10**9)
    left = 2 + count
    while left:
        await desk.sell(min(left, 500))
        left -= min(left, 500)
    key = FormerKey(desk.file.streams["orders"].incarnation, "orders")
    await _recovery(desk).begin_incarnation("a fork was seen")
    return key


async def _nothing_after(desk: Desk, key: FormerKey, seq: int) -> Deliver:
    """The centre's word that it has nothing after an entry."""
    stream = next(s for s in desk.file.former if s.incarnation == key.incarnation and s.lane == key.lane)
    at = await log.read_hash(desk.file.reader, stream, seq)
    assert at is not None
    return Deliver(key.incarnation, "orders", seq + 1, seq, at, at, *pack_block([]))


async def _former(desk: Desk) -> list[log.Stream]:
    present = desk.file.streams["orders"].incarnation
    streams = await log.read_streams(desk.file.reader)
    return [stream for stream in streams if stream.incarnation != present and stream.lane == "orders"]


async def _entries(desk: Desk) -> int:
    """How many entries the file holds; each order is in it once."""
    ((entries, orders),) = await fetch(desk.file.reader, "SELECT count(*), count(DISTINCT order_id) FROM entry")
    assert entries == orders
    return int(entries)

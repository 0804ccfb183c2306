"""Where a store's copy of a former stream and the centre's part: what both have stays, and is never recorded again."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from central_sync.ingest.projection import Projection
from central_sync.ingest.reading import ReadPush, read_push
from edge_agent.recovery import Recovery
from edge_agent.store import log
from edge_agent.store.connection import Connection, fetch
from edge_agent.store.log import EntryRow
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.sync.chain import genesis
from edge_core.sync.link_types import FormerKey
from edge_core.sync.locator import newest_common
from edge_core.sync.messages import Deliver, Push, pack_block
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.orders import till_order
from tests.rigs.streams import NodeLog


class Parted:
    """A store that was put back after its centre took more of it than the copy has, and then went on by itself."""

    def __init__(self, desk: Desk, twin: NodeLog) -> None:
        self.desk = desk
        self.twin = twin
        self.recovery = Recovery(desk.file, desk.intake, real_surroundings(ZoneInfo("UTC")))
        self.key = FormerKey(twin.incarnation, "orders")

    async def answer(self, entries_max: int) -> Deliver:
        """What the centre delivers to the recall that the store sends now."""
        marks = await self.recovery.locator(self.key)
        common = newest_common(marks, dict(enumerate(self.twin.hashes)))
        assert common is not None
        return delivered(self.twin, common, min(self.twin.tail_seq, common + entries_max))

    async def recover(self, entries_max: int = 512) -> int:
        """Recall until a delivery is empty; how many recalls that took."""
        for count in range(1, 30):
            if await self.recovery.restore(self.key, await self.answer(entries_max)):
                return count
        pytest.fail("it never ends")

    async def on_hand_at_the_centre(self) -> int:
        """What the centre makes of all it took of this node: what it had, and then the present stream."""
        present = await self.present_push()
        projection = Projection({})
        for read in (read_push(self.twin.push(), b""), *([present] if present else [])):
            for reading in read.readings:
                assert projection.take(read.key, reading), projection.parked
        first = till_order().lines[0].sku
        return next(change.on_hand_milli for change in projection.stock_changes() if change.sku == first)

    async def present_push(self) -> ReadPush | None:
        """The present stream as one push."""
        stream = self.desk.file.streams["orders"]
        rows = await log.read_range(self.desk.file.reader, stream, 1, 512)
        if not rows:
            return None
        first = genesis(stream.node_id, stream.incarnation, "orders")
        block = pack_block([body for _, _, body in rows])
        return read_push(
            Push("store-0001", stream.incarnation, "orders", 1, len(rows), first, rows[-1][1], *block), b""
        )


def delivered(twin: NodeLog, common: int, to_seq: int) -> Deliver:
    at = twin.hashes[common], twin.hashes[to_seq]
    return Deliver(twin.incarnation, "orders", common + 1, to_seq, *at, *pack_block(twin.bodies[common:to_seq]))


async def parted(desk: Desk, shared: int, secret: int, at_centre: int) -> Parted:
    """So many receipts that both have, sales that only the store has, and sales that only the centre has."""
    for number in range(shared):
        await desk.receive(10**6 + number)
    stream = desk.file.streams["orders"]
    twin = NodeLog("store-0001", stream.incarnation)
    for _, _, body in await log.read_range(desk.file.reader, stream, 1, shared):
        twin.append(body)
    twin.sell(at_centre, first=shared + 1)
    for _ in range(secret):
        await desk.sell(1)
    found = Parted(desk, twin)
    await found.recovery.begin_incarnation("a fork was seen")
    return found


@pytest.mark.parametrize(("shared", "secret"), [(2, 2), (9, 1), (9, 4), (40, 11), (5, 0)])
@pytest.mark.parametrize("entries_max", [512, 3], ids=["one delivery", "many deliveries"])
async def test_what_the_centre_has_is_not_recorded_again(
    tmp_path: Path, shared: int, secret: int, entries_max: int
) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        house = await parted(desk, shared, secret, at_centre=3)
        await house.recover(entries_max)
        present = desk.file.streams["orders"]
        assert len(await log.read_range(desk.file.reader, present, 1, 100)) == secret
        assert await house.on_hand_at_the_centre() == await desk.on_hand()
        assert (await verify_file(path)).findings == ()


async def test_a_record_that_is_damaged_here_and_whole_at_the_centre_is_put_right_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        house = await parted(desk, 9, 4, at_centre=3)
        (stream,) = [s for s in desk.file.former if s.incarnation == house.twin.incarnation and s.lane == "orders"]

        async def spoil(connection: Connection) -> None:
            await connection.execute("UPDATE entry SET body = x'c1' WHERE entry_id = ?", (stream.entry_id(8),))

        await desk.intake.write(spoil)
        await house.recover()
        assert await house.on_hand_at_the_centre() == await desk.on_hand()
        assert (await verify_file(path)).findings == ()


async def test_a_delivery_that_comes_late_once_more_changes_nothing_and_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        house = await parted(desk, 9, 4, at_centre=20)
        first = await house.answer(6)
        assert await house.recovery.restore(house.key, first) is False
        assert await house.recovery.restore(house.key, first) is None
        await house.recover(6)
        before = await _rows(desk)
        assert await house.recovery.restore(house.key, first) is None
        assert await _rows(desk) == before
        assert (await verify_file(path)).findings == ()


async def _rows(desk: Desk) -> list[EntryRow]:
    rows = await fetch(desk.file.reader, "SELECT entry_id, order_id, hash, body FROM entry")
    return [EntryRow(*row) for row in rows]

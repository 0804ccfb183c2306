"""What becomes of records that were damaged here before anybody else had them, and of what pointed to them."""

from contextlib import nullcontext
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge_agent.losses import Settlement
from edge_agent.recovery import Recovery
from edge_agent.store import log, stock
from edge_agent.store.connection import Connection
from edge_agent.store.log import Stream
from edge_agent.store.orders import OrderFilter, list_heads
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.errors import StorageFault
from edge_core.stock.ledger import Position
from edge_core.sync.link_types import FormerKey
from edge_core.sync.messages import Deliver, FormerStream, pack_block
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.orders import till_order
from tests.rigs.streams import NodeLog


def recovery_of(desk: Desk) -> Recovery:
    return Recovery(desk.file, desk.intake, real_surroundings(ZoneInfo("UTC")))


async def harm(desk: Desk, stream: Stream, *seqs: int) -> None:
    """The bodies of some records cannot be read any more."""

    async def spoil(connection: Connection) -> None:
        sql = "UPDATE entry SET body = CAST(x'c1' || substr(body, 2) AS BLOB) WHERE entry_id = ?"
        await connection.executemany(sql, [(stream.entry_id(seq),) for seq in seqs])

    await desk.intake.write(spoil)


async def twin_of(desk: Desk, stream: Stream, to_seq: int) -> NodeLog:
    """The centre's copy of a stream, up to a seq."""
    twin = NodeLog(stream.node_id, stream.incarnation)
    for _, _, body in await log.read_range(desk.file.reader, stream, 1, to_seq):
        twin.append(body)
    return twin


def delivered(twin: NodeLog, common: int) -> Deliver:
    at = twin.hashes[common], twin.hashes[-1]
    return Deliver(twin.incarnation, "orders", common + 1, twin.tail_seq, *at, *pack_block(twin.bodies[common:]))


async def positions(desk: Desk) -> list[Position]:
    return await stock.read_positions(desk.file.reader, [line.sku for line in till_order().lines])


async def test_the_key_of_a_lost_order_never_answers_with_the_order_that_came_to_its_place(tmp_path: Path) -> None:
    async with opened_desk(tmp_path / "store.db") as desk:
        await desk.receive(10**6)
        old, key = desk.file.streams["orders"], str(uuid4())
        twin = await twin_of(desk, old, 1)
        await desk.place(key)
        await desk.sell(1)
        await harm(desk, old, 2)
        twin.sell(3, first=2)
        recovery = recovery_of(desk)
        await recovery.begin_incarnation("a fork was seen")
        await recovery.restore(FormerKey(old.incarnation, "orders"), delivered(twin, 1))
        again = await desk.again(key)
        assert (again.status, again.is_problem) == (410, True)
        assert msgspec.json.decode(again.body)["type"] == "urn:holdfast:problem:record-lost"


@pytest.mark.parametrize("dies", [False, True], ids=["at once", "after a crash"])
@pytest.mark.parametrize("lost", ["sale", "order to ship", "cancellation", "receipt"])
async def test_after_a_loss_the_list_the_stock_and_the_log_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, dies: bool
) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        await desk.receive(10**6)
        order_id = await desk.ship()
        old = desk.file.streams["orders"]
        match lost:
            case "sale":
                await desk.sell(1)
            case "order to ship":
                order_id = await desk.ship()
            case "cancellation":
                await desk.cancel(order_id)
            case _:
                await desk.receive(5_000)
        await desk.sell(1)
        before = await positions(desk)
        await harm(desk, old, 3)
        twin = await twin_of(desk, old, 2)
        recovery = recovery_of(desk)
        await recovery.begin_incarnation("the entry 3 is damaged")
        with monkeypatch.context() as world:
            if dies:
                world.setattr(Settlement, "look", _dies)
            with pytest.raises(StorageFault) if dies else nullcontext():
                assert await recovery.restore(FormerKey(old.incarnation, "orders"), delivered(twin, 2)) is True
    async with opened_desk(path) as desk:
        assert await recovery_of(desk).asks([FormerStream(old.incarnation, "orders", 2, twin.hashes[2])]) == ()
        assert (await verify_file(path)).findings == ()
        after = await positions(desk)
        assert [position.on_hand_milli for position in after] == [position.on_hand_milli for position in before]
        listed = {head.order_id: head.status for head in await list_heads(desk.file.reader, OrderFilter(), 10)}
        assert len(listed) == 2
        assert all(position.reserved_milli for position in after)
        assert (order_id in listed) == (lost != "order to ship")
        await desk.sell(1)


async def _dies(_self: Settlement) -> bool:
    raise StorageFault("storage-unavailable", "the process ends here")


async def test_an_answer_that_was_kept_word_for_word_outlives_its_record(tmp_path: Path) -> None:
    async with opened_desk(tmp_path / "store.db") as desk:
        await desk.receive(10**6)
        old, key = desk.file.streams["orders"], str(uuid4())
        first = await desk.place(key)
        recovery = recovery_of(desk)
        await recovery.begin_incarnation("a fork was seen")
        await recovery.restore(FormerKey(old.incarnation, "orders"), delivered(await twin_of(desk, old, 1), 1))
        moved = desk.file.streams["orders"]
        await harm(desk, moved, 1)
        await recovery.begin_incarnation("the entry 1 is damaged")
        await recovery.restore(
            FormerKey(moved.incarnation, "orders"), delivered(NodeLog("store-0001", moved.incarnation), 0)
        )
        again = await desk.again(key)
        assert (again.status, again.body, again.location) == (first.status, first.body, first.location)


async def test_what_is_damaged_beyond_a_forced_cut_is_lost_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        await desk.receive(10**6)
        await desk.sell(4)
        old = desk.file.streams["orders"]
        at_2 = await log.read_hash(desk.file.reader, old, 2)

        async def cut(connection: Connection) -> None:
            sql = "UPDATE stream SET pruned_seq = 2, pruned_hash = ? WHERE stream_no = ?"
            await connection.execute(sql, (at_2, old.stream_no))

        await desk.intake.write(cut)
        await harm(desk, old, 4)
        recovery = recovery_of(desk)
        await recovery.begin_incarnation("what lies before the cut is nowhere")
        nothing = delivered(NodeLog("store-0001", old.incarnation), 0)
        assert await recovery.restore(FormerKey(old.incarnation, "orders"), nothing) is True
        present = desk.file.streams["orders"]
        went_on = await log.read_range(desk.file.reader, present, 1, 10)
        assert len(went_on) >= 4
        assert (await verify_file(path)).findings == ()

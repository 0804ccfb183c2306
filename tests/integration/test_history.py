"""What a newcomer takes of its node's past: the picture, then the history, delivery by delivery."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import structlog
from msgspec import Struct
from msgspec.structs import replace

from edge_agent.recovery import Recovery
from edge_agent.store import log
from edge_agent.store.connection import fetch
from edge_agent.store.log import subject_of
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.errors import PeerFault
from edge_core.ids import uuid7
from edge_core.sync.entry import decode_entry
from edge_core.sync.link_types import NEEDED, FormerKey
from edge_core.sync.messages import Deliver, FormerStream, Recall, pack_block
from edge_core.sync.need_messages import Goods, Ground, Needed, OpenEntry, encode_item
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.mending import SoundCopy, mend
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog

_PLACES = "SELECT sku, lot, unit, expires_on, on_hand_milli, reserved_milli FROM stock ORDER BY sku, lot"
_HEADS = "SELECT order_id, revision, status FROM order_head ORDER BY order_id"
_KEYS = "SELECT day, key FROM idempotency WHERE entry_id IS NOT NULL ORDER BY day, key"


class Past(Struct):
    """What the centre has of a machine that is gone: its log, the orders that it left open, its stock."""

    incarnation: UUID
    rows: list[tuple[int, bytes, bytes]]
    genesis: bytes
    open_ids: list[UUID]
    goods: list[Goods]
    heads: list[tuple[bytes, int, str]]
    keys: list[tuple[int, bytes]]

    @property
    def key(self) -> FormerKey:
        return FormerKey(self.incarnation, "orders")

    @property
    def former(self) -> FormerStream:
        return FormerStream(self.incarnation, "orders", len(self.rows), self.rows[-1][1])

    def needed(self, present: UUID, at_seq: int = 0, goods: list[Goods] | None = None) -> Needed:
        ids = {order_id.bytes for order_id in self.open_ids}
        held = [OpenEntry(0, at, body) for _, at, body in self.rows if subject_of(decode_entry(body)) in ids]
        items = [encode_item(entry) for entry in held]
        items += [encode_item(each) for each in (self.goods if goods is None else goods)]
        ground = Ground(self.incarnation, "orders", len(self.rows), self.rows[-1][1])
        return Needed(present, bytes(32), (ground,), at_seq, None, None, *pack_block(items))

    def before(self, to_seq: int, count: int) -> Deliver:
        first = max(1, to_seq - count + 1)
        ground = self.genesis if first == 1 else self.rows[first - 2][1]
        block = pack_block([body for _, _, body in self.rows[first - 1 : to_seq]])
        return Deliver(
            self.incarnation, "orders", first, to_seq, ground, self.rows[to_seq - 1][1], *block, before=to_seq
        )


@pytest.fixture
async def past(tmp_path: Path) -> Past:
    """200 sales, three orders that stay open, one that was called off."""
    async with opened_desk(tmp_path / "gone.db") as desk:
        await desk.receive(10**9)
        open_ids = [await desk.ship()]
        await desk.sell(100)
        open_ids += [await desk.ship(), await desk.ship()]
        await desk.cancel(await desk.ship())
        await desk.sell(100)
        stream, reader = desk.file.streams["orders"], desk.file.reader
        return Past(
            stream.incarnation,
            await log.read_range(reader, stream, 1, 1_000),
            stream.genesis_hash(),
            open_ids,
            [Goods(*row) for row in await fetch(reader, _PLACES)],
            await fetch(reader, _HEADS),
            await fetch(reader, _KEYS),
        )


class Newcomer(Struct):
    """A file without a past, and what takes the past into it."""

    desk: Desk
    recovery: Recovery

    @property
    def present(self) -> UUID:
        return self.desk.file.streams["orders"].incarnation

    async def goods(self) -> list[Goods]:
        return [Goods(*row) for row in await fetch(self.desk.file.reader, _PLACES)]

    async def is_sound(self) -> bool:
        verdict = await verify_file(self.desk.file.path)
        assert verdict.findings == ()
        return True

    async def draw(self, past: Past, at_seq: int = 0, goods: list[Goods] | None = None) -> bool | None:
        assert await self.recovery.ask(NEEDED) is not None
        return await self.recovery.take(NEEDED, past.needed(self.present, at_seq, goods))

    async def take(self, past: Past, deliver: Deliver) -> bool | None:
        return await self.recovery.take(replace(past.key, part="before"), deliver)


def more(goods: Goods, on_hand_milli: int) -> Goods:
    """The same position with more on hand."""
    return replace(goods, on_hand_milli=goods.on_hand_milli + on_hand_milli)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Newcomer]:
    async with opened_desk(path) as desk:
        yield Newcomer(desk, Recovery(desk.file, desk.intake, real_surroundings(ZoneInfo("UTC"))))


async def test_with_the_picture_stock_and_open_orders_are_right_and_can_be_worked_with(
    past: Past, tmp_path: Path
) -> None:
    async with opened(tmp_path / "new.db") as store:
        before = replace(past.key, part="before")
        assert await store.recovery.asks([past.former]) == (NEEDED, past.key, before)
        assert await store.draw(past) is True
        assert await store.goods() == past.goods
        assert [row[0] for row in await fetch(store.desk.file.reader, _HEADS)] == [i.bytes for i in past.open_ids]
        await store.desk.cancel(past.open_ids[1])
        assert (await store.goods())[0].reserved_milli == past.goods[0].reserved_milli - 2_000
        assert await store.is_sound()
        assert await store.recovery.asks([past.former]) == (before,)  # what follows the picture is nothing
        (cut,) = (await verify_file(store.desk.file.path)).cuts
        assert (cut.pruned_seq, cut.is_awaited) == (len(past.rows), True)


async def test_the_history_comes_from_its_end_through_restarts_and_moves_no_stock(past: Past, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    async with opened(path) as store:
        await store.draw(past)
    seq = len(past.rows)
    while seq:
        async with opened(path) as store:
            recall = await store.recovery.ask(replace(past.key, part="before"))
            assert isinstance(recall, Recall)
            assert recall.before is not None
            assert (recall.before.seq, recall.before.hash) == (seq, past.rows[seq - 1][1])
            count = min(seq, 90)
            assert await store.take(past, past.before(seq, count)) is (count == seq)
            assert await store.goods() == past.goods
            assert await store.is_sound()
            seq -= count
    async with opened(path) as store:
        assert await store.recovery.ask(replace(past.key, part="before")) is None
        assert await store.recovery.asks([past.former]) == ()
        (stream,) = [s for s in store.desk.file.former if s.incarnation == past.incarnation]
        assert await log.read_range(store.desk.file.reader, stream, 1, 1_000) == past.rows
        assert await fetch(store.desk.file.reader, _HEADS) == past.heads
        keys = await fetch(store.desk.file.reader, _KEYS)
        assert len(keys) == len(past.heads)
        assert set(keys) <= set(past.keys)
        assert await fetch(store.desk.file.reader, "SELECT * FROM pruned_stock") == []


async def test_history_that_comes_twice_or_late_or_is_not_the_cuts_own_changes_nothing(
    past: Past, tmp_path: Path
) -> None:
    async with opened(tmp_path / "new.db") as store:
        await store.draw(past)
        last = len(past.rows)
        assert await store.take(past, past.before(last, 80)) is False
        assert await store.take(past, past.before(last, 80)) is None
        assert await store.take(past, past.before(last - 100, 80)) is None
        rows = await fetch(store.desk.file.reader, "SELECT count(*) FROM entry")
        forged = Past(past.incarnation, list(past.rows), past.genesis, [], [], [], [])
        at = last - 80
        forged.rows[at - 1] = (at, bytes(32), past.rows[at - 2][2])
        with pytest.raises(PeerFault):
            await store.take(past, forged.before(at, 10))
        assert await fetch(store.desk.file.reader, "SELECT count(*) FROM entry") == rows
        assert await store.goods() == past.goods
        assert await store.is_sound()


async def test_what_a_newcomer_sold_before_the_picture_keeps_its_effect_whether_the_centre_had_it_or_not(
    past: Past, tmp_path: Path
) -> None:
    async with opened(tmp_path / "new.db") as store:
        await store.desk.receive(5_000_000)
        await store.desk.sell(3)
        known = await store.goods()  # the centre has these four entries in its figures
        await store.desk.sell(2)
        both = [
            replace(g, on_hand_milli=g.on_hand_milli + k.on_hand_milli) for g, k in zip(past.goods, known, strict=True)
        ]
        assert await store.draw(past, 4, both) is True
        expected = [more(goods, -4_000) for goods in both]
        assert await store.goods() == expected
        await store.take(past, past.before(len(past.rows), 500))
        assert await store.goods() == expected
        assert await store.is_sound()


async def test_a_picture_that_the_history_does_not_bear_out_is_corrected_by_it(past: Past, tmp_path: Path) -> None:
    wrong = [more(goods, 7_000) for goods in past.goods]
    async with opened(tmp_path / "new.db") as store:
        await store.draw(past, goods=wrong)
        assert await store.goods() == wrong
        with structlog.testing.capture_logs() as logs:
            assert await store.take(past, past.before(len(past.rows), 500)) is True
        assert await store.goods() == past.goods
        assert await store.is_sound()
    assert [line["positions"] for line in logs if line["event"] == "recovery.picture_differed"] == [len(wrong)]


async def test_history_that_the_centre_has_lost_is_not_waited_for(past: Past, tmp_path: Path) -> None:
    last, at = len(past.rows), past.former.durable_hash
    gone = Deliver(past.incarnation, "orders", last + 1, last, at, at, *pack_block([]), before=last)
    async with opened(tmp_path / "new.db") as store:
        await store.draw(past)
        assert await store.take(past, gone) is True
        assert await store.recovery.ask(replace(past.key, part="before")) is None
        assert await store.goods() == past.goods
        assert await store.is_sound()


async def test_a_picture_in_which_less_than_nothing_is_promised_is_refused_and_asked_for_anew(
    past: Past, tmp_path: Path
) -> None:
    async with opened(tmp_path / "new.db") as store:
        with pytest.raises(PeerFault):
            await store.draw(past, goods=[replace(past.goods[0], reserved_milli=-1)])
        assert store.desk.file.former == ()
        assert await store.draw(past) is True
        assert await store.goods() == past.goods


async def test_only_a_file_without_a_past_asks_for_a_picture(past: Past, tmp_path: Path) -> None:
    async with opened(tmp_path / "new.db") as store:
        assert await store.recovery.asks([past.former], is_own_only=True) == ()
        await store.recovery.begin_incarnation("a fork was seen")
        assert NEEDED not in await store.recovery.asks([past.former])


@pytest.mark.parametrize("at_centre", [True, False], ids=["the centre has both", "the centre has the other one"])
async def test_a_past_that_the_newcomer_itself_remembers_counts_once(tmp_path: Path, at_centre: bool) -> None:
    """Two copies of one disk: the other one has begun a new life, and appended again what both held."""
    async with opened(tmp_path / "new.db") as store:
        desk = store.desk
        await desk.receive(10**9)
        open_ids = [await desk.ship(), await desk.ship()]
        await desk.sell(2)
        own = desk.file.streams["orders"]
        goods, heads = await store.goods(), await fetch(desk.file.reader, _HEADS)
        twin = NodeLog("store-0001", uuid7(START_MS, 9))
        for _, _, body in await log.read_range(desk.file.reader, own, 1, 100):
            twin.append(body)
        rows = [(seq, twin.hashes[seq], body) for seq, body in enumerate(twin.bodies, 1)]
        past = Past(twin.incarnation, rows, twin.hashes[0], open_ids, goods, heads, [])
        assert await store.draw(past, twin.tail_seq if at_centre else 0) is True
        assert await store.is_sound()
        assert at_centre is (await store.goods() == goods)
        assert await store.take(past, past.before(twin.tail_seq, twin.tail_seq)) is True
        assert await store.goods() == goods
        assert await fetch(desk.file.reader, _HEADS) == heads
        assert await store.is_sound()


async def test_history_that_the_centre_cannot_read_is_passed_and_what_it_made_of_the_stock_stays(
    past: Past, tmp_path: Path
) -> None:
    path = tmp_path / "new.db"
    last = len(past.rows)
    async with opened(path) as store:
        await store.draw(past)
        assert await store.take(past, past.before(last, last - 120)) is False
        behind = replace(past.before(110, 110), before=120, lacking=10)
        with pytest.raises(PeerFault):
            await store.take(past, replace(behind, lacking=9))
        with structlog.testing.capture_logs() as logs:
            assert await store.take(past, behind) is True
            assert await store.take(past, behind) is None
        assert [line["seqs"] for line in logs if line["event"] == "recovery.entries_lacking"] == [list(range(111, 121))]
        assert await store.goods() == past.goods
        assert await store.recovery.ask(replace(past.key, part="before")) is None
        assert {f.where for f in (await verify_file(path)).findings} == {f"orders {seq}" for seq in range(111, 121)}
        await store.desk.cancel(past.open_ids[1])
        assert (await store.goods())[0].reserved_milli == past.goods[0].reserved_milli - 2_000
        (stream,) = [s for s in store.desk.file.former if s.incarnation == past.incarnation]
        goods = await store.goods()
        assert await mend(store.desk, SoundCopy(stream, past.rows)) == 10
        assert await store.goods() == goods, "the sums had them"
        assert await store.is_sound()

"""Records that are damaged and stay so: what is old goes on going past them, and they are left where they are."""

import asyncio
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from edge_agent.scrub import Scrub
from edge_agent.store import log, scrubbing
from edge_agent.store.connection import Connection, fetch
from edge_agent.store.scrubbing import Damaged
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.sync.audit_messages import Run
from tests.integration.test_link_retention import Shop, shop
from tests.rigs.desk import opened_desk
from tests.rigs.pages import leaf_of, overwrite
from tests.rigs.waiting import eventually

__all__ = ["shop"]

_ENTRIES: Final = 10
_UNREADABLE: Final = "UPDATE entry SET body = x'c1' WHERE entry_id = ?"
_ANOTHER_HASH: Final = "UPDATE entry SET hash = zeroblob(32) WHERE entry_id = ?"
_GONE: Final = "DELETE FROM entry WHERE entry_id = ?"


async def spoil(shop: Shop, sql: str, seq: int, *, is_given_up: bool = True) -> None:
    """Damage a record behind the agent's back; `is_given_up`: a round of the scrub found it and could not mend it."""
    file = shop.desk.file
    stream = file.streams["orders"]
    # After a hash that is wrong or gone, the next entry cannot be told from a damaged one.
    run = Run(seq, seq if sql == _UNREADABLE else seq + 1)
    about = await scrubbing.subjects(file.reader, stream, run)
    damaged = [Damaged(stream.stream_no, each, about.get(each)) for each in range(run.from_seq, run.to_seq + 1)]

    async def change(connection: Connection) -> None:
        await connection.execute(sql, (stream.entry_id(seq),))
        if is_given_up:
            await scrubbing.note_damage(connection, stream, run, damaged, 1)

    await shop.desk.intake.write(change)
    if is_given_up:
        shop.chore.cutter.is_given_up = lambda _stream_no, asked: run.from_seq <= asked <= run.to_seq


async def aged(shop: Shop) -> int:
    """Everything is acked, covered and old but the last: how many entries went."""
    await shop.acked(_ENTRIES, backed_up_seq=_ENTRIES)
    await shop.forget_keys()
    return await shop.later(11)


async def first_seq(shop: Shop) -> int:
    return await log.first_seq(shop.desk.file.reader, shop.desk.file.streams["orders"])


@pytest.mark.parametrize("sql", [_UNREADABLE, _ANOTHER_HASH], ids=["unreadable", "another-hash"])
async def test_a_record_that_cannot_be_mended_stays_with_its_order_and_all_others_go(shop: Shop, sql: str) -> None:
    await shop.desk.sell(_ENTRIES - 1)
    await spoil(shop, sql, 4)
    await aged(shop)
    kept = await shop.seqs()
    assert 4 in kept
    assert set(kept) <= {4, 5, 10}
    assert await first_seq(shop) == _ENTRIES
    assert "damaged" in str(shop.books.last_error)


async def test_what_is_left_keeps_the_stock_and_the_list_right(shop: Shop) -> None:
    await shop.desk.sell(_ENTRIES - 1)
    before = await shop.desk.on_hand()
    await spoil(shop, _UNREADABLE, 4)
    await aged(shop)
    assert await shop.desk.on_hand() == before
    heads = await fetch(shop.desk.file.reader, "SELECT order_id FROM order_head")
    assert len(heads) == 2  # of the order that is left, and of the last one
    body = (await log.read_range(shop.desk.file.reader, shop.desk.file.streams["orders"], 4, 1))[0][2]
    assert body == b"\xc1"


async def test_a_record_that_is_gone_stops_nothing(shop: Shop) -> None:
    await shop.desk.sell(_ENTRIES - 1)
    await spoil(shop, _GONE, 4)
    await aged(shop)
    assert await first_seq(shop) == _ENTRIES


async def test_a_damaged_record_at_the_cut_moves_the_cut_to_where_the_chain_can_be_taken_up(shop: Shop) -> None:
    await shop.desk.sell(_ENTRIES - 1)
    await spoil(shop, _ANOTHER_HASH, 6)
    await shop.acked(6, backed_up_seq=6)
    await shop.forget_keys()
    await shop.later(11)
    assert await first_seq(shop) == 6  # the cut is at 5: the hash of 6 proves nothing
    verdict = await verify_file(shop.desk.file.path)
    assert [finding.where for finding in verdict.findings] == ["orders 6", "orders 7"]


async def test_damage_that_the_centre_may_still_mend_is_waited_for_and_told(shop: Shop) -> None:
    told: list[str] = []
    shop.chore.on_damage = lambda: told.append("suspected")
    await shop.desk.sell(_ENTRIES - 1)
    await spoil(shop, _UNREADABLE, 4, is_given_up=False)
    await aged(shop)
    assert await first_seq(shop) <= 4
    assert told
    await spoil(shop, _UNREADABLE, 4)
    await shop.chore.look()
    assert await first_seq(shop) == _ENTRIES


async def test_what_a_whole_round_of_the_scrub_found_and_could_not_mend_is_given_up(shop: Shop) -> None:
    await shop.desk.sell(_ENTRIES - 1)
    await spoil(shop, _UNREADABLE, 4, is_given_up=False)
    stream_no = shop.desk.file.streams["orders"].stream_no
    scrub = Scrub(shop.desk.file, shop.desk.intake, real_surroundings(ZoneInfo("UTC")), None)
    shop.chore.cutter.is_given_up = scrub.is_given_up
    assert not scrub.is_given_up(stream_no, 4)

    async def rounds() -> int:
        return scrub.rounds

    scrub.begin()
    going = asyncio.create_task(scrub.run())
    try:
        await eventually(rounds)
    finally:
        going.cancel()
    assert [seq for seq in range(1, _ENTRIES + 1) if scrub.is_given_up(stream_no, seq)] == [4]
    await aged(shop)
    assert await shop.seqs() == [4, 10]


async def test_a_mended_record_goes_with_the_others(shop: Shop) -> None:
    await shop.desk.sell(_ENTRIES - 1)
    file = shop.desk.file
    stream = file.streams["orders"]
    ((_, _, body),) = await log.read_range(file.reader, stream, 4, 1)
    await spoil(shop, _UNREADABLE, 4, is_given_up=False)
    await aged(shop)
    await shop.desk.intake.write(lambda connection: _put_body(connection, stream.entry_id(4), body))
    assert await shop.chore.look() > 0
    assert await shop.seqs() == [10]
    assert await shop.is_sound()


async def test_an_overwritten_page_stays_and_what_was_on_others_goes(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with opened_desk(path) as desk:
        await desk.receive(10_000_000)
        await desk.sell(60)
    overwrite(path, leaf_of(path, 3))
    async with opened_desk(path) as desk:
        shop = Shop(desk)
        shop.chore.cutter.is_given_up = lambda _stream_no, _seq: True
        await shop.acked(61, backed_up_seq=61)
        await shop.forget_keys()
        gone = await shop.later(11)
        assert await first_seq(shop) == 61
        assert 40 < gone < 60
        before = await desk.on_hand()
        await desk.sell(1)
        assert await desk.on_hand() == before - 2_000


async def _put_body(connection: Connection, entry_id: int, body: bytes) -> None:
    await connection.execute("UPDATE entry SET body = ? WHERE entry_id = ?", (body, entry_id))


async def test_an_open_order_with_a_damaged_placing_below_the_cut_stays_when_it_is_called_off(shop: Shop) -> None:
    order_id = await shop.desk.ship()
    await shop.desk.cancel(order_id)
    await shop.desk.sell(_ENTRIES - 3)
    await spoil(shop, _UNREADABLE, 2)
    await aged(shop)
    assert await shop.seqs() == [2, 3, 10]

"""Holds in a store's file: they end by the agent's own clock, once, and the log alone makes the table again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec.structs import replace

from edge_agent.hold_expiry import HoldExpiry
from edge_agent.store import holds
from edge_agent.store.stock import read_positions
from edge_agent.store.verify import verify_file
from edge_agent.submission import Answer, AskHold, OrderHold, Request
from edge_agent.surroundings import wall_ms
from edge_core.stock.requests import HoldLine, ReservationRequest
from edge_core.sync.entry import decode_entry
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.orders import till_order

SKU = till_order().lines[0].sku
TTL_MS = 60_000


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path / "store.db") as desk:
        await desk.receive(10_000)
        yield desk


def later(desk: Desk, ms: int) -> HoldExpiry:
    """The chore of the same store, `ms` from now; the intake's own clock goes with it."""
    here = replace(desk.intake._here, now_ms=lambda: wall_ms() + ms)
    desk.intake._here = here
    return HoldExpiry(desk.file, desk.intake, here)


async def ask(desk: Desk, request: Request) -> Answer:
    return await desk.intake.submit(request, str(uuid4()), None)


async def hold(desk: Desk, quantity_milli: int = 4_000) -> UUID:
    answer = await ask(desk, ReservationRequest((HoldLine("1", SKU, quantity_milli, "H87"),), TTL_MS))
    assert answer.status == 201, answer.body
    return UUID(msgspec.json.decode(answer.body)["reservation_id"])


async def reserved(desk: Desk) -> int:
    (position,) = await read_positions(desk.file.reader, [SKU])
    return position.reserved_milli


async def sound(desk: Desk) -> None:
    verdict = await verify_file(desk.file.path)
    assert verdict.is_sound, verdict.findings


async def test_a_hold_ends_when_its_time_is_over_and_not_before(desk: Desk) -> None:
    await hold(desk)
    assert await later(desk, TTL_MS - 30_000).look() == 0
    assert await reserved(desk) == 4_000
    chore = later(desk, TTL_MS + 1)
    assert (await chore.look(), await chore.look(), await reserved(desk)) == (1, 0, 0)
    await sound(desk)


async def test_an_order_and_the_clock_at_the_same_moment_leave_one_end(desk: Desk) -> None:
    subject = await hold(desk, 10_000)
    order = OrderHold(subject, till_order(lines=1, method="ship", store_id="store-0001"))
    chore = later(desk, TTL_MS + 1)
    answer, _ = await asyncio.gather(ask(desk, order), chore.look())
    assert answer.status in {404, 409}
    assert await reserved(desk) == 0
    await sound(desk)


async def test_an_order_in_time_keeps_its_part_and_frees_the_rest_and_the_clock_finds_nothing(desk: Desk) -> None:
    subject = await hold(desk)
    answer = await ask(desk, OrderHold(subject, till_order(lines=1, method="ship", store_id="store-0001")))
    assert answer.status == 201, answer.body
    assert (await reserved(desk), await later(desk, TTL_MS + 1).look()) == (2_000, 0)
    assert (await ask(desk, AskHold(subject, "release"))).status == 404
    await sound(desk)


async def test_an_extended_hold_lasts_and_is_shown_with_its_new_time(desk: Desk) -> None:
    subject = await hold(desk)
    answer = await ask(desk, AskHold(subject, "extend", 2 * TTL_MS))
    assert (answer.status, msgspec.json.decode(answer.body)["status"]) == (200, "soft")
    assert await later(desk, TTL_MS + 1).look() == 0
    assert await later(desk, 2 * TTL_MS + 1_000).look() == 1
    await sound(desk)


@pytest.mark.parametrize("newest_first", [False, True])
async def test_the_log_alone_makes_the_table_of_holds_again_in_any_order(desk: Desk, *, newest_first: bool) -> None:
    kept, gone, longer = [await hold(desk, 1_000) for _ in range(3)]
    await ask(desk, AskHold(gone, "release"))
    await ask(desk, AskHold(longer, "extend", 2 * TTL_MS))
    before = await holds.read_all(desk.file.reader)
    assert before.keys() == {kept, longer}
    async with desk.file.transaction() as connection:
        await holds.drop_holds(connection, before)
        rows = await connection.execute_fetchall("SELECT body FROM entry ORDER BY entry_id")
        entries = [decode_entry(body) for (body,) in rows]
        for entry in reversed(entries) if newest_first else entries * 2:
            await holds.take_events(connection, entry.events)
    assert await holds.read_all(desk.file.reader) == before


async def test_verify_names_a_hold_that_the_log_does_not_have_and_one_that_is_missing(desk: Desk) -> None:
    subject = await hold(desk)
    found = await holds.read_all(desk.file.reader)
    async with desk.file.transaction() as connection:
        await holds.drop_holds(connection, [subject])
        await holds.put_holds(connection, [replace(found[subject], reservation_id=UUID(int=7))])
    verdict = await verify_file(desk.file.path)
    assert {finding.where for finding in verdict.findings} == {f"hold {subject}", f"hold {UUID(int=7)}"}

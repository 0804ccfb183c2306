"""Quotas in a store's file: drawn in the order's own transaction, and made again by the log in any order."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from edge_agent.store import quotas
from edge_agent.store.verify import verify_file
from edge_agent.submission import Answer, Request
from edge_core.stock.quotas import Quota
from edge_core.stock.requests import HoldLine, QuotaRequest, ReservationRequest
from edge_core.sync.entry import decode_entry
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.orders import of_next_customer, till_order

SKU = till_order().lines[0].sku
PLAN = (Quota("walk_in", 1, draws_on=("online",)), Quota("online", 1))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path / "store.db") as desk:
        await desk.receive(20_000)
        assert (await ask(desk, QuotaRequest(SKU, PLAN))).status == 201
        yield desk


async def ask(desk: Desk, request: Request) -> Answer:
    return await desk.intake.submit(request, str(uuid4()), None)


def slug(answer: Answer) -> str:
    return str(msgspec.json.decode(answer.body)["type"]).rpartition(":")[2]


async def test_many_orders_at_once_take_no_more_than_their_channel_has(desk: Desk) -> None:
    order = till_order(lines=1, method="ship", store_id="store-0001")
    answers = await asyncio.gather(*(ask(desk, of_next_customer(order)) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] * 5 + [409] * 3
    assert {slug(answer) for answer in answers if answer.status == 409} == {"quota-exhausted"}
    assert (await verify_file(desk.file.path)).is_sound


async def test_a_hold_draws_on_its_channel_and_the_order_that_follows_it_does_not_draw_again(desk: Desk) -> None:
    lines = (HoldLine("1", SKU, 10_000, "H87"),)
    assert (await ask(desk, ReservationRequest(lines, 60_000, channel="online"))).status == 201
    assert slug(await ask(desk, ReservationRequest(lines, 60_000, channel="online"))) == "quota-exhausted"
    assert (await verify_file(desk.file.path)).is_sound


@pytest.mark.parametrize("newest_first", [False, True])
async def test_the_log_alone_makes_the_quotas_again_in_any_order(desk: Desk, *, newest_first: bool) -> None:
    await desk.sell(3)
    before = await quotas.read_all(desk.file.reader)
    async with desk.file.transaction() as connection:
        await connection.execute("DELETE FROM quota")
        rows = await connection.execute_fetchall("SELECT body FROM entry ORDER BY entry_id")
        entries = [decode_entry(body) for (body,) in rows]
        await quotas.take_entries(connection, reversed(entries) if newest_first else entries * 2)
    assert await quotas.read_all(desk.file.reader) == before


async def test_verify_names_quotas_that_the_log_does_not_lead_to(desk: Desk) -> None:
    await desk.sell(1)
    ((hlc, quota),) = (await quotas.read_all(desk.file.reader)).values()
    async with desk.file.transaction() as connection:
        await quotas.put_quotas(connection, {SKU: (hlc + 1, quota)})
    assert [f.where for f in (await verify_file(desk.file.path)).findings] == [f"quota {SKU}"]


async def test_a_plan_that_was_taken_away_lets_whoever_comes_first_have_what_is_there(desk: Desk) -> None:
    assert (await ask(desk, QuotaRequest(SKU, ()))).status == 201
    order = till_order(lines=1, method="ship", store_id="store-0001")
    answers = await asyncio.gather(*(ask(desk, of_next_customer(order)) for _ in range(11)))
    assert [slug(answer) for answer in answers if answer.status != 201] == ["out-of-stock"]
    assert (await verify_file(desk.file.path)).is_sound

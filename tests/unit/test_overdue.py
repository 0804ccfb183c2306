"""Goods that nobody fetched go back to the shelf by the agent's own clock, once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec.structs import replace

from edge_agent.overdue import Overdue
from edge_agent.store import orders
from edge_agent.store.stock import read_positions
from edge_agent.submission import Answer, Ask
from edge_agent.surroundings import wall_ms
from edge_core.orders.merge import merge
from edge_core.orders.requests import ApproveRequest, CollectRequest, HoldRequest, OrderRequest, StepRequest
from tests.rigs.counter import HOUR_MS
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.orders import of_next_customer, till_order

WEEK_MS = 168 * HOUR_MS
FIRST = till_order().lines[0].sku


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path / "store.db") as desk:
        await desk.receive(10_000)
        yield desk


def later(desk: Desk, ms: int) -> Overdue:
    """The chore of the same store, `ms` from now; the intake's own clock goes with it."""
    here = replace(desk.intake._here, now_ms=lambda: wall_ms() + ms)
    desk.intake._here = here
    return Overdue(desk.file, desk.intake, here)


async def ask(desk: Desk, order_id: UUID, name: str, request: OrderRequest) -> Answer:
    return await desk.intake.submit(Ask(order_id, name, request), str(uuid4()), None)


async def ready(desk: Desk) -> tuple[UUID, str]:
    """An order that waits for its customer, and its code."""
    answer = await desk.intake.submit(of_next_customer(till_order(method="pickup")), str(uuid4()), None)
    order_id = UUID(msgspec.json.decode(answer.body)["order_id"])
    await ask(desk, order_id, "pick", StepRequest())
    answer = await ask(desk, order_id, "ready", StepRequest())
    return order_id, msgspec.json.decode(answer.body)["pickup_code"]


async def reserved(desk: Desk) -> int:
    (position,) = await read_positions(desk.file.reader, [FIRST])
    return position.reserved_milli


async def test_goods_are_taken_back_when_their_time_is_over_and_not_before(desk: Desk) -> None:
    await ready(desk)
    assert await later(desk, WEEK_MS - HOUR_MS).look() == 0
    assert await reserved(desk) == 2_000
    overdue = later(desk, WEEK_MS)
    assert await overdue.look() == 1
    assert await reserved(desk) == 0
    assert await overdue.look() == 0


async def test_all_of_many_orders_are_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.overdue.OVERDUE_ORDERS_PER_STEP", 2)
    for _ in range(4):
        await ready(desk)
    await desk.ship()
    assert await later(desk, WEEK_MS).look() == 4


async def test_a_customer_who_was_first_keeps_the_goods(desk: Desk) -> None:
    order_id, code = await ready(desk)
    overdue = later(desk, WEEK_MS)
    collected, taken_back = await asyncio.gather(ask(desk, order_id, "collect", CollectRequest(code)), overdue.look())
    assert (collected.status, taken_back) in {(200, 0), (409, 1)}
    assert await reserved(desk) == 0


async def test_a_clock_that_was_set_back_for_a_moment_does_not_keep_goods_from_the_shelf(desk: Desk) -> None:
    await ready(desk)
    ahead = Overdue(desk.file, desk.intake, replace(desk.intake._here, now_ms=lambda: wall_ms() + WEEK_MS))
    assert await ahead.look() == 0  # the clock that decides says that there is time
    assert await later(desk, WEEK_MS).look() == 1


async def test_a_renewed_code_has_a_time_of_its_own(desk: Desk) -> None:
    order_id, _ = await ready(desk)
    later(desk, WEEK_MS - HOUR_MS)
    await ask(desk, order_id, "renew", StepRequest())
    assert await later(desk, WEEK_MS).look() == 0
    assert await later(desk, 2 * WEEK_MS).look() == 1


async def held(desk: Desk) -> UUID:
    """An order that somebody at the store has to look at."""
    order_id = await desk.ship()
    answer = await ask(desk, order_id, "hold", HoldRequest("address-looks-odd"))
    assert msgspec.json.decode(answer.body)["holds"][0]["owner"] == "store"
    return order_id


async def owner(desk: Desk, order_id: UUID) -> str:
    state = merge(await orders.read_order(desk.file.reader, order_id)).state
    assert state is not None
    return state.held[0].owner


async def test_a_hold_that_nobody_answers_is_passed_on_once_for_each_rung(desk: Desk) -> None:
    order_id = await held(desk)
    quarter = HOUR_MS // 4
    assert await later(desk, quarter - 60_000).look() == 0
    overdue = later(desk, quarter)
    assert (await overdue.look(), await owner(desk, order_id)) == (1, "back_office")
    assert await overdue.look() == 0
    assert (await later(desk, 3 * HOUR_MS).look(), await owner(desk, order_id)) == (1, "centre")
    assert await later(desk, 10 * WEEK_MS).look() == 0
    assert desk.intake.holds.held == 1


async def test_a_hold_that_was_answered_in_time_is_not_passed_on(desk: Desk) -> None:
    order_id = await held(desk)
    await ask(desk, order_id, "approve", ApproveRequest(operator_id="manager-1"))
    assert await later(desk, HOUR_MS).look() == 0

"""The whole life of orders through a store's file: decided, recorded, answered once, and the same when asked again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec.structs import replace

from edge_agent.store import orders
from edge_agent.store.connection import fetch
from edge_agent.store.stock import read_positions
from edge_agent.submission import Answer, Ask
from edge_core.orders.merge import merge
from edge_core.orders.requests import (
    CollectRequest,
    ExchangeRequest,
    OrderRequest,
    ReturnLine,
    StepRequest,
    UnreceiptedLine,
    UnreceiptedReturn,
)
from edge_core.orders.state import OrderState
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.orders import PLACED_AT, till_order

FIRST, SECOND = (line.sku for line in till_order().lines)
STEP = StepRequest()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path / "store.db") as desk:
        await desk.receive(10_000)
        yield desk


async def ask(desk: Desk, order_id: UUID, name: str, request: OrderRequest, key: str | None = None) -> Answer:
    return await desk.intake.submit(Ask(order_id, name, request), key or str(uuid4()), None)


def body(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)


async def placed(desk: Desk, method: str) -> UUID:
    answer = await desk.intake.submit(till_order(method=method), str(uuid4()), None)  # type: ignore[arg-type]
    return UUID(body(answer)["order_id"])


async def rows(desk: Desk, sql: str) -> list[tuple[Any, ...]]:
    return list(await fetch(desk.file.reader, sql))


async def count(desk: Desk) -> int:
    return int((await rows(desk, "SELECT count(*) FROM entry"))[0][0])


async def state_of(desk: Desk, order_id: UUID) -> OrderState:
    state = merge(await orders.read_order(desk.file.reader, order_id)).state
    assert state is not None
    return state


async def test_the_pickup_code_is_said_once_and_again_to_whoever_repeats_the_request(desk: Desk) -> None:
    order_id = await placed(desk, "pickup")
    assert (await ask(desk, order_id, "pick", STEP)).status == 200
    first = await ask(desk, order_id, "ready", STEP, "the-key")
    again = await ask(desk, order_id, "ready", STEP, "the-key")
    assert (again.body, again.is_replay, again.location) == (first.body, True, first.location)
    code = body(first)["pickup_code"]
    log = b"".join([bytes(row[0]) for row in await rows(desk, "SELECT body FROM entry")])
    assert code.encode() not in log
    collected = await ask(desk, order_id, "collect", CollectRequest(code))
    assert body(collected)["status"] == "completed"
    assert desk.intake.rejected == 0


async def test_what_is_asked_of_one_order_at_once_is_decided_one_after_the_other(desk: Desk) -> None:
    order_id = await placed(desk, "ship")
    first, second = await asyncio.gather(ask(desk, order_id, "pick", STEP), ask(desk, order_id, "pick", STEP))
    assert {first.status, second.status} == {200, 409}
    refused = first if first.status == 409 else second
    assert body(refused)["type"] == "urn:holdfast:problem:command-not-allowed"
    assert "pack" in body(refused)["allowed"]


async def test_an_exchange_is_two_entries_in_one_transaction_and_its_answer_is_the_new_order(desk: Desk) -> None:
    sold = await placed(desk, "carry_out")
    posted = till_order(lines=1)
    line = replace(posted.lines[0], sku=SECOND)
    order = replace(posted, order_type="exchange", lines=(line,), payments=())
    request = ExchangeRequest((ReturnLine("1", 2_000),), "too-small", order)
    before = await count(desk)
    answer = await ask(desk, sold, "exchange", request, "the-key")
    assert (answer.status, body(answer)["order_type"], body(answer)["status"]) == (201, "exchange", "completed")
    assert await count(desk) == before + 2
    new = UUID(body(answer)["order_id"])
    assert body(answer)["display_number"].endswith(f"-{body(answer)['origin']['seq']}")
    again = await ask(desk, sold, "exchange", request, "the-key")
    assert (again.status, again.body, await count(desk)) == (201, answer.body, before + 2)
    returned, exchanged = await state_of(desk, sold), await state_of(desk, new)
    assert (returned.status, returned.returns[0].exchanged_for) == ("partially_returned", new)
    assert exchanged.order.payments[0].token_ref == returned.returns[0].return_id
    stock = {p.sku: p.on_hand_milli for p in await read_positions(desk.file.reader, [FIRST, SECOND])}
    assert stock == {FIRST: 10_000, SECOND: 6_000}


async def test_a_refused_exchange_leaves_nothing_behind(desk: Desk) -> None:
    sold = await placed(desk, "carry_out")
    before = await count(desk)
    order = replace(till_order(lines=1), order_type="exchange")  # paid in full, though goods come back for it
    answer = await ask(desk, sold, "exchange", ExchangeRequest((ReturnLine("1", 2_000),), "too-small", order))
    assert body(answer)["type"] == "urn:holdfast:problem:payment-mismatch"
    assert await count(desk) == before
    assert (await state_of(desk, sold)).status == "completed"


async def test_goods_without_a_receipt_are_recorded_about_no_order(desk: Desk) -> None:
    lines = (UnreceiptedLine(FIRST, 1_000, "H87", 250), UnreceiptedLine(FIRST, 500, "H87", 0, "damaged"))
    request = UnreceiptedReturn("till-1", "op-1", "boss", PLACED_AT, "CNY", "voucher", "no-receipt", lines)
    answer = await desk.intake.submit(request, "the-key", None)
    assert (answer.status, body(answer)["refund_minor"], body(answer)["lines"]) == (201, 250, 2)
    assert (await desk.intake.submit(request, "the-key", None)).body == answer.body
    assert await desk.on_hand() == 11_000


@pytest.mark.parametrize("moment", ["2026-02-30T09:30:00.000Z", "2026-11-21T23:59:60.000Z", "2026-11-21T25:00:00.000Z"])
async def test_a_moment_that_does_not_exist_is_refused_and_others_are_served(desk: Desk, moment: str) -> None:
    sold = await placed(desk, "carry_out")
    lines = (UnreceiptedLine(FIRST, 1_000, "H87", 250),)
    request = UnreceiptedReturn("till-1", "op-1", "boss", moment, "CNY", "voucher", "no-receipt", lines)
    order = replace(till_order(lines=1), order_type="exchange", placed_at=moment)
    swap = ExchangeRequest((ReturnLine("1", 2_000),), "too-small", order)
    answers = await asyncio.gather(
        desk.intake.submit(request, str(uuid4()), None), ask(desk, sold, "exchange", swap), desk.place(str(uuid4()))
    )
    assert [answer.status for answer in answers] == [422, 422, 201]
    assert {body(answer)["type"] for answer in answers[:2]} == {"urn:holdfast:problem:invalid-time"}


async def test_goods_that_an_order_waits_for_are_promised_to_it_once_they_are_there(tmp_path: Path) -> None:
    async with opened_desk(tmp_path / "empty.db") as desk:
        order_id = await placed(desk, "ship")
        await desk.receive(10_000)
        answer = await ask(desk, order_id, "route", STEP)
        assert body(answer)["groups"][0]["status"] == "reserved"
        assert [p.reserved_milli for p in await read_positions(desk.file.reader, [FIRST])] == [2_000]

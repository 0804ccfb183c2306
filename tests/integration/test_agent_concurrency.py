"""Many tills at once: one key makes one order, a stock of N sells N times, and the file stays sound meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from edge_agent.store import stock
from edge_agent.store.connection import open_reader
from tests.rigs.agents import Agent, at_once, key, line, receipt, running, sale, totals

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"))) as agent:
        yield agent


async def test_a_thousand_requests_with_one_key_make_one_order(agent: Agent) -> None:
    entries = agent.entries()
    async with agent.tills(200) as tills:
        answers = await at_once(tills, "/v1/orders", [(key("thousand"), sale("thousand"))] * 1_000)
    assert Counter(answer.status_code for answer in answers) == {201: 1_000}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert agent.entries() == entries + 1


async def test_one_key_with_two_bodies_at_once_makes_one_of_them(agent: Agent) -> None:
    bodies = [sale("either", quantity) for quantity in (1_000, 2_000)] * 50
    async with agent.tills(100) as tills:
        answers = await at_once(tills, "/v1/orders", [(key("either"), body) for body in bodies])
    assert Counter(answer.status_code for answer in answers) == {201: 50, 422: 50}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1


async def test_sixty_four_tills_each_get_orders_and_numbers_of_their_own(agent: Agent) -> None:
    entries = agent.entries()
    orders = [sale(f"till-{number}", terminal_id=f"till-{number}") for number in range(64)]
    async with agent.tills(64) as tills:
        answers = await at_once(tills, "/v1/orders", [(key(), order) for order in orders])
    placed = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} == {201}
    assert len({order["order_id"] for order in placed}) == len({order["display_number"] for order in placed}) == 64
    assert sorted(order["origin"]["seq"] for order in placed) == list(range(entries + 1, entries + 65))


async def test_a_stock_of_n_is_sold_n_times_however_many_ask(agent: Agent) -> None:
    many = 50
    async with agent.tills(128) as tills:
        await tills.post("/v1/stock/movements", headers=key(), json=receipt("scarce", many * 1_000))
        answers = await at_once(tills, "/v1/orders", [(key(), sale("scarce")) for _ in range(4 * many)])
        left = (await tills.get("/v1/stock/scarce")).json()
    assert Counter(answer.status_code for answer in answers) == {201: many, 409: 3 * many}
    assert (left["on_hand_milli"], left["reserved_milli"], left["free_milli"]) == (0, 0, 0)
    assert agent.verify()["findings"] == []


async def test_sales_pickups_and_cancels_at_once_leave_the_stock_that_their_answers_say(agent: Agent) -> None:
    pickup = sale("mixed", 2_000, order_type="pickup", fulfillment={"method": "pickup"}, payments=[])
    async with agent.tills(128) as tills:
        await tills.post("/v1/stock/movements", headers=key(), json=receipt("mixed", 60_000))
        waiting = await at_once(tills, "/v1/orders", [(key(), pickup) for _ in range(20)])
        cancels = [f"{answer.headers['location']}/cancel" for answer in waiting[:10]]
        sold, *cancelled = await asyncio.gather(
            at_once(tills, "/v1/orders", [(key(), sale("mixed")) for _ in range(100)]),
            *(tills.post(path, headers=key(), json={"reason": "changed-mind"}) for path in cancels),
        )
        left = (await tills.get("/v1/stock/mixed")).json()
    assert {answer.status_code for answer in cancelled} == {200}
    sales = sum(answer.status_code == 201 for answer in sold)
    assert 20 <= sales <= 40
    assert left["reserved_milli"] == 20_000
    assert left["on_hand_milli"] == 60_000 - 1_000 * sales
    assert agent.verify()["findings"] == []


async def test_a_whole_batch_of_the_widest_orders_is_taken(agent: Agent) -> None:
    async with agent.tills(70) as tills:
        answers = await at_once(tills, "/v1/orders", [(key(), _wide(number)) for number in range(70)])
    assert Counter(answer.status_code for answer in answers) == {201: 70}


async def test_the_positions_of_more_skus_are_read_than_sqlite_takes_parameters(agent: Agent) -> None:
    skus = [f"unknown-{number}" for number in range(300_000)]
    async with agent.tills(1) as tills:
        await tills.post("/v1/stock/movements", headers=key(), json=receipt("known", 1_000))
    reader = await open_reader(agent.store)
    try:
        (position,) = await stock.read_positions(reader, [*skus, "known"])
    finally:
        await reader.close()
    assert position.sku == "known"


async def test_the_file_is_sound_whenever_it_is_looked_at_under_load(agent: Agent) -> None:
    stop = asyncio.Event()

    async def sell() -> None:
        async with agent.tills(8) as tills:
            while not stop.is_set():
                await at_once(tills, "/v1/orders", [(key(), sale(f"load-{number}")) for number in range(8)])

    selling = asyncio.create_task(sell())
    verdicts = [await asyncio.to_thread(agent.verify) for _ in range(3)]
    stop.set()
    await selling
    assert [verdict["findings"] for verdict in verdicts] == [[], [], []]
    assert verdicts[0]["entries"] < verdicts[-1]["entries"]


def _wide(number: int) -> dict[str, object]:
    lines = [line(str(index), f"wide-{number}-{index}") for index in range(500)]
    cash = {"payment_id": "p1", "tender": "cash", "amount_minor": 50_000, "status": "captured"}
    payments = [{**cash, "authorization": "offline"}]
    return {**sale(), "lines": lines, "totals": totals(50_000), "payments": payments}

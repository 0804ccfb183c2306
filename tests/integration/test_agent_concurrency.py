"""Many tills at once: one key makes one order, a stock of N sells N times, and the file stays sound meanwhile."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from edge_agent.store import stock
from edge_agent.store.connection import open_reader
from tests.rigs.agents import Agent, at_once, key, line, receipt, running, sale, totals

ORDERS: Final = "/v1/orders"
MOVEMENTS: Final = "/v1/stock/movements"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"))) as agent:
        yield agent


@pytest.fixture
def till(agent: Agent) -> Iterator[httpx.Client]:
    with agent.client() as client:
        yield client


def stocked(till: httpx.Client, sku: str, pieces: int) -> None:
    assert till.post(MOVEMENTS, headers=key(), json=receipt(sku, pieces * 1_000)).status_code == 201


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


async def test_a_thousand_requests_with_one_key_make_one_order(agent: Agent) -> None:
    entries = agent.entries()
    answers = await at_once(agent, [(ORDERS, key("thousand"), sale("thousand"))] * 1_000, connections=400)
    assert statuses(answers) == {201: 1_000}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert agent.entries() == entries + 1


async def test_one_key_with_two_bodies_at_once_makes_one_of_them(agent: Agent) -> None:
    bodies = [sale("either", quantity) for quantity in (1_000, 2_000)] * 50
    answers = await at_once(agent, [(ORDERS, key("either"), body) for body in bodies])
    assert statuses(answers) == {201: 50, 422: 50}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1


async def test_sixty_four_tills_each_get_orders_and_numbers_of_their_own(agent: Agent) -> None:
    entries = agent.entries()
    sales = [sale(f"own-{number}", terminal_id=f"till-{number % 64}") for number in range(640)]
    answers = await at_once(agent, [(ORDERS, key(), order) for order in sales], connections=64)
    assert statuses(answers) == {201: 640}
    placed = [answer.json() for answer in answers]
    assert len({order["order_id"] for order in placed}) == len({order["display_number"] for order in placed}) == 640
    assert sorted(order["origin"]["seq"] for order in placed) == list(range(entries + 1, entries + 641))


async def test_a_stock_of_n_is_sold_n_times_however_many_ask(agent: Agent, till: httpx.Client) -> None:
    stocked(till, "scarce", 100)
    answers = await at_once(agent, [(ORDERS, key(), sale("scarce")) for _ in range(400)])
    assert statuses(answers) == {201: 100, 409: 300}
    left = till.get("/v1/stock/scarce").json()
    assert (left["on_hand_milli"], left["reserved_milli"], left["free_milli"]) == (0, 0, 0)
    assert agent.verify()["findings"] == []


async def test_sales_pickups_and_cancels_at_once_leave_the_stock_that_their_answers_say(
    agent: Agent, till: httpx.Client
) -> None:
    stocked(till, "mixed", 60)
    pickup = sale("mixed", 2_000, order_type="pickup", fulfillment={"method": "pickup"}, payments=[])
    waiting = await at_once(agent, [(ORDERS, key(), pickup) for _ in range(20)])
    paths = [f"{answer.headers['location']}/cancel" for answer in waiting[:10]]
    requests: list[Any] = [(path, key(), {"reason": "changed-mind"}) for path in paths]
    requests += [(ORDERS, key(), sale("mixed")) for _ in range(100)]
    requests[::2], requests[1::2] = requests[:55], requests[55:]
    answers = await at_once(agent, requests)
    assert statuses(answers)[200] == 10
    sold = statuses(answers)[201]
    assert 20 <= sold <= 40
    left = till.get("/v1/stock/mixed").json()
    assert (left["on_hand_milli"], left["reserved_milli"]) == (60_000 - 1_000 * sold, 20_000)
    assert agent.verify()["findings"] == []


async def test_a_whole_batch_of_the_widest_orders_is_taken(agent: Agent) -> None:
    answers = await at_once(agent, [(ORDERS, key(), _wide(number)) for number in range(70)])
    assert statuses(answers) == {201: 70}


async def test_more_skus_are_looked_up_at_once_than_sqlite_takes_parameters(agent: Agent, till: httpx.Client) -> None:
    stocked(till, "known", 1)
    skus = [f"unknown-{number}" for number in range(300_000)]  # Debian's SQLite takes 250,000, others 32,766
    reader = await open_reader(agent.store)
    try:
        (position,) = await stock.read_positions(reader, [*skus, "known"])
    finally:
        await reader.close()
    assert position.sku == "known"


async def test_the_file_is_sound_whenever_it_is_looked_at_under_load(agent: Agent) -> None:
    stop = asyncio.Event()
    numbers = itertools.count()

    async def sell() -> None:
        while not stop.is_set():
            requests = [(ORDERS, key(), sale(f"load-{next(numbers)}")) for _ in range(50)]
            assert statuses(await at_once(agent, requests, connections=8)) == {201: 50}

    selling = asyncio.create_task(sell())
    verdicts = [await asyncio.to_thread(agent.verify) for _ in range(3)]
    stop.set()
    await selling
    assert [verdict["findings"] for verdict in verdicts] == [[], [], []]
    assert verdicts[0]["entries"] < verdicts[-1]["entries"]


def _wide(number: int) -> dict[str, Any]:
    lines = [line(str(index), f"wide-{number}-{index}") for index in range(500)]
    cash = {"payment_id": "p1", "tender": "cash", "amount_minor": 50_000, "status": "captured"}
    payments = [{**cash, "authorization": "offline"}]
    return {**sale(), "lines": lines, "totals": totals(50_000), "payments": payments}

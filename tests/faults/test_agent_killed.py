"""SIGKILL of the agent under load: what it answered is there once, what it did not answer is there at most once.

`HOLDFAST_AGENT_KILLS=200 make faults ARGS="-k killed"` is the long run; `make test` takes a few rounds.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.rigs.agents import Agent, key, receipt, running, sale
from tests.rigs.strace import Injection

KILLS: Final = int(os.environ.get("HOLDFAST_AGENT_KILLS", "8"))
TILLS: Final = 8
ANSWERS_MAX: Final = 60  # of one round; where in it the kill comes is drawn
SKUS: Final = tuple(f"sku-{number}" for number in range(4))

pytestmark = pytest.mark.slow


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with running(Agent(tmp_path)) as agent:
        yield agent


@dataclass
class Till:
    """Sends one request after another, and the same one again where it does not know what became of it."""

    name: str
    choose: random.Random
    sent: int = 0
    waiting: tuple[str, dict[str, str], Any] | None = None
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    async def sell(self, agent: Agent, on_answer: "asyncio.Queue[None]") -> None:
        """Go on until the agent is gone."""
        async with agent.tills(1) as client:
            while await self._step(client):
                on_answer.put_nowait(None)

    async def settle(self, agent: Agent) -> None:
        """Send what is unanswered once more."""
        async with agent.tills(1) as client:
            while self.waiting is not None:
                assert await self._step(client)

    async def _step(self, client: httpx.AsyncClient) -> bool:
        path, headers, body = self.waiting = self.waiting or self._next()
        try:
            response = await client.post(path, headers=headers, json=body)
        except httpx.TransportError:
            return False
        self.answers[headers["idempotency-key"]] = (response.status_code, response.content)
        self.waiting = None
        return True

    def _next(self) -> tuple[str, dict[str, str], Any]:
        self.sent += 1
        headers = key(f"{self.name}-{self.sent}")
        sku = self.choose.choice(SKUS)
        match self.choose.randrange(10):
            case 0:
                return "/v1/stock/movements", headers, receipt(sku, 5_000)
            case 1 if (placed := self._placed()) is not None:
                return f"/v1/orders/{placed}/cancel", headers, {"reason": "changed-mind"}
            case 2 | 3:
                order = sale(sku, 2_000, order_type="pickup", fulfillment={"method": "pickup"})
                return "/v1/orders", headers, order
            case _:
                return "/v1/orders", headers, sale(sku, 1_000, terminal_id=self.name)

    def _placed(self) -> str | None:
        placed = [json.loads(body) for status, body in self.answers.values() if status == 201]
        orders = [answer["order_id"] for answer in placed if "order_id" in answer]
        return self.choose.choice(orders) if orders else None


async def test_kills_under_load_lose_nothing_and_double_nothing(agent: Agent) -> None:
    choose = random.Random(KILLS)
    tills = [Till(f"till-{number}", random.Random(number)) for number in range(TILLS)]
    with agent.client() as client:
        for sku in SKUS:
            stocked = client.post("/v1/stock/movements", headers=key(), json=receipt(sku, 500_000))
            assert stocked.status_code == 201
    for _ in range(KILLS):
        await _round(agent, tills, answers=choose.randint(1, ANSWERS_MAX), delay_s=choose.random() * 0.004)
        await agent.service.start()
    await asyncio.gather(*(till.settle(agent) for till in tills))
    assert all(till.answers for till in tills)
    await _demand_the_same_answers(agent, tills)
    _demand_each_once(agent, {name: answer for till in tills for name, answer in till.answers.items()})


async def _round(agent: Agent, tills: list[Till], *, answers: int, delay_s: float) -> None:
    """Load, and SIGKILL in the middle of it: so long after so many answers, wherever the agent is then."""
    answered: asyncio.Queue[None] = asyncio.Queue()
    selling = asyncio.gather(*(till.sell(agent, answered) for till in tills))
    for _ in range(answers):
        await answered.get()
    asyncio.get_running_loop().call_later(delay_s, agent.service.kill)
    await selling


async def _demand_the_same_answers(agent: Agent, tills: list[Till]) -> None:
    """A key answers for ever as it first did: taken from the tills' paper, not from the file."""
    for till in tills:
        again = Till(till.name, random.Random(int(till.name.removeprefix("till-"))))
        async with agent.tills(1) as client:
            for name, answer in till.answers.items():
                path, headers, body = again._next()
                assert headers["idempotency-key"] == name
                response = await client.post(path, headers=headers, json=body)
                assert (response.status_code, response.content) == answer
                assert response.headers["idempotency-replayed"] == "true"
                again.answers[name] = answer


def _demand_each_once(agent: Agent, answers: dict[str, tuple[int, bytes]]) -> None:
    assert agent.verify()["findings"] == []
    entries = agent.export()
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    placed = [event["order"] for entry in entries for event in entry["events"] if event["type"] == "order.placed"]
    by_key = Counter(order["idempotency_key"] for order in placed)
    ids_by_key = {order["idempotency_key"]: order["order_id"] for order in placed}
    promised = {name: json.loads(body) for name, (status, body) in answers.items() if status == 201}
    orders = {name: answer["order_id"] for name, answer in promised.items() if "order_id" in answer}
    assert ids_by_key == orders
    assert set(by_key.values()) == {1}
    assert len({order["display_number"] for order in placed}) == len(placed)
    movements = [answer["movement_id"] for answer in promised.values() if "movement_id" in answer]
    recorded = [
        event["movement_id"] for entry in entries for event in entry["events"] if event["type"] == "stock.moved"
    ]
    assert set(movements) <= set(recorded)
    assert len(set(recorded)) == len(recorded) == len(movements) + len(SKUS)
    cancelled = [entry for entry in entries for event in entry["events"] if event["type"] == "order.cancelled"]
    assert len(cancelled) == sum(status == 200 for status, _ in answers.values())


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("torn"))) as agent:
        yield agent


@pytest.mark.root
@pytest.mark.parametrize(
    ("call", "number"),
    [("pwrite64", 1), ("pwrite64", 2), ("pwrite64", 3), ("fdatasync", 1)],
    ids=["first page", "second page", "third page", "sync"],
)
def test_a_kill_at_an_exact_step_of_a_commit_leaves_the_order_whole_or_not_there(
    torn: Agent, call: str, number: int
) -> None:
    name = f"{call}-{number}"
    entries = torn.entries()
    with torn.client() as till, Injection(torn.service.child.pid, f"{call}:signal=KILL:when={number}"):
        with pytest.raises(httpx.TransportError):
            till.post("/v1/orders", headers=key(name), json=sale(name))
        assert torn.service.child.wait(10) == -9
    torn.start()
    with torn.client() as till:
        assert till.post("/v1/orders", headers=key(name), json=sale(name)).status_code == 201
    assert torn.verify() == {"entries": entries + 1, "findings": [], "cuts": []}
    assert torn.export()[-1]["events"][0]["order"]["idempotency_key"] == name

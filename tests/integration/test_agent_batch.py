"""Several orders in one request: each as if it had come alone, whatever becomes of the others."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_core.limits import BATCH_BODY_BYTES_MAX, BATCH_ORDERS_MAX, BODY_BYTES_MAX
from tests.rigs.agents import Agent, key, receipt, running, sale, slug

pytestmark = pytest.mark.slow
SKU = "06901234567892"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"))) as agent:
        with agent.client() as client:
            assert client.post("/v1/stock/movements", json=receipt(SKU, 10**9), headers=key()).is_success
        yield agent


@pytest.fixture
def till(agent: Agent) -> Iterator[httpx.Client]:
    with agent.client() as client:
        yield client


def item(name: str, **changes: Any) -> dict[str, Any]:
    return {"idempotency_key": name, "order": sale(SKU, **changes)}


def place(till: httpx.Client, *batch: Any) -> dict[str, Any]:
    answer = till.post("/v1/orders", json=list(batch))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_every_order_of_a_batch_gets_the_receipt_that_it_would_get_alone(agent: Agent, till: httpx.Client) -> None:
    before = agent.entries()
    done = place(till, *(item(f"all-{number}") for number in range(BATCH_ORDERS_MAX)))
    assert done["accepted"] == BATCH_ORDERS_MAX
    assert [result["idempotency_key"] for result in done["results"]] == [f"all-{n}" for n in range(BATCH_ORDERS_MAX)]
    assert {result["status"] for result in done["results"]} == {201}
    assert agent.entries() - before == BATCH_ORDERS_MAX
    first = done["results"][0]["receipt"]
    shown = till.get(f"/v1/orders/{first['order_id']}").json()
    assert shown["display_number"] == first["display_number"]


def test_a_bad_order_is_refused_with_its_problem_and_the_others_are_taken(agent: Agent, till: httpx.Client) -> None:
    wrong = sale(SKU)
    wrong["totals"]["grand_total_minor"] += 1
    before = agent.entries()
    done = place(
        till,
        item("mixed-1"),
        {"idempotency_key": "mixed-2", "order": wrong},
        {"idempotency_key": "mixed-3", "order": {"order_type": "sale"}},
        {"idempotency_key": "no blanks", "order": sale(SKU)},
        {"idempotency_key": "mixed-4", "order": sale(SKU, attribution={"x": "y" * BODY_BYTES_MAX})},
        item("mixed-5"),
    )
    problems = [result.get("problem", {}).get("type", "").rpartition(":")[2] for result in done["results"]]
    assert problems == [
        "",
        "totals-mismatch",
        "invalid-document",
        "idempotency-key-invalid",
        "body-too-large",
        "",
    ]
    assert [result["status"] for result in done["results"]] == [201, 422, 422, 400, 413, 201]
    assert (done["accepted"], agent.entries() - before) == (2, 2)


def test_a_batch_that_is_sent_again_places_nothing_twice(agent: Agent, till: httpx.Client) -> None:
    batch = [item("again-1"), item("again-2"), item("again-3", terminal_id="till-9")]
    first = place(till, *batch)
    before = agent.entries()
    second = place(till, *batch)
    assert agent.entries() == before
    assert [result["receipt"] for result in second["results"]] == [result["receipt"] for result in first["results"]]
    assert all(result["replayed"] for result in second["results"])


def test_an_order_is_the_same_alone_and_in_a_batch(till: httpx.Client) -> None:
    alone = till.post("/v1/orders", json=sale(SKU), headers=key("alone-1"))
    done = place(till, item("alone-1"), item("alone-2"))
    assert (done["results"][0]["replayed"], done["results"][0]["receipt"]) == (True, alone.json())
    again = till.post("/v1/orders", json=sale(SKU), headers=key("alone-2"))
    assert (again.headers["idempotency-replayed"], again.json()) == ("true", done["results"][1]["receipt"])


def test_a_key_that_stands_twice_in_a_batch_places_one_order(agent: Agent, till: httpx.Client) -> None:
    before = agent.entries()
    done = place(till, item("twice"), item("twice"), item("twice", terminal_id="till-2"))
    assert [result["status"] for result in done["results"]] == [201, 201, 422]
    assert done["results"][0]["receipt"] == done["results"][1]["receipt"]
    assert agent.entries() - before == 1


def test_orders_of_a_batch_compete_for_stock_in_their_order(till: httpx.Client) -> None:
    assert till.post("/v1/stock/movements", json=receipt("scarce", 8_000), headers=key()).is_success
    order = json.loads((Path(__file__).parents[1] / "fixtures/order-ship.json").read_text())
    order["lines"][0]["sku"] = "scarce"  # four pieces
    order["confirmations"] = {"duplicate": True}
    done = place(till, *({"idempotency_key": f"scarce-{number}", "order": order} for number in range(4)))
    assert [result["status"] for result in done["results"]] == [201, 201, 409, 409]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[", "malformed-json"),
        (b'[{"order": {}}]', "invalid-document"),
        (b'[{"idempotency_key": "k", "order": {}, "more": 1}]', "invalid-document"),
        (b"[1]", "invalid-document"),
        (json.dumps([item(f"k{n}") for n in range(BATCH_ORDERS_MAX + 1)]).encode(), "batch-too-large"),
        (b"[" + b" " * BATCH_BODY_BYTES_MAX + b"]", "body-too-large"),
    ],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(
    agent: Agent, till: httpx.Client, body: bytes, problem: str
) -> None:
    before = agent.entries()
    refused = till.post("/v1/orders", content=body, headers={"content-type": "application/json"})
    assert slug(refused) == problem
    assert agent.entries() == before


def test_an_empty_batch_does_nothing_and_a_batch_has_no_key_of_its_own(till: httpx.Client) -> None:
    assert place(till) == {"accepted": 0, "results": []}
    assert slug(till.post("/v1/orders", json=[item("own")], headers=key())) == "invalid-document"


def test_a_batch_needs_the_scope_of_an_order(agent: Agent) -> None:
    with agent.client(agent.add_token("reader", "read")) as client:
        assert slug(client.post("/v1/orders", json=[item("scope")])) == "scope-missing"


async def test_tills_and_batches_at_once_all_get_their_answers(agent: Agent) -> None:
    before = agent.entries()
    async with agent.tills(16) as tills:
        batches = [tills.post("/v1/orders", json=[item(f"b{b}-{n}") for n in range(30)]) for b in range(8)]
        singles = [tills.post("/v1/orders", json=sale(SKU), headers=key()) for _ in range(60)]
        answers = await asyncio.gather(*batches, *singles)
    assert [answer.status_code for answer in answers] == [200] * 8 + [201] * 60
    assert all(answer.json()["accepted"] == 30 for answer in answers[:8])
    assert agent.entries() - before == 8 * 30 + 60
    assert agent.verify()["findings"] == []

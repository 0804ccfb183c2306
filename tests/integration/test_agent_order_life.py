"""The life of an order over HTTP, as tills and the stock room ask for it, and the file that holds it afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_core.orders.requests import REQUESTS
from tests.rigs.agents import Agent, key, receipt, running, sale, slug

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"))) as agent:
        yield agent


@pytest.fixture
def till(agent: Agent) -> Iterator[httpx.Client]:
    with agent.client() as client:
        yield client


def place(till: httpx.Client, order: object) -> dict[str, Any]:
    response = till.post("/v1/orders", headers=key(), json=order)
    assert response.status_code == 201, response.text
    placed: dict[str, Any] = response.json()
    return placed


def stock(till: httpx.Client, sku: str, quantity_milli: int) -> None:
    assert till.post("/v1/stock/movements", headers=key(), json=receipt(sku, quantity_milli)).status_code == 201


def ask(till: httpx.Client, placed: dict[str, Any], command: str, /, **body: object) -> httpx.Response:
    return till.post(f"/v1/orders/{placed['order_id']}/{command}", headers=key(), json=body)


def test_an_order_is_fetched_with_its_code_and_comes_back_in_part(till: httpx.Client) -> None:
    stock(till, "fetched", 5_000)
    order = place(till, sale("fetched", order_type="pickup", fulfillment={"method": "pickup"}))
    for step in ("accept", "pick", "pack"):
        assert ask(till, order, step).status_code == 200
    ready = ask(till, order, "ready").json()
    shown = till.get(f"/v1/orders/{order['order_id']}")
    assert ready["pickup_code"] not in shown.text
    assert shown.json()["fulfillment_groups"][0]["pickup_until"] > order["recorded_at"]
    assert slug(ask(till, order, "collect", code="WRONG234")) == "pickup-code-wrong"
    assert ask(till, order, "collect", code=ready["pickup_code"]).json()["status"] == "completed"
    part = [{"line_id": "1", "quantity_milli": 500}]
    assert ask(till, order, "return", lines=part, reason="too-small").json()["status"] == "partially_returned"
    after = till.get(f"/v1/orders/{order['order_id']}").json()
    assert (after["lines"][0]["returned_quantity_milli"], after["returns"][0]["status"]) == (500, "refunded")


def test_every_command_that_is_described_is_there_and_says_what_it_needs(till: httpx.Client) -> None:
    order = place(till, sale("needed"))
    for command in REQUESTS:
        refused = ask(till, order, command, nonsense=True)
        assert (refused.status_code, slug(refused)) == (422, "invalid-document"), command


def test_an_exchange_is_refused_at_an_agent_of_other_stores(till: httpx.Client, tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.config.write_text(agent.config.read_text().replace("[node]", '[node]\nstores = ["store-0001"]'))
    with running(agent), agent.client() as client:
        order = place(client, sale("swapped"))
        instead = {**sale("other"), "order_type": "exchange", "store_id": "store-0002"}
        lines = [{"line_id": "1", "quantity_milli": 1_000}]
        refused = ask(client, order, "exchange", lines=lines, reason="too-small", order=instead)
        assert (slug(refused), refused.json()["pointer"]) == ("wrong-store", "/order/store_id")


def test_goods_without_a_receipt_are_taken_back_when_somebody_else_approves(till: httpx.Client) -> None:
    stock(till, "unknown-order", 1_000)
    body = {
        "terminal_id": "till-1",
        "operator_id": "op-1",
        "approved_by": "op-1",
        "returned_at": "2026-11-21T09:30:00.000Z",
        "currency": "CNY",
        "tender": "voucher",
        "reason": "no-receipt",
        "lines": [{"sku": "unknown-order", "quantity_milli": 1_000, "unit": "H87", "refund_minor": 100}],
    }
    assert slug(till.post("/v1/returns", headers=key(), json=body)) == "approval-needed"
    taken = till.post("/v1/returns", headers=key(), json={**body, "approved_by": "boss"})
    assert (taken.status_code, taken.json()["refund_minor"]) == (201, 100)
    assert till.get("/v1/stock/unknown-order").json()["on_hand_milli"] == 2_000


def test_the_file_is_sound_after_all_that_and_after_a_restart(agent: Agent) -> None:
    assert agent.verify()["findings"] == []
    agent.restart()
    assert agent.verify()["findings"] == []

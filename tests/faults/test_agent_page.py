"""A page of the real file is overwritten: the record is found and named, and everything else serves on (G7, G9)."""

from pathlib import Path

import pytest

from tests.rigs.agents import Agent, key, receipt, running, sale
from tests.rigs.pages import leaf_of, overwrite
from tests.rigs.waiting import eventually

pytestmark = pytest.mark.slow


async def test_an_overwritten_page_is_named_by_its_orders_and_the_others_are_served(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    with running(agent), agent.client() as till:
        till.post("/v1/stock/movements", headers=key(), json=receipt("kept", 1_000_000))
        placed = [till.post("/v1/orders", headers=key(), json=sale("kept")).json()["order_id"] for _ in range(40)]
    page = leaf_of(agent.store, 1)
    overwrite(agent.store, page)
    with running(agent), agent.client() as till:

        async def named() -> set[str]:
            records = till.get("/v1/status").json()["scrub"]["records"]
            return {record["order_id"] for record in records}

        answers = {order_id: till.get(f"/v1/orders/{order_id}").status_code for order_id in placed}
        assert set(answers.values()) == {200, 503}
        lost = {order_id for order_id, status in answers.items() if status == 503}
        assert till.post("/v1/orders", headers=key(), json=sale("kept")).status_code == 201
        found = await eventually(named)
        assert {order_id.replace("-", "") for order_id in lost} <= {
            str(order_id).replace("-", "") for order_id in found
        }
        assert till.post("/v1/orders", headers=key(), json=sale("kept")).status_code == 201
        assert agent.service.is_ready()

"""Every flow with the link cut at each of its steps in turn: the store goes on alone, and both ends become equal."""

import asyncio
from itertools import count
from pathlib import Path

import pytest

from deploy.house.relay import Relay
from edge_core.orders.requests import REQUESTS
from tests.rigs.brokers import Broker
from tests.rigs.flows import FLOWS, Walk
from tests.rigs.house import CentreProcess, House, started
from tests.rigs.stores import Store
from tests.rigs.waiting import eventually

pytestmark = pytest.mark.slow

_DOCS = Path(__file__).parents[2] / "docs"
_NOT_BY_A_TILL = {
    "escalate",  # the agent's clock, once nobody has answered for hours: tests/unit/test_overdue.py
    "expire",  # somebody has to stay away for a week: tests/unit/test_overdue.py
    "hand-back",  # an order that the centre assigned: tests/integration/test_link_assignments.py
}


def test_every_flow_that_is_described_and_every_command_is_walked() -> None:
    headings = [line[3:] for line in (_DOCS / "flows.md").read_text().splitlines() if line.startswith("## ")]
    assert list(dict.fromkeys(flow.heading for flow in FLOWS)) == headings
    walked = {step.name for flow in FLOWS for step in flow.steps}
    assert walked & REQUESTS.keys() == REQUESTS.keys() - _NOT_BY_A_TILL


async def test_every_flow_goes_on_and_converges_with_the_link_cut_at_each_of_its_steps(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with Relay(broker.port) as line:
        store = Store(tmp_path, f"mqtt://127.0.0.1:{line.port}")
        house = House(broker, CentreProcess(tmp_path, broker.url, postgres_dsn), [store])
        async with started(house):
            for cut_at in count():
                walks = [Walk(flow, store.till) for flow in FLOWS if cut_at < len(flow.steps)]
                if not walks:
                    break
                await asyncio.gather(*(walk.go(cut_at) for walk in walks))
                line.cut()  # whatever is on its way is lost
                confirmed = (await store.lane())["confirmed"]
                await asyncio.gather(*(walk.go() for walk in walks))
                assert (await store.lane())["confirmed"] == confirmed, "the link was not cut"
                line.heal()
                await store.online()
                await store.drained()
                await _are_equal(house, walks)


async def _are_equal(house: House, walks: list[Walk]) -> None:
    """One history, the same documents and the same stock at both ends, and every order came to its end."""
    store, centre = house.store, house.centre
    assert store.hashes() == await centre.hashes(store.node_id)
    assert await eventually(lambda: _stock_agrees(house))
    for order_id in (order_id for walk in walks for order_id in walk.orders):
        ours = await store.get(f"/v1/orders/{order_id}")
        assert ours == await centre.get(f"/v1/orders/{order_id}")
        assert ours["status"] in {"completed", "cancelled", "returned", "partially_returned"}, ours
        assert {group["status"] for group in ours["fulfillment_groups"]} <= {"delivered", "cancelled"}


async def _stock_agrees(house: House) -> bool:
    return await house.centre.stock(house.store.node_id) == house.store.stock()

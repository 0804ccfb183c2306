"""Holds on real parts: asked for and answered at the till, in the back office and at the centre, over the link."""

from pathlib import Path
from uuid import UUID

import httpx

from edge_core.orders.events import OrderApproved, OrderHeld
from edge_core.orders.judgment import Proposal
from tests.rigs.agents import Agent, key, running, sale, slug
from tests.rigs.brokers import Broker
from tests.rigs.centre import greet, push, running_centre
from tests.rigs.house import House, arrived, opened_house
from tests.rigs.orders import order_id, placed, till_order
from tests.rigs.stores import SKU, Json, charge
from tests.rigs.streams import NodeLog
from tests.rigs.waiting import eventually

SHIP = {
    "method": "ship",
    "ship_to": {"name": "A. Receiver", "country": "CN", "city": "Haikou", "lines": ["1 Example Road"]},
}


def test_a_hold_at_the_till_is_answered_by_whom_it_waits_for(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    till = agent.add_token("till-2", "order", "read")
    with running(agent), agent.client(till) as at_till, agent.client() as office:
        posted = at_till.post(
            "/v1/orders", json=sale(order_type="ship", fulfillment=SHIP, operator_id="op-1"), headers=key()
        )
        path = posted.headers["location"]

        def ask(client: httpx.Client, name: str, **body: object) -> httpx.Response:
            return client.post(f"{path}/{name}", json=body, headers=key())

        held = ask(at_till, "hold", reason="address-looks-odd")
        assert held.json()["holds"][0]["owner"] == "store"
        assert slug(ask(at_till, "approve", operator_id="op-1")) == "approval-needed"
        assert ask(at_till, "approve", operator_id="op-2").json()["status"] == "approved"
        ask(at_till, "hold", reason="again", owner="back_office")
        assert slug(ask(at_till, "refuse", reason="no", operator_id="op-2")) == "role-not-allowed"
        assert slug(ask(at_till, "escalate", hold_id="h1")) == "role-not-allowed"
        shown = office.get(path).json()
        assert shown["risk"]["reasons"] == ["again"]
        assert (shown["judgment"]["rules_id"], shown["judgment"]["priced_by"]) == ("built-in-1", "till")
        assert ask(office, "refuse", reason="no").json()["status"] == "cancelled"
        status = office.get("/v1/status").json()
        assert status["holds"] == {"held": 2, "answered": 0, "followed": 0}


async def test_the_centre_answers_a_hold_of_a_store(broker: Broker, postgres_dsn: str, tmp_path: Path) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        order = await _ship(house)
        for name, body, state, status in (
            ("approve", {}, ("refused", "command-not-allowed"), "in_fulfillment"),
            ("hold", {"reason": "fraud-list", "owner": "centre"}, ("applied", None), "held"),
            ("approve", {"hold_id": "h99"}, ("refused", "hold-not-found"), "held"),
            ("approve", {"reason": "customer-called"}, ("applied", None), "in_fulfillment"),
            ("hold", {"reason": "fraud-list"}, ("applied", None), "held"),
            ("refuse", {"reason": "fraud"}, ("applied", None), "cancelled"),
        ):
            answered = await _asked(house, order, name, body)
            assert (answered["state"], answered["code"]) == state, (name, answered)
            theirs = await house.centre.get(f"/v1/orders/{order}")
            assert theirs == await house.store.get(f"/v1/orders/{order}")
            assert theirs["status"] == status
        await house.audit()


async def test_the_centre_counts_the_share_of_proposals_that_were_taken(nats: Broker, centre_dsn: str) -> None:
    proposal = Proposal("refuse", "so it looks")
    async with running_centre(centre_dsn, nats.url) as centre:
        node = NodeLog()
        await greet(centre.centre.database, node)
        for number, followed in ((1, None), (2, False), (3, True)):
            node.record(placed(number, till_order(method="ship")), order_id(number))
            node.record((OrderHeld("h1", ("price",), "store", 1, proposal=proposal),), order_id(number))
            if followed is not None:
                node.record((OrderApproved("h1", "manager-1", followed=followed),), order_id(number))
        await push(centre.centre.database, node.push())
        await push(centre.centre.database, node.push())
        shown = await centre.http.get("/v1/proposals")
        assert shown.json() == {
            "proposals": [{"node_id": node.node_id, "answered": 2, "followed": 1, "followed_percent": 50}]
        }
        assert (await centre.http.get("/v1/proposals", params={"node": "nobody"})).json() == {"proposals": []}


async def _ship(house: House) -> UUID:
    headers = key()
    amount = charge(headers["idempotency-key"]) * 10
    order = sale(SKU, amount, order_type="ship", store_id=house.store.node_id, fulfillment=SHIP)
    answer = await house.store.till.post("/v1/orders", json=order, headers=headers)
    assert answer.status_code == 201, answer.text
    order_id_ = UUID(answer.json()["order_id"])
    house.store.promised[headers["idempotency-key"]] = order_id_
    await arrived(house.centre, order_id_)
    return order_id_


async def _asked(house: House, order: UUID, name: str, body: Json) -> Json:
    posted = await house.centre.http.post(f"/v1/orders/{order}/{name}", json=body, headers=key())
    assert posted.status_code == 202, posted.text

    async def look() -> Json | None:
        found = await house.centre.get(f"/v1/instructions/{posted.json()['instruction_id']}")
        return found if found["answered_at"] is not None else None

    return await eventually(look, 30)

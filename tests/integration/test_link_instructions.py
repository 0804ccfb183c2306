"""What the centre asks of a store, on real parts: it is done once, and the answer comes back."""

from pathlib import Path
from uuid import UUID

from tests.rigs.agents import key, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house
from tests.rigs.stores import SKU, Json
from tests.rigs.waiting import eventually


async def test_an_order_that_is_cancelled_at_the_centre_is_cancelled_at_the_store_and_both_say_so(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        order_id = await _ship(house)
        asked = await _cancel(house, order_id)
        assert (asked["state"], asked["order_id"]) == ("sent", str(order_id))
        answered = await _answered(house, asked)
        assert (answered["state"], answered["code"], answered["is_taken"]) == ("applied", None, True)
        assert answered["task"]["reason"] == "fraud"
        theirs = await house.centre.get(f"/v1/orders/{order_id}")
        assert theirs == await house.store.get(f"/v1/orders/{order_id}")
        assert theirs["status"] == "cancelled"
        await house.audit()


async def _ship(house: House) -> UUID:
    order = sale(
        SKU,
        order_type="ship",
        store_id=house.store.node_id,
        fulfillment={
            "method": "ship",
            "ship_to": {"name": "A. Receiver", "country": "CN", "city": "Haikou", "lines": ["1 Example Road"]},
        },
    )
    headers = key()
    answer = await house.store.till.post("/v1/orders", json=order, headers=headers)
    assert answer.status_code == 201, answer.text
    order_id = UUID(answer.json()["order_id"])
    house.store.promised[headers["idempotency-key"]] = order_id
    await arrived(house.centre, order_id)
    return order_id


async def _cancel(house: House, order_id: UUID, headers: dict[str, str] | None = None) -> Json:
    body = {"reason": "fraud"}
    answer = await house.centre.http.post(f"/v1/orders/{order_id}/cancel", json=body, headers=headers or key())
    assert answer.status_code == 202, answer.text
    found: Json = answer.json()
    assert answer.headers["location"] == f"/v1/instructions/{found['instruction_id']}"
    return found


async def _answered(house: House, asked: Json, timeout_s: float = 30) -> Json:
    async def look() -> Json | None:
        found = await house.centre.get(f"/v1/instructions/{asked['instruction_id']}")
        return found if found["answered_at"] is not None else None

    return await eventually(look, timeout_s)

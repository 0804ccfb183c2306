"""The close of a day goes to the centre like everything else, and the centre's books show what came late."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from tests.rigs.agents import key, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house
from tests.rigs.stores import SKU
from tests.rigs.waiting import eventually

YESTERDAY = str(datetime.now(UTC).date() - timedelta(days=1))


async def test_a_day_that_was_closed_offline_is_closed_at_the_centre_with_its_late_orders_beside_it(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        await _sell(house)
        broker.kill()
        path = f"/v1/days/{YESTERDAY}/close"
        report = (await house.store.till.post(path, json={"operator_id": "op-1"}, headers=key())).json()
        late = await _sell(house)
        broker.start()
        await house.store.drained()
        await eventually(lambda: _has_closed(house))
        (day,) = (await house.centre.get("/v1/days", node=house.store.node_id))["days"]
        assert (day["business_date"], day["z_number"], day["operator_id"]) == (YESTERDAY, 1, "op-1")
        assert day["currencies"] == report["currencies"]
        assert day["late"] == [{"currency": "CNY", "orders": 1, "grand_total_minor": 100}]
        assert (await arrived(house.centre, late))["business_date"] == YESTERDAY
        assert (await house.centre.get("/v1/days", cursor=f'["{YESTERDAY}","a"]'))["days"] == []
        assert house.centre.verify()["findings"] == []


async def _sell(house: House) -> UUID:
    order = sale(SKU, store_id=house.store.node_id, business_date=YESTERDAY)
    answer = await house.store.till.post("/v1/orders", json=order, headers=key())
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["order_id"])


async def _has_closed(house: House) -> bool:
    return bool((await house.centre.get("/v1/days"))["days"])

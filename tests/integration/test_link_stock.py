"""The stock at both ends: what a store does to its own stock beside orders is at the centre, to the thousandth."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.rigs.agents import key, receipt, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house
from tests.rigs.stores import SKU, Json

pytestmark = pytest.mark.each_broker


async def test_the_centres_stock_follows_a_count(broker: Broker, postgres_dsn: str, tmp_path: Path) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        await _post(house, "/v1/stock/movements", receipt("apples", 12_345, unit="KGM", lot="L-1"))
        line = {"sku": "apples", "counted_milli": 12_001, "unit": "KGM", "lot": "L-1"}
        counted = await _post(house, "/v1/stock/counts", {"operator_id": "op-1", "lines": [line]})
        assert counted["lines"][0]["difference_milli"] == -344
        await house.store.drained()
        theirs = await house.centre.stock(house.store.node_id)
        assert theirs["apples"] == (12_001, 0)
        assert theirs == house.store.stock()


async def test_goods_that_are_held_are_reserved_at_the_centre_until_they_are_let_go(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        line = {"line_id": "1", "sku": SKU, "quantity_milli": 3_000, "unit": "H87"}
        kept, gone = [await _post(house, "/v1/stock/reservations", {"lines": [line]}) for _ in range(2)]
        await _post(house, f"/v1/stock/reservations/{gone['reservation_id']}/release", {})
        order = sale(SKU, order_type="pickup", fulfillment={"method": "pickup"})
        placed = await _post(house, f"/v1/stock/reservations/{kept['reservation_id']}/order", order)
        document = await arrived(house.centre, UUID(placed["order_id"]))
        assert document == await house.store.get(f"/v1/orders/{placed['order_id']}")
        await house.store.drained()
        theirs = await house.centre.stock(house.store.node_id)
        assert (theirs[SKU][1], theirs) == (1_000, house.store.stock())


async def _post(house: House, path: str, body: Json) -> Json:
    answer = await house.store.till.post(path, json=body, headers=key())
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found

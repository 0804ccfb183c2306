"""The stock at both ends: what a store does to its own stock beside orders is at the centre, to the thousandth."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.rigs.agents import key, receipt, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house
from tests.rigs.stores import SKU, Json
from tests.rigs.waiting import eventually

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


async def test_the_centre_sets_a_stores_quotas_and_hears_what_became_of_it(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        body = {"sku": SKU, "plan": [{"channel": "walk_in", "weight": 3}, {"channel": "online", "weight": 1}]}
        path = f"/v1/nodes/{house.store.node_id}/quotas"
        await house.centre.have_done(path, body)
        view = await house.store.get(f"/v1/stock/quotas/{SKU}")
        assert [each["budget_milli"] for each in view["channels"]] == [750_000_000, 250_000_000]
        nobody = await house.centre.http.post("/v1/nodes/store-0099/quotas", json=body, headers=key())
        assert nobody.status_code == 404
        order = await house.store.till.post("/v1/orders", json=sale(SKU), headers=key())
        document = await arrived(house.centre, UUID(order.json()["order_id"]))
        assert "stock.quota_changed" in [step["event"] for step in document["journey"]]
        await house.store.drained()
        assert await house.centre.stock(house.store.node_id) == house.store.stock()


async def test_rights_go_from_their_owner_to_the_centre_and_to_another_store_which_spends_them(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn, stores=2) as house:
        owner, holder = house.stores
        await owner.receive(10_000, "shared")
        await _ask_for_rights(house, {"sku": "shared", "quantity_milli": 4_000})
        await _ask_for_rights(house, {"sku": "shared", "quantity_milli": 3_000, "to_node": holder.node_id})
        view = await owner.get("/v1/stock/shared")
        assert (view["rights_milli"], view["reserved_milli"], view["free_milli"]) == (7_000, 0, 3_000)
        assert (await owner.till.post("/v1/orders", json=sale("shared", 4_000), headers=key())).status_code == 409

        async def look() -> bool:
            found = await holder.get(f"/v1/stock/rights/{owner.node_id}/shared")
            assert found["held_milli"] == 3_000, found
            return True

        await eventually(look, 30)
        use = {"owner_id": owner.node_id, "sku": "shared", "quantity_milli": 2_000, "reference": "web-1"}
        answers = [await holder.till.post("/v1/stock/rights/uses", json=use, headers=key()) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 409]
        await holder.drained()
        (listed,) = (await house.centre.get("/v1/rights", sku="shared"))["rights"]
        held = {each["node_id"]: (each["held_milli"], each["used_milli"]) for each in listed["holders"]}
        assert (listed["set_aside_milli"], held["@centre"], held[holder.node_id]) == (7_000, (4_000, 0), (1_000, 2_000))
        await owner.drained()
        for store in house.stores:
            assert await house.centre.stock(store.node_id) == store.stock()
            assert store.agent.verify()["findings"] == []


async def _ask_for_rights(house: House, body: Json) -> None:
    await house.centre.have_done(f"/v1/nodes/{house.store.node_id}/rights", body)


async def _post(house: House, path: str, body: Json) -> Json:
    answer = await house.store.till.post(path, json=body, headers=key())
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found

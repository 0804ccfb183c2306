"""Orders of the centre over a published network, on real parts: by the nearer store, by another in a strike."""

from pathlib import Path
from typing import Any

from tests.rigs.assigned import assigning_house, converged, post, stands, web_order
from tests.rigs.brokers import Broker
from tests.rigs.house import House
from tests.rigs.processes import run
from tests.rigs.reference import publish
from tests.rigs.stores import Json

HAIKOU, WUHAN = (20.04, 110.2), (30.59, 114.3)


def location(node_id: str, area: str, at: tuple[float, float], service: str) -> dict[str, Any]:
    return {
        "location_id": node_id,
        "kind": "store",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "area": area,
        "latitude": at[0],
        "longitude": at[1],
        "services": [service],
    }


def network(house: House, folder: Path) -> None:
    """The first store is far from Haikou, the second is there; each has a carrier of its own at the same price."""
    first, second = (store.node_id for store in house.stores)
    places = [location(first, "CN-HB", WUHAN, "rail"), location(second, "CN-HI", HAIKOU, "van")]
    days = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "cut_offs": ["23:59"]}
    services = [
        {
            "service_id": name,
            "carrier": name,
            "mode": mode,
            "tariff_id": name,
            **days,
            "zones": [{"zone": "z", "transit_ms": hours * 3_600_000}],
        }
        for name, mode, hours in (("rail", "rail", 72), ("van", "road", 4))
    ]
    bands = [{"weight_g_max": 30_000, "base_milli": 900_000, "per_kg_milli": 0, "charge_milli_min": 0}]
    tariffs = [{"tariff_id": name, "zone": "z", "currency": "CNY", "bands": bands} for name in ("rail", "van")]
    for dataset, rows in (("locations", places), ("services", services), ("tariffs", tariffs)):
        publish(house.centre, folder, rows, dataset)


def order() -> Json:
    address = {"name": "A. Receiver", "country": "CN", "region": "CN-HI", "latitude": 20.03, "longitude": 110.3}
    return web_order(fulfillment={"method": "ship", "ship_to": address})


async def test_the_nearer_store_is_asked_and_the_other_one_while_its_carrier_is_down(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn) as house:
        network(house, tmp_path)
        receipt = await post(house, order())
        await stands(house, receipt, "accepted", node_id="store-0002")
        why = await decided(house, receipt)
        assert why["allocations"][0]["service_id"] == "van"
        assert why["runner_up"]["allocations"][0]["location_id"] == "store-0001"
        assert [stamp["source"] for stamp in why["question"]["sources"]] == ["locations@1", "services@1", "tariffs@1"]
        assert "van" in str(why["words"]), why["words"]
        down = ("tell", "strike", "--scope", "service/van", "--effect", "stop")
        told = run("central-sync", "signal", *down, "--config", house.centre.config)
        assert told.returncode == 0, told.stderr
        second = await post(house, order())
        await stands(house, second, "accepted", node_id="store-0001")
        why = await decided(house, second)
        refused = {each["location_id"]: each["first_failing"] for each in why["candidates"] if not each["is_able"]}
        assert (refused["store-0002"]["constraint"], refused["store-0002"]["service_id"]) == ("carrier_running", "van")
        said = run("central-sync", "orders", "why", second["order_id"], "--lang", "zh", "--config", house.centre.config)
        assert "store-0001" in said.stdout, said.stderr
        assert "决定" in said.stdout
        await converged(house)


async def decided(house: House, receipt: Json) -> Json:
    """The last choice of the centre about an order."""
    found: Json = (await house.centre.get(f"/v1/orders/{receipt['order_id']}/routing"))["decisions"][-1]
    return found

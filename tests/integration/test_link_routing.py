"""An order that a store sends, routed by the network that its centre published: told alike at both ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from msgspec.structs import replace

from edge_core.reference.datasets import Row, write_json
from tests.rigs.agents import key, sale, slug
from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess
from tests.rigs.network import COURIER, PARCEL, TARIFFS, location
from tests.rigs.reference import publish, received
from tests.rigs.stores import SKU, Store
from tests.rigs.waiting import eventually

NODE: Final = "store-0001"
NETWORK: Final[dict[str, list[Row]]] = {
    "locations": [replace(location(), location_id=NODE, hours=())],
    "services": [PARCEL, COURIER],
    "tariffs": list(TARIFFS),
}
BERLIN: Final = {"name": "A. Receiver", "country": "DE", "region": "DE-BE", "latitude": 52.53, "longitude": 13.38}


@pytest.fixture
async def centre(broker: Broker, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CentreProcess]:
    found = CentreProcess(tmp_path / "centre", broker.url, postgres_dsn)
    await found.start()
    yield found
    await found.end()


@pytest.fixture
async def store(centre: CentreProcess, broker: Broker, tmp_path: Path) -> AsyncIterator[Store]:
    found = Store(tmp_path / "store", broker.url, NODE, centre_url=centre.service.url)
    await found.start()
    await found.online()
    for dataset, rows in NETWORK.items():
        written = [json.loads(write_json(row)) for row in rows]
        await asyncio.to_thread(publish, centre, tmp_path, written, dataset)
    for dataset in NETWORK:
        await received(found, 1, dataset)
    yield found
    await found.end()


async def sent(store: Store, **ship_to: Any) -> dict[str, Any]:
    fulfillment = {"method": "ship", "ship_to": {**BERLIN, **ship_to}}
    order = sale(SKU, store_id=NODE, order_type="ship", currency="EUR", fulfillment=fulfillment)
    answer = await store.till.post("/v1/orders", json=order, headers=key())
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_decision_is_told_alike_at_both_ends_and_from_the_file_which_has_it_again(
    centre: CentreProcess, store: Store
) -> None:
    placed = await sent(store)
    path = f"/v1/orders/{placed['order_id']}/routing"
    here = await store.get(path)
    (decision,) = here["decisions"]
    assert decision["hash"] == placed["groups"][0]["decision_id"]
    assert decision["decision"] == "fulfil_here"
    assert decision["candidates"][0]["location_id"] == NODE
    assert "The store sends it itself." in decision["words"][0]["lines"]
    await store.drained()

    async def there() -> dict[str, Any]:
        return await centre.get(path)

    (told,) = (await eventually(there))["decisions"]
    assert told == decision
    chinese = (await centre.get(path, lang="zh"))["decisions"][0]
    assert chinese["words"] != decision["words"]
    assert {**chinese, "words": None} == {**decision, "words": None}

    spoken = await asyncio.to_thread(store.agent.run, "explain", placed["order_id"])
    assert spoken.returncode == 0, spoken.stderr
    assert decision["hash"] in spoken.stdout
    written = await asyncio.to_thread(store.agent.run, "explain", placed["order_id"], "--lang", "zh", "--json")
    assert "由本店发货。" in json.loads(written.stdout)["decisions"][0]["words"][0]["lines"]
    again = await asyncio.to_thread(store.agent.run, "replay", "--all", "--json")
    assert (again.returncode, json.loads(again.stdout)) == (
        0,
        {"decisions": 1, "identical": 1, "repriced": 1, "findings": []},
    )
    unknown = await asyncio.to_thread(store.agent.run, "replay", str(uuid4()))
    assert (unknown.returncode, "no decision of routing" in unknown.stderr) == (1, True)
    metrics = (await store.till.get("/metrics")).text
    assert "holdfast_routing_decision_seconds_count 1.0" in metrics


async def test_what_was_no_choice_has_nothing_to_tell_and_what_no_carrier_takes_is_held(
    centre: CentreProcess, store: Store
) -> None:
    (sold,) = await store.sell()
    await store.drained()
    for client in (store.till, centre.http):
        answer = await client.get(f"/v1/orders/{sold}/routing")
        assert slug(answer) == "routing-not-recorded"
    assert slug(await store.till.get(f"/v1/orders/{uuid4()}/routing")) == "routing-not-recorded"
    assert slug(await store.till.get(f"/v1/orders/{sold}/routing?lang=xx")) == "invalid-parameter"
    placed = await sent(store, country="BR", region=None, latitude=None, longitude=None)
    assert placed["status"] == "held"
    document = await store.get(f"/v1/orders/{placed['order_id']}")
    assert document["risk"]["reasons"] == ["routing"]
    assert document["fulfillment_groups"][0]["reservations"]
    assert document["policy_versions"]["routing"] == "built-in-1"

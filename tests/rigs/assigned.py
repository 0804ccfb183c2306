"""A house that fulfils orders of the centre: stores that accept by themselves or by people, and a web shop."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.rigs.agents import key, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess, House, started
from tests.rigs.ports import free_port
from tests.rigs.stores import SKU, Json, Store
from tests.rigs.waiting import eventually

PIECE: Final = 1_000


@asynccontextmanager
async def assigning_house(
    folder: Path,
    broker: Broker,
    dsn: str,
    *,
    accept: str = "automatic",
    accept_seconds: int = 900,
    stores: int = 2,
    rebalance_seconds: int = 600,
) -> AsyncIterator[House]:
    """A running house whose stores accept `automatic` or by `people`; by `first` only the first of them by people."""
    ways = ["people" if accept == "people" or (accept == "first" and n == 0) else "automatic" for n in range(stores)]
    several = [Store(folder, broker.url, f"store-{n:04}", accept=way) for n, way in enumerate(ways, 1)]
    centre = CentreProcess(folder, broker.url, dsn, accept_seconds=accept_seconds, rebalance_seconds=rebalance_seconds)
    async with started(House(broker, centre, several)) as house:
        for store in several:
            await _is_in_view(house, store)
        yield house


def web_order(quantity_milli: int = PIECE, **changes: object) -> Json:
    """An order of a web shop that is to be sent."""
    address = {"name": "A. Receiver", "country": "CN", "city": "Haikou", "lines": ["1 Example Road"]}
    fulfillment = {"method": "ship", "ship_to": address}
    posted = {"order_type": "ship", "channel": "web", "store_id": "web", "terminal_id": "web-1"}
    return sale(SKU, quantity_milli, **{**posted, "fulfillment": fulfillment, **changes})


async def post(house: House, order: Json | None = None, headers: dict[str, str] | None = None) -> Json:
    """Post an order to the centre; its receipt."""
    answer = await house.centre.http.post("/v1/orders", json=order or web_order(), headers=headers or key())
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["location"] == f"/v1/assignments/{found['order_id']}"
    return found


async def stands(house: House, receipt: Json, status: str, timeout_s: float = 30, **owner: object) -> Json:
    """Wait until an order of the centre stands so, perhaps with such an owner."""

    async def look() -> Json:
        found = await house.centre.get(f"/v1/assignments/{receipt['order_id']}")
        assert found["status"] == status, found
        assert owner.items() <= (found["owner"] or {}).items(), found
        return found

    return await eventually(look, timeout_s)


async def attempt_stands(house: House, receipt: Json, number: int, status: str, timeout_s: float = 30) -> Json:
    """Wait until an attempt of an order stands so."""

    async def look() -> Json:
        found = await house.centre.get(f"/v1/assignments/{receipt['order_id']}")
        attempts = [each for each in found["attempts"] if each["number"] == number]
        assert [each["status"] for each in attempts] == [status], found
        attempt: Json = attempts[0]
        return attempt

    return await eventually(look, timeout_s)


async def command(store: Store, order_id: str, name: str, **body: object) -> httpx.Response:
    """Give a command on an order at a store."""
    return await store.till.post(f"/v1/orders/{order_id}/{name}", json=body, headers=key())


async def at_store(store: Store, order_id: str) -> Json:
    """An order at a store, once it is there."""

    async def look() -> Json | None:
        answer = await store.till.get(f"/v1/orders/{order_id}")
        return answer.json() if answer.is_success else None

    return await eventually(look)


def reserved(house: House) -> list[int]:
    """How much of the goods is promised at each store, in thousandths, by their files."""
    return [store.stock()[SKU][1] for store in house.stores]


async def converged(house: House) -> None:
    """Nothing waits anywhere, and both ends hold the same entries and the same stock."""
    for store in house.stores:
        await store.drained()
        assert store.hashes() == await house.centre.hashes(store.node_id)
        assert await house.centre.stock(store.node_id) == store.stock()
    assert house.centre.verify()["findings"] == []


async def _is_in_view(house: House, store: Store) -> None:
    async def look() -> bool:
        return bool(await house.centre.stock(store.node_id))

    await eventually(look)


@asynccontextmanager
async def offline(store: Store) -> AsyncIterator[None]:
    """The store serves its people, and reaches no broker; afterwards it does again."""
    config = store.agent.config
    text = config.read_text()
    assert await store.agent.service.terminate() == 0
    config.write_text(re.sub(r'(?m)^url = "mqtt.*"$', f'url = "mqtt://127.0.0.1:{free_port()}"', text))
    await store.agent.service.start()
    yield
    assert await store.agent.service.terminate() == 0
    config.write_text(text)
    await store.agent.service.start()

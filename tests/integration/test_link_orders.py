"""The main path on real parts: what a till was answered is at the centre, whole, in order, and live."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.agents import key, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess, House, arrived, opened_house, reported
from tests.rigs.stores import SKU, Json
from tests.rigs.waiting import eventually

pytestmark = pytest.mark.each_broker


async def test_an_order_answered_201_is_at_the_centre_with_the_same_document_and_journey(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        (order_id,) = await house.store.sell()
        theirs = await arrived(house.centre, order_id)
        assert theirs == await house.store.get(f"/v1/orders/{order_id}")
        assert [step["event"] for step in theirs["journey"]] == [
            "order.placed",
            "order.validated",
            "payment.captured",
            "fulfillment.routed",
            "stock.reserved",
            "fulfillment.delivered",
        ]
        assert theirs["offline"] is False


async def test_an_order_to_be_shipped_and_its_cancellation_are_equal_at_both_ends(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        order_id = await _ship(house)
        await eventually(lambda: _reserved(house, 1_000))
        cancel = f"/v1/orders/{order_id}/cancel"
        answer = await house.store.till.post(cancel, json={"reason": "changed-mind"}, headers=key())
        assert answer.is_success, answer.text
        await eventually(lambda: _reserved(house, 0))
        theirs = await house.centre.get(f"/v1/orders/{order_id}")
        assert theirs == await house.store.get(f"/v1/orders/{order_id}")
        assert theirs["status"] == "cancelled"
        assert await house.centre.stock(house.store.node_id) == house.store.stock()


async def test_the_fleet_view_shows_the_books_of_every_store_and_finds_no_difference(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn, stores=2) as house:
        for store in house.stores:
            await store.sell(3)
        await house.audit()
        for store in house.stores:
            await reported(store, house.centre)
            assert (await house.centre.node(store.node_id))["state"] == "online"


async def test_a_viewer_that_comes_back_with_its_last_event_id_misses_nothing_and_sees_nothing_twice(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        seen: list[Json] = []
        sold = []
        async with _watching(house.centre) as events:
            sold += await house.store.sell(2)
            while len(seen) < 8:  # the middle of the second order's six events
                seen.append(await anext(events))
        sold += await house.store.sell(2)  # while nobody watches
        async with _watching(house.centre, seen[-1]["id"]) as events:
            sold += await house.store.sell(1)
            while len(seen) < 6 * len(sold):
                seen.append(await anext(events))
        expected = []
        for order_id in sold:
            order = await house.store.get(f"/v1/orders/{order_id}")
            expected += [(str(order_id), step["event"]) for step in order["journey"]]
        assert [(event["data"]["subject"], event["event"]) for event in seen] == expected
        assert len({event["id"] for event in seen}) == len(seen)


async def test_a_store_that_never_had_a_broker_sells_offline_and_all_of_it_arrives_when_one_comes(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    broker.kill()
    house = House.of(tmp_path, broker, postgres_dsn)
    try:
        await house.store.start()
        (order_id,) = await house.store.sell()
        assert (await house.store.get(f"/v1/orders/{order_id}"))["offline"] is True
        assert (await house.store.lane())["pending"] == 2  # the delivery of goods, and the order
        broker.start()
        await house.centre.start()
        await house.audit()
        assert (await house.centre.get(f"/v1/orders/{order_id}"))["offline"] is True
        (later,) = await house.store.sell()
        assert (await arrived(house.centre, later))["offline"] is False
    finally:
        await house.end()


async def _ship(house: House) -> str:
    order = sale(
        SKU,
        order_type="ship",
        store_id=house.store.node_id,
        fulfillment={
            "method": "ship",
            "ship_to": {"name": "A. Receiver", "country": "CN", "city": "Haikou", "lines": ["1 Example Road"]},
        },
    )
    answer = await house.store.till.post("/v1/orders", json=order, headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["order_id"])


async def _reserved(house: House, quantity_milli: int) -> bool:
    _, found = (await house.centre.stock(house.store.node_id)).get(SKU, (0, 0))
    assert found == quantity_milli, f"{found} thousandths are reserved"
    return True


@asynccontextmanager
async def _watching(centre: CentreProcess, after: str | None = None) -> AsyncIterator[AsyncIterator[Json]]:
    """The live events from now on, or after an id. The stream is open when the block begins."""
    async with aclosing(_events(centre, after)) as events:
        assert await anext(events) == {}
        yield _of_orders(events)


async def _of_orders(events: AsyncIterator[Json]) -> AsyncIterator[Json]:
    async for event in events:
        if "subject" in event["data"]:  # a delivery of goods is about no order
            yield event


async def _events(centre: CentreProcess, after: str | None) -> Any:
    """An empty document once the stream is open, then one for each event."""
    headers = {} if after is None else {"last-event-id": after}
    async with centre.http.stream("GET", "/v1/events", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        fields: Json = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = json.loads(value) if name == "data" else value
            elif "data" in fields or "retry" in fields:
                yield {} if "retry" in fields else fields
                fields = {}

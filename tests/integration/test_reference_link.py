"""Reference data from the centre to a store, on real parts: whole, by delta, over bad lines, and not at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edge_core.reference.datasets import KINDS, key_of, read_json
from tests.rigs.agents import key, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess
from tests.rigs.lines import BadLine
from tests.rigs.reference import dataset_of, items, office, publish, received, rows_of, sets_of
from tests.rigs.stores import SKU, Store
from tests.rigs.waiting import eventually

NODE = "store-0001"


@pytest.fixture
async def centre(broker: Broker, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CentreProcess]:
    found = CentreProcess(tmp_path / "centre", broker.url, postgres_dsn)
    await found.start()
    yield found
    await found.end()


@pytest.fixture
async def line(centre: CentreProcess) -> AsyncIterator[BadLine]:
    """The store's way to the centre's API."""
    async with BadLine(urlsplit(centre.service.url).port or 0) as found:
        yield found


@pytest.fixture
async def store(line: BadLine, broker: Broker, tmp_path: Path) -> AsyncIterator[Store]:
    found = Store(tmp_path / "store", broker.url, NODE, centre_url=line.url)
    await found.start()
    await found.online()
    yield found
    await found.end()


async def test_a_store_receives_a_snapshot_then_a_delta_and_the_fleet_view_knows(
    centre: CentreProcess, store: Store, line: BadLine, tmp_path: Path
) -> None:
    await asyncio.to_thread(publish, centre, tmp_path, items(1_000))
    first = await received(store, 1)
    assert (first["rows"], first["age_ms"] < 60_000) == (1_000, True)
    changed = items(1_000)[:-1]
    changed[7]["is_listed"] = False
    told = await asyncio.to_thread(publish, centre, tmp_path, changed)
    assert told["deltas_from"] == [1]
    passed = line.passed
    await received(store, 2)
    assert line.passed - passed < 10_000, "a small change is not a snapshot"
    rows = rows_of(store)
    assert len(rows) == 999
    assert "sku-000999" not in rows
    assert [request.split()[1] for request in line.requests] == [
        "/v1/reference/catalogue/1",
        "/v1/reference/catalogue/2?from=1",
    ]

    async def shown() -> bool:
        held = {each["dataset"]: each["version"] for each in (await centre.node())["reference"]}
        assert held == {**dict.fromkeys(KINDS, 0), "catalogue": 2}
        return True

    await eventually(shown)
    assert "catalogue   version 2" in store.agent.run("status").stdout


async def test_a_download_that_is_cut_goes_on_where_it_was_and_survives_a_kill(
    centre: CentreProcess, store: Store, line: BadLine, tmp_path: Path
) -> None:
    line.cut_after = 60_000
    told = await asyncio.to_thread(publish, centre, tmp_path, items(3_000))

    async def begun() -> bool:
        assert line.cuts >= 1
        return True

    await eventually(begun)
    assert rows_of(store) == {}, "nothing is used before all of it is there"
    store.kill()
    await store.agent.service.start()
    found = await received(store, 1)
    assert found["rows"] == 3_000
    assert line.cuts >= 3
    assert any("range: bytes=" in request for request in line.requests)
    overhead = line.passed - told["size_bytes"]
    assert overhead < 0.5 * told["size_bytes"], "a cut costs a block and a header, not the download"


async def test_a_damaged_download_replaces_nothing_and_is_fetched_anew(
    centre: CentreProcess, store: Store, line: BadLine, tmp_path: Path
) -> None:
    await asyncio.to_thread(publish, centre, tmp_path, items(300))
    await received(store, 1)
    line.flip_at = 20_000
    others = items(3_000, is_listed=False)
    await asyncio.to_thread(publish, centre, tmp_path, others)

    async def refused() -> bool:
        reference = (await store.get("/v1/status"))["reference"]
        assert "damaged" in (reference["last_error"] or ""), reference
        return True

    await eventually(refused)
    assert ((await dataset_of(store))["version"], len(rows_of(store))) == (1, 300)
    line.flip_at = None
    await received(store, 2)
    expected = {key_of("catalogue", read_json("catalogue", json.dumps(row).encode())) for row in others}
    assert set(rows_of(store)) == expected


async def test_content_that_has_not_the_hash_that_was_named_is_never_used(
    centre: CentreProcess, store: Store, tmp_path: Path
) -> None:
    await asyncio.to_thread(publish, centre, tmp_path, items(10))
    await received(store, 1)
    before = rows_of(store)
    store.agent.service.pause()  # it may not be faster than we are
    await asyncio.to_thread(publish, centre, tmp_path, items(20))
    await centre.query("UPDATE reference_version SET hash = sha256('other') WHERE version = 2")
    store.agent.service.resume()

    async def refused() -> bool:
        reference = (await store.get("/v1/status"))["reference"]
        assert "another version" in (reference["last_error"] or ""), reference
        return True

    await eventually(refused)
    assert rows_of(store) == before
    await store.sell(1)


async def test_former_rows_are_swept_away_and_a_late_store_gets_the_newest_at_once(
    centre: CentreProcess, store: Store, line: BadLine, tmp_path: Path
) -> None:
    await asyncio.to_thread(publish, centre, tmp_path, items(2_500))
    await received(store, 1)
    store.agent.service.pause()
    await asyncio.to_thread(publish, centre, tmp_path, items(2_500, unit="KGM"))
    await asyncio.to_thread(publish, centre, tmp_path, items(2_501, unit="KGM"))
    store.agent.service.resume()
    await received(store, 3)
    assert not any("/2" in request.split()[1] for request in line.requests)

    async def swept() -> bool:
        assert sets_of(store) == 1
        return True

    await eventually(swept)


async def test_a_store_that_never_received_anything_sells_and_says_so(store: Store) -> None:
    await store.sell(2)
    found = await dataset_of(store, "prices")
    assert (found["version"], found["age_ms"], found["made_at"]) == (0, None, None)
    assert "never received" in store.agent.run("status").stdout


async def test_an_order_is_judged_by_the_price_that_was_published(
    centre: CentreProcess, store: Store, tmp_path: Path
) -> None:
    """The tills of the rig charge 1.00 a piece."""
    await store.sell(1)  # by the till's own price: nothing was ever received
    offer = {"currency": "CNY", "unit_price_minor": 100}
    price = {"sku": SKU, "offers": [offer]}
    await asyncio.to_thread(publish, centre, tmp_path, [price], "prices")
    await received(store, 1, "prices")
    await store.sell(1)
    dearer = {**price, "offers": [{**offer, "unit_price_minor": 250}]}
    await asyncio.to_thread(publish, centre, tmp_path, [dearer], "prices")
    await received(store, 2, "prices")
    answer = await store.till.post("/v1/orders", json=sale(SKU), headers=key())
    order = answer.json()
    assert (answer.status_code, order.get("status")) == (201, "held"), answer.text
    shown = await store.get(f"/v1/orders/{order['order_id']}")
    assert '"prices"' in json.dumps(shown), "the decision says which version it was judged by"


async def test_a_store_goes_over_to_the_prices_of_its_group_and_back_when_they_are_withdrawn(
    centre: CentreProcess, store: Store, tmp_path: Path
) -> None:
    def price(minor: int) -> list[dict[str, object]]:
        return [{"sku": SKU, "offers": [{"currency": "CNY", "unit_price_minor": minor}]}]

    await asyncio.to_thread(publish, centre, tmp_path, price(250), "prices")
    await received(store, 1, "prices")
    assert (await store.till.post("/v1/orders", json=sale(SKU), headers=key())).json()["status"] == "held"
    await asyncio.to_thread(publish, centre, tmp_path, price(100), "prices", "--for", "group/outlets")
    await asyncio.to_thread(office, centre, "group", "outlets", NODE)
    await received(store, 2, "prices")
    await store.sell(1)
    await asyncio.to_thread(office, centre, "withdraw", "prices", "--for", "group/outlets")
    await received(store, 1, "prices")
    await asyncio.to_thread(office, centre, "withdraw", "prices")
    assert (await received(store, 4, "prices"))["rows"] == 0
    await store.sell(1)  # by the till's own price again

"""Policies from a centre to a store that sells, on real parts: tried in a sandbox, then used or refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_core.policy.bundle import Bundle
from edge_core.reference.datasets import write_json
from tests.rigs.brokers import Broker
from tests.rigs.bundles import GOOD, HOSTILE, KEY, bundle
from tests.rigs.house import CentreProcess
from tests.rigs.policies import policy, table
from tests.rigs.stores import Json, Store
from tests.rigs.waiting import eventually

NODE = "store-0001"
PATIENCE_S = 60


@pytest.fixture
async def centre(broker: Broker, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CentreProcess]:
    found = CentreProcess(tmp_path / "centre", broker.url, postgres_dsn)
    await found.start()
    yield found
    await found.end()


@pytest.fixture
async def store(centre: CentreProcess, broker: Broker, tmp_path: Path) -> AsyncIterator[Store]:
    found = Store(tmp_path / "store", broker.url, NODE, centre_url=centre.service.url)
    (found.agent.folder / "policy-keys").write_text(f"{KEY.hex()}  # of the test\n")
    await found.start()
    await found.online()
    yield found
    await found.end()


async def release(centre: CentreProcess, given: Bundle) -> None:
    """Publish a bundle as it is, whoever signed it."""

    for dataset, rows in (("policies", given.policies), ("release", (given.release,))):
        body = [json.loads(write_json(row)) for row in rows]
        answer = await centre.http.put(f"/v1/reference/{dataset}", json=body)
        assert answer.status_code == 201, answer.text


async def policies_of(store: Store) -> Json:
    found: Json = (await store.get("/v1/status"))["policies"]
    return found


async def uses(store: Store, number: int) -> Json:
    """Wait until the store uses a release."""

    async def look() -> Json:
        found = await policies_of(store)
        assert found["number"] == number, found
        return found

    return await eventually(look, PATIENCE_S)


async def refuses(store: Store, number: int, why: str) -> Json:
    """Wait until the store has refused a release."""

    async def look() -> Json:
        found = await policies_of(store)
        assert found["refused"] == number, found
        assert why in found["fault"], found
        return found

    return await eventually(look, PATIENCE_S)


async def test_a_release_is_used_after_its_trial_survives_a_restart_and_the_fleet_view_shows_it(
    centre: CentreProcess, store: Store
) -> None:
    assert (await policies_of(store))["number"] == 0
    given = bundle(GOOD, number=2)
    await release(centre, given)
    found = await uses(store, 2)
    assert (found["policies"], found["signed_by"], found["fault"]) == (1, given.release.key_id, None)

    async def shown() -> bool:
        told = (await centre.node())["policies"]
        assert told == {"number": 2, "refused": 0, "fault": None, "waiting_for": 0}
        return True

    await eventually(shown, PATIENCE_S)
    assert "policies.applied" in store.agent.service.log_text()
    store.kill()
    await store.agent.service.start()
    assert (await policies_of(store))["number"] == 2, "before the first order"
    assert "policies    release 2" in (await asyncio.to_thread(store.agent.run, "status")).stdout
    await release(centre, bundle(policy("other", table([{"hour_minor": "3"}])), number=5))
    assert (await uses(store, 5))["policies"] == 1


async def test_hostile_bundles_are_refused_and_the_store_sells_on_with_the_one_before(
    centre: CentreProcess, store: Store
) -> None:
    await release(centre, bundle(GOOD, number=2))
    await uses(store, 2)

    async def sell_until(refused: int) -> int:
        """Sales while the bundle comes, is tried and is refused."""
        sold = 0
        while (await policies_of(store))["refused"] != refused:
            await store.sell()
            sold += 1
        return sold

    for name, why in (("a function node", "hostile, node 'clever'"), ("an older release", "1 was made no later")):
        given = HOSTILE[name]
        selling = asyncio.create_task(sell_until(given.release.number))
        await release(centre, given)
        assert await asyncio.wait_for(selling, PATIENCE_S) > 0
        found = await refuses(store, given.release.number, why)
        assert found["number"] == 2, "what was in use is in use"

    async def shown() -> bool:
        told = (await centre.node())["policies"]
        assert (told["number"], told["refused"]) == (2, 1)
        assert "1 was made no later" in told["fault"]
        return True

    await eventually(shown, PATIENCE_S)
    await release(centre, bundle(GOOD, number=10))
    assert (await uses(store, 10))["fault"] is None, "the next good one is used, and the fault forgotten"

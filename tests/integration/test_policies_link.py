"""Policies from the centre to a store, on real parts: tried in a sandbox, used or not, never in the way of tills."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge_core.policy.bundle import Bundle
from edge_core.reference.datasets import write_json
from tests.rigs.brokers import Broker
from tests.rigs.bundles import GOOD, HOSTILE, KEY, SEED, bundle
from tests.rigs.house import CentreProcess
from tests.rigs.policies import policy, table
from tests.rigs.reference import publish, received
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


async def release(centre: CentreProcess, folder: Path, given: Bundle) -> None:
    """Publish a bundle as it is, whoever signed it."""

    def both() -> None:
        publish(centre, folder, [json.loads(write_json(each)) for each in given.policies], "policies")
        publish(centre, folder, [json.loads(write_json(given.release))], "release")

    await asyncio.to_thread(both)


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
    centre: CentreProcess, store: Store, tmp_path: Path
) -> None:
    assert (await policies_of(store))["number"] == 0
    given = bundle(GOOD, number=2)
    await release(centre, tmp_path, given)
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
    await release(centre, tmp_path, bundle(policy("other", table([{"hour_minor": "3"}])), number=5))
    assert (await uses(store, 5))["policies"] == 1


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_bundle_is_refused_and_the_store_sells_on_with_the_one_before(
    centre: CentreProcess, store: Store, tmp_path: Path, name: str
) -> None:
    await release(centre, tmp_path, bundle(GOOD, number=2))
    await uses(store, 2)
    given = HOSTILE[name]

    async def sell() -> int:
        """Sales while the bundle comes, is tried and is refused."""
        sold = 0
        while (await policies_of(store))["refused"] != given.release.number:
            await store.sell()
            sold += 1
        return sold

    selling = asyncio.create_task(sell())
    await release(centre, tmp_path, given)
    why = {"another key": "not trusted here", "an older release": "its number 1 is not above 2"}.get(name, "hostile, ")
    found = await refuses(store, given.release.number, why)
    assert await asyncio.wait_for(selling, PATIENCE_S) > 0
    assert found["number"] == 2, "what was in use is in use"
    await store.sell(3)

    async def shown() -> bool:
        told = (await centre.node())["policies"]
        assert (told["number"], told["refused"]) == (2, given.release.number)
        assert why in told["fault"]
        return True

    await eventually(shown, PATIENCE_S)
    await release(centre, tmp_path, bundle(GOOD, number=10))
    assert (await uses(store, 10))["fault"] is None, "the next good one is used, and the fault forgotten"


async def test_policies_that_were_changed_on_the_way_are_never_used(
    centre: CentreProcess, store: Store, tmp_path: Path
) -> None:
    given = bundle(GOOD, number=2)
    changed = (replace(GOOD, title_en="changed"),)
    await release(centre, tmp_path, Bundle(given.release, changed))
    await received(store, 1, "release")

    async def waits() -> bool:
        found = await policies_of(store)
        assert (found["number"], found["waiting_for"]) == (0, 2), found
        return True

    await eventually(waits, PATIENCE_S)
    await release(centre, tmp_path, given)
    await uses(store, 2)


async def test_a_store_that_was_given_no_key_trusts_no_release(
    centre: CentreProcess, store: Store, tmp_path: Path
) -> None:
    (store.agent.folder / "policy-keys").unlink()
    await release(centre, tmp_path, bundle(GOOD, number=2))
    await refuses(store, 2, "not trusted here: none")
    await store.sell(2)
    (store.agent.folder / "policy-keys").write_text("nonsense\n")
    await release(centre, tmp_path, bundle(GOOD, number=3))
    await refuses(store, 3, "no Ed25519 key")


async def test_a_key_that_is_trusted_no_more_takes_its_policies_with_it(
    centre: CentreProcess, store: Store, tmp_path: Path
) -> None:
    await release(centre, tmp_path, bundle(GOOD, number=2))
    await uses(store, 2)
    store.kill()
    (store.agent.folder / "policy-keys").write_text("")
    await store.agent.service.start()
    found = await policies_of(store)
    assert (found["number"], "trusted here no more" in found["fault"]) == (0, True)
    await store.sell()
    assert SEED

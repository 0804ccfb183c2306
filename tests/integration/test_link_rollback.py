"""A file put back from an old copy, a centre made anew or restored: each is noticed and mended without an operator."""

import shutil
from pathlib import Path

import pytest

from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house, reported
from tests.rigs.postgres import Postgres
from tests.rigs.stores import Json, NotNow, Store
from tests.rigs.waiting import eventually


async def test_a_file_from_an_old_copy_begins_anew_and_gets_back_what_it_lost(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        copy = await _copied(house)
        await house.store.sell(3)
        await house.store.drained()
        before = await house.centre.hashes(house.store.node_id)
        incarnation = (await house.store.get("/v1/status"))["incarnation"]
        await _put_back(house, copy)
        await _renewed(house, incarnation)
        await _complete(house)
        await house.store.sell()
        await house.audit()
        after = await house.centre.hashes(house.store.node_id)
        assert before.items() < after.items()
        assert (await house.centre.node(house.store.node_id))["state"] == "online"


async def test_a_file_from_an_old_copy_that_sold_on_in_secret_is_known_by_its_hashes(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        copy = await _copied(house)
        await house.store.sell(2)
        await house.store.drained()
        before = await house.centre.hashes(house.store.node_id)
        broker.kill()
        await _put_back(house, copy)
        await house.store.sell(3)  # one more than the centre has seen of the other history
        broker.start()
        incarnation = (await house.store.get("/v1/status"))["incarnation"]
        await _renewed(house, incarnation)
        await _complete(house)
        await house.audit()
        assert before.items() < (await house.centre.hashes(house.store.node_id)).items()


async def test_a_second_machine_with_the_same_name_bars_the_first_which_still_gives_what_it_has(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        await house.store.sell(2)
        await house.store.drained()
        other = Store(tmp_path / "other", broker.url, house.store.node_id)
        try:
            await other.start()
            await other.online()
            link = await eventually(lambda: _barred(house))
            assert link["reason"].endswith("has taken this node over")
            with pytest.raises(NotNow, match="node-fenced"):
                await house.store.sell()
            house.store.promised |= other.promised
            assert len(await other.sell(1)) == 1
            await other.drained()
            await eventually(lambda: _counted(house, len(house.store.promised) + 1))
        finally:
            await other.end()


async def test_a_centre_that_begins_anew_gets_everything_again_from_a_store_that_has_nothing_new_to_say(
    broker: Broker, postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn, stores=2) as house:
        for store in house.stores:
            await store.sell(5)
            await store.drained()
        await _with_database(house, postgres, "template1")
        for store in house.stores:
            await reported(store, house.centre)
        await house.audit()
        await arrived(house.centre, (await house.store.sell())[0])


async def test_a_centre_restored_from_a_backup_gets_again_what_it_had_confirmed_since(
    broker: Broker, postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        await house.store.sell(3)
        await house.store.drained()
        house.centre.service.kill()
        backup = postgres.create_database(postgres_dsn.split("/")[3].split("?", maxsplit=1)[0])
        await house.centre.start()
        await house.store.sell(4)
        await house.store.drained()
        await _with_database(house, postgres, backup)
        for store in house.stores:
            await reported(store, house.centre)
        await house.audit()


async def _copied(house: House) -> Path:
    """The store's file as it is after two confirmed sales."""
    await house.store.sell(2)
    await house.store.drained()
    assert await house.store.agent.service.terminate() == 0
    copy = house.store.agent.store.with_suffix(".copy")
    shutil.copy(house.store.agent.store, copy)
    await house.store.start()
    await house.store.online()
    return copy


async def _put_back(house: House, copy: Path) -> None:
    """What a well-meant restore does: the old file in place of the present one."""
    assert await house.store.agent.service.terminate() == 0
    file = house.store.agent.store
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)
    shutil.copy(copy, file)
    await house.store.start()


async def _with_database(house: House, postgres: Postgres, source: str) -> None:
    """Stop the centre and start it with another database: a new one, or the one named."""
    house.centre.service.kill()
    house.centre.use(source if "://" in source else postgres.create_database(source))
    await house.centre.start()


async def _renewed(house: House, incarnation: str) -> None:
    async def look() -> bool:
        status = await house.store.get("/v1/status")
        assert (status["incarnation"] != incarnation, status["link"]["state"]) == (True, "online"), status
        return True

    await eventually(look, 60)


async def _complete(house: House) -> None:
    """Every order that was ever answered is in the file and at the centre again."""
    promised = set(house.store.promised.values())

    async def look() -> bool:
        there = (await house.centre.totals(house.store.node_id)).keys()
        assert promised == house.store.totals().keys() == there, (len(house.store.totals()), len(there))
        return True

    await eventually(look, 60)


async def _barred(house: House) -> Json:
    status = await house.store.get("/v1/status")
    assert (status["accepting"], status["link"]["state"]) == (False, "online"), status
    link: Json = status["link"]
    return link


async def _counted(house: House, orders: int) -> bool:
    found = await house.centre.totals(house.store.node_id)
    assert len(found) == orders, found
    return True

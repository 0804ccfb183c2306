"""A file put back from an old copy, a centre made anew or restored: each is noticed, and nothing is made worse."""

import shutil
from pathlib import Path

from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house, reported
from tests.rigs.postgres import Postgres
from tests.rigs.stores import Json
from tests.rigs.waiting import eventually


async def test_a_file_from_an_old_copy_is_fenced_sells_on_and_says_so_at_both_ends(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        copy = await _copied(house)
        await house.store.sell(3)
        await house.store.drained()
        before = await house.centre.hashes(house.store.node_id)
        await _put_back(house, copy)
        link = await _stopped(house)
        assert link["reason"].endswith("the node was rolled back")
        (order_id,) = await house.store.sell()
        assert (await house.store.get(f"/v1/orders/{order_id}"))["offline"] is True
        node = await eventually(lambda: _fenced(house))
        assert node["fenced_reason"].endswith("the node was rolled back")
        assert node["last_error"] is not None
        assert node["last_error"].endswith("the node was rolled back")
        assert await house.centre.hashes(house.store.node_id) == before


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
        link = await _stopped(house)
        assert "another history" in link["reason"]
        assert await house.centre.hashes(house.store.node_id) == before


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


async def _stopped(house: House) -> Json:
    async def look() -> Json:
        link = await house.store.link()
        assert link["state"] == "stopped", link
        return link

    return await eventually(look, 30)


async def _fenced(house: House) -> Json:
    node = await house.centre.node(house.store.node_id)
    assert (node["state"], bool(node["last_error"])) == ("fenced", True), node
    return node

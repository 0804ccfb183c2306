"""The broker fails in every way it can while tills sell: they do not notice, and nothing is lost or doubled."""

import os
import shutil
from pathlib import Path
from typing import Final

from tests.rigs.brokers import Broker
from tests.rigs.house import opened_house
from tests.rigs.stores import Tills

_ROUNDS: Final = int(os.environ.get("HOLDFAST_SYSTEM_ROUNDS", "2"))


async def test_a_broker_killed_with_its_data_wiped_under_load_loses_and_doubles_nothing(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        async with Tills(house.store).selling() as tills:
            for _ in range(_ROUNDS):
                await tills.sold(30)
                broker.kill()
                shutil.rmtree(tmp_path / broker.name)
                await tills.sold(30)
                broker.start()
                await house.store.online()
        await house.audit()


async def test_tills_are_answered_while_the_broker_stands_still_and_the_rest_arrives_when_it_goes_on(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        async with Tills(house.store).selling() as tills:
            await tills.sold(10)
            broker.pause()
            arrived = len(await house.centre.hashes(house.store.node_id))
            await tills.sold(100)
            assert (await house.store.lane())["pending"] >= 90
            assert len(await house.centre.hashes(house.store.node_id)) <= arrived + 20  # what was on its way
            broker.resume()
            await tills.sold(10)
        await house.audit()

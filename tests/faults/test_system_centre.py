"""The centre, its database and its twin are killed while tills sell: the stores go on, and all of it arrives once."""

import os
from pathlib import Path
from typing import Final

from edge_core.limits import SHARDS
from edge_core.sync.topics import shard_of
from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess, arrived, audit, opened_house
from tests.rigs.postgres import Postgres
from tests.rigs.stores import Tills
from tests.rigs.waiting import eventually

_ROUNDS: Final = int(os.environ.get("HOLDFAST_SYSTEM_ROUNDS", "2"))


async def test_a_centre_killed_again_and_again_under_load_gets_every_order_exactly_once(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        async with Tills(house.store).selling() as tills:
            for _ in range(_ROUNDS):
                await tills.sold(30)
                house.centre.service.kill()
                await tills.sold(30)
                (order_id,) = await house.store.sell()
                await house.centre.start()
                await arrived(house.centre, order_id, 60)  # while the tills sell on: a busy store keeps its timers
        await house.audit()


async def test_tills_are_answered_while_the_centre_stands_still_and_the_rest_arrives_when_it_goes_on(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        async with Tills(house.store).selling() as tills:
            await tills.sold(10)
            house.centre.service.pause()
            await tills.sold(100)
            assert (await house.store.lane())["pending"] >= 90
            house.centre.service.resume()
            await tills.sold(10)
        await house.audit()


async def test_a_database_killed_under_load_is_waited_for_and_loses_nothing_that_was_acked(
    broker: Broker, own_postgres: Postgres, tmp_path: Path
) -> None:
    dsn = own_postgres.create_database()
    async with opened_house(tmp_path, broker, dsn) as house:
        async with Tills(house.store).selling() as tills:
            for _ in range(_ROUNDS):
                await tills.sold(30)
                own_postgres.kill()
                await tills.sold(30)
                own_postgres.start()
                await tills.sold(10)
        assert house.centre.service.child.running, house.centre.service.log_text()
        await house.audit()


async def test_two_centres_share_the_shards_and_one_takes_over_when_the_other_is_killed(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn, stores=2) as house:
        assert {shard_of(store.node_id) < SHARDS // 2 for store in house.stores} == {True, False}  # one for each half
        twin = CentreProcess(tmp_path, broker.url, postgres_dsn, "twin")
        first, second = (Tills(store, 2) for store in house.stores)
        try:
            async with first.selling(), second.selling():
                await twin.start()
                await eventually(lambda: _holds(house.centre, SHARDS // 2))
                await eventually(lambda: _holds(twin, SHARDS // 2))
                await first.sold(10)
                await second.sold(10)
                house.centre.service.kill()
                await eventually(lambda: _holds(twin, SHARDS), 60)
                await first.sold(10)
                await second.sold(10)
            for store in house.stores:
                await audit(store, twin)
        finally:
            await twin.end()


async def _holds(centre: CentreProcess, shards: int) -> bool:
    lines = (await centre.http.get("/metrics")).text.splitlines()
    assert f"central_shard_leases {shards}.0" in lines, [line for line in lines if "shard_leases" in line]
    return True

"""SIGKILL of every part in turn while tills sell: agent, centre, broker, PostgreSQL, all of them in one house.

`make faults KILLS=300` spreads so many kills over both brokers and all parts; `make test` takes a few of each.
"""

import random
from collections.abc import Awaitable, Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import pytest

from tests.faults.conftest import MakeTally
from tests.faults.matrix import KILLS
from tests.rigs.brokers import Broker
from tests.rigs.house import House, opened_house
from tests.rigs.postgres import Postgres
from tests.rigs.stores import Tills
from tests.rigs.tally import demand_sound

HOUSES: Final = 2 * max(1, KILLS // 40)  # half of them on each broker; each is a test, so that progress shows
SALES_MAX: Final = 20  # between two kills; where in a commit or a push the kill comes is left to chance

RECOVERED: Final = 0.5  # as often the next kill waits until all are at work again; else it may hit the recovery

Kill = Callable[[], Awaitable[None]]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", range(HOUSES // 2))
async def test_kills_of_every_part_under_load_lose_double_and_bend_nothing(
    broker: Broker, own_postgres: Postgres, tmp_path: Path, tally: MakeTally, number: int
) -> None:
    house_number = 2 * number + (broker.name == "mosquitto")
    kills = KILLS // HOUSES + (house_number < KILLS % HOUSES)
    source = random.Random(house_number)
    async with opened_house(tmp_path, broker, own_postgres.create_database()) as house:
        cost = tally(f"kill -9 of each part in turn ({broker.name}, house {number + 1})", house)
        async with Tills(house.store, rest_s=0.03).selling() as tills:
            for kill in islice(cycle(_kills(house, own_postgres, source)), kills):
                await tills.sold(source.randint(1, SALES_MAX))
                await kill()
                if source.random() < RECOVERED:
                    await house.store.confirmed((await house.store.lane())["confirmed"] + 1)
                cost.rounds += 1
        await cost.settle()
        demand_sound(house)


def _kills(house: House, postgres: Postgres, source: random.Random) -> list[Kill]:
    """Every part once, in an order of this house's own. Each is running again when its function returns."""

    async def agent() -> None:
        house.store.kill()
        await house.store.start()

    async def centre() -> None:
        house.centre.service.kill()
        await house.centre.start()

    async def broker() -> None:
        house.broker.kill()
        house.broker.start()

    async def database() -> None:
        postgres.kill()
        postgres.start()

    return source.sample([agent, centre, broker, database], 4)

"""The agent is killed while it sells and sends: the centre has every order that was answered, exactly once."""

import os
from pathlib import Path
from typing import Final

from tests.rigs.brokers import Broker
from tests.rigs.house import opened_house
from tests.rigs.stores import Tills

_ROUNDS: Final = int(os.environ.get("HOLDFAST_SYSTEM_ROUNDS", "2"))


async def test_an_agent_killed_under_load_resumes_its_link_and_the_centre_has_every_201_exactly_once(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        async with Tills(house.store, 4, rest_s=0).selling() as tills:
            for _ in range(2 * _ROUNDS):
                await tills.sold(25)
                house.store.kill()
                await house.store.start()
                await house.store.online()
        await house.audit()
        assert house.store.agent.verify()["findings"] == []

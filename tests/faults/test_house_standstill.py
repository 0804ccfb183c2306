"""Each part stands still for a while (SIGSTOP) and goes on: its sockets stay open, and it says nothing.

`make faults` stops all four with each broker. For `make test` this stops PostgreSQL alone: test_system_brokers.py and
test_system_centre.py stop the broker and the centre.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from tests.faults.conftest import MakeTally
from tests.faults.matrix import LONG
from tests.rigs.brokers import Broker
from tests.rigs.house import House, opened_house
from tests.rigs.postgres import Postgres
from tests.rigs.stores import Tills
from tests.rigs.waiting import eventually

PARTS: Final = ("agent", "centre", "broker", "PostgreSQL") if LONG else ("PostgreSQL",)
SALES: Final = 60
HELD_S: Final = 6 if LONG else 3  # past the first resend

pytestmark = pytest.mark.slow

Act = Callable[[], None]
Noticed = Callable[[Tills], Awaitable[None]]


async def test_a_part_that_stands_still_is_waited_for_and_all_that_was_sold_meanwhile_arrives_once(
    broker: Broker, own_postgres: Postgres, tmp_path: Path, tally: MakeTally
) -> None:
    async with opened_house(tmp_path, broker, own_postgres.create_database()) as house:
        for part in PARTS:
            cost = tally(f"SIGSTOP of {part} ({broker.name})", house)
            pause, resume, noticed = _part(part, house, own_postgres)
            async with Tills(house.store).selling() as tills:
                await tills.sold(5)
                pause()
                try:
                    await noticed(tills)
                finally:
                    resume()
                await tills.sold(5)
                cost.rounds += 1
            await cost.settle()


def _part(name: str, house: House, postgres: Postgres) -> tuple[Act, Act, Noticed]:
    """How to stop a part, how to let it go on, and what shows that it stood still long enough."""

    async def sold_and_unconfirmed(tills: Tills) -> None:
        await tills.sold(SALES, 20)  # a till waits for none of them
        await house.store.waiting_for(HELD_S)

    async def silent(_: Tills) -> None:
        await eventually(lambda: _is_offline(house), 30)

    service = house.store.agent.service if name == "agent" else house.centre.service
    parts: dict[str, tuple[Act, Act, Noticed]] = {
        "agent": (service.pause, service.resume, silent),
        "centre": (service.pause, service.resume, sold_and_unconfirmed),
        "broker": (house.broker.pause, house.broker.resume, sold_and_unconfirmed),
        "PostgreSQL": (postgres.pause, postgres.resume, sold_and_unconfirmed),
    }
    return parts[name]


async def _is_offline(house: House) -> bool:
    """The fleet view says by itself that nobody has heard of the store for a while."""
    node = await house.centre.node(house.store.node_id)
    assert node["state"] == "offline", node["state"]
    return True

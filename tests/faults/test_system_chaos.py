"""Everything fails in a random order from a fixed seed, then heals, and then every promise is demanded.

`HOLDFAST_CHAOS_SECONDS` is how long it fails, `HOLDFAST_CHAOS_SEED` in which order.
"""

import asyncio
import os
import random
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from tests.rigs.brokers import Broker
from tests.rigs.house import House, opened_house, reported
from tests.rigs.stores import Tills

_SECONDS: Final = float(os.environ.get("HOLDFAST_CHAOS_SECONDS", "10"))
_SEED: Final = int(os.environ.get("HOLDFAST_CHAOS_SEED", "20261121"))

Failure = Callable[[], Awaitable[None]]


async def test_after_any_sequence_of_failures_both_ends_hold_the_same_and_the_books_add_up(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    source = random.Random(_SEED)
    done: list[str] = []
    async with opened_house(tmp_path, broker, postgres_dsn, stores=2) as house:
        first, second = (Tills(store, 2) for store in house.stores)
        async with first.selling(), second.selling():
            end = time.monotonic() + _SECONDS
            while time.monotonic() < end:
                failure = source.choice(_failures(house, tmp_path / broker.name, source))
                done.append(failure.__name__)
                await failure()
                await first.sold(source.randint(1, 20))
            await second.sold(5)
        try:
            await house.audit()
            for store in house.stores:
                await reported(store, house.centre)
                assert store.agent.verify()["findings"] == []
        except AssertionError as error:
            error.add_note(f"seed {_SEED}, after {', '.join(done)}")
            raise


def _failures(house: House, data: Path, source: random.Random) -> list[Failure]:
    """What can happen. Each is over when it returns, but for what has to heal by itself."""
    store = source.choice(house.stores)

    async def agent_killed() -> None:
        store.kill()
        await store.start()

    async def agent_stopped() -> None:
        await store.agent.service.terminate()
        await store.start()

    async def centre_killed() -> None:
        house.centre.service.kill()
        await house.centre.start()

    async def centre_paused() -> None:
        house.centre.service.pause()
        await _while(source)
        house.centre.service.resume()

    async def broker_killed() -> None:
        house.broker.kill()
        if source.random() < 0.5:
            shutil.rmtree(data)
        await _while(source)
        house.broker.start()

    async def broker_paused() -> None:
        house.broker.pause()
        await _while(source)
        house.broker.resume()

    return [agent_killed, agent_stopped, centre_killed, centre_paused, broker_killed, broker_paused]


async def _while(source: random.Random) -> None:
    """How long something stays broken."""
    await asyncio.sleep(source.uniform(0.1, 2.0))

"""A centre that fences whatever it is told, until it is mended: the real link stops, waits, and goes on by itself."""

import asyncio
from pathlib import Path
from unittest.mock import patch

from edge_core.limits import STOPPED_PAUSE_MS
from edge_core.sync import handshake
from tests.simulation import demands
from tests.simulation.house import House, in_its_world
from tests.simulation.loop import VirtualLoop
from tests.simulation.loop import run as run_loop
from tests.simulation.story import Story

_STOPS_WITHIN_S = 60.0


def test_a_link_that_a_faulty_centre_stopped_goes_on_by_itself_once_the_centre_is_mended(tmp_path: Path) -> None:
    async def live(loop: VirtualLoop) -> None:
        story = Story(lambda: loop.now_ms, keep=False)
        with in_its_world(1, story):
            house = House("1", tmp_path, loop, story)
            house.centre.start()
            store = house.add_machine("store", "store")
            with patch.object(handshake, "answer", lambda *_, **__: ("fence", "a defect of the centre")):
                house.open_shop(store)
                stopped_s = await _until(house, "stopped", _STOPS_WITHIN_S)
            assert store.agent is not None
            assert STOPPED_PAUSE_MS / 2 - 1_000 <= (store.agent.session.retry_in_ms or 0) <= STOPPED_PAUSE_MS
            await house.close_shops()
            sold = len(house.promises.owed)
            await _until(house, "streaming", STOPPED_PAUSE_MS / 1000)
            assert loop.time() - stopped_s >= STOPPED_PAUSE_MS / 2000
            assert store.agent.session.retry_in_ms is None
            await demands.wait_until_quiet(house, 60)
            await demands.demand_all(house)
            assert sold > 0
            house.end()

    run_loop(live)


async def _until(house: House, phase: str, seconds: float) -> float:
    """Wait until the link of the one store is in a phase; says when. In virtual time, where waiting is free."""
    begun = house.loop.time()
    while (agent := house.machines[0].agent) is None or agent.session.state.phase != phase:
        await asyncio.sleep(1)
        found = agent.session.state if agent is not None else None
        assert house.loop.time() - begun <= seconds, f"not {phase} within {seconds} s: {found}"
    return house.loop.time()

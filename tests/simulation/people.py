"""The people at the centre who look after what is parked: they replay it, try what a replay would do, or discard it.

In a part of the seeds somebody does so now and then; in the night everything that can be replayed is.
"""

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.sqlite import OWNER

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.simulation.house import House

_SHARE: Final = 0.3  # of the seeds
_PAUSE_S: Final = 4.0


class People:
    """Somebody at the centre with the right to settle."""

    def __init__(self, house: "House", seed: str) -> None:
        self._house = house
        self._chance = random.Random(f"{seed}/people")
        self.are_there = self._chance.random() < _SHARE

    async def run(self) -> None:
        """Look at the list now and then; some day the columns are widened, and what was refused can be used."""
        if self.are_there:
            self._house.loop.call_later(self._chance.uniform(2, 40), self._widen)
        while self.are_there:
            await asyncio.sleep(self._chance.expovariate(1 / _PAUSE_S))
            parked = sorted(self._house.centre.tables.parked)
            if parked:
                self._settle(self._chance.choice(parked))

    async def replay_all(self) -> None:
        """Try everything that is left, once, in the order of its coming."""
        for parked_id in sorted(self._house.centre.tables.parked):
            await asyncio.wait([self._start(self._house.centre.replay(parked_id))])

    def _widen(self) -> None:
        self._house.story.tell("people", "widen the columns")
        self._house.centre.is_widened = True

    def _settle(self, parked_id: int) -> None:
        centre = self._house.centre
        what = self._chance.choice(("replay", "replay", "try", "discard"))
        self._house.story.tell("people", what, parked=parked_id)
        if what == "discard":
            self._start(centre.discard(parked_id))
        else:
            self._start(centre.replay(parked_id, is_trial=what == "try"))

    def _start(self, work: "Coroutine[Any, Any, object]") -> "asyncio.Task[object]":
        """Within the centre's process: it may die with it."""
        token = OWNER.set(self._house.centre.process)
        try:
            return self._house.loop.create_task(work)
        finally:
            OWNER.reset(token)

"""The chore that gives goods back which were kept for somebody who did not come in time.

It asks as a till would: the decision is the core's, by the time of the command alone, and an order that comes at the
same moment is either before the end of its hold or after it.
"""

import asyncio
from typing import Final

import structlog

from edge_agent.chores import look_now_and_then
from edge_agent.intake import Intake
from edge_agent.store import holds
from edge_agent.store.file import StoreFile
from edge_agent.submission import AskHold
from edge_agent.surroundings import Surroundings
from edge_core.errors import StorageFault
from edge_core.limits import HOLDS_LOOK_INTERVAL_MS, HOLDS_PER_LOOK
from edge_core.stock.reservations import Reservation
from holdfast_runtime.log import bounded

_LOG: Final = structlog.get_logger()


def _postponed(fault: StorageFault) -> None:
    _LOG.warning("holds.postponed", error=bounded(fault))


class HoldExpiry:
    """Looks now and then whether a hold's time is over."""

    def __init__(self, file: StoreFile, intake: Intake, surroundings: Surroundings) -> None:
        self._file = file
        self._intake = intake
        self._here = surroundings

    async def run(self) -> None:
        """Look for ever."""
        await look_now_and_then(self.look, HOLDS_LOOK_INTERVAL_MS, _postponed)

    async def look(self) -> int:
        """End what has run out, and say how many holds. Raises `StorageFault`."""
        due = await holds.list_due(self._file.reader, self._here.now_ms(), HOLDS_PER_LOOK)
        ended = sum(await asyncio.gather(*(self._expire(each) for each in due)))
        if ended:
            _LOG.info("holds.expired", holds=ended)
        return ended

    async def _expire(self, hold: Reservation) -> bool:
        """Give the command. A hold ends once, so the key need only be new: a clock that was put back is asked again."""
        key = f"expire hold {hold.reservation_id} {self._here.now_ms()}"
        answer = await self._intake.submit(AskHold(hold.reservation_id, "expire"), key, None)
        return answer.status < 300 and not answer.is_replay

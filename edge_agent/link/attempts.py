"""The backoff in the file: a region whose power failed comes back as patient as it was (docs/protocol.md, "7")."""

from functools import partial
from typing import Final

import structlog

from edge_agent.intake import Intake
from edge_agent.store import log
from edge_core.errors import StorageFault

_LOG: Final = structlog.get_logger()


class Attempts:
    """Writes down how often the connection was lost since the last ack; newer counts replace those that wait."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._newest: int | None = None
        self._is_writing = False

    async def write(self, attempt: int) -> None:
        """Have this count in the file. Where the disk fails, the next start is only less patient."""
        self._newest = attempt
        if self._is_writing:
            return
        self._is_writing = True
        try:
            while self._newest is not None:
                newest, self._newest = self._newest, None
                await self._intake.write(partial(log.put_attempt, attempt=newest))
        except StorageFault as fault:
            _LOG.warning("link.attempt_not_written", error=str(fault))
        finally:
            self._is_writing = False

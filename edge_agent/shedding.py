"""What can wait makes room for what cannot: when the disk fills, bulk rests first, and tills are served (G9).

Below a floor of free bytes the file takes back nothing more of its past and the scrub rests; what is sold is recorded
and sent as ever, and what a newcomer needs to sell is taken. It ends once there is a quarter more than the floor.
"""

from typing import Final

import structlog

from edge_agent.link.books import Books

_LOG: Final = structlog.get_logger()


class Shedding:
    """Whether bulk rests, by what the file's disk has left. A floor of 0 never sheds."""

    def __init__(self, books: Books, floor_bytes: int) -> None:
        self._books = books
        self._floor_bytes = floor_bytes
        self._is_on = False

    def is_on(self) -> bool:
        """Look at the disk. Cheap: one call of the system."""
        if not self._floor_bytes:
            return False
        free_bytes = self._books.disk_free_bytes()
        if not self._is_on and free_bytes < self._floor_bytes:
            self._is_on = True
            self._books.last_error = f"the disk has {free_bytes} bytes left: recovery of the past and scrub rest"
            _LOG.error("store.shedding_begun", free_bytes=free_bytes, floor_bytes=self._floor_bytes)
        elif self._is_on and free_bytes >= self._floor_bytes + self._floor_bytes // 4:
            self._is_on = False
            _LOG.warning("store.shedding_ended", free_bytes=free_bytes)
        return self._is_on

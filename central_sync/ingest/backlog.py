"""What was read and waits for a transaction, bounded in messages and in entries."""

import asyncio
from collections import deque
from typing import TypeAlias

from central_sync.ingest.reading import ReadPush
from central_sync.store.parked import ForeignMessage
from edge_core.limits import INGEST_ENTRIES_MAX, INGEST_PUSHES_MAX
from edge_core.sync.messages import Bye, DeliverAck, Heartbeat, Hello, Recall

Work: TypeAlias = ReadPush | Hello | Heartbeat | Recall | DeliverAck | Bye | ForeignMessage


class Backlog:
    """A queue of work that is taken in batches: whatever waits, up to one transaction's worth, and never lingering.

    It holds up to two transactions' worth: one being filled while the other commits.
    """

    def __init__(self, pushes_max: int = INGEST_PUSHES_MAX, entries_max: int = INGEST_ENTRIES_MAX) -> None:
        self._pushes_max = pushes_max
        self._entries_max = entries_max
        self._waiting: deque[Work] = deque()
        self._entries = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, work: Work) -> None:
        """Add work, waiting while there is no room."""
        await self._room.wait()
        self._waiting.append(work)
        self._entries += _entries_of(work)
        self._filled.set()
        self._mark()

    async def take(self) -> list[Work]:
        """The next batch, at least one piece, waiting until there is any."""
        await self._filled.wait()
        batch: list[Work] = []
        entries = 0
        while self._waiting and len(batch) < self._pushes_max:
            entries += _entries_of(self._waiting[0])
            if batch and entries > self._entries_max:
                break
            batch.append(self._waiting.popleft())
        self._entries -= sum(_entries_of(work) for work in batch)
        if not self._waiting:
            self._filled.clear()
        self._mark()
        return batch

    def _mark(self) -> None:
        if len(self._waiting) < self._pushes_max and self._entries < self._entries_max:
            self._room.set()
        else:
            self._room.clear()


def _entries_of(work: Work) -> int:
    return len(work.readings) if isinstance(work, ReadPush) else 0

"""What was read and waits for a transaction, bounded in messages, in entries and in bytes."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TypeAlias
from uuid import UUID

from central_sync.ingest.early import ReadEarly
from central_sync.ingest.reading import ReadPush
from central_sync.store.parked import ForeignMessage
from edge_core.limits import (
    INGEST_ASKS_BYTES_MAX,
    INGEST_ASKS_MAX,
    INGEST_ASKS_WAITING_MAX,
    INGEST_ENTRIES_MAX,
    INGEST_HELLOS_MAX,
    INGEST_HELLOS_WAITING_MAX,
    INGEST_PUSHES_MAX,
    INGEST_READS_MAX,
    INGEST_WAITING_BYTES_MAX,
    INGEST_WORKS_MAX,
)
from edge_core.sync.audit_messages import DayTotals, Digest
from edge_core.sync.messages import Bye, DeliverAck, Heartbeat, Hello, Recall
from holdfast_runtime.mqtt import Inbox

Work: TypeAlias = (
    ReadPush | ReadEarly | Hello | Heartbeat | Recall | DeliverAck | Digest | DayTotals | Bye | ForeignMessage
)


class Backlog:
    """A queue of work that is taken in batches: whatever waits, up to one transaction's worth, and never lingering.

    It holds up to two transactions' worth: one being filled while the other commits. What is short is counted apart
    from pushes. Hellos wait in a queue of their own, each incarnation's last one, and a few go with each batch: when
    thousands greet at once, a fresh order does not wait behind them (promise G10). So do digests and recalls, each of
    which reads a whole segment.
    """

    def __init__(
        self,
        pushes_max: int = INGEST_PUSHES_MAX,
        entries_max: int = INGEST_ENTRIES_MAX,
        bytes_max: int = INGEST_WAITING_BYTES_MAX,
    ) -> None:
        self._pushes_max = pushes_max
        self._entries_max = entries_max
        self._bytes_max = bytes_max
        self._waiting: deque[Work] = deque()
        self._hellos: dict[tuple[str, UUID], Hello] = {}
        self._asks: deque[Digest | Recall] = deque()
        self._asks_bytes = 0
        self._pushes = 0
        self._entries = 0
        self._bytes = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        """How many pieces wait."""
        return len(self._waiting) + len(self._hellos) + len(self._asks)

    async def put(self, work: Work) -> None:
        """Add work, waiting while there is no room. What is beyond its bound and said again never waits."""
        if isinstance(work, Hello):
            self._greet(work)
            return
        if isinstance(work, Digest | Recall):
            self._ask(work)
            return
        await self._room.wait()
        self._waiting.append(work)
        self._count(work, 1)
        self._filled.set()
        self._mark()

    async def take(self) -> list[Work]:
        """The next batch, at least one piece, waiting until there is any."""
        await self._filled.wait()
        batch: list[Work] = []
        pushes = entries = 0
        while self._waiting and len(batch) < INGEST_WORKS_MAX:
            pushes += isinstance(self._waiting[0], ReadPush)
            entries += _entries_of(self._waiting[0])
            if batch and (pushes > self._pushes_max or entries > self._entries_max):
                break
            batch.append(self._waiting.popleft())
            self._count(batch[-1], -1)
        batch += [self._hellos.pop(who) for who in list(islice(self._hellos, INGEST_HELLOS_MAX))]
        for _ in range(min(len(self._asks), INGEST_ASKS_MAX)):
            batch.append(self._asks.popleft())
            self._asks_bytes -= _bytes_of(batch[-1])
        if not len(self):
            self._filled.clear()
        self._mark()
        return batch

    def _greet(self, hello: Hello) -> None:
        who = hello.node_id, hello.incarnation
        if who in self._hellos or len(self._hellos) < INGEST_HELLOS_WAITING_MAX:
            self._hellos[who] = hello
            self._filled.set()

    def _ask(self, ask: Digest | Recall) -> None:
        self._asks.append(ask)
        self._asks_bytes += _bytes_of(ask)
        while len(self._asks) > 1 and (
            len(self._asks) > INGEST_ASKS_WAITING_MAX or self._asks_bytes > INGEST_ASKS_BYTES_MAX
        ):
            self._asks_bytes -= _bytes_of(self._asks.popleft())
        self._filled.set()

    def _count(self, work: Work, sign: int) -> None:
        self._pushes += sign * isinstance(work, ReadPush)
        self._entries += sign * _entries_of(work)
        self._bytes += sign * _bytes_of(work)

    def _mark(self) -> None:
        is_full = (
            len(self._waiting) >= INGEST_WORKS_MAX
            or self._pushes >= self._pushes_max
            or self._entries >= self._entries_max
            or self._bytes >= self._bytes_max
        )
        if is_full:
            self._room.clear()
        else:
            self._room.set()


async def fill(backlog: Backlog, inbox: Inbox, understand: Callable[[str, bytes], Work | None]) -> None:
    """Read for ever what arrives: what is short many at a time, for the connection brings as many, and a push alone.

    One message a turn could not keep up with thousands of hellos, and the inbox dropped pushes among them: those came
    again only after `RESEND_AFTER_MS`.
    """
    while True:
        for _ in range(INGEST_READS_MAX):
            work = understand(*await inbox.get())
            if work is not None:
                await backlog.put(work)
            if isinstance(work, ReadPush | ReadEarly):
                break
        await asyncio.sleep(0)  # neither queue suspends while it has something: let the others have their turn


def _bytes_of(work: Work) -> int:
    """What a piece holds in memory: a push its message and its bodies, twice as much once they are read."""
    if isinstance(work, ReadEarly):
        work = work.push
    if isinstance(work, ReadPush):
        return len(work.payload) + 2 * sum(map(len, work.batch.bodies))
    if isinstance(work, Digest):
        return 0 if work.supply is None else len(work.supply.block)
    return len(work.payload) if isinstance(work, ForeignMessage) else 0


def _entries_of(work: Work) -> int:
    return len(work.readings) if isinstance(work, ReadPush) else 0

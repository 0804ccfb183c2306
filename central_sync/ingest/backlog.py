"""What was read and waits for a transaction, bounded in messages, in entries and in bytes."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import TypeAlias
from uuid import UUID

from central_sync.ingest.early import ReadEarly
from central_sync.ingest.push_queue import PushQueue, bytes_of
from central_sync.ingest.reading import ReadPush, read_in_parts
from central_sync.store.parked import ForeignMessage
from edge_core.limits import (
    INGEST_ASKS_BYTES_MAX,
    INGEST_ASKS_MAX,
    INGEST_ASKS_WAITING_MAX,
    INGEST_BATCH_MS_TARGET,
    INGEST_ENTRIES_MAX,
    INGEST_HELLOS_MAX,
    INGEST_HELLOS_WAITING_MAX,
    INGEST_PUSHES_MAX,
    INGEST_READ_ENTRIES,
    INGEST_READS_MAX,
    INGEST_WAITING_BYTES_MAX,
    INGEST_WORKS_MAX,
    PUSH_ENTRIES_MAX,
)
from edge_core.sync.audit_messages import DayTotals, Digest
from edge_core.sync.messages import Bye, DeliverAck, Heartbeat, Hello, Push, Recall
from edge_core.sync.need_messages import Need
from holdfast_runtime.mqtt import Inbox

Work: TypeAlias = (
    ReadPush | ReadEarly | Hello | Heartbeat | Recall | Need | DeliverAck | Digest | DayTotals | Bye | ForeignMessage
)


class Backlog:
    """A queue of work that is taken in batches: whatever waits, up to one transaction's worth, and never lingering.

    It goes on reading while a transaction runs, up to so many pushes and bytes: what a store sells now is found behind
    the long pushes of a backlog, and goes before them (`PushQueue`). What is short is counted apart from pushes. Hellos
    wait in a queue of their own, each incarnation's last one, and a few go with each batch: when thousands greet at
    once, a fresh order does not wait behind them (promise G10). So do digests and recalls, each of which reads a whole
    segment.
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
        self._asks: dict[tuple[type, str, UUID], Digest | Recall | Need] = {}
        self._asks_bytes = 0
        self._bytes = 0
        self._pushes = PushQueue()
        self._entries_goal = entries_max
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        """How many pieces wait."""
        return len(self._waiting) + len(self._pushes) + len(self._hellos) + len(self._asks)

    @property
    def entries(self) -> int:
        """How many entries wait in pushes."""
        return self._pushes.entries

    def committed(self, entries: int, took_s: float) -> None:
        """A transaction of so many entries took so long: the next ones hold what commits in `INGEST_BATCH_MS_TARGET`.

        A fresh order waits for two of them, on a slow machine as well. A short one says nothing of a long one.
        """
        if entries < PUSH_ENTRIES_MAX or took_s <= 0:
            return
        fits = int(entries * INGEST_BATCH_MS_TARGET / (took_s * 1000))
        self._entries_goal = min(max((self._entries_goal + fits) // 2, PUSH_ENTRIES_MAX), self._entries_max)

    async def put(self, work: Work) -> None:
        """Add work, waiting while there is no room. What is beyond its bound and said again never waits."""
        if isinstance(work, Hello):
            self._greet(work)
            return
        if isinstance(work, Digest | Recall | Need):
            self._ask(work)
            return
        await self._room.wait()
        if isinstance(work, ReadPush):
            self._pushes.put(work)
        else:
            self._waiting.append(work)
            self._bytes += _bytes_of(work)
        self._filled.set()
        self._mark()

    async def take(self) -> list[Work]:
        """The next batch, at least one piece, waiting until there is any."""
        await self._filled.wait()
        batch: list[Work] = list(self._pushes.take(self._pushes_max, self._entries_goal))
        for _ in range(min(len(self._waiting), INGEST_WORKS_MAX)):
            batch.append(self._waiting.popleft())
            self._bytes -= _bytes_of(batch[-1])
        batch += [self._hellos.pop(who) for who in list(islice(self._hellos, INGEST_HELLOS_MAX))]
        batch += [self._unask(whose) for whose in list(islice(self._asks, INGEST_ASKS_MAX))]
        if not len(self):
            self._filled.clear()
        self._mark()
        return batch

    def _greet(self, hello: Hello) -> None:
        who = hello.node_id, hello.incarnation
        if who in self._hellos or len(self._hellos) < INGEST_HELLOS_WAITING_MAX:
            self._hellos[who] = hello
            self._filled.set()

    def _ask(self, ask: Digest | Recall | Need) -> None:
        """One that is asked again while it waits takes the place of the first: what its node is told answers both."""
        whose = type(ask), ask.node_id, ask.incarnation
        if whose in self._asks:
            self._asks_bytes -= _bytes_of(self._asks[whose])
        self._asks[whose] = ask
        self._asks_bytes += _bytes_of(ask)
        while len(self._asks) > 1 and (
            len(self._asks) > INGEST_ASKS_WAITING_MAX or self._asks_bytes > INGEST_ASKS_BYTES_MAX
        ):
            self._unask(next(iter(self._asks)))
        self._filled.set()

    def _unask(self, whose: tuple[type, str, UUID]) -> Digest | Recall | Need:
        ask = self._asks.pop(whose)
        self._asks_bytes -= _bytes_of(ask)
        return ask

    def _mark(self) -> None:
        is_full = (
            len(self._waiting) >= INGEST_WORKS_MAX
            or len(self._pushes) >= self._pushes_max
            or self._bytes + self._pushes.bytes >= self._bytes_max
        )
        if is_full:
            self._room.clear()
        else:
            self._room.set()


async def fill(backlog: Backlog, inbox: Inbox, understand: Callable[[str, bytes], Awaitable[Work | None]]) -> None:
    """Read for ever what arrives: what is short many at a time, for the connection brings as many, and a push alone.

    One message a turn could not keep up with thousands of hellos, and the inbox dropped pushes among them: those came
    again only after `RESEND_AFTER_MS`.
    """
    while True:
        for _ in range(INGEST_READS_MAX):
            work = await understand(*await inbox.get())
            if work is not None:
                await backlog.put(work)
            if isinstance(work, ReadPush | ReadEarly):
                break
        await asyncio.sleep(0)  # neither queue suspends while it has something: let the others have their turn


async def read_in_turns(push: Push, payload: bytes) -> ReadPush:
    """Read a push in turns with the transaction that runs. Raises `PeerFault` where it contradicts itself.

    A transaction waits ten times for a short answer: were each a whole push long, the server would stand still.
    """
    for read in read_in_parts(push, payload, INGEST_READ_ENTRIES):
        if len(read.readings) < len(read.batch.bodies):
            await asyncio.sleep(0)
    return read


def _bytes_of(work: Work) -> int:
    """What a piece that is no push holds in memory."""
    if isinstance(work, ReadEarly):
        return bytes_of(work.push)
    if isinstance(work, Digest):
        return 0 if work.supply is None else len(work.supply.block)
    return len(work.payload) if isinstance(work, ForeignMessage) else 0

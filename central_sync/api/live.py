"""The live feed: one reader for each process, woken by NOTIFY, that hands what is new to every viewer.

A viewer that comes with a place reads up to the reader's place first, then joins. One that cannot keep up is cut off
and comes back with the place that it reached: nothing is skipped, and nobody waits for the slow one for long.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from uuid import UUID

import structlog

from central_sync.api.rendering import Seen, truncated
from central_sync.store import feed
from central_sync.store.database import Database
from central_sync.store.feed import Extent, FeedEntry, FeedPosition
from central_sync.telemetry import Telemetry
from edge_core.errors import TransientFault
from edge_core.limits import (
    DATABASE_RETRY_DELAY_MS_MAX,
    FEED_PAGE_ROWS_MAX,
    FEED_SETTLE_INTERVAL_MS,
    SSE_CLIENTS_MAX,
    SSE_QUEUE_MAX,
    SSE_STALL_MS,
)

_log = structlog.get_logger("live")
_ENTRIES_A_TURN = 50  # rendered before others have their turn: some 5 ms

Render = Callable[[FeedEntry], Sequence[bytes]]


class Viewer:
    """One open page: the rendered events that wait for it."""

    def __init__(self, queue_max: int = SSE_QUEUE_MAX) -> None:
        self._queue: deque[bytes] = deque()
        self._queue_max = queue_max
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self.is_cut = False

    async def offer(self, events: Sequence[bytes]) -> bool:
        """Hand events over, waiting for room at most `SSE_STALL_MS`; False for a viewer that did not make any."""
        try:
            async with asyncio.timeout(SSE_STALL_MS / 1000):
                while self._queue and len(self._queue) + len(events) > self._queue_max and not self.is_cut:
                    self._drained.clear()
                    await self._drained.wait()
        except TimeoutError:
            return False
        self._queue.extend(events)
        self._filled.set()
        return True

    async def take(self) -> bytes:
        """Everything that waits, at least one event, as one piece; empty once the viewer is cut off."""
        await self._filled.wait()
        if self.is_cut:
            return b""
        taken = b"".join(self._queue)
        self._queue.clear()
        self._filled.clear()
        self._drained.set()
        return taken

    def cut(self) -> None:
        """End it: the page reconnects with the last event that it saw."""
        self.is_cut = True
        self._filled.set()
        self._drained.set()


class LiveFeed:
    """Reads the feed for all viewers. `render` makes the events of one entry, each with its place as id."""

    def __init__(
        self, database: Database, render: Render, telemetry: Telemetry, viewers_max: int = SSE_CLIENTS_MAX
    ) -> None:
        self._database = database
        self._render = render
        self._telemetry = telemetry
        self._viewers_max = viewers_max
        self._viewers: set[Viewer] = set()
        self._joining = 0
        self._position = FeedPosition(0, 0, 0)
        self._history_id: UUID | None = None
        self._wake = asyncio.Event()
        self._is_closed = False

    @property
    def viewers(self) -> int:
        """How many pages are open and up to date."""
        return len(self._viewers)

    @property
    def is_full(self) -> bool:
        """Whether another viewer must be turned away."""
        return self._is_closed or len(self._viewers) + self._joining >= self._viewers_max

    async def run(self) -> None:
        """Read for ever; a lost connection is made again."""
        while True:
            try:
                await self._follow()
            except TransientFault as fault:
                _log.warning("live.feed_interrupted", error=str(fault))
                await asyncio.sleep(DATABASE_RETRY_DELAY_MS_MAX / 1000)

    def close(self) -> None:
        """End every viewer, so that the server can stop."""
        self._is_closed = True
        for viewer in self._viewers:
            viewer.cut()

    async def watch(self, seen: Seen | None) -> AsyncGenerator[bytes, None]:
        """Events after those that were seen (None: from now on).

        A viewer that comes from before what is kept, or from another history, is told first that it has missed
        something; then comes what is kept, or what happens from now on. Ends when the viewer is cut off.
        Raises `TransientFault` while it catches up.
        """
        viewer = Viewer()
        self._joining += 1
        try:
            extent = await self._extent()
            if seen is not None and not extent.covers(seen.history_id, seen.position):
                yield truncated()
                seen = seen if extent.compares(seen.history_id, seen.position) else None
            if not self._viewers:
                async with self._database.reading() as connection:
                    self._position = max(self._position, await feed.end(connection))
            position = self._position if seen is None else min(seen.position, self._position)
            skip = seen.events if seen is not None and position == seen.position else 0
            while position < self._position:
                page = await self._settled(position)
                for entry in page:
                    if entry.position > self._position:
                        break  # committed since: the reader hands it out to everyone
                    events = self._render(entry)
                    yield b"".join(events[skip:])
                    skip = 0
                    position = entry.position
                if not page:
                    break
            self._viewers.add(viewer)  # no await since the comparison: nothing lies between
        finally:
            self._joining -= 1
        self._telemetry.viewers.set(len(self._viewers))
        self._wake.set()
        try:
            while not viewer.is_cut and not self._is_closed:
                yield await viewer.take()
        finally:
            self._viewers.discard(viewer)
            self._telemetry.viewers.set(len(self._viewers))

    async def _extent(self) -> Extent:
        async with self._database.reading() as connection:
            return await feed.extent(connection)

    async def _find_place(self) -> None:
        """Where to read on after a connection was lost: in a database that was restored, from its end.

        The viewers are cut off: what they name when they come again tells how much they have missed.
        """
        async with self._database.reading() as connection:
            extent, end = await feed.extent(connection), await feed.end(connection)
        if self._history_id is not None and not extent.compares(self._history_id, self._position):
            _log.warning("live.feed_restored", viewers=len(self._viewers))
            self._position = end
            for viewer in list(self._viewers):
                self._cut(viewer)
        self._history_id = extent.history_id

    async def _follow(self) -> None:
        lost = asyncio.Event()

        def on_lost() -> None:
            lost.set()
            self._wake.set()

        async with self._database.listening(feed.CHANNEL, self._wake.set, on_lost):
            await self._find_place()
            self._wake.set()  # what was announced while nobody listened
            while not lost.is_set():
                await self._wake.wait()
                self._wake.clear()
                await self._hand_out()
        raise TransientFault("the connection that listens was lost")

    async def _hand_out(self) -> None:
        while self._viewers:
            page = await self._settled(self._position)
            for number, entry in enumerate(page):
                events = self._render(entry)
                for viewer in list(self._viewers):
                    if events and not await viewer.offer(events):
                        self._cut(viewer)
                self._position = entry.position
                if number % _ENTRIES_A_TURN == 0:
                    await asyncio.sleep(0)
            if not page:
                return

    async def _settled(self, position: FeedPosition) -> list[FeedEntry]:
        """The next entries, up to the first that an open transaction might precede; that one is asked for soon."""
        async with self._database.reading() as connection:
            page = await feed.after(connection, position, FEED_PAGE_ROWS_MAX)
        settled = [entry for entry in page if entry.is_settled]
        if len(settled) < len(page):
            asyncio.get_running_loop().call_later(FEED_SETTLE_INTERVAL_MS / 1000, self._wake.set)
        return settled

    def _cut(self, viewer: Viewer) -> None:
        viewer.cut()
        self._viewers.discard(viewer)
        self._telemetry.viewers_cut.inc()
        _log.warning("live.viewer_cut", viewers=len(self._viewers))

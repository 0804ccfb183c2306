"""The chore that lets go of the log's oldest entries, once nobody needs them here any more.

What may go is decided by `edge_core.sync.retention`; here it is done, in small steps between the tills' orders, while
the centre is heard and nothing is being restored. Sums and heads follow in the same transactions.
"""

import asyncio
from typing import Final

import structlog

from edge_agent.intake import Intake
from edge_agent.link.books import Books
from edge_agent.link.session import Session
from edge_agent.store import log, retention
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.log import Stream
from edge_core.errors import StorageFault
from edge_core.limits import (
    RETENTION_INTERVAL_MS,
    RETENTION_MARK_INTERVAL_MS,
    RETENTION_MEMORY_MS,
    RETENTION_STEP_ENTRIES,
    RETENTION_STEP_PAUSE_MS,
    STREAM_SEQ_BITS,
)
from edge_core.sync.retention import Cut, Held, Mark, Window, cut, next_mark
from holdfast_runtime.log import bounded

_LOG: Final = structlog.get_logger()
_DAY_MS: Final = 86_400_000


def window_of(*, days: int, days_max: int, bytes_max: int) -> Window:
    """The window that a configuration in days means."""
    return Window(days * _DAY_MS, days_max * _DAY_MS, bytes_max, RETENTION_MARK_INTERVAL_MS, RETENTION_MEMORY_MS)


class Retention:
    """Looks now and then whether something may go, and lets go of it."""

    def __init__(
        self,
        *,
        file: StoreFile,
        intake: Intake,
        books: Books,
        session: Session,
        window: Window,
        interval_ms: int = RETENTION_INTERVAL_MS,
    ) -> None:
        self._file = file
        self._intake = intake
        self._books = books
        self._session = session
        self._window = window
        self._interval_ms = interval_ms

    async def run(self) -> None:
        """Look for ever. A disk that fails is the intake's to mend; the next look comes in its time."""
        while True:
            await asyncio.sleep(self._interval_ms / 1000)
            try:
                await self.look()
            except StorageFault as fault:
                _LOG.warning("retention.postponed", error=bounded(fault))

    async def look(self) -> int:
        """Note how old entries are, let go of what may go, and say how many entries went."""
        now_ms = self._session.centre_now_ms()
        if now_ms is None or not self._session.is_settled:
            return 0
        gone = 0
        for stream, held in await self._held():
            mark = next_mark(held, self._window, now_ms)
            if mark is not None:
                await self._write_mark(stream.stream_no, mark, now_ms)
            used_bytes = await retention.used_bytes(self._file.reader)
            wanted = cut(held, self._window, now_ms=now_ms, used_bytes=used_bytes)
            if wanted.seq > stream.pruned_seq:
                gone += await self._let_go(stream, wanted, now_ms)
        return gone

    async def _held(self) -> list[tuple[Stream, Held]]:
        reader = self._file.reader
        marks, floors = await retention.read_marks(reader), await retention.key_floors(reader)
        found = []
        for stream in await log.read_streams(reader):
            tail = await log.read_tail(reader, stream)
            key_seq = floors.get(stream.stream_no, 1 << STREAM_SEQ_BITS) - 1
            held = Held(
                tail.seq,
                min(stream.durable_seq, tail.seq),
                stream.backed_up_seq,
                stream.pruned_seq,
                key_seq,
                marks.get(stream.stream_no, ()),
            )
            found.append((stream, held))
        return found

    async def _write_mark(self, stream_no: int, mark: Mark, now_ms: int) -> None:
        async def change(connection: Connection) -> None:
            await retention.put_marks(connection, [(stream_no, mark)])
            await retention.forget_gone(connection, now_ms - self._window.remember_ms)

        await self._intake.write(change)

    async def _let_go(self, stream: Stream, wanted: Cut, now_ms: int) -> int:
        """Step by step, for as long as nothing that is going on needs the old entries."""
        gone, seq = 0, stream.pruned_seq
        while seq < wanted.seq and self._session.is_settled:
            seq = min(seq + RETENTION_STEP_ENTRIES, wanted.seq)
            gone += await self._step(stream.stream_no, seq, now_ms)
            await asyncio.sleep(RETENTION_STEP_PAUSE_MS / 1000)
        self._books.pruned_entries += gone
        said = {"lane": stream.lane, "incarnation": str(stream.incarnation), "up_to": seq, "entries": gone}
        if wanted.is_forced and seq > stream.backed_up_seq:
            self._books.forced_prunings += 1
            self._books.last_error = f"{stream.lane}: let go of up to {seq}, which no backup of the centre covers"
            _LOG.error("retention.forced", backed_up=stream.backed_up_seq, **said)
        else:
            _LOG.info("retention.pruned", **said)
        return gone

    async def _step(self, stream_no: int, to_seq: int, now_ms: int) -> int:
        gone = 0

        async def change(connection: Connection) -> None:
            nonlocal gone
            # As the file has it now: a greeting may have said meanwhile that the centre holds less.
            (stream,) = [s for s in await log.read_streams(connection) if s.stream_no == stream_no]
            if stream.pruned_seq < to_seq <= stream.durable_seq:
                gone = await retention.prune(connection, stream, to_seq, now_ms)

        await self._intake.change_log(change)
        return gone

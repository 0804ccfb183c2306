"""The chore that lets go of the log's oldest entries, once nobody needs them here any more.

What may go is decided by `edge_core.sync.retention`; here it is done, in small steps between the tills' orders, while
the centre is heard and nothing is being restored. Sums and heads follow in the same transactions. A damaged record
stops nothing for good: `on_damage` has it looked at, and what is given up is left behind (`cutting.py`).
"""

from collections.abc import Callable
from typing import Final

import structlog

from edge_agent.chores import look_now_and_then
from edge_agent.cutting import Cutter, Gone
from edge_agent.intake import Intake
from edge_agent.link.books import Books
from edge_agent.link.session import Session
from edge_agent.store import log, retention
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.log import Stream
from edge_core.errors import RecordDamaged, StorageFault
from edge_core.limits import (
    LOST_NAMED_MAX,
    RETENTION_INTERVAL_MS,
    RETENTION_MARK_INTERVAL_MS,
    RETENTION_MEMORY_MS,
    STREAM_SEQ_BITS,
)
from edge_core.sync.retention import Cut, Held, Mark, Window, cut, next_mark
from holdfast_runtime.log import bounded

_LOG: Final = structlog.get_logger()
_DAY_MS: Final = 86_400_000


def window_of(*, days: int, days_max: int, bytes_max: int) -> Window:
    """The window that a configuration in days means."""
    return Window(days * _DAY_MS, days_max * _DAY_MS, bytes_max, RETENTION_MARK_INTERVAL_MS, RETENTION_MEMORY_MS)


def _postponed(fault: StorageFault) -> None:
    _LOG.warning("retention.postponed", error=bounded(fault))


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
        self.on_damage: Callable[[], None] = lambda: None
        self.cutter = Cutter(file, intake, lambda: session.is_settled)

    async def run(self) -> None:
        """Look for ever."""
        await look_now_and_then(self.look, self._interval_ms, _postponed)

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
                gone += await self._try_to_let_go(stream, wanted, now_ms)
        return gone

    async def _held(self) -> list[tuple[Stream, Held]]:
        reader = self._file.reader
        marks, floors = await retention.read_marks(reader), await retention.key_floors(reader)
        found = []
        for stream in await log.read_streams(reader):
            tail_seq, _ = await log.read_end(reader, stream)
            key_seq = floors.get(stream.stream_no, 1 << STREAM_SEQ_BITS) - 1
            held = Held(
                tail_seq,
                min(stream.durable_seq, tail_seq),
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

    async def _try_to_let_go(self, stream: Stream, wanted: Cut, now_ms: int) -> int:
        """A stream whose pages cannot even be searched stops no other one."""
        try:
            return await self._let_go(stream, wanted, now_ms)
        except RecordDamaged as fault:
            _LOG.warning("retention.postponed", error=bounded(fault))
            return 0

    async def _let_go(self, stream: Stream, wanted: Cut, now_ms: int) -> int:
        gone = await self.cutter.let_go(stream, wanted.seq, now_ms)
        if gone.is_waiting:
            self.on_damage()
        self._books.pruned_entries += gone.entries
        self._tell(stream, wanted, gone)
        return gone.entries

    def _tell(self, stream: Stream, wanted: Cut, gone: Gone) -> None:
        said = {"lane": stream.lane, "incarnation": str(stream.incarnation), "up_to": gone.seq}
        if gone.damaged or gone.left:
            self._books.last_error = f"{stream.lane}: {gone.left} orders with damaged records stay below {gone.seq}"
            seqs = gone.damaged[:LOST_NAMED_MAX]
            _LOG.error("retention.damage_left", orders=gone.left, records=len(gone.damaged), seqs=seqs, **said)
        if gone.is_waiting:
            _LOG.warning("retention.waits_for_mending", **said)
        if wanted.is_forced and gone.seq > stream.backed_up_seq:
            self._books.forced_prunings += 1
            self._books.last_error = f"{stream.lane}: let go of up to {gone.seq}, which no backup of the centre covers"
            _LOG.error("retention.forced", backed_up=stream.backed_up_seq, entries=gone.entries, **said)
        elif gone.seq > stream.pruned_seq:
            _LOG.info("retention.pruned", entries=gone.entries, **said)

"""What the link writes down in the file: positions, the centre's history, the backoff.

All of it is written beside the loop, in transactions of the intake. None of it is a promise: what a failing disk kept
from being written, the centre says again in its next welcome.
"""

import asyncio
from typing import Final, assert_never
from uuid import UUID

import structlog

from edge_agent.intake import Intake
from edge_agent.link.attempts import Attempts
from edge_agent.link.background import Background
from edge_agent.link.books import Books, advance
from edge_agent.store import log
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_core.errors import StorageFault
from edge_core.sync.link_types import Rebook, RecordAttempt, RecordDurable, RecordHistory

_LOG: Final = structlog.get_logger()


class Positions:
    """Keeps the books in step with what the centre said, and has it written down. The newest position counts."""

    def __init__(self, file: StoreFile, intake: Intake, books: Books, background: Background) -> None:
        self._file = file
        self._intake = intake
        self._books = books
        self._background = background
        self._attempts = Attempts(intake)
        # By the stream's number: the lane may go on in another meanwhile.
        self._durable: dict[int, RecordDurable | Rebook] = {}
        self._recorder: asyncio.Task[None] | None = None

    def write_down(self, effect: RecordDurable | Rebook | RecordHistory | RecordAttempt, present: UUID) -> None:
        """Note it in the books at once, and in the file soon. `present` is the incarnation that was greeted."""
        match effect:
            case RecordDurable():
                self._books.acked(effect)
                self._record(effect)
            case Rebook():
                self._books.rebook(effect)
                self._record(effect)
            case RecordHistory():
                _LOG.info("link.welcomed", history_id=str(effect.history_id))
                self._books.greeted(effect)
                self._durable.clear()  # acks of before the greeting: what was greeted with is newer
                self._background.start(self._write_history(effect, present))
            case RecordAttempt():
                self._background.start(self._attempts.write(effect.attempt))
            case _:
                assert_never(effect)

    def _record(self, position: RecordDurable | Rebook) -> None:
        """Have the newest positions written down; while that runs, newer ones replace each other."""
        self._durable[self._file.streams[position.lane].stream_no] = position
        if self._recorder is None or self._recorder.done():
            self._recorder = self._background.start(self._write_durable())

    async def _write_durable(self) -> None:
        while self._durable:
            durable, self._durable = self._durable, {}
            try:
                await self._intake.write(advance(durable))
            except StorageFault as fault:
                # Only a hint for the next start: the centre says in its welcome what it has.
                _LOG.warning("link.position_not_written", error=str(fault))

    async def _write_history(self, effect: RecordHistory, present: UUID) -> None:
        async def change(connection: Connection) -> None:
            await log.put_history(connection, effect.history_id, effect.held(present))

        try:
            await self._intake.write(change)
        except StorageFault as fault:
            _LOG.warning("link.history_not_written", error=str(fault))

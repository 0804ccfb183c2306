"""The store's file as a whole: open it, know whose it is, hand out the connections, close it.

One connection writes and belongs to the intake's task alone; readers have connections of their own. After a failed
commit nothing that the system's cache shows may be trusted to be on the disk (Rebello et al. 2020, "Can Applications
Recover from fsync Failures?"), so `reopen` forces everything into the file and syncs it before it lets anyone go on.
"""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import aiosqlite
from msgspec.structs import replace

from edge_agent.store import log
from edge_agent.store.connection import fetch, locked, open_checkpointer, open_reader, open_writer, translated
from edge_agent.store.log import Stream, Tail
from edge_agent.store.reserve import Reserve
from edge_agent.store.schema import migrate
from edge_core.errors import OutcomeUnknown, PermanentFault, StorageFault


class StoreFile:
    """An open file. `streams` are the lanes of the present incarnation, `tails` their ends as committed.

    `former` are the streams of earlier incarnations, `history_id` is the centre's history that was seen last.
    """

    def __init__(self, path: Path, node_id: str, *, reserve_bytes: int = 0) -> None:
        self.path = path
        self.node_id = node_id
        self._reserve = Reserve(path, reserve_bytes)
        self.streams: dict[str, Stream] = {}
        self.former: tuple[Stream, ...] = ()
        self.tails: dict[str, Tail] = {}
        self.connect_attempt = 0
        self.history_id: UUID | None = None
        self._stack = ExitStack()
        self._writer: aiosqlite.Connection | None = None
        self._readers: list[aiosqlite.Connection] = []
        self._checkpointer: aiosqlite.Connection | None = None

    async def open(self, *, incarnation: UUID, now_ms: int) -> list[str]:
        """Lock, open, migrate and, where the file is new, begin it. Names the migrations applied.

        Raises `StorageFault`, and `PermanentFault` for a file of another node or of newer software.
        """
        with translated():
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stack.enter_context(locked(self.path))
        try:
            return await self._begin(incarnation, now_ms)
        except BaseException:
            await self.close()  # a connection that stays open keeps the process from ending
            raise

    async def _begin(self, incarnation: UUID, now_ms: int) -> list[str]:
        self._writer = await open_writer(self.path)
        applied = await migrate(self._writer)
        await self._identify(self._writer, incarnation, now_ms)
        await self.load()
        for _ in range(3):
            self._readers.append(await open_reader(self.path))
        self._checkpointer = await open_checkpointer(self.path)
        self._reserve.take()
        return applied

    async def reopen(self) -> None:
        """After a fault: drop the writing connection, force what is committed into the file, check the tail.

        Raises `StorageFault` as long as that fails, or the disk is too full to set the reserve aside again.
        """
        await _close(self._writer)
        self._writer = None
        self._reserve.release()
        self._writer = await open_writer(self.path)
        busy, *_ = (await fetch(self._writer, "PRAGMA wal_checkpoint(TRUNCATE)"))[0]
        if busy:
            raise StorageFault("storage-unavailable", "the write-ahead log could not be forced into the file")
        await self.load()
        for stream in self.streams.values():
            await log.check_tail(self._writer, stream)
        self._reserve.refill()

    async def close(self) -> None:
        """Close every connection and let the lock go."""
        await _close(self._checkpointer)
        for reader in self._readers:
            await _close(reader)
        await _close(self._writer)
        self._stack.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """The writing connection between BEGIN and COMMIT. Only one task may use it, and nothing may cancel it.

        Raises `OutcomeUnknown` where the COMMIT fails.
        """
        writer = self.writer
        with translated():
            await writer.execute("BEGIN IMMEDIATE")
        try:
            yield writer
            await _commit(writer)
        except BaseException:
            await _roll_back(writer)
            raise

    @property
    def writer(self) -> aiosqlite.Connection:
        """The writing connection."""
        if self._writer is None:
            raise StorageFault("storage-unavailable", "the file is being reopened")
        return self._writer

    @property
    def reader(self) -> aiosqlite.Connection:
        """The connection on which clients' questions are answered."""
        return self._readers[0]

    @property
    def link_reader(self) -> aiosqlite.Connection:
        """The connection from which the link reads the log."""
        return self._readers[1]

    @property
    def scrub_reader(self) -> aiosqlite.Connection:
        """The connection from which the scrub reads the whole file."""
        return self._readers[2]

    async def checkpoint(self) -> None:
        """Move what is committed into the file without making anyone wait."""
        if self._checkpointer is not None:
            await fetch(self._checkpointer, "PRAGMA wal_checkpoint(PASSIVE)")

    async def _identify(self, writer: aiosqlite.Connection, incarnation: UUID, now_ms: int) -> None:
        rows = await fetch(writer, "SELECT node_id FROM identity")
        if rows and rows[0][0] != self.node_id:
            raise PermanentFault(f"{self.path} belongs to node {rows[0][0]!r}; the configuration says {self.node_id!r}")
        if not rows:
            async with self.transaction() as connection:
                with translated():
                    sql = "INSERT INTO identity (one, node_id, created_at_ms) VALUES (1, ?, ?)"
                    await connection.execute(sql, (self.node_id, now_ms))
                await log.create_streams(connection, incarnation)

    async def load(self) -> None:
        """Read the streams and their tails as committed. Only the writer's task may ask for it."""
        streams = await log.read_streams(self.writer)
        present = await log.present_incarnation(self.writer)
        self.streams = {stream.lane: stream for stream in streams if stream.incarnation == present}
        self.former = tuple(stream for stream in streams if stream.incarnation != present)
        self.connect_attempt = await log.read_attempt(self.writer)
        self.history_id = await log.read_history(self.writer)
        clock = await log.read_clock(self.writer)
        tails = {lane: await log.read_tail(self.writer, stream) for lane, stream in self.streams.items()}
        self.tails = {lane: replace(tail, hlc=max(tail.hlc, clock)) for lane, tail in tails.items()}


async def _commit(writer: aiosqlite.Connection) -> None:
    """After a sync that failed, nobody knows whether the commit is on the disk (see the head of this module)."""
    try:
        with translated():
            await writer.execute("COMMIT")
    except StorageFault as fault:
        raise OutcomeUnknown(fault.slug, str(fault)) from fault


async def _roll_back(writer: aiosqlite.Connection) -> None:
    try:
        if writer.in_transaction:
            await writer.rollback()
    except (aiosqlite.Error, ValueError):
        # The first error is the one that counts; the connection is dropped and opened again.
        return


async def _close(connection: aiosqlite.Connection | None) -> None:
    if connection is not None:
        with translated():
            await connection.close()

"""SQLite without threads: what the product uses of `aiosqlite`, run in place by the real `sqlite3` on real files.

Before each call the task lets the others go on, if any are ready, and the process that it belongs to may die there, or
right after the call. The disk of a machine may be full or broken: then what would write fails as SQLite says it fails.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tests.simulation.loop import VirtualLoop

T = TypeVar("T")

_ERRORS = {
    "full": (sqlite3.SQLITE_FULL, "SQLITE_FULL", "database or disk is full"),
    "broken": (sqlite3.SQLITE_IOERR, "SQLITE_IOERR_FSYNC", "disk I/O error"),
    "unknown": (sqlite3.SQLITE_IOERR, "SQLITE_IOERR_FSYNC", "disk I/O error"),
}
_WRITES = {"COMMIT", "INSERT"}
_SLOW_SHARE = 0.1  # of the commits wait for the disk, so that others come between


class _Turn:
    """What `asyncio.sleep(0)` is, without its ceremony: everyone else who is ready goes first."""

    def __await__(self) -> Generator[None, None, None]:
        yield


_TURN = _Turn()


class Process:
    """Whoever owns tasks and connections, and can die at any await. Outside of a simulation nobody does."""

    def __init__(self, chance: random.Random, loop: VirtualLoop) -> None:
        self.chance = chance
        self._loop = loop
        self.is_alive = True
        self.is_writable: Callable[[], str | None] = lambda: None
        self.tasks: list[asyncio.Task[Any]] = []
        self.connections: list[InlineConnection] = []
        self.observer: sqlite3.Connection | None = None  # no part of it: who looks at its file from outside
        self.dies_in: int | None = None  # awaits until then
        self.dies_at_commit: str | None = None  # before or after
        self.on_death: Callable[[], None] = lambda: None

    def kill(self) -> None:
        """The end, without a word: connections are dropped where they are, tasks never go on."""
        if not self.is_alive:
            return
        self.is_alive = False
        if self.observer is not None:
            self.observer.close()  # before the others: the last one that may write tidies up
        for connection in self.connections:
            connection.drop()
        self.on_death()
        for task in self.tasks:
            task.cancel()

    def observe(self, path: Path) -> sqlite3.Connection:
        """A connection that only reads, as another process has one, for as long as this one lives."""
        if self.observer is None:
            self.observer = observer(path)
        return self.observer

    async def pause(self, sql: str) -> None:
        """One await: others go on, and this may be the end. Where nobody else is ready, nobody is made to wait."""
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0:
                self.kill()
        if sql == "COMMIT":
            if self.dies_at_commit == "before":
                self.kill()
            if self.chance.random() < _SLOW_SHARE:
                await asyncio.sleep(0.02 * self.chance.random())
                return
        if not self.is_alive or self._loop.has_others:
            await _TURN

    async def done(self, sql: str) -> None:
        """The call has had its effect."""
        if self.dies_at_commit == "after" and sql == "COMMIT":
            self.kill()
            await _TURN


OWNER: ContextVar[Process | None] = ContextVar("owner", default=None)


class _Scripts:
    """What scripts have made of a file that was empty. It is the same each time, so it is made once, and copied then.

    A new file is migrated by the real statements for the first time only, and one that is migrated in part always.
    """

    _made: ClassVar[dict[tuple[str, ...], sqlite3.Connection]] = {}

    def __init__(self) -> None:
        self._run: tuple[str, ...] = ()
        self._changes = 0

    def run(self, raw: sqlite3.Connection, sql: str) -> None:
        """Run a script as `executescript` does."""
        known = self._run if self._run else None if raw.execute("SELECT 1 FROM sqlite_schema").fetchone() else ()
        if known is None or raw.total_changes != self._changes:
            raw.executescript(sql)
            return
        self._run = (*known, sql)
        if self._run in self._made:
            self._made[self._run].backup(raw)
        else:
            raw.executescript(sql)
            raw.backup(self._made.setdefault(self._run, sqlite3.connect(":memory:")))
        self._changes = raw.total_changes


def observer(path: Path) -> sqlite3.Connection:
    """Look at a file from outside, through a connection that cannot write."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


class InlineConnection:
    """Stands for `aiosqlite.Connection`."""

    def __init__(self, raw: sqlite3.Connection, owner: Process | None) -> None:
        self._raw = raw
        self._owner = owner
        self._is_open = True
        self._scripts = _Scripts()
        if owner is not None:
            owner.connections.append(self)

    @property
    def in_transaction(self) -> bool:
        return self._is_open and self._raw.in_transaction

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        return await self._call(sql, self._raw.execute, sql, parameters)

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        return await self._call("INSERT", self._raw.executemany, sql, rows)

    async def executescript(self, sql: str) -> None:
        return await self._call(sql, self._scripts.run, self._raw, sql)

    async def execute_fetchall(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return await self._call(sql, self._fetch, sql, parameters)

    def _fetch(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        return self._raw.execute(sql, parameters).fetchall()

    async def rollback(self) -> None:
        await self._call("ROLLBACK", self._raw.rollback)

    async def close(self) -> None:
        if self._is_open:
            await self._call("CLOSE", self.drop)

    def drop(self) -> None:
        """What was not committed is gone."""
        if self._is_open:
            self._is_open = False
            self._raw.close()

    async def _call(self, sql: str, work: Callable[..., T], *arguments: Any) -> T:
        owner = self._owner
        if owner is None:
            return work(*arguments)
        await owner.pause(sql)
        if not self._is_open:
            raise ValueError("no active connection")
        if sql in _WRITES:
            self._write(sql, owner.is_writable(), work, arguments)
        result = work(*arguments)
        if sql == "COMMIT":
            await owner.done(sql)
        return result

    def _write(self, sql: str, wrong: str | None, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Fail as the disk fails: an `unknown` outcome has happened all the same."""
        if wrong is None or (wrong == "unknown" and sql != "COMMIT"):
            return
        if wrong == "unknown":
            work(*arguments)
        number, name, text = _ERRORS[wrong]
        error = sqlite3.OperationalError(text)
        error.sqlite_errorcode, error.sqlite_errorname = number, name
        raise error


async def connect(database: str, **options: Any) -> InlineConnection:
    """Stands for `aiosqlite.connect`."""
    owner = OWNER.get()
    if owner is not None:
        await owner.pause("OPEN")
        if not owner.is_alive:
            raise ValueError("no active connection")
    return InlineConnection(sqlite3.connect(database, **options), owner)

"""Connections to the store's file: pragmas, translation of errors, and the lock that keeps a second agent out."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import aiosqlite

from edge_core.errors import RecordDamaged, StorageFault
from edge_core.limits import BUSY_TIMEOUT_MS, SQLITE_CACHE_KIB, SQLITE_READER_CACHE_KIB, WAL_PAGES_MAX

_PRIMARY: Final = 0xFF  # of a result code; the rest says more about it (sqlite.org/rescode.html)

Row = tuple[Any, ...]

Connection: TypeAlias = aiosqlite.Connection
"""What the rest of the agent passes on and never looks into: only `store/` knows the driver."""


class FileInUse(StorageFault):
    """Another agent has the file."""


class translated:  # noqa: N801 - read as a verb: `with translated():`
    """Turn the driver's and the system's errors into `StorageFault`, which says what the till is told.

    `path` is named in the driver's errors where they would leave it open which file is meant. This is a class because
    it stands around every statement: a generator would cost as much as some of those.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def __enter__(self) -> None:
        """There is nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            return
        if isinstance(error, sqlite3.Error):
            raise _fault_of(error, self._path) from error
        if isinstance(error, OSError):
            is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise StorageFault("storage-full" if is_full else "storage-unavailable", str(error)) from error
        if isinstance(error, ValueError):  # aiosqlite: the connection was closed under us
            raise StorageFault("storage-unavailable", str(error)) from error


def _fault_of(error: sqlite3.Error, path: Path | None) -> StorageFault:
    code = getattr(error, "sqlite_errorcode", 0)
    where = f"{path}: " if path else ""
    text = f"{where}{getattr(error, 'sqlite_errorname', 'SQLITE_ERROR')}: {error}"
    if code & _PRIMARY == sqlite3.SQLITE_CORRUPT:  # a page of the file, not the disk: other pages serve on
        return RecordDamaged(text)
    return StorageFault("storage-full" if code == sqlite3.SQLITE_FULL else "storage-unavailable", text)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file for this process. Raises `FileInUse` where another one has it; the system lets go at any death."""
    lock = path.with_name(path.name + ".lock")
    with translated():
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise FileInUse("storage-unavailable", f"another agent is running on {path}") from error
    try:
        yield
    finally:
        os.close(descriptor)


async def open_writer(path: Path) -> aiosqlite.Connection:
    """The one connection that writes: WAL, every commit synced (`synchronous=FULL`), its own small checkpoints."""
    return await _open(
        path,
        "rwc",
        SQLITE_CACHE_KIB,
        "journal_mode = WAL",
        "synchronous = FULL",
        f"wal_autocheckpoint = {WAL_PAGES_MAX}",
        "foreign_keys = ON",
    )


async def open_reader(path: Path) -> aiosqlite.Connection:
    """A connection that can only read."""
    return await _open(path, "ro", SQLITE_READER_CACHE_KIB, "query_only = ON")


async def open_checkpointer(path: Path) -> aiosqlite.Connection:
    """A connection that moves the write-ahead log into the file in the background."""
    return await _open(path, "rw", SQLITE_READER_CACHE_KIB)


async def fetch(connection: aiosqlite.Connection, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
    """All rows of a query, in one hop to the connection's thread."""
    with translated():
        rows = await connection.execute_fetchall(sql, parameters)
        return cast("list[Row]", rows)  # without a row factory SQLite's rows are tuples, and all of them in a list


async def _open(path: Path, mode: str, cache_kib: int, *pragmas: str) -> aiosqlite.Connection:
    uri = f"file:{_quoted(path)}?mode={mode}"
    with translated(path):
        # What cannot be opened fails here: aiosqlite's thread would outlive the failure and complain on stderr.
        sqlite3.connect(uri, uri=True).close()
        connection = await aiosqlite.connect(uri, uri=True, isolation_level=None, cached_statements=256)
        try:
            for pragma in (f"busy_timeout = {BUSY_TIMEOUT_MS}", f"cache_size = -{cache_kib}", *pragmas):
                await connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            await connection.close()  # its thread would keep the process from ending
            raise
    return connection


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")

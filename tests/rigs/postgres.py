"""One real PostgreSQL for the session, and a fresh database of it for each test that asks."""

import asyncio
import itertools
import shutil
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from central_sync.embedded import EmbeddedDatabase
from tests.rigs.processes import signal_all

_SMALL: Final = {"max_wal_size": "64MB", "min_wal_size": "32MB"}  # little enough of a log for a small disk
# Nobody cuts the power in a test, and the page cache survives every `kill -9`: the disk need not be waited for. But
# synchronous_commit stays on: without it a commit waits in the server's own memory, and is lost with the server.
_SETTINGS: Final = {"fsync": "off", "full_page_writes": "off", "max_connections": "200", **_SMALL}
# For the same reason its files are in memory, where there is room: a new database, some 300 files, costs a third there.
_MEMORY: Final = Path("/dev/shm")
_ROOM_BYTES: Final = 2 << 30


class Postgres:
    """The product's embedded server in a temporary folder of its own.

    Not in pytest's: that is closed to others at each session's start, and as root the server is another user. On a
    `disk` that a test will cut off it waits for that disk, as it does at a customer's.
    """

    def __init__(self, disk: Path | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-postgres-", dir=disk or _memory()))
        self._numbers = itertools.count(1)
        self.server = EmbeddedDatabase(self._folder / "data", _SMALL if disk else _SETTINGS)
        self.dsn = ""

    def start(self) -> str:
        """Start or start again; returns the DSN of the maintenance database."""
        self.dsn = self.server.start()
        return self.dsn

    def stop(self) -> None:
        """Stop and remove everything."""
        self.server.stop()
        shutil.rmtree(self._folder)

    def kill(self) -> None:
        """SIGKILL of the postmaster: every connection ends in the middle of what it did."""
        assert self.server.child is not None, "PostgreSQL was not started"
        self.server.child.kill()

    def pause(self) -> None:
        """SIGSTOP of every one of its processes."""
        signal_all(self._pid(), signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        signal_all(self._pid(), signal.SIGCONT)

    def lose_power(self) -> None:
        """SIGKILL of every one of its processes at once: no one is left to notice that the first is gone."""
        signal_all(self._pid(), signal.SIGKILL)
        self.kill()

    def create_database(self, template: str = "template1") -> str:
        """Make a database that nobody else uses, as a copy of `template`, and return its DSN."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.dsn.replace("/postgres?", f"/{name}?")

    def drop_database(self, dsn: str) -> None:
        """Remove it, and cut off whoever still uses it."""
        self.execute(f"DROP DATABASE {urlsplit(dsn).path.removeprefix('/')} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run one statement in the maintenance database."""
        with ThreadPoolExecutor(1) as thread:  # pytest-asyncio owns the event loop of this one
            thread.submit(asyncio.run, _execute(self.dsn, statement)).result()

    def _pid(self) -> int:
        assert self.server.child is not None, "PostgreSQL was not started"
        return self.server.child.pid


def _memory() -> Path | None:
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES else None


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

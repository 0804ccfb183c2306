"""The pool of connections, transactions, and the translation of what goes wrong into the three kinds of failure.

TransientFault     the server is away, overloaded, out of space, or chose us as the victim of a deadlock: try again
PermanentFault     it refuses these values (SQLSTATE classes 22 and 23): trying again cannot help
InvariantViolated  it refuses the statement itself: a bug, or a schema that is not ours
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeAlias

import asyncpg

from edge_core.errors import InvariantViolated, PermanentFault, TransientFault
from edge_core.limits import DATABASE_PING_TIMEOUT_MS, DATABASE_POOL_MAX, DATABASE_TIMEOUT_MS

Connection: TypeAlias = Any
"""An asyncpg connection inside a transaction (the library carries no types)."""

# Classes of SQLSTATE (PostgreSQL documentation, appendix A). 25 is a standby that a failover has not promoted yet.
_TRANSIENT: Final = frozenset({"08", "25", "40", "53", "54", "55", "57", "58", "F0"})
_PERMANENT: Final = frozenset({"22", "23"})
_UNUSABLE: Final = frozenset({"28", "3D"})  # no such user, password or database: a matter of the configuration
_SETTINGS: Final = {"application_name": "central-sync", "jit": "off", "timezone": "UTC"}


class AlreadyThere(Exception):  # noqa: N818 - it names what happened
    """A row that was taken to be new has its key in the table. The transaction can only be rolled back."""


class Database:
    """A pool of connections to one database."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, connections_max: int = DATABASE_POOL_MAX) -> "Database":
        """Connect. Raises `TransientFault` when the server is away and `PermanentFault` when the DSN is wrong."""
        with translated():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=connections_max,
                command_timeout=DATABASE_TIMEOUT_MS / 1000,
                server_settings=_SETTINGS,
            )
        return cls(pool)

    async def close(self) -> None:
        """Close every connection; one that is still busy is cut after `DATABASE_TIMEOUT_MS`."""
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_MS / 1000):
                await self._pool.close()
        except (TimeoutError, OSError, asyncpg.InterfaceError):
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One read-write transaction: committed when the block ends, rolled back when it raises."""
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """One read-only transaction with one snapshot over all its statements."""
        with translated():
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection

    @asynccontextmanager
    async def listening(self, channel: str, wake: Callable[[], None], lost: Callable[[], None]) -> AsyncIterator[None]:
        """Call `wake` for every NOTIFY on the channel, and `lost` once when the connection ends by itself."""
        with translated():
            async with self._pool.acquire() as connection:

                def on_notify(*_: object) -> None:
                    wake()

                def on_end(_: object) -> None:
                    lost()

                connection.add_termination_listener(on_end)
                await connection.add_listener(channel, on_notify)
                try:
                    yield
                finally:
                    connection.remove_termination_listener(on_end)
                    if not connection.is_closed():
                        await connection.remove_listener(channel, on_notify)

    async def ping(self) -> None:
        """One round trip. Raises `TransientFault`, at the latest after `DATABASE_PING_TIMEOUT_MS`."""
        with translated():
            async with asyncio.timeout(DATABASE_PING_TIMEOUT_MS / 1000):
                await self._pool.fetchval("SELECT 1")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's exceptions inside the block into faults of ours."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _fault_of(error) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise TransientFault(f"the connection to the database broke: {error}") from error
    except (OSError, TimeoutError) as error:
        raise TransientFault(f"the database cannot be reached: {error or type(error).__name__}") from error


def _fault_of(error: Any) -> Exception:
    state = error.sqlstate or ""
    text = f"{error} (SQLSTATE {state})"
    if state[:2] in _TRANSIENT:
        return TransientFault(text)
    if state[:2] in _PERMANENT | _UNUSABLE:
        return PermanentFault(text)
    return InvariantViolated(f"the database refused a statement: {text}")

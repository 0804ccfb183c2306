"""Rows for PostgreSQL's binary COPY, the dearest thing that the centre does to an entry (docs/adr/0012).

The driver can encode any row, a value at a time. The two tables that each entry is written to are encoded here instead:
what the rows of a batch have in common is encoded once, and the numbers of a row are packed together. Format:
PostgreSQL documentation, COPY, "Binary Format"; each value as the type's own `_send` function writes it.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from struct import Struct, error
from typing import Final
from uuid import UUID

import asyncpg

from central_sync.store.database import AlreadyThere, Connection
from edge_core.errors import PermanentFault
from edge_core.limits import COPY_CHUNK_ROWS

UUID_BYTES: Final = 16
_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # the signature, no flags, no extension
_END: Final = b"\xff\xff"
_WIDTH: Final = Struct(">h")
_LENGTH: Final = Struct(">i")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAYS: Final = date(2000, 1, 1).toordinal()


def width(columns: Sequence[str]) -> bytes:
    """What a row begins with: how many values follow."""
    return _WIDTH.pack(len(columns))


def text(plain: str) -> bytes:
    """A value of type `text`, with its length."""
    encoded = plain.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def uuid(plain: UUID) -> bytes:
    """A value of type `uuid`, with its length."""
    return _LENGTH.pack(UUID_BYTES) + plain.bytes


def days(plain: date) -> int:
    """A value of type `date`: days since 2000-01-01."""
    return plain.toordinal() - _EPOCH_DAYS


def microseconds(plain: datetime) -> int:
    """A value of type `timestamptz`: microseconds since 2000-01-01 in UTC; `plain` has a zone."""
    since = plain - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


async def copy_new(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """Insert encoded rows, at half the cost of an INSERT. The server takes the first while the next are encoded.

    Raises `AlreadyThere`, and `PermanentFault` for a number that its column cannot hold.
    """
    try:
        await connection.copy_to_table(table, source=_chunks(iter(rows)), columns=columns, format="binary")
    except asyncpg.UniqueViolationError as found:
        raise AlreadyThere(str(found)) from found
    except error as found:
        raise PermanentFault(f"a row of {table}: {found}") from found


async def _chunks(rows: Iterator[bytes]) -> AsyncIterator[bytes]:
    yield _HEADER
    while chunk := b"".join(islice(rows, COPY_CHUNK_ROWS)):
        yield chunk
    yield _END

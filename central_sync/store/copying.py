"""Rows in PostgreSQL's binary COPY format, made by hand for the two tables that grow by every entry.

The driver encodes any type of any table, value by value; here most of a row is one `struct.pack`, and the texts that
every row of a batch shares are encoded once. It costs a quarter of the driver's time (docs/adr/0010).
Source: PostgreSQL documentation, COPY, "Binary Format": a header, rows of (length, bytes) fields, a trailer.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from struct import Struct
from typing import Final
from uuid import UUID

from edge_core.limits import COPY_CHUNK_ROWS, TEXTS_CACHED_MAX

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_INT4: Final = Struct(">i").pack
_UUID_TEXT: Final = Struct(">i16si").pack
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAYS: Final = date(2000, 1, 1).toordinal()


def text(value: str) -> bytes:
    """A text field."""
    encoded = value.encode()
    return _INT4(len(encoded)) + encoded


@lru_cache(TEXTS_CACHED_MAX)
def texts(*values: str) -> bytes:
    """Several text fields that come together in row after row."""
    return b"".join(map(text, values))


def stream_field(incarnation: UUID, lane: str) -> bytes:
    """The fields of an incarnation and a lane."""
    encoded = lane.encode()
    return _UUID_TEXT(16, incarnation.bytes, len(encoded)) + encoded


def microseconds(moment: datetime) -> int:
    """What a timestamptz field holds: microseconds since 2000-01-01 UTC."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def days(day: date) -> int:
    """What a date field holds: days since 2000-01-01."""
    return day.toordinal() - _EPOCH_DAYS


async def source(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The whole of the copied data, in pieces of `COPY_CHUNK_ROWS`."""
    pieces = [_HEADER]
    for row in rows:
        pieces.append(row)
        if len(pieces) >= COPY_CHUNK_ROWS:
            yield b"".join(pieces)
            pieces.clear()
    pieces.append(_TRAILER)
    yield b"".join(pieces)

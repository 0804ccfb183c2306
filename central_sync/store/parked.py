"""`parked`: what could not be used, and why. Nothing is dropped silently (promises G7, G8)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from edge_core.limits import ERROR_TEXT_CHARS_MAX, PARKED_PAYLOAD_BYTES_MAX, PARKED_ROWS_PER_NODE_MAX, TEXT_CHARS_MAX


class ParkedEntry(NamedTuple):
    """An entry of a stream that could not be read or folded; its bytes are in `entry`."""

    node_id: str
    topic: str
    incarnation: UUID
    lane: str
    seq: int
    reason: str
    detail: str


class ForeignMessage(NamedTuple):
    """A message that is no part of any stream. `node_id` is whose topic it came on, '' where the topic names nobody."""

    node_id: str
    topic: str
    reason: str
    detail: str
    payload: bytes


class ParkedRow(NamedTuple):
    """One row, with the entry's bytes where it has none of its own."""

    id: int
    node_id: str
    received_at: datetime
    topic: str
    incarnation: UUID | None
    lane: str | None
    seq: int | None
    reason: str
    detail: str
    payload: bytes


_ADD_ENTRIES: Final = """
    INSERT INTO parked (node_id, topic, incarnation, lane, seq, reason, detail)
    SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[])
"""
_ADD_FOREIGN: Final = """
    INSERT INTO parked (node_id, topic, reason, detail, payload)
    SELECT $1, $2, $3, $4, $5
    WHERE (SELECT count(*) FROM parked WHERE node_id = $1 AND seq IS NULL) < $6
"""
_PAGE: Final = """
    SELECT p.id, p.node_id, p.received_at, p.topic, p.incarnation, p.lane, p.seq, p.reason, p.detail,
        coalesce(p.payload, e.body, '')
    FROM parked AS p LEFT JOIN entry AS e USING (node_id, incarnation, lane, seq)
    WHERE ($1::text IS NULL OR p.node_id = $1) AND ($2::bigint IS NULL OR p.id = $2)
        AND ($3::bigint IS NULL OR p.id < $3)
    ORDER BY p.id DESC LIMIT $4
"""


async def add_entries(connection: Connection, rows: Sequence[ParkedEntry]) -> None:
    """Park entries of streams."""
    await connection.execute(_ADD_ENTRIES, *zip(*(row._replace(detail=shown(row.detail)) for row in rows), strict=True))


async def add_foreign(connection: Connection, message: ForeignMessage) -> bool:
    """Park a foreign message, its payload cut; False where its node has `PARKED_ROWS_PER_NODE_MAX` already."""
    status = await connection.execute(
        _ADD_FOREIGN,
        message.node_id,
        shown(message.topic, TEXT_CHARS_MAX),
        message.reason,
        shown(message.detail),
        message.payload[:PARKED_PAYLOAD_BYTES_MAX],
        PARKED_ROWS_PER_NODE_MAX,
    )
    return str(status) != "INSERT 0 0"


async def page(
    connection: Connection, *, node_id: str | None, parked_id: int | None, before: int | None, rows_max: int
) -> list[ParkedRow]:
    """What is parked, the newest first."""
    rows = await connection.fetch(_PAGE, node_id, parked_id, before, rows_max)
    return [ParkedRow(*row) for row in rows]


def shown(text: str, chars_max: int = ERROR_TEXT_CHARS_MAX) -> str:
    """A foreign text as PostgreSQL and a page can hold it: cut, and without the zero character that `text` refuses."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:chars_max]

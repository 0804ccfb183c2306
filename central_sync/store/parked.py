"""`parked`: what could not be used, and why. Nothing is dropped silently (promises G7, G8)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey
from edge_core.limits import ERROR_TEXT_CHARS_MAX, PARKED_PAYLOAD_BYTES_MAX, PARKED_ROWS_PER_NODE_MAX, TEXT_CHARS_MAX

Action = Literal["replayed", "discarded"]


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


_ENTRY_IDS: Final = """
    SELECT id FROM parked
    WHERE id > $1 AND ($2::text IS NULL OR node_id = $2) AND ($3::text IS NULL OR reason = $3)
        AND (seq IS NOT NULL OR NOT $4)
    ORDER BY id LIMIT $5
"""
_SETTLE: Final = """
    WITH gone AS (DELETE FROM parked WHERE node_id = $1 AND id = $2 RETURNING *)
    INSERT INTO settlement (node_id, action, who, why, parked_id, received_at, incarnation, lane, seq, reason, detail)
    SELECT node_id, $3, $4, $5, id, received_at, incarnation, lane, seq, reason, detail FROM gone
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


async def ids_after(
    connection: Connection, after: int, *, node_id: str | None, reason: str | None, only_entries: bool, rows_max: int
) -> list[int]:
    """Some of what is parked, the oldest first, from after an id on."""
    rows = await connection.fetch(_ENTRY_IDS, after, node_id, reason, only_entries, rows_max)
    return [row[0] for row in rows]


async def id_of(connection: Connection, key: StreamKey, seq: int) -> int | None:
    """The id under which an entry is parked."""
    found: int | None = await connection.fetchval(
        "SELECT id FROM parked WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq = $4", *key, seq
    )
    return found


async def note(connection: Connection, node_id: str, parked_id: int, reason: str, detail: str) -> None:
    """Write down why it still cannot be used."""
    statement = "UPDATE parked SET reason = $3, detail = $4 WHERE node_id = $1 AND id = $2"
    await connection.execute(statement, node_id, parked_id, reason, shown(detail))


async def settle(connection: Connection, node_id: str, parked_id: int, *, action: Action, who: str, why: str) -> None:
    """It is parked no more; who did that, and why, is kept."""
    await connection.execute(_SETTLE, node_id, parked_id, action, shown(who, TEXT_CHARS_MAX), shown(why))


def shown(text: str, chars_max: int = ERROR_TEXT_CHARS_MAX) -> str:
    """A foreign text as PostgreSQL and a page can hold it: cut, and without the zero character that `text` refuses."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:chars_max]

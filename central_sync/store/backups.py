"""`backup`, `stream_cursor.backed_up_seq` and `stream_loss`: what survives this database, and what did not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey
from edge_core.limits import LOSS_ROWS_PER_NODE_MAX


class Coverage(NamedTuple):
    """How far a backup holds one stream."""

    key: StreamKey
    durable_seq: int


class BackupRow(NamedTuple):
    """A recorded backup: everything that was committed at `taken_at` is in it."""

    backup_id: UUID
    history_id: UUID
    kind: str
    taken_at: datetime
    file: str
    sha256: str
    streams: int
    entries: int


class LossRow(NamedTuple):
    """Entries of one stream that neither end has."""

    node_id: str
    incarnation: UUID
    lane: str
    from_seq: int
    to_seq: int


_COVER: Final = """
    UPDATE stream_cursor AS old SET backed_up_seq = new.seq
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[]) AS new (node_id, incarnation, lane, seq)
    WHERE (old.node_id, old.incarnation, old.lane) = (new.node_id, new.incarnation, new.lane)
        AND old.backed_up_seq < new.seq AND new.seq <= old.durable_seq
"""
# The newest entries are looked at first, so this reads what came after the time and one entry more of each stream.
_AT_TIME: Final = """
    SELECT node_id, incarnation, lane, coalesce((
        SELECT seq FROM entry AS e
        WHERE (e.node_id, e.incarnation, e.lane) = (c.node_id, c.incarnation, c.lane) AND e.ingested_at <= $1
        ORDER BY seq DESC LIMIT 1
    ), 0)
    FROM stream_cursor AS c ORDER BY node_id, incarnation, lane
"""
_LOCK: Final = "SELECT FROM stream_cursor ORDER BY node_id, incarnation, lane FOR UPDATE"
_COLUMNS: Final = ", ".join(BackupRow._fields)


async def positions(connection: Connection) -> list[Coverage]:
    """How far every stream is durable in this snapshot."""
    rows = await connection.fetch("SELECT node_id, incarnation, lane, durable_seq FROM stream_cursor ORDER BY 1, 2, 3")
    return [Coverage(StreamKey(*row[:3]), row[3]) for row in rows]


async def positions_at(connection: Connection, at: datetime) -> list[Coverage]:
    """How far every stream was durable at a time, by when its entries came."""
    return [Coverage(StreamKey(*row[:3]), row[3]) for row in await connection.fetch(_AT_TIME, at)]


async def record(connection: Connection, backup: BackupRow, covered: Sequence[Coverage]) -> None:
    """Write down a backup and what it covers. A stream's coverage only grows, and never beyond what it holds."""
    marks = ", ".join(f"${number}" for number in range(1, len(BackupRow._fields) + 1))
    await connection.execute(f"INSERT INTO backup ({_COLUMNS}) VALUES ({marks})", *backup)  # noqa: S608
    if covered:
        await connection.fetch(_LOCK)  # in the order in which everyone locks cursors
        names = zip(*(row.key for row in covered), strict=True)
        await connection.execute(_COVER, *names, [row.durable_seq for row in covered])


async def cover_all(connection: Connection) -> None:
    """Everything here came out of a backup, which therefore covers it."""
    await connection.execute("UPDATE stream_cursor SET backed_up_seq = durable_seq")


async def newest(connection: Connection) -> BackupRow | None:
    """The backup that reaches farthest in time, or None before the first."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM backup ORDER BY taken_at DESC, backup_id LIMIT 1")  # noqa: S608
    return None if row is None else BackupRow(*row)


async def note_loss(connection: Connection, loss: LossRow) -> bool:
    """Record entries that neither end has, and say whether that is news. Beyond the bound of a node nothing is."""
    status = await connection.execute(
        "INSERT INTO stream_loss (node_id, incarnation, lane, from_seq, to_seq) SELECT $1, $2, $3, $4, $5"
        " WHERE (SELECT count(*) FROM stream_loss WHERE node_id = $1) < $6 ON CONFLICT DO NOTHING",
        *loss,
        LOSS_ROWS_PER_NODE_MAX,
    )
    return str(status) != "INSERT 0 0"


async def losses(connection: Connection, node_ids: Sequence[str]) -> list[LossRow]:
    """What is known to be lost of some nodes' streams."""
    rows = await connection.fetch(
        "SELECT node_id, incarnation, lane, from_seq, to_seq FROM stream_loss WHERE node_id = ANY($1::text[])"
        " ORDER BY node_id, incarnation, lane, from_seq",
        node_ids,
    )
    return [LossRow(*row) for row in rows]


async def export_snapshot(connection: Connection) -> str:
    """The name under which another connection sees the very same moment, while this transaction is open."""
    name: str = await connection.fetchval("SELECT pg_export_snapshot()")
    return name


async def counted(connection: Connection) -> tuple[int, int]:
    """How many streams and entries there are; a stream has no gaps."""
    row = await connection.fetchrow("SELECT count(*), coalesce(sum(durable_seq), 0)::bigint FROM stream_cursor")
    return row[0], row[1]


async def server(connection: Connection) -> tuple[int, datetime]:
    """The server's major version, and what its clock showed when this transaction began."""
    row = await connection.fetchrow("SELECT current_setting('server_version_num')::int / 10000, now()")
    return row[0], row[1]


async def is_empty(connection: Connection) -> bool:
    """Whether nobody has put anything into the database's schema `public` yet."""
    tables: int = await connection.fetchval(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
    )
    return tables == 0

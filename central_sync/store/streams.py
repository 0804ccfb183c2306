"""`stream_cursor` and `entry`: how far each stream is durable, and its bytes."""

import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from central_sync.store.copying import UUID_BYTES, copy_new, text, uuid, width
from central_sync.store.database import Connection
from edge_core.sync.chain import HASH_BYTES, genesis


class StreamKey(NamedTuple):
    """A stream's name. Locks are always taken in the order of these tuples."""

    node_id: str
    incarnation: UUID
    lane: str


class CursorRow(NamedTuple):
    """How far a stream is durable here.

    `fenced` says why nothing more is taken from it, or is None; `superseded_by` is the incarnation of another machine
    that is this node now, while this one may still send what it has. `parked` entries wait for people, who have had
    `replayed` others applied and have `discarded` others.
    """

    durable_seq: int
    durable_hash: bytes
    parked: int
    backed_up_seq: int
    fenced: str | None
    superseded_by: UUID | None = None
    replayed: int = 0
    discarded: int = 0

    @property
    def settled(self) -> int:
        """How many entries were parked once and are not any more."""
        return self.replayed + self.discarded


class EntryRow(NamedTuple):
    """One entry as it is inserted."""

    key: StreamKey
    seq: int
    order_id: UUID | None
    is_parked: bool
    hash: bytes
    body: bytes


class StoredEntry(Struct, frozen=True):
    """One entry as it is read back."""

    node_id: str
    incarnation: UUID
    lane: str
    seq: int
    order_id: UUID | None
    is_parked: bool
    hash: bytes
    body: bytes
    ingested_at: datetime
    is_discarded: bool = False


_ENTRY_COLUMNS: Final = ("node_id", "incarnation", "lane", "seq", "order_id", "is_parked", "hash", "body")
# seq, order_id, is_parked, hash, and the length of the body, each with its own length before it (-1: null).
_OF_ORDER: Final = struct.Struct(f">iqi{UUID_BYTES}siBi{HASH_BYTES}si")
_OF_STOCK: Final = struct.Struct(f">iqiiBi{HASH_BYTES}si")
_COLUMNS: Final = "node_id, incarnation, lane, seq, order_id, is_parked, hash, body, ingested_at, is_discarded"
_CURSOR_COLUMNS: Final = "durable_seq, durable_hash, parked, backed_up_seq, fenced, superseded_by, replayed, discarded"

_LOCK: Final = f"""
    SELECT node_id, incarnation, lane, {_CURSOR_COLUMNS}
    FROM stream_cursor
    WHERE (node_id, incarnation, lane) IN (SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[]))
    ORDER BY node_id, incarnation, lane
    FOR UPDATE
"""  # noqa: S608
_CREATE: Final = """
    INSERT INTO stream_cursor (node_id, incarnation, lane, durable_hash)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bytea[]) AS new (node_id, incarnation, lane, hash)
    ORDER BY node_id, incarnation, lane
    ON CONFLICT DO NOTHING
"""
_ADVANCE: Final = """
    UPDATE stream_cursor AS old
    SET durable_seq = new.durable_seq, durable_hash = new.durable_hash, parked = new.parked
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bytea[], $6::bigint[])
        AS new (node_id, incarnation, lane, durable_seq, durable_hash, parked)
    WHERE old.node_id = new.node_id AND old.incarnation = new.incarnation AND old.lane = new.lane
"""
_FENCE: Final = """
    UPDATE stream_cursor SET fenced = $3 WHERE node_id = $1 AND incarnation = $2 AND fenced IS NULL
"""
_CLOSE: Final = """
    UPDATE stream_cursor AS old SET fenced = coalesce(old.fenced, new.why), superseded_by = NULL
    FROM unnest($1::text[], $2::uuid[], $3::text[]) AS new (node_id, incarnation, why)
    WHERE old.node_id = new.node_id AND old.incarnation = new.incarnation
"""
_SUPERSEDE: Final = """
    UPDATE stream_cursor AS old SET superseded_by = new.incarnation
    FROM unnest($1::text[], $2::uuid[]) AS new (node_id, incarnation)
    WHERE old.node_id = new.node_id AND old.incarnation <> new.incarnation
        AND NOT EXISTS (
            SELECT FROM unnest($3::text[], $4::uuid[]) AS own (node_id, incarnation)
            WHERE own.node_id = old.node_id AND own.incarnation = old.incarnation)
"""
_FORMER: Final = """
    SELECT node_id, former.* FROM unnest($1::text[], $2::uuid[]) AS present (node_id, incarnation)
    CROSS JOIN LATERAL (
        SELECT incarnation, lane, durable_seq, durable_hash, backed_up_seq FROM stream_cursor AS old
        WHERE old.node_id = present.node_id AND old.incarnation <> present.incarnation AND durable_seq > 0
        ORDER BY incarnation DESC, lane LIMIT $3
    ) AS former
"""
_APPEND: Final = """
    INSERT INTO entry (node_id, incarnation, lane, seq, order_id, is_parked, hash, body)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[], $6::boolean[], $7::bytea[],
                         $8::bytea[])
    ON CONFLICT DO NOTHING
"""


async def lock(connection: Connection, keys: Sequence[StreamKey]) -> dict[StreamKey, CursorRow]:
    """Lock the cursors of streams, in their order, until the end of the transaction. Unknown streams are left out."""
    rows = await connection.fetch(_LOCK, *_columns(keys))
    return {StreamKey(*row[:3]): CursorRow(*row[3:]) for row in rows}


def beginning(key: StreamKey) -> CursorRow:
    """Where a stream that never said hello is: at its beginning. Its edge sees that the centre's history is another."""
    return CursorRow(0, genesis(*key), parked=0, backed_up_seq=0, fenced=None)


async def create(connection: Connection, keys: Sequence[StreamKey]) -> None:
    """Make the cursors that do not exist yet, at seq 0 with the chain's first hash."""
    await connection.execute(_CREATE, *_columns(keys), [genesis(*key) for key in keys])


async def advance(connection: Connection, cursors: Sequence[tuple[StreamKey, CursorRow]]) -> None:
    """Move locked cursors."""
    await connection.execute(
        _ADVANCE,
        *_columns([key for key, _ in cursors]),
        [row.durable_seq for _, row in cursors],
        [row.durable_hash for _, row in cursors],
        [row.parked for _, row in cursors],
    )


async def fence(connection: Connection, node_id: str, incarnation: UUID, why: str) -> None:
    """Take nothing more from an incarnation."""
    await connection.execute(_FENCE, node_id, incarnation, why)


async def close(connection: Connection, left: Sequence[tuple[str, UUID, str]]) -> None:
    """Take nothing more from incarnations that their own machines, which are the nodes now, have left behind.

    Each with its node and why. What replaced them before counts no more: their machine has returned.
    """
    await connection.execute(_CLOSE, *_rows(left, 3))


async def supersede(
    connection: Connection, newcomers: Sequence[tuple[str, UUID]], own: Sequence[tuple[str, UUID]]
) -> None:
    """Other machines are these nodes now: what is not among their `own` incarnations may only send what it has."""
    await connection.execute(_SUPERSEDE, *_rows(newcomers, 2), *_rows(own, 2))


async def former(
    connection: Connection, present: Sequence[tuple[str, UUID]], rows_max: int
) -> dict[str, list[tuple[UUID, str, int, bytes, int]]]:
    """The other streams of some nodes, up to `rows_max` of each, the newest incarnations first.

    By node, where there are any: incarnation, lane, durable seq, the hash there, and what is backed up.
    """
    found: dict[str, list[tuple[UUID, str, int, bytes, int]]] = {}
    for node_id, *row in await connection.fetch(_FORMER, *_rows(present, 2), rows_max):
        found.setdefault(node_id, []).append(tuple(row))
    return found


async def hashes_at(connection: Connection, key: StreamKey, seqs: Sequence[int]) -> dict[int, bytes]:
    """The chain's hashes at some seqs, as far as there are such entries; 0 is the genesis."""
    rows = await connection.fetch(
        "SELECT seq, hash FROM entry WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq = ANY($4::bigint[])",
        *key,
        seqs,
    )
    return {0: genesis(*key), **{row["seq"]: row["hash"] for row in rows}}


async def after(connection: Connection, key: StreamKey, seq: int, rows_max: int) -> list[tuple[bytes, bytes]]:
    """Hash and body of the entries that follow a seq, in order."""
    rows = await connection.fetch(
        "SELECT hash, body FROM entry WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq > $4"
        " ORDER BY seq LIMIT $5",
        *key,
        seq,
        rows_max,
    )
    return [(row["hash"], row["body"]) for row in rows]


async def up_to(connection: Connection, key: StreamKey, seq: int, rows_max: int) -> list[tuple[int, bytes, bytes]]:
    """Seq, hash and body of the last entries up to a seq, the newest first."""
    rows = await connection.fetch(
        "SELECT seq, hash, body FROM entry WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq <= $4"
        " ORDER BY seq DESC LIMIT $5",
        *key,
        seq,
        rows_max,
    )
    return [tuple(row) for row in rows]


async def append(connection: Connection, rows: Iterable[EntryRow]) -> None:
    """Insert entries after locked cursors. Raises `AlreadyThere` where the table has more than its cursor says."""
    await copy_new(connection, "entry", _ENTRY_COLUMNS, _encoded(rows))


def _encoded(rows: Iterable[EntryRow]) -> Iterator[bytes]:
    """The rows for COPY, in the order of `_ENTRY_COLUMNS`; the stream's name is encoded once for all of its entries."""
    present: StreamKey | None = None
    stream = b""
    for key, seq, order_id, is_parked, chain_hash, body in rows:
        if key is not present:
            present = key
            stream = width(_ENTRY_COLUMNS) + text(key.node_id) + uuid(key.incarnation) + text(key.lane)
        rest = 1, is_parked, HASH_BYTES, chain_hash, len(body)
        if order_id is None:
            numbers = _OF_STOCK.pack(8, seq, -1, *rest)
        else:
            numbers = _OF_ORDER.pack(8, seq, UUID_BYTES, order_id.int.to_bytes(UUID_BYTES), *rest)
        yield stream + numbers + body


async def append_missing(connection: Connection, rows: Iterable[EntryRow]) -> None:
    """Insert those of the entries that are not there."""
    keys, seqs, order_ids, parked, hashes, bodies = zip(*rows, strict=True)
    await connection.execute(_APPEND, *_columns(keys), seqs, order_ids, parked, hashes, bodies)


async def hash_at(connection: Connection, key: StreamKey, seq: int) -> bytes | None:
    """The chain's hash at a seq, or None where there is no such entry."""
    found: bytes | None = await connection.fetchval(
        "SELECT hash FROM entry WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq = $4", *key, seq
    )
    return found


async def of_orders(connection: Connection, order_ids: Sequence[UUID]) -> list[StoredEntry]:
    """Every entry of some orders, in no particular order."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM entry WHERE order_id = ANY($1::uuid[])", order_ids)  # noqa: S608
    return [StoredEntry(*row) for row in rows]


async def one(connection: Connection, key: StreamKey, seq: int) -> StoredEntry | None:
    """One entry, or None."""
    statement = f"SELECT {_COLUMNS} FROM entry WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq = $4"  # noqa: S608
    row = await connection.fetchrow(statement, *key, seq)
    return None if row is None else StoredEntry(*row)


async def of_incarnations(
    connection: Connection, incarnations: Sequence[tuple[str, UUID]]
) -> dict[StreamKey, CursorRow]:
    """The cursors of some incarnations, not locked."""
    statement = f"""
        SELECT node_id, incarnation, lane, {_CURSOR_COLUMNS} FROM stream_cursor
        WHERE (node_id, incarnation) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
    """  # noqa: S608
    rows = await connection.fetch(statement, [pair[0] for pair in incarnations], [pair[1] for pair in incarnations])
    return {StreamKey(*row[:3]): CursorRow(*row[3:]) for row in rows}


async def cursors(connection: Connection) -> list[tuple[StreamKey, CursorRow]]:
    """Every cursor, in order."""
    rows = await connection.fetch(
        f"SELECT node_id, incarnation, lane, {_CURSOR_COLUMNS} FROM stream_cursor"  # noqa: S608
        " ORDER BY node_id, incarnation, lane"
    )
    return [(StreamKey(*row[:3]), CursorRow(*row[3:])) for row in rows]


async def without_cursor(connection: Connection) -> list[StreamKey]:
    """Streams that have entries and no cursor: there are none unless somebody else wrote to the tables."""
    rows = await connection.fetch(
        "SELECT DISTINCT node_id, incarnation, lane FROM entry AS e WHERE NOT EXISTS ("
        "SELECT FROM stream_cursor AS c WHERE (c.node_id, c.incarnation, c.lane) = (e.node_id, e.incarnation, e.lane))"
        " ORDER BY node_id, incarnation, lane"
    )
    return [StreamKey(*row) for row in rows]


async def walk(connection: Connection, key: StreamKey, page_rows: int) -> AsyncIterator[StoredEntry]:
    """Every entry of a stream in order, `page_rows` in memory at once."""
    statement = f"""
        SELECT {_COLUMNS} FROM entry WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq > $4
        ORDER BY seq LIMIT $5
    """  # noqa: S608
    last = -1
    while True:
        rows = await connection.fetch(statement, *key, last, page_rows)
        for row in rows:
            yield StoredEntry(*row)
        if len(rows) < page_rows:
            return
        last = rows[-1]["seq"]


def _rows(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as the columns that `unnest` takes; no rows are empty columns."""
    return [[row[at] for row in rows] for at in range(width)]


def _columns(keys: Sequence[StreamKey]) -> tuple[list[str], list[UUID], list[str]]:
    return [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]


# --- what was parked --------------------------------------------------------------------------------------------------


async def lock_node(connection: Connection, node_id: str) -> dict[StreamKey, CursorRow]:
    """Lock every cursor of a node, in their order, until the end of the transaction."""
    statement = f"""
        SELECT node_id, incarnation, lane, {_CURSOR_COLUMNS} FROM stream_cursor
        WHERE node_id = $1 ORDER BY node_id, incarnation, lane FOR UPDATE
    """  # noqa: S608
    return {StreamKey(*row[:3]): CursorRow(*row[3:]) for row in await connection.fetch(statement, node_id)}


async def unpark(connection: Connection, key: StreamKey, seq: int, order_id: UUID | None) -> None:
    """An entry is used from now on, and `order_id` is the order that it turned out to be about."""
    await connection.execute(
        "UPDATE entry SET is_parked = false, order_id = $5"
        " WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq = $4",
        *key,
        seq,
        order_id,
    )


async def discard(connection: Connection, key: StreamKey, seq: int) -> None:
    """A parked entry is never to be used; it stays where it is."""
    await connection.execute(
        "UPDATE entry SET is_discarded = true WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq = $4",
        *key,
        seq,
    )


async def settle(connection: Connection, key: StreamKey, *, replayed: int, discarded: int) -> None:
    """So many entries of a locked stream are parked no more."""
    await connection.execute(
        "UPDATE stream_cursor SET parked = parked - $4 - $5, replayed = replayed + $4, discarded = discarded + $5"
        " WHERE node_id = $1 AND incarnation = $2 AND lane = $3",
        *key,
        replayed,
        discarded,
    )

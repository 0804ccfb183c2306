"""`early_entry` and `early_order`: copies of the newest entries of a long backlog, shown until their turn comes.

Both are bounded for each stream, are read beside the views and never instead of them, and nothing depends on them.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.feed import CHANNEL
from central_sync.store.orders import OrderRow
from central_sync.store.streams import StoredEntry, StreamKey
from edge_core.limits import EARLY_ROWS_PER_STREAM_MAX


class Copy(NamedTuple):
    """One entry ahead of its turn."""

    key: StreamKey
    seq: int
    order_id: UUID
    hash: bytes
    body: bytes


class Reached(NamedTuple):
    """A copy that is not needed any more: its stream has come by, or is fenced; `is_same` compares it with the truth.

    None where the stream ended before it.
    """

    key: StreamKey
    seq: int
    order_id: UUID
    is_same: bool | None


_COLUMNS: Final = ", ".join(OrderRow._fields)
_ADD: Final = """
    INSERT INTO early_entry (node_id, incarnation, lane, seq, order_id, hash, body)
    SELECT new.* FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[], $6::bytea[], $7::bytea[])
        AS new (node_id, incarnation, lane, seq, order_id, hash, body)
    JOIN stream_cursor AS c USING (node_id, incarnation, lane)
    WHERE c.fenced IS NULL AND new.seq > c.durable_seq
    ORDER BY node_id, incarnation, lane, seq
    ON CONFLICT DO NOTHING
    RETURNING node_id, incarnation, lane, seq, order_id
"""
_ENTRIES: Final = """
    SELECT node_id, incarnation, lane, seq, order_id, false, hash, body, received_at
    FROM early_entry AS e WHERE order_id = ANY($1::uuid[])
        AND NOT EXISTS (SELECT FROM order_view AS o WHERE o.order_id = e.order_id)
"""
_PUT: Final = f"""
    INSERT INTO early_order AS old ({_COLUMNS})
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
        $8::timestamptz[], $9::date[], $10::integer[], $11::uuid[], $12::text[], $13::bigint[], $14::uuid[],
        $15::text[], $16::bigint[])
    ON CONFLICT (order_id) DO UPDATE SET
        status = excluded.status, revision = excluded.revision, last_incarnation = excluded.last_incarnation,
        last_lane = excluded.last_lane, last_seq = excluded.last_seq, updated_at = now()
    WHERE old.node_id = excluded.node_id
"""  # noqa: S608
_TRIM: Final = """
    DELETE FROM early_entry AS old USING (
        SELECT node_id, incarnation, lane, max(seq) - $4 AS seq FROM early_entry
        WHERE (node_id, incarnation, lane) IN (SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[]))
        GROUP BY node_id, incarnation, lane
    ) AS newest
    WHERE old.node_id = newest.node_id AND old.incarnation = newest.incarnation AND old.lane = newest.lane
        AND old.seq <= newest.seq
    RETURNING old.order_id
"""
_FEED: Final = """
    INSERT INTO feed (node_id, incarnation, lane, from_seq, to_seq, is_early)
    SELECT *, true FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
"""
_SETTLE: Final = """
    WITH reached AS (
        SELECT e.node_id, e.incarnation, e.lane, e.seq
        FROM early_entry AS e JOIN stream_cursor AS c USING (node_id, incarnation, lane)
        WHERE e.seq <= c.durable_seq OR c.fenced IS NOT NULL
        LIMIT $1 FOR UPDATE OF e SKIP LOCKED
    )
    DELETE FROM early_entry AS old USING reached AS r
    WHERE old.node_id = r.node_id AND old.incarnation = r.incarnation AND old.lane = r.lane AND old.seq = r.seq
    RETURNING old.node_id, old.incarnation, old.lane, old.seq, old.order_id, old.hash = (
        SELECT hash FROM entry AS e
        WHERE e.node_id = old.node_id AND e.incarnation = old.incarnation AND e.lane = old.lane AND e.seq = old.seq)
"""
_FORGET_ORDERS: Final = """
    DELETE FROM early_order AS o WHERE order_id = ANY($1::uuid[])
        AND NOT EXISTS (SELECT FROM early_entry AS e WHERE e.order_id = o.order_id AND e.seq = o.first_seq)
"""


async def add(connection: Connection, rows: Sequence[Copy]) -> list[tuple[StreamKey, int, UUID]]:
    """Keep copies of entries that their streams have not reached, and return those that are new."""
    keys, seqs, order_ids, hashes, bodies = zip(*rows, strict=True)
    nodes, incarnations, lanes = zip(*keys, strict=True)
    found = await connection.fetch(_ADD, nodes, incarnations, lanes, seqs, order_ids, hashes, bodies)
    return [(StreamKey(*row[:3]), row[3], row[4]) for row in found]


async def of_orders(connection: Connection, order_ids: Sequence[UUID]) -> list[StoredEntry]:
    """The copies of some orders of which the centre has no truth yet, in no particular order."""
    return [StoredEntry(*row) for row in await connection.fetch(_ENTRIES, order_ids)]


async def put_orders(connection: Connection, rows: Sequence[OrderRow]) -> None:
    """Write orders that begin in the copies. One that another node claims as well stays with the first."""
    await connection.execute(_PUT, *zip(*sorted(rows), strict=True))


async def forget(connection: Connection, order_ids: Sequence[UUID]) -> None:
    """Drop the copies of some orders."""
    await connection.execute("DELETE FROM early_entry WHERE order_id = ANY($1::uuid[])", order_ids)
    await connection.execute(_FORGET_ORDERS, order_ids)


async def trim(connection: Connection, keys: Sequence[StreamKey]) -> None:
    """Keep the newest `EARLY_ROWS_PER_STREAM_MAX` of each stream: the others are seen when their turn comes."""
    nodes, incarnations, lanes = zip(*keys, strict=True)
    rows = await connection.fetch(_TRIM, nodes, incarnations, lanes, EARLY_ROWS_PER_STREAM_MAX)
    if rows:
        await connection.execute(_FORGET_ORDERS, [row[0] for row in rows])


async def announce(connection: Connection, ranges: Sequence[tuple[StreamKey, int, int]]) -> None:
    """Put copies, from a seq to a seq of each stream named, into the live feed."""
    await connection.execute(_FEED, *zip(*((*key, first, last) for key, first, last in ranges), strict=True))
    await connection.execute(f"NOTIFY {CHANNEL}")


async def settle(connection: Connection, rows_max: int) -> tuple[list[Reached], bool]:
    """Drop the copies that their streams have reached, at most so many; and whether any are left."""
    rows = await connection.fetch(_SETTLE, rows_max)
    if rows:
        await connection.execute(_FORGET_ORDERS, [row[4] for row in rows])
    are_left = await connection.fetchval("SELECT EXISTS (SELECT FROM early_entry)")
    return [Reached(StreamKey(*row[:3]), *row[3:]) for row in rows], are_left

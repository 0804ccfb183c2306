"""What the audit reads and writes: ranges of entries, their replacements, the books of the days, and how files are."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.parked import shown
from central_sync.store.streams import EntryRow, StreamKey
from edge_core.sync.audit import Entry, totals_of_days
from edge_core.sync.audit_messages import DayTotal


class ScrubRow(NamedTuple):
    """What a heartbeat says of its node's file; `scrubbed_at` is None before the first round."""

    node_id: str
    incarnation: UUID
    scrubbed_at: datetime | None
    damaged: int


_RANGE: Final = """
    SELECT seq, hash, body FROM entry
    WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq BETWEEN $4 AND $5 ORDER BY seq
"""
# What is parked stays parked, and what was discarded stays discarded: the lists say so, should the row be gone.
_REPLACE: Final = """
    INSERT INTO entry AS old (node_id, incarnation, lane, seq, order_id, is_parked, is_discarded, hash, body)
    SELECT new.node_id, new.incarnation, new.lane, new.seq, new.order_id,
        new.is_parked OR gone.is_discarded OR EXISTS (
            SELECT FROM parked AS p
            WHERE (p.node_id, p.incarnation, p.lane, p.seq) = (new.node_id, new.incarnation, new.lane, new.seq)
        ), gone.is_discarded, new.hash, new.body
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[], $6::boolean[], $7::bytea[], $8::bytea[])
        AS new (node_id, incarnation, lane, seq, order_id, is_parked, hash, body),
    LATERAL (
        SELECT EXISTS (
            SELECT FROM settlement AS s
            WHERE s.action = 'discarded'
                AND (s.node_id, s.incarnation, s.lane, s.seq) = (new.node_id, new.incarnation, new.lane, new.seq)
        ) AS is_discarded
    ) AS gone
    ON CONFLICT (node_id, incarnation, lane, seq) DO UPDATE SET
        order_id = excluded.order_id, hash = excluded.hash, body = excluded.body
"""
_PUT_HASH: Final = """
    UPDATE entry SET hash = $5
    WHERE node_id = $1 AND incarnation = $2 AND lane = $3 AND seq = $4 AND hash <> $5
    RETURNING order_id
"""
_HASHES: Final = """
    SELECT node_id, incarnation, lane, seq, hash FROM entry
    WHERE (node_id, incarnation, lane, seq) IN (
        SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[]))
"""
_DAYS: Final = """
    SELECT business_date::text, currency, count(*),
        count(*) FILTER (WHERE status NOT IN ('completed', 'partially_returned', 'returned', 'cancelled', 'rejected')),
        sum(grand_total_minor)::bigint
    FROM order_view WHERE node_id = $1 AND business_date = ANY($2::date[])
    GROUP BY business_date, currency
"""
_DISCARDED: Final = """
    SELECT e.body, v.business_date::text
    FROM settlement AS s JOIN entry AS e USING (node_id, incarnation, lane, seq)
        LEFT JOIN order_view AS v ON v.order_id = e.order_id
    WHERE s.node_id = $1 AND s.action = 'discarded'
"""
_SCRUBS: Final = """
    UPDATE node_status AS old SET scrubbed_at = new.scrubbed_at, damaged_entries = new.damaged
    FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::bigint[])
        AS new (node_id, incarnation, scrubbed_at, damaged)
    WHERE old.node_id = new.node_id AND old.incarnation = new.incarnation
        AND (old.scrubbed_at, old.damaged_entries) IS DISTINCT FROM (new.scrubbed_at, new.damaged)
"""


async def entries_in(connection: Connection, key: StreamKey, from_seq: int, to_seq: int) -> list[Entry]:
    """The entries of a range, as they stand in the table."""
    return [Entry(*row) for row in await connection.fetch(_RANGE, *key, from_seq, to_seq)]


async def replace(connection: Connection, rows: Sequence[EntryRow]) -> None:
    """Put proven entries into their places; whether they are parked stays as it was."""
    keys, seqs, order_ids, parked, hashes, bodies = zip(*rows, strict=True)
    node_ids, incarnations, lanes = zip(*keys, strict=True)
    await connection.execute(_REPLACE, node_ids, incarnations, lanes, seqs, order_ids, parked, hashes, bodies)


async def put_hash(connection: Connection, key: StreamKey, seq: int, entry_hash: bytes) -> UUID | None:
    """Correct the hash of an entry to the one that its successor proves; its order, where the hash was another one."""
    order_id: UUID | None = await connection.fetchval(_PUT_HASH, *key, seq, entry_hash)
    return order_id


async def hashes_of(
    connection: Connection, places: Sequence[tuple[StreamKey, int]]
) -> dict[tuple[StreamKey, int], bytes]:
    """The hashes that stand at these places, as far as there is an entry."""
    keys, seqs = [key for key, _ in places], [seq for _, seq in places]
    node_ids, incarnations, lanes = zip(*keys, strict=True) if keys else ((), (), ())
    rows = await connection.fetch(_HASHES, node_ids, incarnations, lanes, seqs)
    return {(StreamKey(*row[:3]), row[3]): row[4] for row in rows}


async def day_totals(connection: Connection, node_id: str, days: Sequence[str]) -> tuple[DayTotal, ...]:
    """The books of some business days of a node as the views have them."""
    rows = await connection.fetch(_DAYS, node_id, [date.fromisoformat(day) for day in days])
    return totals_of_days([tuple(row) for row in rows])


async def parked_of(connection: Connection, node_id: str) -> int:
    """How many entries of a node are parked, in whatever stream."""
    return int(await connection.fetchval("SELECT sum(parked) FROM stream_cursor WHERE node_id = $1", node_id) or 0)


async def discarded_of(connection: Connection, node_id: str) -> list[tuple[bytes, str | None]]:
    """What people have discarded of a node's entries, each with the business day of its order, where that is shown."""
    return [(row[0], row[1]) for row in await connection.fetch(_DISCARDED, node_id)]


async def note_day_differences(connection: Connection, node_id: str, differences: Sequence[str]) -> bool:
    """Record where the books of the days do not agree, and return whether that is news."""
    statement = "UPDATE node_status SET day_differences = $2 WHERE node_id = $1 AND day_differences <> $2"
    return str(await connection.execute(statement, node_id, [shown(each) for each in differences])) != "UPDATE 0"


async def note_scrubs(connection: Connection, rows: Sequence[ScrubRow]) -> None:
    """Record how the nodes' files are, in the order of their ids."""
    await connection.execute(_SCRUBS, *zip(*rows, strict=True))


async def want_audit(connection: Connection, node_id: str) -> bool:
    """Ask for a round of a node; False where there is no such node."""
    statement = "UPDATE node_status SET audit_wanted = true WHERE node_id = $1"
    return str(await connection.execute(statement, node_id)) != "UPDATE 0"


async def wanted(connection: Connection, node_ids: Sequence[str]) -> set[str]:
    """Of which of these nodes a round is asked for."""
    statement = "SELECT node_id FROM node_status WHERE node_id = ANY($1::text[]) AND audit_wanted"
    return {row[0] for row in await connection.fetch(statement, node_ids)}


async def note_begun(connection: Connection, node_id: str) -> None:
    """A node has begun its round: it need not be asked again."""
    await connection.execute("UPDATE node_status SET audit_wanted = false WHERE node_id = $1 AND audit_wanted", node_id)


def time_of(unix_ms: int) -> datetime | None:
    """A node's wall clock as the table holds it; None for 0 and for what no calendar has."""
    try:
        return datetime.fromtimestamp(unix_ms / 1000, UTC) if unix_ms else None
    except (ValueError, OverflowError, OSError):
        return None

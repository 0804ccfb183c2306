"""`feed`: what was applied, in an order in which a reader can resume and miss nothing."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey

CHANNEL: Final = "holdfast_feed"


class FeedPosition(NamedTuple):
    """A place in the feed, which compares in its order: a transaction, a push in it, an entry in that."""

    xact: int
    batch: int
    seq: int


class FeedEntry(NamedTuple):
    """One entry and its place. `is_settled` is False where a transaction before it may still commit.

    `history_id` is the centre's history at the time of reading: places of two histories do not compare. `is_early`
    marks a copy that runs ahead of its stream; the same entry comes again when it is the truth.
    """

    position: FeedPosition
    is_settled: bool
    history_id: UUID
    key: StreamKey
    is_parked: bool
    body: bytes
    is_early: bool = False


class Extent(NamedTuple):
    """Which places a viewer can come from: of this history, after `pruned`, of a transaction before `next_xact`."""

    history_id: UUID
    pruned: FeedPosition
    next_xact: int

    def compares(self, history_id: UUID, position: FeedPosition) -> bool:
        """Whether a place is one of this database: after a restore the same numbers mean something else."""
        return history_id == self.history_id and position.xact < self.next_xact

    def covers(self, history_id: UUID, position: FeedPosition) -> bool:
        """Whether everything that came after a place is here."""
        return self.compares(history_id, position) and position[:2] > self.pruned[:2]


_ADD: Final = """
    INSERT INTO feed (node_id, incarnation, lane, from_seq, to_seq)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
"""
# OFFSET 0 keeps the planner at one index scan of one partition for each row of the feed.
_AFTER: Final = """
    SELECT feed.xact::text, feed.batch, entry.seq, feed.xact < pg_snapshot_xmin(pg_current_snapshot()),
        (SELECT history_id FROM centre), feed.node_id, feed.incarnation, feed.lane, entry.is_parked, entry.body,
        feed.is_early
    FROM feed CROSS JOIN LATERAL (
        SELECT seq, is_parked, body FROM entry
        WHERE NOT feed.is_early AND node_id = feed.node_id AND incarnation = feed.incarnation AND lane = feed.lane
            AND seq BETWEEN feed.from_seq AND feed.to_seq
            AND seq > CASE WHEN (feed.xact, feed.batch) = ($1::text::xid8, $2::bigint) THEN $3::bigint ELSE 0 END
        UNION ALL
        SELECT seq, false, body FROM early_entry
        WHERE feed.is_early AND node_id = feed.node_id AND incarnation = feed.incarnation AND lane = feed.lane
            AND seq BETWEEN feed.from_seq AND feed.to_seq
            AND seq > CASE WHEN (feed.xact, feed.batch) = ($1::text::xid8, $2::bigint) THEN $3::bigint ELSE 0 END
        ORDER BY seq
        OFFSET 0
    ) AS entry
    WHERE (feed.xact, feed.batch) >= ($1::text::xid8, $2::bigint)
    ORDER BY feed.xact, feed.batch, entry.seq
    LIMIT $4
"""
_END: Final = """
    SELECT xact::text, batch, to_seq FROM feed
    WHERE xact < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xact DESC, batch DESC LIMIT 1
"""
_EXTENT: Final = """
    SELECT centre.history_id, pruned.xact::text, pruned.batch, pg_snapshot_xmax(pg_current_snapshot())::text
    FROM centre CROSS JOIN feed_horizon AS pruned
"""


_PRUNE: Final = """
    WITH oldest AS (SELECT xact, batch FROM feed ORDER BY xact, batch LIMIT $2)
    DELETE FROM feed USING oldest
    WHERE (feed.xact, feed.batch) = (oldest.xact, oldest.batch)
        AND feed.applied_at < now() - $1 * interval '1 millisecond'
    RETURNING feed.xact::text, feed.batch
"""


async def add(connection: Connection, ranges: Sequence[tuple[StreamKey, int, int]]) -> None:
    """Record that entries were applied, from a seq to a seq of each stream named, and wake the readers at commit."""
    if not ranges:
        return
    columns = zip(*((*key, from_seq, to_seq) for key, from_seq, to_seq in ranges), strict=True)
    await connection.execute(_ADD, *columns)
    await connection.execute(f"NOTIFY {CHANNEL}")


async def end(connection: Connection) -> FeedPosition:
    """Where the feed ends now."""
    row = await connection.fetchrow(_END)
    return FeedPosition(0, 0, 0) if row is None else FeedPosition(int(row[0]), row[1], row[2])


async def extent(connection: Connection) -> Extent:
    """What the feed holds now. `pruned` is the last push that was: who comes from there or before has missed it."""
    row = await connection.fetchrow(_EXTENT)
    return Extent(row[0], FeedPosition(int(row[1]), row[2], 0), int(row[3]))


async def prune(connection: Connection, retention_ms: int, rows_max: int) -> int:
    """Forget the oldest pushes of the feed, not their entries, and note up to where. Returns how many."""
    rows = await connection.fetch(_PRUNE, retention_ms, rows_max)
    if rows:
        last = max((int(row[0]), row[1]) for row in rows)
        await connection.execute("UPDATE feed_horizon SET xact = $1::text::xid8, batch = $2", str(last[0]), last[1])
    return len(rows)


async def after(connection: Connection, position: FeedPosition, rows_max: int) -> list[FeedEntry]:
    """Entries after a place, in order. The reader stops before the first that is not settled."""
    rows = await connection.fetch(_AFTER, str(position.xact), position.batch, position.seq, rows_max)
    return [
        FeedEntry(FeedPosition(int(row[0]), row[1], row[2]), row[3], row[4], _key(row[5], row[6], row[7]), *row[8:])
        for row in rows
    ]


def _key(node_id: str, incarnation: UUID, lane: str) -> StreamKey:
    return StreamKey(node_id, incarnation, lane)

"""`shard_lease` and `ingester`: who listens to which shard. Times are the database's own."""

from typing import Final
from uuid import UUID

from central_sync.store.database import Connection
from edge_core.limits import SHARDS

_PRESENT: Final = """
    INSERT INTO ingester (owner, expires_at) VALUES ($1, now() + $2 * interval '1 millisecond')
    ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at
"""
_RENEW: Final = """
    UPDATE shard_lease SET expires_at = now() + $2 * interval '1 millisecond' WHERE owner = $1 RETURNING shard
"""
_TAKE: Final = """
    INSERT INTO shard_lease (shard, owner, expires_at)
    SELECT shard, $1, now() + $2 * interval '1 millisecond'
    FROM generate_series(0, $3::int - 1) AS shard
    WHERE NOT EXISTS (SELECT FROM shard_lease AS held WHERE held.shard = shard.shard AND held.expires_at > now())
    ORDER BY shard LIMIT $4
    ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
        WHERE shard_lease.expires_at <= now()
    RETURNING shard
"""


async def renew(connection: Connection, owner: UUID, ttl_ms: int) -> frozenset[int]:
    """Say that `owner` lives, renew what it holds, and give or take until it has its fair share. Returns its shards."""
    await connection.execute(_PRESENT, owner, ttl_ms)
    await connection.execute("DELETE FROM ingester WHERE expires_at <= now()")
    live: int = await connection.fetchval("SELECT count(*) FROM ingester")
    share = -(-SHARDS // live)
    held = sorted(row[0] for row in await connection.fetch(_RENEW, owner, ttl_ms))
    if len(held) > share:
        surplus = held[share:]
        await connection.execute("DELETE FROM shard_lease WHERE owner = $1 AND shard = ANY($2)", owner, surplus)
        return frozenset(held[:share])
    taken = await connection.fetch(_TAKE, owner, ttl_ms, SHARDS, share - len(held))
    return frozenset(held) | {row[0] for row in taken}


async def release(connection: Connection, owner: UUID) -> None:
    """Leave everything to the others at once."""
    await connection.execute("DELETE FROM shard_lease WHERE owner = $1", owner)
    await connection.execute("DELETE FROM ingester WHERE owner = $1", owner)

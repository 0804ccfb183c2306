"""`downlink_cursor` and `downlink`: the centre's log for each node, and how far the node has taken it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from edge_core.limits import NODE_OFFLINE_AFTER_MS
from edge_core.sync.chain import genesis
from edge_core.sync.messages import DOWN
from edge_core.sync.topics import shard_of

CHANNEL: Final = "holdfast_downlink"


class DownlinkRow(NamedTuple):
    """The downlink of a node that goes on at present."""

    node_id: str
    incarnation: UUID
    tail_seq: int
    tail_hash: bytes
    durable_seq: int
    durable_hash: bytes


_COLUMNS: Final = "node_id, incarnation, tail_seq, tail_hash, durable_seq, durable_hash"
_BEGIN: Final = """
    INSERT INTO downlink_cursor (node_id, shard, incarnation, tail_hash, durable_hash) VALUES ($1, $2, $3, $4, $4)
    ON CONFLICT (node_id) DO UPDATE SET
        incarnation = excluded.incarnation, tail_seq = 0, tail_hash = excluded.tail_hash,
        durable_seq = 0, durable_hash = excluded.durable_hash
"""
_BEGIN_FIRST: Final = """
    INSERT INTO downlink_cursor (node_id, shard, incarnation, tail_hash, durable_hash)
    SELECT node_id, shard, incarnation, first, first
    FROM unnest($1::text[], $2::integer[], $3::uuid[], $4::bytea[]) AS new (node_id, shard, incarnation, first)
    ON CONFLICT (node_id) DO NOTHING
"""
_APPEND: Final = """
    INSERT INTO downlink (node_id, incarnation, seq, instruction_id, hash)
    SELECT $1, $2, * FROM unnest($3::bigint[], $4::uuid[], $5::bytea[])
"""
_AFTER: Final = """
    SELECT downlink.hash, instruction.body FROM downlink JOIN instruction USING (node_id, instruction_id)
    WHERE node_id = $1 AND incarnation = $2 AND seq > $3 ORDER BY seq LIMIT $4
"""
_WAITING: Final = """
    SELECT node_id, link.incarnation, tail_seq, tail_hash, durable_seq, durable_hash
    FROM downlink_cursor AS link JOIN node_status USING (node_id)
    WHERE shard = ANY($1::smallint[]) AND tail_seq > durable_seq
        AND NOT is_gone AND last_seen > now() - $2 * interval '1 millisecond'
    ORDER BY last_seen DESC, node_id LIMIT $3
"""


async def read(connection: Connection, node_ids: Sequence[str]) -> dict[str, DownlinkRow]:
    """The downlinks of nodes, not locked. Nodes that have none are left out."""
    statement = f"SELECT {_COLUMNS} FROM downlink_cursor WHERE node_id = ANY($1::text[])"  # noqa: S608
    return {row[0]: DownlinkRow(*row) for row in await connection.fetch(statement, node_ids)}


async def lock(connection: Connection, node_ids: Sequence[str]) -> dict[str, DownlinkRow]:
    """The same, locked in the order of the ids until the end of the transaction."""
    statement = f"SELECT {_COLUMNS} FROM downlink_cursor WHERE node_id = ANY($1::text[]) ORDER BY node_id FOR UPDATE"  # noqa: S608
    return {row[0]: DownlinkRow(*row) for row in await connection.fetch(statement, node_ids)}


async def begin(connection: Connection, node_id: str, incarnation: UUID) -> DownlinkRow:
    """Begin a downlink, empty, in the place of the one before, which the caller has locked."""
    first = genesis(node_id, incarnation, DOWN)
    await connection.execute(_BEGIN, node_id, shard_of(node_id), incarnation, first)
    return DownlinkRow(node_id, incarnation, 0, first, 0, first)


async def begin_first(connection: Connection, incarnations: Mapping[str, UUID]) -> dict[str, DownlinkRow]:
    """The downlinks of nodes that have none yet, locked, in one statement: thousands may say hello at once.

    Where somebody else has begun one meanwhile, that one goes on: something may be in it already.
    """
    ordered = sorted(incarnations)
    firsts = [genesis(node_id, incarnations[node_id], DOWN) for node_id in ordered]
    shards = [shard_of(node_id) for node_id in ordered]
    await connection.execute(_BEGIN_FIRST, ordered, shards, [incarnations[node_id] for node_id in ordered], firsts)
    return await lock(connection, ordered)


async def append(
    connection: Connection, row: DownlinkRow, instruction_ids: Sequence[UUID], hashes: Sequence[bytes]
) -> None:
    """Put instructions at the end of a locked downlink; `hashes` is the chain's after each. Announced at COMMIT."""
    seqs = range(row.tail_seq + 1, row.tail_seq + len(instruction_ids) + 1)
    await connection.execute(_APPEND, row.node_id, row.incarnation, list(seqs), instruction_ids, hashes)
    statement = "UPDATE downlink_cursor SET tail_seq = $2, tail_hash = $3 WHERE node_id = $1"
    await connection.execute(statement, row.node_id, seqs[-1], hashes[-1])
    await connection.execute(f"NOTIFY {CHANNEL}")


async def move(connection: Connection, node_id: str, durable_seq: int, durable_hash: bytes) -> None:
    """Record how far a node has taken its locked downlink, be it less than before."""
    statement = "UPDATE downlink_cursor SET durable_seq = $2, durable_hash = $3 WHERE node_id = $1"
    await connection.execute(statement, node_id, durable_seq, durable_hash)


async def hash_at(connection: Connection, row: DownlinkRow, seq: int) -> bytes | None:
    """The chain's hash at a seq of the present downlink (0 is the genesis), or None where it does not reach."""
    if seq == 0:
        return genesis(row.node_id, row.incarnation, DOWN)
    statement = "SELECT hash FROM downlink WHERE node_id = $1 AND incarnation = $2 AND seq = $3"
    found: bytes | None = await connection.fetchval(statement, row.node_id, row.incarnation, seq)
    return found


async def waiting(connection: Connection, shards: Collection[int], nodes_max: int) -> list[DownlinkRow]:
    """The downlinks of nodes that are heard and have something to take, those heard last first."""
    rows = await connection.fetch(_WAITING, sorted(shards), NODE_OFFLINE_AFTER_MS, nodes_max)
    return [DownlinkRow(*row) for row in rows]


async def after(
    connection: Connection, node_id: str, incarnation: UUID, seq: int, rows_max: int
) -> list[tuple[bytes, bytes]]:
    """What follows a seq of a downlink: the chain's hash, and the instruction's bytes."""
    rows = await connection.fetch(_AFTER, node_id, incarnation, seq, rows_max)
    return [(row[0], row[1]) for row in rows]

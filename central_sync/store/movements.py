"""`stock_movement`: which entry is the one that is used for a movement of stock. The second to come is passed over."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey


class MovementRow(NamedTuple):
    """A movement and the place of an entry that tells of it."""

    key: StreamKey
    movement_id: UUID
    seq: int


_CLAIM: Final = """
    INSERT INTO stock_movement (node_id, movement_id, incarnation, lane, seq)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[])
    ON CONFLICT DO NOTHING
    RETURNING node_id, incarnation, lane, seq
"""


async def claim(connection: Connection, rows: Sequence[MovementRow]) -> set[tuple[StreamKey, int]]:
    """Write down movements that are to be used; the places of those that nobody had used before.

    Another transaction that has claimed one and still runs is waited for.
    """
    # In the order of their key: two writers that meet wait for each other and never for ever.
    ordered = sorted(rows, key=lambda row: (row.key.node_id, row.movement_id))
    found = await connection.fetch(
        _CLAIM,
        [row.key.node_id for row in ordered],
        [row.movement_id for row in ordered],
        [row.key.incarnation for row in ordered],
        [row.key.lane for row in ordered],
        [row.seq for row in ordered],
    )
    return {(StreamKey(*row[:3]), row[3]) for row in found}

"""`routing`: why a node was chosen for an attempt, or nobody could be, in the bytes of `edge_core.routing.record`."""

from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from edge_core.limits import ASSIGNMENT_AGAIN_INTERVAL_MS
from edge_core.routing.record import Record


class RoutingRow(NamedTuple):
    """What was decided for an attempt, and when (Unix ms)."""

    number: int
    decided_at_ms: int
    record: Record


_PUT: Final = """
    INSERT INTO routing AS old (order_id, number, decided_at_ms, version, hash, question, decision)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (order_id, number) DO UPDATE SET decided_at_ms = excluded.decided_at_ms, version = excluded.version,
        hash = excluded.hash, question = excluded.question, decision = excluded.decision
    WHERE $8 OR old.decided_at_ms <= excluded.decided_at_ms - $9
"""
_OF: Final = """
    SELECT r.number, r.decided_at_ms, r.version, r.hash, r.question, r.decision FROM routing AS r
    WHERE r.order_id = $1 OR (r.order_id, r.number) IN
        (SELECT a.order_id, a.number FROM assignment AS a WHERE a.assignment_id = $1)
    ORDER BY r.number
"""


async def put(connection: Connection, order_id: UUID, row: RoutingRow, *, is_found: bool) -> None:
    """Write down what was decided. That nobody was found is written once a minute, however often it is tried."""
    record = row.record
    told = (record.version, record.hash, record.question, record.decision)
    await connection.execute(
        _PUT, order_id, row.number, row.decided_at_ms, *told, is_found, ASSIGNMENT_AGAIN_INTERVAL_MS
    )


async def of(connection: Connection, order_id: UUID) -> list[RoutingRow]:
    """What was decided for each attempt of an order, or for the one attempt whose id it is, in their order."""
    return [RoutingRow(row[0], row[1], Record(*row[2:])) for row in await connection.fetch(_OF, order_id)]

"""Why the goods of an order go as they go: the centre's own choices, then what the node decided."""

from uuid import UUID

from central_sync.ingest.projection import recorded
from central_sync.store import routings, streams
from central_sync.store.database import Connection
from edge_core.orders.merge import merge
from edge_core.orders.routing_report import Decided, decisions_in


async def decisions_about(connection: Connection, order_id: UUID) -> list[Decided]:
    """Every decision about an order, by its own id or by that of an attempt, the first one first."""
    own = [
        Decided(None, row.decided_at_ms, (), row.record, row.number) for row in await routings.of(connection, order_id)
    ]
    stored = await streams.of_orders(connection, [order_id])
    return own + decisions_in(merge(recorded(entry) for entry in stored if not entry.is_parked).accepted)

"""Orders that are held, with what holds them: read from the entries of the orders that the list shows as held."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from central_sync.ingest.projection import recorded
from central_sync.store import orders, streams
from central_sync.store.database import Connection
from central_sync.store.orders import OrderRow
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Recorded
from edge_core.orders.state import OrderState


class HeldOrder(NamedTuple):
    """An order of which a hold waits for an answer: its row, and the order as it stands."""

    row: OrderRow
    state: OrderState


class HeldPage(NamedTuple):
    """Held orders, the newest first; `following` is the id to go on before, or None at the end."""

    held: list[HeldOrder]
    following: UUID | None


async def page(connection: Connection, *, node_id: str | None, before: UUID | None, rows_max: int) -> HeldPage:
    """A page of held orders. An order that is only known ahead of its turn is not among them yet."""
    listed = await orders.page(connection, node_id=node_id, status="held", before=before, rows_max=rows_max)
    found = await _states(connection, [row for row, is_provisional in listed if not is_provisional])
    return HeldPage(found, listed[-1][0].order_id if len(listed) == rows_max else None)


async def one(connection: Connection, order_id: UUID) -> HeldOrder | None:
    """One order that is held; None where it is not, or not known."""
    row = await orders.one(connection, order_id)
    found = await _states(connection, [row]) if row is not None and row.status == "held" else []
    return found[0] if found else None


async def _states(connection: Connection, rows: Sequence[OrderRow]) -> list[HeldOrder]:
    if not rows:
        return []
    by_order: defaultdict[UUID | None, list[Recorded]] = defaultdict(list)
    for stored in await streams.of_orders(connection, [row.order_id for row in rows]):
        if not stored.is_parked:
            by_order[stored.order_id].append(recorded(stored))
    states = ((row, merge(by_order[row.order_id]).state) for row in rows)
    return [HeldOrder(row, state) for row, state in states if state is not None and state.held]

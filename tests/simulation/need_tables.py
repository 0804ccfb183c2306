"""What a newcomer is sent, from the centre's tables in memory: behind the product's functions, as in `tables`."""

from typing import Any
from uuid import UUID

from central_sync.store import orders, stock, streams
from central_sync.store.stock import StockRow
from central_sync.store.streams import StreamKey
from tests.simulation.tables import Tables

_FINISHED = frozenset({"completed", "partially_returned", "returned", "cancelled", "rejected"})


async def _up_to(connection: Tables, key: StreamKey, seq: int, rows_max: int) -> list[tuple[int, bytes, bytes]]:
    held = connection.entries.get(key, ())[max(0, seq - rows_max) : seq]
    return [(entry.seq, entry.hash, entry.body) for entry in reversed(held)]


async def _open_after(connection: Tables, node_id: str, besides: UUID, after: UUID | None, rows_max: int) -> list[UUID]:
    found = [
        row.order_id
        for row in connection.orders.values()
        if row.node_id == node_id and row.status not in _FINISHED and row.first_incarnation != besides
    ]
    return sorted(order_id for order_id in found if after is None or order_id > after)[:rows_max]


async def _page_of_stock(
    connection: Tables, *, node_id: str | None, sku: str | None, after: tuple[str, str, str] | None, rows_max: int
) -> list[StockRow]:
    places = sorted(place for place in connection.stock if after is None or place > after)
    wanted = [place for place in places if node_id in {None, place[0]} and sku in {None, place[1]}]
    return [StockRow(*place, connection.units[place], None, *connection.stock[place]) for place in wanted[:rows_max]]


IN_PLACE_OF: tuple[tuple[Any, str, Any], ...] = (
    (streams, "up_to", _up_to),
    (orders, "open_after", _open_after),
    (stock, "page", _page_of_stock),
)

"""`GET /v1/holds`: the orders that wait for somebody's answer, and who has to give it until when (docs/checks.md)."""

from uuid import UUID

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync import holds
from central_sync.api.handlers import answer, parse_limit, parse_query, parse_uuid
from central_sync.holds import HeldOrder
from central_sync.store.database import Database
from central_sync.times import rfc3339
from edge_core.orders.judgment_views import HoldView, hold_view
from edge_core.orders.rendering import rfc3339 as rfc3339_of_ms


class HeldItem(Struct, frozen=True):
    """An order that is held, and its holds. Amounts are minor units."""

    order_id: UUID
    node_id: str
    display_number: str
    order_type: str
    currency: str
    grand_total_minor: int
    placed_at: str
    operator_id: str | None
    customer_ref: str | None
    holds: tuple[HoldView, ...]


class HeldList(Struct, frozen=True):
    """A page of held orders, the newest first. `next_cursor` is the `cursor` of the next page, or null at the end."""

    held: tuple[HeldItem, ...]
    next_cursor: str | None


class Holds:
    """The endpoint of the holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, request: Request) -> Response:
        """GET /v1/holds."""
        limit, cursor = parse_limit(request), parse_query(request, "cursor")
        async with self._database.reading() as connection:
            found = await holds.page(
                connection,
                node_id=parse_query(request, "node"),
                before=None if cursor is None else parse_uuid(cursor, "cursor"),
                rows_max=limit,
            )
        following = None if found.following is None else str(found.following)
        return answer(HeldList(tuple(map(held_item, found.held)), following))


def held_item(held: HeldOrder) -> HeldItem:
    """A held order as the API shows it."""
    row, order = held.row, held.state.order
    return HeldItem(
        order_id=row.order_id,
        node_id=row.node_id,
        display_number=row.display_number,
        order_type=row.order_type,
        currency=row.currency,
        grand_total_minor=row.grand_total_minor,
        placed_at=rfc3339(row.placed_at),
        operator_id=order.operator_id,
        customer_ref=order.customer_ref,
        holds=tuple(hold_view(hold, rfc3339_of_ms(hold.due_at_ms)) for hold in held.state.held),
    )

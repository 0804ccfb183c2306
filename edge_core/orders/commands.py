"""What somebody wants: commands carry everything that a decision needs, time and new identifiers included."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from edge_core.limits import MOVEMENT_LINES_MAX
from edge_core.orders.document import Date, Identifier, Part, Quantity, TillOrder, Unit


class CancelRequest(Part, frozen=True):
    """The body of `POST /v1/orders/{id}/cancel`. `expected_revision` refuses an order that has moved on."""

    reason: Identifier
    operator_id: Identifier | None = None
    expected_revision: Annotated[int, Meta(ge=1)] | None = None


class MovementLine(Part, frozen=True):
    """A quantity of one SKU, and of one lot where the goods have lots."""

    sku: Identifier
    quantity_milli: Quantity
    unit: Unit
    lot: Identifier | None = None
    expires_on: Date | None = None


class StockMovement(Part, frozen=True):
    """The body of `POST /v1/stock/movements`: goods that came (`receipt`) or are gone (`write_off`)."""

    movement: Literal["receipt", "write_off"]
    lines: Annotated[tuple[MovementLine, ...], Meta(min_length=1, max_length=MOVEMENT_LINES_MAX)]
    reference: Identifier | None = None


class PlaceOrder(Struct, frozen=True):
    """Take a till's order at this location. Stock found for it is recorded under the order's own id."""

    posted: TillOrder
    order_id: UUID
    display_number: str
    idempotency_key: str
    payload_hash: bytes
    location_id: str
    business_date: str
    offline: bool


class CancelOrder(Struct, frozen=True):
    """Call off what has not left."""

    order_id: UUID
    request: CancelRequest


class MoveStock(Struct, frozen=True):
    """Record goods that came or went."""

    movement_id: UUID
    request: StockMovement


Command = PlaceOrder | CancelOrder | MoveStock

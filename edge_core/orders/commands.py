"""What somebody wants: commands carry everything that a decision needs, time and new identifiers included."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from edge_core.limits import LINES_MAX, MOVEMENT_LINES_MAX
from edge_core.orders.document import Date, Identifier, Part, Quantity, TillOrder, Unit

Revision = Annotated[int, Meta(ge=1)]


class CancelRequest(Part, frozen=True):
    """The body of `POST /v1/orders/{id}/cancel`. `expected_revision` refuses an order that has moved on."""

    reason: Identifier
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class StepRequest(Part, frozen=True):
    """The body of a step of fulfilment that says no more than that it was done."""

    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class LineQuantity(Part, frozen=True):
    """How much of a line."""

    line_id: Identifier
    quantity_milli: Quantity


class RejectRequest(Part, frozen=True):
    """The body of `reject`: why the location cannot serve a group, and for `short` and `damaged` how much is gone."""

    reason: Literal["not_found", "short", "damaged", "no_capacity", "closed"]
    lines: Annotated[tuple[LineQuantity, ...], Meta(max_length=LINES_MAX)] = ()
    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class ShipRequest(Part, frozen=True):
    """The body of `ship`: who has the parcel now."""

    carrier: Identifier
    tracking: Identifier
    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class ReturnLine(Part, frozen=True):
    """Goods that came back, as they were found at the inspection."""

    line_id: Identifier
    quantity_milli: Quantity
    condition: Literal["resaleable", "damaged"] = "resaleable"


class ReturnRequest(Part, frozen=True):
    """The body of `return`. Without `refund_to` the payments are given back in their order, each up to what it took."""

    lines: Annotated[tuple[ReturnLine, ...], Meta(min_length=1, max_length=LINES_MAX)]
    reason: Identifier
    refund_to: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


StepName = Literal["accept", "pick", "pack", "ready", "deliver", "route"]
OrderRequest = CancelRequest | StepRequest | RejectRequest | ShipRequest | ReturnRequest

REQUESTS: Final[Mapping[str, type[OrderRequest]]] = MappingProxyType(
    {
        "accept": StepRequest,
        "cancel": CancelRequest,
        "deliver": StepRequest,
        "pack": StepRequest,
        "pick": StepRequest,
        "ready": StepRequest,
        "reject": RejectRequest,
        "return": ReturnRequest,
        "route": StepRequest,
        "ship": ShipRequest,
    }
)
"""Every command on an order by its name in the API, and the body that it takes."""


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


class AdvanceOrder(Struct, frozen=True):
    """Take an order a step on: `name` is one of `REQUESTS`, `new_id` names what the step may bring about (a return)."""

    order_id: UUID
    name: str
    request: StepRequest | RejectRequest | ShipRequest | ReturnRequest
    new_id: UUID
    location_id: str
    business_date: str


class MoveStock(Struct, frozen=True):
    """Record goods that came or went."""

    movement_id: UUID
    request: StockMovement


Command = PlaceOrder | CancelOrder | AdvanceOrder | MoveStock

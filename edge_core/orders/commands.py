"""What somebody wants: commands carry everything that a decision needs, time and new identifiers included."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from edge_core.limits import MOVEMENT_LINES_MAX
from edge_core.orders.day_events import CurrencySums
from edge_core.orders.document import Date, Identifier, Part, Quantity, TillOrder, Unit
from edge_core.orders.part_of import PartOf
from edge_core.orders.requests import CancelRequest, CloseRequest, ExchangeRequest, OrderRequest, UnreceiptedReturn
from edge_core.stock.requests import QuotaRequest, ReservationRequest, RightsRequest, StockCount
from edge_core.stock.rights import Life
from edge_core.stock.rights_book import Spent

Role = Literal["store", "back_office", "centre", "timer"]


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
    """Take a till's order at this location, at `now_ms` (Unix time). Stock found for it bears the order's own id."""

    posted: TillOrder
    order_id: UUID
    display_number: str
    idempotency_key: str
    payload_hash: bytes
    location_id: str
    business_date: str
    offline: bool
    now_ms: int = 0


class TakeAssignment(Struct, frozen=True):
    """Take an order that the centre has assigned to this location. `place.order_id` is the id of the assignment.

    `is_accepted` where the location takes on whatever it has the goods for; otherwise people accept or reject it.
    `spent` are promises that the centre made for it with rights to goods of this location, which is `life`.
    """

    place: PlaceOrder
    central_order_id: UUID
    attempt: int
    accept_by_ms: int
    is_accepted: bool
    life: Life
    spent: tuple[Spent, ...] = ()
    part_of: PartOf | None = None

    @property
    def order_id(self) -> UUID:
        """The order that is placed here."""
        return self.place.order_id


class CancelOrder(Struct, frozen=True):
    """Call off what has not left. `role` is who asks: no shell may forget to say so."""

    order_id: UUID
    request: CancelRequest
    role: Role


class AdvanceOrder(Struct, frozen=True):
    """Any other command on one order: `name` is one of `edge_core.orders.requests.REQUESTS`.

    `new_id` names what the command may bring about (a return, a movement of stock), `secret` is a new pickup code.
    `now_ms` is Unix time, `business_date` the store's date at that time.
    """

    order_id: UUID
    name: str
    request: OrderRequest
    new_id: UUID
    secret: str
    location_id: str
    business_date: str
    now_ms: int
    role: Role = "store"


class ExchangeOrder(Struct, frozen=True):
    """Take goods of an order back under `return_id`, and place the order for what goes instead."""

    order_id: UUID
    request: ExchangeRequest
    return_id: UUID
    place: PlaceOrder


class TakeBack(Struct, frozen=True):
    """Take goods back of which no order is known."""

    return_id: UUID
    request: UnreceiptedReturn
    business_date: str


class MoveStock(Struct, frozen=True):
    """Record goods that came or went."""

    movement_id: UUID
    request: StockMovement


class CloseDay(Struct, frozen=True):
    """Close a business day; `sums` are its books up to `up_to_seq` of the stream `incarnation`, `today` is a date."""

    close_id: UUID
    business_date: str
    today: str
    incarnation: UUID
    up_to_seq: int
    sums: tuple[CurrencySums, ...]
    request: CloseRequest


class CountStock(Struct, frozen=True):
    """Hold what was counted against the book, and post the difference."""

    count_id: UUID
    request: StockCount


class HoldStock(Struct, frozen=True):
    """Keep goods for somebody who has not decided yet. `now_ms` is Unix time."""

    reservation_id: UUID
    request: ReservationRequest
    business_date: str
    now_ms: int


class ChangeHold(Struct, frozen=True):
    """Make a hold last `ttl_ms` from now, give it up, or end it because its time is over."""

    reservation_id: UUID
    name: Literal["extend", "release", "expire"]
    movement_id: UUID
    now_ms: int
    ttl_ms: int = 0


class OrderHeldGoods(Struct, frozen=True):
    """Place the order for which the goods of a hold were kept."""

    reservation_id: UUID
    place: PlaceOrder
    now_ms: int


class SetQuota(Struct, frozen=True):
    """Part what is free of a SKU between the channels. `now_ms` is Unix time."""

    movement_id: UUID
    request: QuotaRequest
    business_date: str
    now_ms: int


class ShareRights(Struct, frozen=True):
    """Give, hear of, move or spend rights, as `life`. `is_confirmed`: the centre has greeted it since it started."""

    movement_id: UUID
    request: RightsRequest
    life: Life
    business_date: str
    is_confirmed: bool


OnHold = ChangeHold | OrderHeldGoods
OnOrder = CancelOrder | AdvanceOrder | ExchangeOrder
OnStock = TakeBack | MoveStock | CountStock | HoldStock | ChangeHold | SetQuota | ShareRights
Command = PlaceOrder | TakeAssignment | OnOrder | OrderHeldGoods | CloseDay | OnStock

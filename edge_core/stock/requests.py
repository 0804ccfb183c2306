"""What a client writes about the stock itself: the bodies of the requests under `/v1/stock` (docs/api.md)."""

from typing import Annotated

from msgspec import Meta

from edge_core.limits import (
    COUNT_LINES_MAX,
    LINES_MAX,
    QUANTITY_MILLI_MAX,
    QUOTA_CHANNELS_MAX,
    RESERVATION_TTL_MS_DEFAULT,
    RESERVATION_TTL_MS_MAX,
)
from edge_core.orders.document import Date, Identifier, Part, Quantity, Unit
from edge_core.stock.quotas import Channel, Quota
from edge_core.stock.rights import Life
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.stock_events import CountCause

TimeToLive = Annotated[int, Meta(gt=0, le=RESERVATION_TTL_MS_MAX)]
Counted = Annotated[int, Meta(ge=0, le=QUANTITY_MILLI_MAX)]


class CountedLine(Part, frozen=True):
    """How much of one SKU, and of one lot where the goods have lots, was found."""

    sku: Identifier
    counted_milli: Counted
    unit: Unit
    lot: Identifier | None = None
    expires_on: Date | None = None


class StockCount(Part, frozen=True):
    """The body of `POST /v1/stock/counts`: who counted what. `approved_by` accepts what differs much."""

    operator_id: Identifier
    lines: Annotated[tuple[CountedLine, ...], Meta(min_length=1, max_length=COUNT_LINES_MAX)]
    cause: CountCause = "cycle_count"
    reference: Identifier | None = None
    approved_by: Identifier | None = None


class HoldLine(Part, frozen=True):
    """Goods to be kept, by the line that they may become."""

    line_id: Identifier
    sku: Identifier
    quantity_milli: Quantity
    unit: Unit
    lot: Identifier | None = None


class ReservationRequest(Part, frozen=True):
    """The body of `POST /v1/stock/reservations`: goods to be kept for a while, in milliseconds."""

    lines: Annotated[tuple[HoldLine, ...], Meta(min_length=1, max_length=LINES_MAX)]
    ttl_ms: TimeToLive = RESERVATION_TTL_MS_DEFAULT
    reference: Identifier | None = None
    channel: Channel = "walk_in"


class ExtendRequest(Part, frozen=True):
    """The body of `extend`: so long from now."""

    ttl_ms: TimeToLive = RESERVATION_TTL_MS_DEFAULT


class ReleaseRequest(Part, frozen=True):
    """The body of `release`: nobody wants the goods any more."""


class QuotaRequest(Part, frozen=True):
    """The body of `POST /v1/stock/quotas`: how what is free of a SKU is parted. An empty plan ends its quotas."""

    sku: Identifier
    plan: Annotated[tuple[Quota, ...], Meta(max_length=QUOTA_CHANNELS_MAX)]


class GrantRights(Part, frozen=True, tag="stock.grant_rights"):
    """The body of `POST /v1/stock/rights/grants`: somebody else may promise so much of what is free here."""

    sku: Identifier
    quantity_milli: Quantity
    to: Life

    def key(self, node_id: str) -> tuple[str, str]:
        """Whose goods, and which."""
        return node_id, self.sku


class SpendRights(Part, frozen=True, tag="stock.spend_rights"):
    """The location is told of a promise that a holder made of its goods."""

    sku: Identifier
    quantity_milli: Quantity
    holder: Life

    def key(self, node_id: str) -> tuple[str, str]:
        """Whose goods, and which."""
        return node_id, self.sku


class UseRights(Part, frozen=True):
    """The body of `POST /v1/stock/rights/uses`: promise goods of another location to whom `reference` names."""

    owner_id: Identifier
    sku: Identifier
    quantity_milli: Quantity
    reference: Identifier

    def key(self, _node_id: str) -> tuple[str, str]:
        """Whose goods, and which."""
        return self.owner_id, self.sku


class MoveRights(Part, frozen=True, tag="stock.move_rights"):
    """The body of `POST /v1/stock/rights/moves`: another life may spend what is held here."""

    owner_id: Identifier
    sku: Identifier
    quantity_milli: Quantity
    to: Life

    def key(self, _node_id: str) -> tuple[str, str]:
        """Whose goods, and which."""
        return self.owner_id, self.sku


class ReturnRights(Part, frozen=True, tag="stock.return_rights"):
    """The body of `POST /v1/stock/rights/returns`: what is held here of another location's goods goes back to it."""

    owner_id: Identifier
    sku: Identifier
    quantity_milli: Quantity

    def key(self, _node_id: str) -> tuple[str, str]:
        """Whose goods, and which."""
        return self.owner_id, self.sku


class SettleRights(Part, frozen=True, tag="stock.settle_rights"):
    """The location is told that a life of the centre is over: what it had left comes back."""

    sku: Identifier
    ended: Life

    def key(self, node_id: str) -> tuple[str, str]:
        """Whose goods, and which."""
        return node_id, self.sku


class HearRights(Part, frozen=True, tag="stock.hear_rights"):
    """What others did with rights, as far as it concerns this node."""

    book: RightsBook

    def key(self, _node_id: str) -> tuple[str, str]:
        """Whose goods, and which."""
        return self.book.rights.owner_id, self.book.rights.sku


RightsTask = GrantRights | SpendRights | MoveRights | HearRights | ReturnRights | SettleRights
RightsRequest = RightsTask | UseRights

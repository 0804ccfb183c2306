"""What happens to stock beside orders and movements (docs/events.md, "Stock of its own").

The rules are those of `edge_core.orders.events`: names are frozen, a field may be added at the end, with a default.
Each has a `movement_id` by which it counts once, however often it is heard.
"""

from typing import Final, Literal, get_args
from uuid import UUID

from msgspec import Struct

from edge_core.stock.counting import CountLine, Shortage
from edge_core.stock.ledger import Allocation, StockDelta
from edge_core.stock.quota_book import SkuQuota
from edge_core.stock.reservations import Reservation
from edge_core.stock.rights import Life
from edge_core.stock.rights_book import RightsBook

CountCause = Literal["cycle_count", "theft", "spoilage", "breakage", "correction"]


class StockCounted(Struct, frozen=True, array_like=True, gc=False, tag="stock.counted"):
    """Positions were counted: each line says what was found and what the book said; `deltas` bring the book to it.

    `shortages` are goods that were promised and are not there; they stay promised, and their orders have to be told.
    `approved_by` accepted what differed by more than the tolerance.
    """

    movement_id: UUID
    cause: CountCause
    reference: str | None
    lines: tuple[CountLine, ...]
    deltas: tuple[StockDelta, ...]
    shortages: tuple[Shortage, ...] = ()
    approved_by: str | None = None


class StockHeld(Struct, frozen=True, array_like=True, gc=False, tag="stock.held"):
    """Goods are kept for somebody who has not decided yet, until `expires_at_ms` (Unix time).

    `movement_id` is the reservation's own id.
    """

    movement_id: UUID
    allocations: tuple[Allocation, ...]
    held_at_ms: int
    expires_at_ms: int
    reference: str | None = None

    def reservation(self) -> Reservation:
        """The hold as it begins."""
        return Reservation(self.movement_id, self.allocations, self.held_at_ms, self.expires_at_ms)


class HoldExtended(Struct, frozen=True, array_like=True, gc=False, tag="stock.hold_extended"):
    """A hold lasts longer. It says all of the hold, so that it may be heard before its beginning."""

    movement_id: UUID
    reservation_id: UUID
    allocations: tuple[Allocation, ...]
    held_at_ms: int
    expires_at_ms: int

    def reservation(self) -> Reservation:
        """The hold as it is from now on."""
        return Reservation(self.reservation_id, self.allocations, self.held_at_ms, self.expires_at_ms)


class HoldEnded(Struct, frozen=True, array_like=True, gc=False, tag="stock.hold_ended"):
    """A hold is over, and its goods are free; `hardened`: the next entry promises them to `order_id`.

    `movement_id` is `edge_core.stock.holds.end_id`: a hold ends once, whatever two histories say of it.
    """

    movement_id: UUID
    reservation_id: UUID
    outcome: Literal["hardened", "released", "expired"]
    allocations: tuple[Allocation, ...]
    order_id: UUID | None = None


class QuotaChanged(Struct, frozen=True, array_like=True, gc=False, tag="stock.quota_changed"):
    """The quotas of SKUs as they are from now on: a plan was set, or an order drew on them. The later one holds."""

    movement_id: UUID
    cause: Literal["set", "drawn"]
    quotas: tuple[SkuQuota, ...]


class RightsGranted(Struct, frozen=True, array_like=True, gc=False, tag="stock.rights_granted"):
    """The location gave rights to its goods, and has set the goods aside."""

    movement_id: UUID
    news: RightsBook
    to: Life
    quantity_milli: int
    allocations: tuple[Allocation, ...]


class RightsMoved(Struct, frozen=True, array_like=True, gc=False, tag="stock.rights_moved"):
    """Who held rights lets another life spend them."""

    movement_id: UUID
    news: RightsBook
    to: Life
    quantity_milli: int


class RightsUsed(Struct, frozen=True, array_like=True, gc=False, tag="stock.rights_used"):
    """Who held rights has promised the goods to a customer; `reference` says to whom."""

    movement_id: UUID
    news: RightsBook
    quantity_milli: int
    reference: str


class RightsSpent(Struct, frozen=True, array_like=True, gc=False, tag="stock.rights_spent"):
    """The location heard of a promise that `holder` made: its goods are no longer set aside for rights."""

    movement_id: UUID
    news: RightsBook
    holder: Life
    quantity_milli: int
    allocations: tuple[Allocation, ...]


class RightsHeard(Struct, frozen=True, array_like=True, gc=False, tag="stock.rights_heard"):
    """What others did with rights became known here: what they gave to this node, and which lives have ended."""

    movement_id: UUID
    news: RightsBook


class RightsReturned(Struct, frozen=True, array_like=True, gc=False, tag="stock.rights_returned"):
    """Rights came back to the location, unspent: their goods are free here again."""

    movement_id: UUID
    news: RightsBook
    quantity_milli: int
    allocations: tuple[Allocation, ...]


RightsEvent = RightsGranted | RightsMoved | RightsUsed | RightsSpent | RightsHeard | RightsReturned
RIGHTS_EVENTS: Final = get_args(RightsEvent)
StockEvent = StockCounted | StockHeld | HoldExtended | HoldEnded | QuotaChanged | RightsEvent

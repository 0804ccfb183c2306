"""What happened: the 17 lifecycle events, and the stock namespace beside them (docs/events.md).

An event is a tagged array in the log: its name first, then its fields. Names are frozen; a field may be added at the
end, with a default. `deltas_of` says what an event changes in the stock of the location that recorded it.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct

from edge_core.orders.day_events import DayClosed
from edge_core.orders.document import Confirmations, Extra, Order, Payment
from edge_core.orders.further_events import (
    AssignmentTaken,
    CancelKind,
    GoodsTakenBack,
    GroupChange,
    GroupQuantity,
    GroupSplit,
    ReturnInspected,
    ReturnStep,
)
from edge_core.orders.judgment import Basis, Finding, Proposal, Rung
from edge_core.orders.routing_events import Avoided, RoutingDecided
from edge_core.stock.ledger import Allocation, StockDelta, consume, release, reserve, restock
from edge_core.stock.stock_events import (
    HoldEnded,
    RightsGranted,
    RightsReturned,
    RightsSpent,
    StockCounted,
    StockEvent,
    StockHeld,
)


class OrderPlaced(Struct, frozen=True, array_like=True, gc=False, tag="order.placed"):
    """A till's order was taken, with everything that it said; `confirmations` are what its operator has seen to.

    `services` are what the carrier is to do besides bringing the goods.
    """

    order: Order
    confirmations: Confirmations | None = None
    services: tuple[Extra, ...] = ()


class OrderValidated(Struct, frozen=True, array_like=True, gc=False, tag="order.validated"):
    """The order passed the checks named; `basis` is what it was judged by."""

    checks: tuple[str, ...]
    basis: Basis | None = None


class OrderHeld(Struct, frozen=True, array_like=True, gc=False, tag="order.held"):
    """Somebody must look at the order before it goes on: `owner`, until `due_at_ms` (Unix time).

    `reasons` are the names of the rules, `findings` what they found by `rules_id`; `operator_id` is who asked for it.
    After that the hold goes up `ladder`: the same `hold_id` at the next `level`.
    """

    hold_id: str
    reasons: tuple[str, ...]
    owner: str
    due_at_ms: int
    level: int = 0
    ladder: tuple[Rung, ...] = ()
    rules_id: str | None = None
    findings: tuple[Finding, ...] = ()
    proposal: Proposal | None = None
    operator_id: str | None = None


class OrderApproved(Struct, frozen=True, array_like=True, gc=False, tag="order.approved"):
    """A hold was released by somebody in a `role`; `followed` is whether that was proposed."""

    hold_id: str
    operator_id: str
    role: str = "store"
    followed: bool | None = None
    reason: str | None = None


class PaymentAuthorized(Struct, frozen=True, array_like=True, gc=False, tag="payment.authorized"):
    """An amount is promised by the customer's bank; `tender` is the payment where it came after the placing."""

    payment_id: str
    amount_minor: int
    tender: Payment | None = None


class PaymentCaptured(Struct, frozen=True, array_like=True, gc=False, tag="payment.captured"):
    """An amount was taken; `tender` is the payment where it came after the placing."""

    payment_id: str
    amount_minor: int
    tender: Payment | None = None


class FulfillmentRouted(Struct, frozen=True, array_like=True, gc=False, tag="fulfillment.routed"):
    """A group got its source location, or none: `backorder` waits for goods."""

    group_id: str
    decision: Literal["fulfil_here", "other_store", "warehouse", "pickup", "backorder", "manual"]
    location_id: str | None


class StockReserved(Struct, frozen=True, array_like=True, gc=False, tag="stock.reserved"):
    """Quantities of lots are promised to a group."""

    group_id: str
    allocations: tuple[Allocation, ...]


class FulfillmentAccepted(Struct, frozen=True, array_like=True, gc=False, tag="fulfillment.accepted"):
    """The location took the group on."""

    group_id: str


class FulfillmentRejected(Struct, frozen=True, array_like=True, gc=False, tag="fulfillment.rejected"):
    """The location cannot serve the group; what was promised is free again.

    `avoided` is what routing leaves alone for a while because of it, where routing had decided.
    """

    group_id: str
    reason: str
    released: tuple[Allocation, ...]
    avoided: Avoided | None = None


class FulfillmentPicked(Struct, frozen=True, array_like=True, gc=False, tag="fulfillment.picked"):
    """The goods of a group are in the hand of the store."""

    group_id: str


class FulfillmentPacked(Struct, frozen=True, array_like=True, gc=False, tag="fulfillment.packed"):
    """The goods of a group are in a parcel."""

    group_id: str


class FulfillmentReadyForPickup(Struct, frozen=True, array_like=True, gc=False, tag="fulfillment.ready_for_pickup"):
    """The customer can come, until `expires_at_ms` (Unix time), with the code that `code_hash` was made of."""

    group_id: str
    code_hash: bytes | None = None
    expires_at_ms: int | None = None


class FulfillmentShipped(Struct, frozen=True, array_like=True, gc=False, tag="fulfillment.shipped"):
    """A carrier has the goods; they left the location."""

    group_id: str
    carrier: str
    tracking: str
    consumed: tuple[Allocation, ...]


class FulfillmentDelivered(Struct, frozen=True, array_like=True, gc=False, tag="fulfillment.delivered"):
    """The customer has the goods. `consumed` is empty where they had left the location before."""

    group_id: str
    consumed: tuple[Allocation, ...]


class PaymentReversal(Struct, frozen=True, array_like=True, gc=False):
    """What happens to one payment when its order is cancelled or returned: a new fact, never an edit."""

    payment_id: str
    kind: Literal["voided", "refunded"]
    amount_minor: int


class OrderCancelled(Struct, frozen=True, array_like=True, gc=False, tag="order.cancelled"):
    """What had not left was called off: promises are free again, payments are given back.

    Without `quantities` every group is called off; with them, so much of the lines of groups. `kind` says whether it
    was taken back at the till on its day (`voided`), never fetched (`expired`), refused while it was held (then
    `followed` is whether that was proposed), or went back to the centre that had assigned it (`handed_back`): then the
    customer still gets goods, and the payments count where they come from.
    """

    reason: str
    operator_id: str | None
    released: tuple[Allocation, ...]
    reversals: tuple[PaymentReversal, ...]
    quantities: tuple[GroupQuantity, ...] = ()
    kind: CancelKind = "cancelled"
    followed: bool | None = None


class OrderReturned(Struct, frozen=True, array_like=True, gc=False, tag="order.returned"):
    """Goods came back and were settled; `restocked` are for sale again, `damaged` are not.

    Both are empty where `return.inspected` has told them before. `credit_minor` of what is given back went into the
    order `exchanged_for`.
    """

    return_id: str
    quantities: tuple[tuple[str, int], ...]
    restocked: tuple[Allocation, ...]
    reversals: tuple[PaymentReversal, ...]
    damaged: tuple[Allocation, ...] = ()
    reason: str | None = None
    operator_id: str | None = None
    credit_minor: int = 0
    exchanged_for: UUID | None = None


class StockMoved(Struct, frozen=True, array_like=True, gc=False, tag="stock.moved"):
    """Stock changed with a cause of its own: goods came, went, or turned out to be there (`found`)."""

    movement_id: UUID
    cause: Literal["receipt", "write_off", "found", "not_found", "short", "damaged", "uncounted"]
    reference: str | None
    deltas: tuple[StockDelta, ...]


class InstructionAnswered(Struct, frozen=True, array_like=True, gc=False, tag="instruction.answered"):
    """What became of an instruction of the centre: done, refused with an error code, or parked until people look.

    `parked` may be followed by one of the others; they are final. `subject` is the order that it is about.
    """

    instruction_id: UUID
    kind: str
    subject: UUID | None
    outcome: Literal["applied", "refused", "parked"]
    code: str | None = None
    detail: str | None = None


LifecycleEvent = (
    OrderPlaced
    | OrderValidated
    | OrderHeld
    | OrderApproved
    | PaymentAuthorized
    | PaymentCaptured
    | FulfillmentRouted
    | StockReserved
    | FulfillmentAccepted
    | FulfillmentRejected
    | FulfillmentPicked
    | FulfillmentPacked
    | FulfillmentReadyForPickup
    | FulfillmentShipped
    | FulfillmentDelivered
    | OrderCancelled
    | OrderReturned
)
Event = (
    LifecycleEvent
    | StockMoved
    | InstructionAnswered
    | GroupChange
    | ReturnStep
    | GoodsTakenBack
    | DayClosed
    | AssignmentTaken
    | RoutingDecided
    | StockEvent
)

Movement = StockMoved | GoodsTakenBack | StockEvent
"""What changes stock without being about an order; each has a `movement_id`."""

LIFECYCLE_NAMES: Final = (
    "order.placed",
    "order.validated",
    "order.held",
    "order.approved",
    "payment.authorized",
    "payment.captured",
    "fulfillment.routed",
    "stock.reserved",
    "fulfillment.accepted",
    "fulfillment.rejected",
    "fulfillment.picked",
    "fulfillment.packed",
    "fulfillment.ready_for_pickup",
    "fulfillment.shipped",
    "fulfillment.delivered",
    "order.cancelled",
    "order.returned",
)


def name_of(event: Event) -> str:
    """The frozen name, as it stands in the log."""
    return str(event.__struct_config__.tag)


# A table and not a `match`: each `isinstance` of a struct that fails costs 0.3 us, and this runs for every event.
_DELTAS: Final[dict[type, Callable[[Any], tuple[StockDelta, ...]]]] = {
    StockReserved: lambda event: reserve(event.allocations),
    FulfillmentShipped: lambda event: consume(event.consumed),
    FulfillmentDelivered: lambda event: consume(event.consumed),
    FulfillmentRejected: lambda event: release(event.released),
    OrderCancelled: lambda event: release(event.released),
    OrderReturned: lambda event: restock(event.restocked),
    StockMoved: lambda event: event.deltas,
    GroupSplit: lambda event: release(event.released),
    ReturnInspected: lambda event: restock(event.restocked),
    GoodsTakenBack: lambda event: event.deltas,
    StockCounted: lambda event: event.deltas,
    StockHeld: lambda event: reserve(event.allocations),
    HoldEnded: lambda event: release(event.allocations),
    RightsGranted: lambda event: reserve(event.allocations),
    RightsSpent: lambda event: release(event.allocations),
    RightsReturned: lambda event: release(event.allocations),
}


def skus_in(event: Event) -> Iterable[str]:
    """The SKUs that an event is about: those that an order wants, those whose stock it changes."""
    if isinstance(event, OrderPlaced):
        return (line.sku for line in event.order.lines)
    return (delta.sku for delta in deltas_of(event))


def deltas_of(event: Event) -> tuple[StockDelta, ...]:
    """What the event changes in the stock of the location that recorded it."""
    find = _DELTAS.get(type(event))
    return () if find is None else find(event)

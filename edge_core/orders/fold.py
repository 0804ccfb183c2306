"""The state of an order as a fold over its events: `fold(state, event) -> state`, pure; an illegal event raises.

Equal events in equal order give equal states, byte for byte under `edge_core.canonical` (promise G5).
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import InvariantViolated
from edge_core.orders.document import Order
from edge_core.orders.events import (
    Event,
    FulfillmentAccepted,
    FulfillmentDelivered,
    FulfillmentPacked,
    FulfillmentPicked,
    FulfillmentReadyForPickup,
    FulfillmentRejected,
    FulfillmentRouted,
    FulfillmentShipped,
    OrderApproved,
    OrderCancelled,
    OrderHeld,
    OrderPlaced,
    OrderReturned,
    OrderValidated,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentReversal,
    StockMoved,
    StockReserved,
    name_of,
)
from edge_core.orders.machines import GROUP, ORDER, PAYMENT
from edge_core.stock.ledger import Allocation

K = TypeVar("K", bound=Struct)
GroupEvent = (
    FulfillmentAccepted
    | FulfillmentPicked
    | FulfillmentPacked
    | FulfillmentReadyForPickup
    | FulfillmentShipped
    | FulfillmentDelivered
)


class PaymentState(Struct, frozen=True, array_like=True, gc=False):
    """One payment: where it is in its table, what was taken and what was given back, in minor units."""

    payment_id: str
    status: str
    captured_minor: int = 0
    refunded_minor: int = 0


class GroupState(Struct, frozen=True, array_like=True, gc=False):
    """One group: where it is in its table, its source, what is promised to it, how often it was refused."""

    group_id: str
    status: str
    location_id: str | None = None
    allocations: tuple[Allocation, ...] = ()
    rejections: int = 0


class OrderState(Struct, frozen=True, array_like=True, gc=False):
    """An order as it stands. `revision` counts the events folded; parts keep the order of the document."""

    order: Order
    revision: int
    validated: bool
    holds: tuple[str, ...]
    approved: bool
    payments: tuple[PaymentState, ...]
    groups: tuple[GroupState, ...]
    returned: tuple[tuple[str, int], ...]

    @property
    def status(self) -> str:
        """The order's state, derived from its parts (docs/orders.md)."""
        return order_status(self)


def fold(state: OrderState | None, event: Event) -> OrderState:
    """The state after one event. Raises `InvariantViolated` for one that cannot follow."""
    if state is None:
        if isinstance(event, OrderPlaced):
            return _place(event.order)
        raise InvariantViolated(f"{name_of(event)} comes before order.placed")
    return replace(_EVOLVE[type(event)](state, event), revision=state.revision + 1)


def fold_all(state: OrderState | None, events: Iterable[Event]) -> OrderState:
    """Fold the events of an order; those of the stock namespace only count as seen."""
    for event in events:
        state = fold(state, event)
    if state is None:
        raise InvariantViolated("an order without events")
    return state


def order_status(state: OrderState) -> str:
    """Derive the order's state from its parts; the ORDER table names what may follow what."""
    live = [group for group in state.groups if group.status != "cancelled"]
    if not live:
        return "cancelled"
    if state.holds:
        return "held"
    if all(group.status == "delivered" for group in live):
        return _returned_status(state)
    if any(group.status not in {"unrouted", "backordered"} for group in live):
        return "in_fulfillment"
    if state.approved:
        return "approved"
    return "validated" if state.validated else "placed"


def _returned_status(state: OrderState) -> str:
    if not state.returned:
        return "completed"
    returned = dict(state.returned)
    whole = all(returned.get(line.line_id, 0) >= line.quantity_milli for line in state.order.lines)
    return "returned" if whole else "partially_returned"


def _place(order: Order) -> OrderState:
    return OrderState(
        order=order,
        revision=1,
        validated=False,
        holds=(),
        approved=False,
        payments=tuple(PaymentState(payment.payment_id, PAYMENT.initial) for payment in order.payments),
        groups=tuple(GroupState(group.group_id, GROUP.initial) for group in order.fulfillment_groups),
        returned=(),
    )


def _demand(state: OrderState, event: OrderValidated | OrderHeld | OrderReturned) -> None:
    """What happens to the order as a whole is legal where the ORDER table says so."""
    if not ORDER.is_legal(state.status, name_of(event)):
        raise InvariantViolated(f"order: {name_of(event)} is not legal in {state.status}")


def _place_again(_state: OrderState, _event: OrderPlaced) -> OrderState:
    raise InvariantViolated("order.placed twice")


def _validate(state: OrderState, event: OrderValidated) -> OrderState:
    _demand(state, event)
    return replace(state, validated=True)


def _hold(state: OrderState, event: OrderHeld) -> OrderState:
    _demand(state, event)
    if event.hold_id in state.holds:
        raise InvariantViolated(f"there is a hold {event.hold_id!r} already")
    return replace(state, holds=(*state.holds, event.hold_id))


def _approve(state: OrderState, event: OrderApproved) -> OrderState:
    if event.hold_id not in state.holds:
        raise InvariantViolated(f"there is no hold {event.hold_id!r} to approve")
    return replace(state, holds=tuple(h for h in state.holds if h != event.hold_id), approved=True)


def _authorize(state: OrderState, event: PaymentAuthorized) -> OrderState:
    def authorize(payment: PaymentState) -> PaymentState:
        return replace(payment, status=PAYMENT.next_state(payment.status, "payment.authorized"))

    return replace(state, payments=_change(state.payments, "payment_id", event.payment_id, authorize))


def _capture(state: OrderState, event: PaymentCaptured) -> OrderState:
    def capture(payment: PaymentState) -> PaymentState:
        status = PAYMENT.next_state(payment.status, "payment.captured")
        return replace(payment, status=status, captured_minor=payment.captured_minor + event.amount_minor)

    return replace(state, payments=_change(state.payments, "payment_id", event.payment_id, capture))


def _route(state: OrderState, event: FulfillmentRouted) -> OrderState:
    if not state.validated:
        raise InvariantViolated("fulfillment.routed comes before order.validated")
    on = "fulfillment.routed:backorder" if event.decision == "backorder" else "fulfillment.routed"
    return _progress(state, event.group_id, on, location_id=event.location_id)


def _reserve(state: OrderState, event: StockReserved) -> OrderState:
    return _progress(state, event.group_id, "stock.reserved", allocations=event.allocations)


def _reject(state: OrderState, event: FulfillmentRejected) -> OrderState:
    rejections = next((g.rejections + 1 for g in state.groups if g.group_id == event.group_id), 0)
    change = {"location_id": None, "allocations": (), "rejections": rejections}
    return _progress(state, event.group_id, "fulfillment.rejected", **change)


def _advance(state: OrderState, event: GroupEvent) -> OrderState:
    return _progress(state, event.group_id, name_of(event))


def _progress(state: OrderState, group_id: str, on: str, **change: object) -> OrderState:
    def progress(group: GroupState) -> GroupState:
        return replace(group, status=GROUP.next_state(group.status, on), **change)

    return replace(state, groups=_change(state.groups, "group_id", group_id, progress))


def _move(state: OrderState, _event: StockMoved) -> OrderState:
    """Stock found for an order changes the ledger, not the order."""
    return state


def _cancel(state: OrderState, event: OrderCancelled) -> OrderState:
    groups = tuple(
        replace(group, status=GROUP.next_state(group.status, "order.cancelled"), allocations=())
        for group in state.groups
    )
    return replace(
        state, groups=groups, holds=(), payments=_reverse(state.payments, event.reversals, "order.cancelled")
    )


def _return(state: OrderState, event: OrderReturned) -> OrderState:
    _demand(state, event)
    ordered = {line.line_id: line.quantity_milli for line in state.order.lines}
    returned = dict(state.returned)
    for line_id, quantity_milli in event.quantities:
        returned[line_id] = returned.get(line_id, 0) + quantity_milli
        if not 0 < quantity_milli <= returned[line_id] <= ordered.get(line_id, 0):
            raise InvariantViolated(f"{quantity_milli} of line {line_id!r} cannot come back")
    return replace(
        state,
        returned=tuple(sorted(returned.items())),
        payments=_reverse(state.payments, event.reversals, "order.returned"),
    )


def _reverse(
    payments: tuple[PaymentState, ...], reversals: tuple[PaymentReversal, ...], on: str
) -> tuple[PaymentState, ...]:
    for reversal in reversals:

        def reverse(payment: PaymentState, reversal: PaymentReversal = reversal) -> PaymentState:
            refunded = payment.refunded_minor + (reversal.amount_minor if reversal.kind == "refunded" else 0)
            partial = reversal.kind == "refunded" and refunded < payment.captured_minor
            status = PAYMENT.next_state(payment.status, f"{on}:partial" if partial else on)
            return replace(payment, status=status, refunded_minor=refunded)

        payments = _change(payments, "payment_id", reversal.payment_id, reverse)
    return payments


def _change(parts: tuple[K, ...], key: str, value: str, change: Callable[[K], K]) -> tuple[K, ...]:
    """Replace the one part whose key has the value. None, or two, is a bug."""
    found = [index for index, part in enumerate(parts) if getattr(part, key) == value]
    if len(found) != 1:
        raise InvariantViolated(f"there is not exactly one {key} {value!r}")
    index = found[0]
    return (*parts[:index], change(parts[index]), *parts[index + 1 :])


_EVOLVE: Final[Mapping[type, Callable[[OrderState, Any], OrderState]]] = MappingProxyType(
    {
        OrderPlaced: _place_again,
        OrderValidated: _validate,
        OrderHeld: _hold,
        OrderApproved: _approve,
        PaymentAuthorized: _authorize,
        PaymentCaptured: _capture,
        FulfillmentRouted: _route,
        StockReserved: _reserve,
        FulfillmentAccepted: _advance,
        FulfillmentRejected: _reject,
        FulfillmentPicked: _advance,
        FulfillmentPacked: _advance,
        FulfillmentReadyForPickup: _advance,
        FulfillmentShipped: _advance,
        FulfillmentDelivered: _advance,
        OrderCancelled: _cancel,
        OrderReturned: _return,
        StockMoved: _move,
    }
)

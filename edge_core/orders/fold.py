"""The state of an order as a fold over its events: `fold(state, event) -> state`, pure; an illegal event raises.

Equal events in equal order give equal states, byte for byte under `edge_core.canonical` (promise G5).
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

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
    InstructionAnswered,
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
    return fold_all(state, (event,))


def fold_all(state: OrderState | None, events: Iterable[Event]) -> OrderState:
    """Fold several events of one order; those of the stock namespace only count as seen.

    The parts are taken out once and put together once, because this runs for every entry at both ends.
    """
    draft = _Draft(state) if state is not None else None
    for event in events:
        if draft is None:
            if not isinstance(event, OrderPlaced):
                raise InvariantViolated(f"{name_of(event)} comes before order.placed")
            draft = _Draft(_place(event.order))
        else:
            _EVOLVE[type(event)](draft, event)
            draft.revision += 1
    if draft is None:
        raise InvariantViolated("an order without events")
    return draft.state()


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
        payments=tuple([PaymentState(payment.payment_id, PAYMENT.initial) for payment in order.payments]),
        groups=tuple([GroupState(group.group_id, GROUP.initial) for group in order.fulfillment_groups]),
        returned=(),
    )


class _Draft:
    """A state while events are folded into it: the parts by name, in the order of the document."""

    __slots__ = ("approved", "groups", "holds", "order", "payments", "returned", "revision", "validated")

    def __init__(self, state: OrderState) -> None:
        self.order = state.order
        self.revision = state.revision
        self.validated = state.validated
        self.holds = state.holds
        self.approved = state.approved
        self.payments = {payment.payment_id: payment for payment in state.payments}
        self.groups = {group.group_id: group for group in state.groups}
        if len(self.payments) != len(state.payments) or len(self.groups) != len(state.groups):
            raise InvariantViolated("two payments or two groups of one order share a name")
        self.returned = state.returned

    def state(self) -> OrderState:
        return OrderState(
            self.order,
            self.revision,
            self.validated,
            self.holds,
            self.approved,
            tuple(self.payments.values()),
            tuple(self.groups.values()),
            self.returned,
        )

    def payment(self, payment_id: str) -> PaymentState:
        found = self.payments.get(payment_id)
        if found is None:
            raise InvariantViolated(f"there is no payment {payment_id!r}")
        return found

    def group(self, group_id: str) -> GroupState:
        found = self.groups.get(group_id)
        if found is None:
            raise InvariantViolated(f"there is no group {group_id!r}")
        return found


def _demand(draft: _Draft, event: OrderValidated | OrderHeld | OrderReturned) -> None:
    """What happens to the order as a whole is legal where the ORDER table says so."""
    status = draft.state().status
    if not ORDER.is_legal(status, name_of(event)):
        raise InvariantViolated(f"order: {name_of(event)} is not legal in {status}")


def _place_again(_draft: _Draft, _event: OrderPlaced) -> None:
    raise InvariantViolated("order.placed twice")


def _validate(draft: _Draft, event: OrderValidated) -> None:
    if draft.revision > 1:  # right after its placing an order is always `placed`
        _demand(draft, event)
    draft.validated = True


def _hold(draft: _Draft, event: OrderHeld) -> None:
    _demand(draft, event)
    if event.hold_id in draft.holds:
        raise InvariantViolated(f"there is a hold {event.hold_id!r} already")
    draft.holds = (*draft.holds, event.hold_id)


def _approve(draft: _Draft, event: OrderApproved) -> None:
    if event.hold_id not in draft.holds:
        raise InvariantViolated(f"there is no hold {event.hold_id!r} to approve")
    draft.holds = tuple(hold for hold in draft.holds if hold != event.hold_id)
    draft.approved = True


def _authorize(draft: _Draft, event: PaymentAuthorized) -> None:
    payment = draft.payment(event.payment_id)
    status = PAYMENT.next_state(payment.status, "payment.authorized")
    draft.payments[event.payment_id] = replace(payment, status=status)


def _capture(draft: _Draft, event: PaymentCaptured) -> None:
    payment = draft.payment(event.payment_id)
    status = PAYMENT.next_state(payment.status, "payment.captured")
    captured_minor = payment.captured_minor + event.amount_minor
    draft.payments[event.payment_id] = replace(payment, status=status, captured_minor=captured_minor)


def _route(draft: _Draft, event: FulfillmentRouted) -> None:
    if not draft.validated:
        raise InvariantViolated("fulfillment.routed comes before order.validated")
    on = "fulfillment.routed:backorder" if event.decision == "backorder" else "fulfillment.routed"
    group = draft.group(event.group_id)
    status = GROUP.next_state(group.status, on)
    draft.groups[event.group_id] = replace(group, status=status, location_id=event.location_id)


def _reserve(draft: _Draft, event: StockReserved) -> None:
    group = draft.group(event.group_id)
    status = GROUP.next_state(group.status, "stock.reserved")
    draft.groups[event.group_id] = replace(group, status=status, allocations=event.allocations)


def _reject(draft: _Draft, event: FulfillmentRejected) -> None:
    group = draft.group(event.group_id)
    status = GROUP.next_state(group.status, "fulfillment.rejected")
    draft.groups[event.group_id] = GroupState(group.group_id, status, rejections=group.rejections + 1)


def _advance(draft: _Draft, event: GroupEvent) -> None:
    group = draft.group(event.group_id)
    draft.groups[event.group_id] = replace(group, status=GROUP.next_state(group.status, name_of(event)))


def _cancel(draft: _Draft, event: OrderCancelled) -> None:
    for group_id, group in draft.groups.items():
        status = GROUP.next_state(group.status, "order.cancelled")
        draft.groups[group_id] = replace(group, status=status, allocations=())
    draft.holds = ()
    _reverse(draft, event.reversals, "order.cancelled")


def _return(draft: _Draft, event: OrderReturned) -> None:
    _demand(draft, event)
    ordered = {line.line_id: line.quantity_milli for line in draft.order.lines}
    returned = dict(draft.returned)
    for line_id, quantity_milli in event.quantities:
        returned[line_id] = returned.get(line_id, 0) + quantity_milli
        if not 0 < quantity_milli <= returned[line_id] <= ordered.get(line_id, 0):
            raise InvariantViolated(f"{quantity_milli} of line {line_id!r} cannot come back")
    draft.returned = tuple(sorted(returned.items()))
    _reverse(draft, event.reversals, "order.returned")


def _move(_draft: _Draft, _event: StockMoved | InstructionAnswered) -> None:
    """Stock found for an order changes the ledger, an answer tells the centre; neither changes the order."""


def _reverse(draft: _Draft, reversals: tuple[PaymentReversal, ...], on: str) -> None:
    for reversal in reversals:
        payment = draft.payment(reversal.payment_id)
        refunded_minor = payment.refunded_minor + (reversal.amount_minor if reversal.kind == "refunded" else 0)
        partial = reversal.kind == "refunded" and refunded_minor < payment.captured_minor
        status = PAYMENT.next_state(payment.status, f"{on}:partial" if partial else on)
        draft.payments[reversal.payment_id] = replace(payment, status=status, refunded_minor=refunded_minor)


_EVOLVE: Final[Mapping[type, Callable[[_Draft, Any], None]]] = MappingProxyType(
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
        InstructionAnswered: _move,
    }
)

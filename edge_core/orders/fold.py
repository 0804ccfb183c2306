"""The state of an order as a fold over its events: `fold(state, event) -> state`, pure; an illegal event raises.

Equal events in equal order give equal states, byte for byte under `edge_core.canonical` (promise G5).
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, get_args

from msgspec.structs import replace

from edge_core.errors import InvariantViolated
from edge_core.orders.day_events import DayClosed
from edge_core.orders.draft import Draft
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
    Movement,
    OrderApproved,
    OrderCancelled,
    OrderHeld,
    OrderPlaced,
    OrderReturned,
    OrderValidated,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentReversal,
    StockReserved,
    name_of,
)
from edge_core.orders.fold_further import FURTHER, end_assignment, settle_return, unasked
from edge_core.orders.machines import GROUP, ORDER, PAYMENT
from edge_core.orders.parts import add_up, by_group, cut_group
from edge_core.orders.state import GroupState, HoldState, OrderState, PaymentState, order_status

__all__ = ["GroupState", "OrderState", "PaymentState", "fold", "fold_all", "order_status"]

GroupEvent = FulfillmentAccepted | FulfillmentPicked | FulfillmentPacked | FulfillmentDelivered


def fold(state: OrderState | None, event: Event) -> OrderState:
    """The state after one event. Raises `InvariantViolated` for one that cannot follow."""
    return fold_all(state, (event,))


def fold_all(state: OrderState | None, events: Iterable[Event]) -> OrderState:
    """Fold several events of one order; those of the stock namespace only count as seen.

    The parts are taken out once and put together once, because this runs for every entry at both ends.
    """
    draft = Draft(state) if state is not None else None
    for event in events:
        if draft is None:
            if not isinstance(event, OrderPlaced):
                raise InvariantViolated(f"{name_of(event)} comes before order.placed")
            draft = Draft(_place(event))
        else:
            _EVOLVE[type(event)](draft, event)
            draft.revision += 1
    if draft is None:
        raise InvariantViolated("an order without events")
    return draft.state()


def _place(event: OrderPlaced) -> OrderState:
    order = event.order
    return OrderState(
        order=order,
        revision=1,
        validated=False,
        holds=(),
        approved=False,
        payments=tuple([PaymentState(payment.payment_id, PAYMENT.initial) for payment in order.payments]),
        groups=tuple(
            [
                GroupState(group.group_id, GROUP.initial, method=group.method, lines=group.lines)
                for group in order.fulfillment_groups
            ]
        ),
        returned=(),
        services=event.services,
    )


def _demand(draft: Draft, event: OrderValidated | OrderHeld) -> None:
    """What happens to the order as a whole is legal where the ORDER table says so."""
    status = draft.state().status
    if not ORDER.is_legal(status, name_of(event)):
        raise InvariantViolated(f"order: {name_of(event)} is not legal in {status}")


def _place_again(_draft: Draft, _event: OrderPlaced) -> None:
    raise InvariantViolated("order.placed twice")


def _validate(draft: Draft, event: OrderValidated) -> None:
    if draft.revision > 1:  # right after its placing an order is always `placed`
        _demand(draft, event)
    draft.validated = True


def _hold(draft: Draft, event: OrderHeld) -> None:
    """A new hold, or one that goes up its ladder: that is for the same reasons still."""
    before = next((hold for hold in draft.held if hold.hold_id == event.hold_id), None)
    if before is not None and event.level == before.level + 1:
        hold = replace(before, owner=event.owner, due_at_ms=event.due_at_ms, level=event.level, ladder=event.ladder)
        draft.held = tuple(hold if each.hold_id == event.hold_id else each for each in draft.held)
        return
    _demand(draft, event)
    if event.hold_id in draft.holds:
        raise InvariantViolated(f"there is a hold {event.hold_id!r} already")
    draft.holds = (*draft.holds, event.hold_id)
    hold = HoldState(
        event.hold_id,
        event.owner,
        event.due_at_ms,
        event.level,
        event.ladder,
        event.proposal,
        event.reasons,
        event.findings,
    )
    draft.held = (*draft.held, hold)


def _approve(draft: Draft, event: OrderApproved) -> None:
    if event.hold_id not in draft.holds:
        raise InvariantViolated(f"there is no hold {event.hold_id!r} to approve")
    draft.holds = tuple(hold for hold in draft.holds if hold != event.hold_id)
    draft.held = tuple(hold for hold in draft.held if hold.hold_id != event.hold_id)
    draft.approved = True


def _authorize(draft: Draft, event: PaymentAuthorized) -> None:
    if event.tender is not None:
        draft.note_tender(event.tender)
    payment = draft.payment(event.payment_id)
    status = PAYMENT.next_state(payment.status, "payment.authorized")
    draft.payments[event.payment_id] = replace(payment, status=status)


def _capture(draft: Draft, event: PaymentCaptured) -> None:
    if event.tender is not None:
        draft.note_tender(event.tender)
    payment = draft.payment(event.payment_id)
    status = PAYMENT.next_state(payment.status, "payment.captured")
    captured_minor = payment.captured_minor + event.amount_minor
    draft.payments[event.payment_id] = replace(payment, status=status, captured_minor=captured_minor)


def _route(draft: Draft, event: FulfillmentRouted) -> None:
    if not draft.validated:
        raise InvariantViolated("fulfillment.routed comes before order.validated")
    on = "fulfillment.routed:backorder" if event.decision == "backorder" else "fulfillment.routed"
    group = draft.group(event.group_id)
    status = GROUP.next_state(group.status, on)
    draft.groups[event.group_id] = replace(unasked(group), status=status, location_id=event.location_id)


def _reserve(draft: Draft, event: StockReserved) -> None:
    group = draft.group(event.group_id)
    status = GROUP.next_state(group.status, "stock.reserved")
    draft.groups[event.group_id] = replace(group, status=status, allocations=event.allocations)


def _reject(draft: Draft, event: FulfillmentRejected) -> None:
    group = draft.group(event.group_id)
    status = GROUP.next_state(group.status, "fulfillment.rejected")
    draft.groups[event.group_id] = GroupState(
        group.group_id,
        status,
        rejections=group.rejections + 1,
        method=group.method,
        lines=group.lines,
        ship_to=group.ship_to,
        avoided=group.avoided if event.avoided is None else (*group.avoided, event.avoided),
    )


def _advance(draft: Draft, event: GroupEvent) -> None:
    group = draft.group(event.group_id)
    draft.groups[event.group_id] = replace(group, status=GROUP.next_state(group.status, name_of(event)))


def _ship(draft: Draft, event: FulfillmentShipped) -> None:
    group = draft.group(event.group_id)
    status = GROUP.next_state(group.status, "fulfillment.shipped")
    draft.groups[event.group_id] = replace(group, status=status, carrier=event.carrier)


def _ready(draft: Draft, event: FulfillmentReadyForPickup) -> None:
    group = draft.group(event.group_id)
    draft.groups[event.group_id] = replace(
        group,
        status=GROUP.next_state(group.status, name_of(event)),
        code_hash=event.code_hash,
        expires_at_ms=event.expires_at_ms,
    )


def _cancel(draft: Draft, event: OrderCancelled) -> None:
    """Without quantities every group ends; with them a group ends of which nothing is left."""
    on = "order.cancelled" if event.kind == "cancelled" else f"order.cancelled:{event.kind}"
    if event.quantities:
        leaving = by_group(event.quantities)
    else:
        leaving = {group_id: _all_of(group) for group_id, group in draft.groups.items()}
    for group_id, parts in leaving.items():
        group = draft.group(group_id)
        status = GROUP.next_state(group.status, on)
        rest, _ = cut_group(group, parts)
        draft.groups[group_id] = rest if rest.lines else replace(rest, status=status)
    gone = [part for parts in leaving.values() for part in parts]
    draft.cancelled = tuple(sorted(add_up((*draft.cancelled, *gone)).items()))
    if event.kind == "refused" or all(group.status == "cancelled" for group in draft.groups.values()):
        draft.holds, draft.held = (), ()
    if event.kind == "handed_back":
        end_assignment(draft, event.reason)
    _reverse(draft, event.reversals, "order.cancelled")


def _all_of(group: GroupState) -> list[tuple[str, int]]:
    return [(line.line_id, line.quantity_milli) for line in group.lines]


def _return(draft: Draft, event: OrderReturned) -> None:
    settle_return(draft, event)
    _reverse(draft, event.reversals, "order.returned")


def _move(_draft: Draft, _event: Movement | InstructionAnswered | DayClosed) -> None:
    """These change the ledger, tell the centre something, or are of all orders; none of them changes an order."""


def _reverse(draft: Draft, reversals: tuple[PaymentReversal, ...], on: str) -> None:
    for reversal in reversals:
        payment = draft.payment(reversal.payment_id)
        refunded_minor = payment.refunded_minor + reversal.amount_minor
        if refunded_minor > payment.captured_minor:
            raise InvariantViolated(f"more would be given back of {reversal.payment_id!r} than was taken")
        if reversal.kind == "voided":
            variant = ":voided" if payment.captured_minor else ""
        else:
            variant = ":partial" if refunded_minor < payment.captured_minor else ""
        status = PAYMENT.next_state(payment.status, f"{on}{variant}")
        draft.payments[reversal.payment_id] = replace(payment, status=status, refunded_minor=refunded_minor)


_EVOLVE: Final[Mapping[type, Callable[[Draft, Any], None]]] = MappingProxyType(
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
        FulfillmentReadyForPickup: _ready,
        FulfillmentShipped: _ship,
        FulfillmentDelivered: _advance,
        OrderCancelled: _cancel,
        OrderReturned: _return,
        InstructionAnswered: _move,
        DayClosed: _move,
        **dict.fromkeys(get_args(Movement), _move),
        **FURTHER,
    }
)

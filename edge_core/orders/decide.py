"""What a command leads to: `decide(world, command) -> Accepted | Rejected`, pure.

Time and new identifiers travel in the command. The world is what the decision may look at: the order that the command
names, and the positions of the SKUs named.
"""

from typing import assert_never

from edge_core.errors import Rejected
from edge_core.orders.assigning import take_assignment
from edge_core.orders.cancelling import cancel_rest
from edge_core.orders.commands import (
    AdvanceOrder,
    CancelOrder,
    ChangeHold,
    CloseDay,
    Command,
    CountStock,
    ExchangeOrder,
    HoldStock,
    MoveStock,
    OnOrder,
    OnStock,
    OrderHeldGoods,
    PlaceOrder,
    SetQuota,
    ShareRights,
    TakeAssignment,
    TakeBack,
)
from edge_core.orders.counted import count_stock
from edge_core.orders.days import close_day
from edge_core.orders.events import Event
from edge_core.orders.exchanging import exchange
from edge_core.orders.fulfilling import advance
from edge_core.orders.keeping import change_hold, hold_stock, order_held_goods
from edge_core.orders.legality import may_give, not_allowed
from edge_core.orders.machines import ORDER
from edge_core.orders.moving import move_stock
from edge_core.orders.placing import place_order
from edge_core.orders.quoting import set_quota
from edge_core.orders.sharing import share_rights
from edge_core.orders.state import OrderState
from edge_core.orders.unreceipted import take_back_unreceipted
from edge_core.orders.world import Accepted, World
from edge_core.stock.reservations import Reservation


def decide(world: World, command: Command) -> Accepted | Rejected:
    """Decide a command against the world. Changes nothing."""
    match command:
        case PlaceOrder():
            return _accepted(place_order(world, command))
        case TakeAssignment():
            return _accepted(take_assignment(world, command))
        case CancelOrder() | AdvanceOrder() | ExchangeOrder():
            state = _expected(world, command)
            return state if isinstance(state, Rejected) else _decide_on(world, state, command)
        case OrderHeldGoods():
            return order_held_goods(world, command)
        case CloseDay():
            return _accepted(close_day(world.closed, command))
        case _:
            return _accepted(_about_stock(world, command))


def _about_stock(world: World, command: OnStock) -> tuple[Event, ...] | Rejected:
    match command:
        case TakeBack():
            return take_back_unreceipted(world, command)
        case MoveStock():
            return move_stock(world, command)
        case CountStock():
            return count_stock(world, command)
        case ShareRights():
            return share_rights(world, command)
        case SetQuota():
            return set_quota(world, command)
        case HoldStock():
            return hold_stock(world, command)
        case ChangeHold():
            return change_hold(world, command)
        case _:
            assert_never(command)


def skus_of(command: Command, order: OrderState | None = None, hold: Reservation | None = None) -> frozenset[str]:
    """The SKUs whose positions a decision on the command needs to see; `order` or `hold` is what it names."""
    match command:
        case PlaceOrder():
            return frozenset([line.sku for line in command.posted.lines])
        case ShareRights():
            owner_id, sku = command.request.key(command.life.node_id)
            return frozenset({sku}) if owner_id == command.life.node_id else frozenset()
        case SetQuota():
            return frozenset({command.request.sku})
        case TakeAssignment() | OrderHeldGoods():
            return frozenset(line.sku for line in command.place.posted.lines) | _skus_held(hold)
        case ChangeHold():
            return _skus_held(hold)
        case MoveStock() | TakeBack() | CountStock() | HoldStock():
            return frozenset(line.sku for line in command.request.lines)
        case AdvanceOrder():
            return _skus_in(order)
        case ExchangeOrder():
            return _skus_in(order) | {line.sku for line in command.place.posted.lines}
        case CancelOrder() | CloseDay():
            return frozenset()
        case _:
            assert_never(command)


def _decide_on(world: World, state: OrderState, command: OnOrder) -> Accepted | Rejected:
    match command:
        case CancelOrder():
            return _accepted(_cancel(state, command))
        case AdvanceOrder():
            return _accepted(advance(world, state, command))
        case ExchangeOrder():
            return exchange(world, state, command)
        case _:
            assert_never(command)


def _cancel(state: OrderState, command: CancelOrder) -> tuple[Event, ...] | Rejected:
    row = ORDER.commanded(state.status, "cancel")
    if row is None:
        return not_allowed(state, "cancel", f"the order is {state.status}")
    return may_give(row, command.role) or cancel_rest(state, command.request)


def _expected(world: World, command: OnOrder) -> OrderState | Rejected:
    """The order that the command names, as it expects to find it."""
    state, expected = world.order, command.request.expected_revision
    if state is None:
        return Rejected("order-not-found", f"there is no order {command.order_id} here")
    if state.assigned is not None and state.assigned.ended is not None:
        detail = f"the order went back to the centre: {state.assigned.ended}"
        return Rejected("assignment-over", detail, state=state.status)
    if expected is not None and expected != state.revision:
        detail = f"the order is at revision {state.revision}, the command expected {expected}"
        return Rejected("revision-stale", detail, "/expected_revision", state=state.status)
    return state


def _skus_in(order: OrderState | None) -> frozenset[str]:
    return frozenset(line.sku for line in order.order.lines) if order is not None else frozenset()


def _skus_held(hold: Reservation | None) -> frozenset[str]:
    return frozenset(allocation.sku for allocation in hold.allocations) if hold is not None else frozenset()


def _accepted(decided: tuple[Event, ...] | Rejected) -> Accepted | Rejected:
    return decided if isinstance(decided, Rejected) else Accepted(decided)

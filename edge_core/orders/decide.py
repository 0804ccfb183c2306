"""What a command leads to: `decide(world, command) -> Accepted | Rejected`, pure.

Time and new identifiers travel in the command. The world is what the decision may look at: the order that the command
names, and the positions of the SKUs named.
"""

from collections.abc import Sequence
from typing import assert_never

from edge_core.errors import InvariantViolated, Rejected
from edge_core.orders.commands import AdvanceOrder, CancelOrder, Command, MovementLine, MoveStock, PlaceOrder
from edge_core.orders.document import FulfillmentGroup, GroupLine, Order, OrderTotals, TillOrder
from edge_core.orders.events import (
    Event,
    FulfillmentDelivered,
    FulfillmentRouted,
    OrderCancelled,
    OrderPlaced,
    OrderValidated,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentReversal,
    StockMoved,
    StockReserved,
)
from edge_core.orders.fold import OrderState, PaymentState
from edge_core.orders.fulfilling import advance
from edge_core.orders.machines import GROUP
from edge_core.orders.returning import take_back
from edge_core.orders.validation import CHECK_NAMES, is_date
from edge_core.orders.world import Accepted, World
from edge_core.stock.ledger import Allocation, Position, StockDelta, allocate, apply_delta

MAIN_GROUP = "g1"


def decide(world: World, command: Command) -> Accepted | Rejected:
    """Decide a command against the world. Changes nothing."""
    match command:
        case PlaceOrder():
            return _place(world, command)
        case CancelOrder():
            return _cancel(world, command)
        case AdvanceOrder():
            return _advance(world, command)
        case MoveStock():
            return _move(world, command)
        case _:
            assert_never(command)


# --- placing ---------------------------------------------------------------------------------------------------------


def _place(world: World, command: PlaceOrder) -> Accepted | Rejected:
    posted = command.posted
    carry_out = posted.fulfillment.method == "carry_out"
    found = _find_untracked(world, command) if carry_out else ()
    allocations = _allocate_lines(world, posted, command.business_date, found)
    if isinstance(allocations, Rejected):
        return allocations
    events: list[Event] = [OrderPlaced(_document(command)), OrderValidated(CHECK_NAMES)]
    events += _payments(posted)
    if found:
        events.append(StockMoved(command.order_id, "found", None, found))
    if allocations is None:
        events.append(FulfillmentRouted(MAIN_GROUP, "backorder", None))
        return Accepted(tuple(events))
    pickup = posted.fulfillment.method == "pickup"
    events.append(FulfillmentRouted(MAIN_GROUP, "pickup" if pickup else "fulfil_here", command.location_id))
    events.append(StockReserved(MAIN_GROUP, allocations))
    if carry_out:
        events.append(FulfillmentDelivered(MAIN_GROUP, allocations))
    return Accepted(tuple(events))


def _find_untracked(world: World, command: PlaceOrder) -> tuple[StockDelta, ...]:
    """Goods in the customer's hand of SKUs that the ledger has never seen: they are there, so they are found stock."""
    found: dict[str, StockDelta] = {}
    for line in command.posted.lines:
        if not world.stock.get(line.sku):
            before = found.get(line.sku)
            quantity = line.quantity_milli + (before.on_hand_milli if before else 0)
            found[line.sku] = StockDelta(line.sku, None, before.unit if before else line.unit, on_hand_milli=quantity)
    return tuple(found.values())


def _allocate_lines(
    world: World, posted: TillOrder, business_date: str, found: tuple[StockDelta, ...]
) -> tuple[Allocation, ...] | Rejected | None:
    """Allocations for every line, together within what is free; None for an order that must wait for unknown goods."""
    stock: dict[str, Sequence[Position]] = dict(world.stock)
    for delta in found:
        stock[delta.sku] = (apply_delta(None, delta),)
    if any(not stock.get(line.sku) for line in posted.lines):
        return None
    found_skus = {delta.sku for delta in found}
    is_repeated = len(stock) < len(posted.lines)
    allocations: list[Allocation] = []
    for index, line in enumerate(posted.lines):
        positions = stock[line.sku]
        if positions[0].unit != line.unit:
            detail = f"{line.sku} is kept in {positions[0].unit}, the line says {line.unit}"
            return Rejected("unit-mismatch", detail, f"/lines/{index}/unit")
        taken = allocate(
            positions,
            line_id=line.line_id,
            quantity_milli=line.quantity_milli,
            lot=None if line.sku in found_skus else line.lot,
            business_date=business_date,
        )
        if taken is None:
            return _out_of_stock(index, line.sku, line.quantity_milli, positions)
        if is_repeated:  # a later line may want of the same
            stock[line.sku] = [_less(position, taken) for position in positions]
        allocations += taken
    return tuple(allocations)


def _less(position: Position, taken: tuple[Allocation, ...]) -> Position:
    for allocation in taken:
        if allocation.lot == position.lot:
            delta = StockDelta(position.sku, position.lot, position.unit, reserved_milli=allocation.quantity_milli)
            return apply_delta(position, delta)
    return position


def _out_of_stock(index: int, sku: str, wanted_milli: int, positions: Sequence[Position]) -> Rejected:
    free = sum(position.free_milli for position in positions)
    detail = f"{sku}: {wanted_milli} thousandths wanted, {free} free (lots past their date are not sold)"
    return Rejected("out-of-stock", detail, f"/lines/{index}")


def _document(command: PlaceOrder) -> Order:
    """The kept document: what was posted, and what is the agent's to give."""
    posted = command.posted
    totals = posted.totals
    customer = posted.customer
    request = posted.fulfillment
    return Order(
        order_id=command.order_id,
        display_number=command.display_number,
        idempotency_key=command.idempotency_key,
        payload_hash=command.payload_hash,
        order_type=posted.order_type,
        channel=posted.channel,
        store_id=posted.store_id,
        terminal_id=posted.terminal_id,
        operator_id=posted.operator_id,
        placed_at=posted.placed_at,
        business_date=command.business_date,
        offline=command.offline,
        customer_ref=customer.ref if customer else None,
        customer_tier=customer.tier if customer else None,
        bill_to=posted.bill_to,
        ship_to=request.ship_to,
        currency=posted.currency,
        lines=posted.lines,
        adjustments=posted.adjustments,
        tax_lines=posted.tax_lines,
        totals=OrderTotals(
            totals.gross_minor,
            totals.discount_minor,
            totals.net_minor,
            totals.tax_minor,
            totals.shipping_minor,
            totals.grand_total_minor,
            posted.prices_include_tax,
        ),
        payments=posted.payments,
        payment_terms=posted.payment_terms,
        fulfillment_groups=(
            FulfillmentGroup(
                MAIN_GROUP,
                request.method,
                tuple(GroupLine(line.line_id, line.quantity_milli) for line in posted.lines),
                request.preference,
            ),
        ),
        promise=request.promise,
        attribution=posted.attribution,
        policy_versions={},
    )


def _payments(posted: TillOrder) -> list[Event]:
    events: list[Event] = []
    for payment in posted.payments:
        if payment.status == "authorized":
            events.append(PaymentAuthorized(payment.payment_id, payment.amount_minor))
        elif payment.status == "captured":
            events.append(PaymentCaptured(payment.payment_id, payment.amount_minor))
    return events


# --- cancelling ------------------------------------------------------------------------------------------------------


def _advance(world: World, command: AdvanceOrder) -> Accepted | Rejected:
    state = _expected(world, command)
    if isinstance(state, Rejected):
        return state
    return take_back(state, command) if command.name == "return" else advance(world, state, command)


def _expected(world: World, command: CancelOrder | AdvanceOrder) -> OrderState | Rejected:
    """The order that the command names, as it expects to find it."""
    state, expected = world.order, command.request.expected_revision
    if state is None:
        return Rejected("order-not-found", f"there is no order {command.order_id} here")
    if expected is not None and expected != state.revision:
        detail = f"the order is at revision {state.revision}, the command expected {expected}"
        return Rejected("revision-stale", detail, "/expected_revision", state=state.status)
    return state


def _cancel(world: World, command: CancelOrder) -> Accepted | Rejected:
    state, request = _expected(world, command), command.request
    if isinstance(state, Rejected):
        return state
    stuck = [group for group in state.groups if not GROUP.is_legal(group.status, "order.cancelled")]
    if stuck:
        allowed = GROUP.allowed(stuck[0].status)
        detail = f"the order is {state.status}; a group that is {stuck[0].status} cannot be cancelled"
        return Rejected("command-not-allowed", detail, state=state.status, allowed=allowed)
    released = tuple(allocation for group in state.groups for allocation in group.allocations)
    reversals = tuple(_reversal(p) for p in state.payments if p.status not in {"voided", "refunded", "failed"})
    return Accepted((OrderCancelled(request.reason, request.operator_id, released, reversals),))


def _reversal(payment: PaymentState) -> PaymentReversal:
    if payment.captured_minor:
        return PaymentReversal(payment.payment_id, "refunded", payment.captured_minor - payment.refunded_minor)
    return PaymentReversal(payment.payment_id, "voided", 0)


# --- stock -----------------------------------------------------------------------------------------------------------


def _move(world: World, command: MoveStock) -> Accepted | Rejected:
    request = command.request
    sign = 1 if request.movement == "receipt" else -1
    stock = {(p.sku, p.lot): p for positions in world.stock.values() for p in positions}
    deltas: list[StockDelta] = []
    for index, line in enumerate(request.lines):
        units = {p.unit for (sku, _), p in stock.items() if sku == line.sku}
        position = stock.get((line.sku, line.lot))
        found = _check_movement(index, line, units, position, sign)
        if found is not None:
            return found
        delta = StockDelta(
            line.sku, line.lot, line.unit, on_hand_milli=sign * line.quantity_milli, expires_on=line.expires_on
        )
        stock[line.sku, line.lot] = apply_delta(position, delta)
        deltas.append(delta)
    return Accepted((StockMoved(command.movement_id, request.movement, request.reference, tuple(deltas)),))


def _check_movement(
    index: int, line: MovementLine, units: set[str], position: Position | None, sign: int
) -> Rejected | None:
    pointer = f"/lines/{index}"
    if line.expires_on is not None and not is_date(line.expires_on):
        return Rejected("invalid-time", f"{line.expires_on} does not exist", f"{pointer}/expires_on")
    if units and units != {line.unit}:
        detail = f"{line.sku} is kept in {min(units)}, the line says {line.unit}"
        return Rejected("unit-mismatch", detail, f"{pointer}/unit")
    if position is not None and line.expires_on not in {None, position.expires_on}:
        detail = f"lot {line.lot} of {line.sku} is recorded as expiring on {position.expires_on}"
        return Rejected("lot-mismatch", detail, f"{pointer}/expires_on")
    free = position.free_milli if position is not None else 0
    if sign < 0 and line.quantity_milli > free:
        return Rejected("out-of-stock", f"{line.sku}: {line.quantity_milli} to write off, {free} free", pointer)
    return None


def skus_of(command: Command, order: OrderState | None = None) -> frozenset[str]:
    """The SKUs whose positions a decision on the command needs to see; `order` is the one that it names."""
    match command:
        case PlaceOrder():
            return frozenset(line.sku for line in command.posted.lines)
        case MoveStock():
            return frozenset(line.sku for line in command.request.lines)
        case AdvanceOrder():
            return frozenset(line.sku for line in order.order.lines) if order is not None else frozenset()
        case CancelOrder():
            return frozenset()
        case _:
            raise InvariantViolated(f"no such command: {command!r}")

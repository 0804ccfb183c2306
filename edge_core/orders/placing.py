"""Taking an order in: its document, its payments, and goods promised, found, handed over, or waited for."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from edge_core.checks.judge import BUILT_IN, judge
from edge_core.errors import Rejected
from edge_core.orders.commands import PlaceOrder
from edge_core.orders.document import FulfillmentGroup, GroupLine, Order, OrderTotals, Promise, TillOrder
from edge_core.orders.events import (
    Event,
    FulfillmentDelivered,
    FulfillmentRouted,
    OrderPlaced,
    OrderValidated,
    PaymentAuthorized,
    PaymentCaptured,
    StockMoved,
    StockReserved,
)
from edge_core.orders.judgment import Basis
from edge_core.orders.promising import Wanted, promise
from edge_core.orders.quoting import Draw, channel_of, draw_quotas
from edge_core.orders.rendering import rfc3339
from edge_core.orders.sending import Sending, Sent, send
from edge_core.orders.validation import CHECK_NAMES
from edge_core.orders.world import World
from edge_core.stock.ledger import Allocation, StockDelta, apply_delta

MAIN_GROUP = "g1"


def place_order(
    world: World, command: PlaceOrder, kept: Mapping[str, int] = MappingProxyType({})
) -> tuple[Event, ...] | Rejected:
    """The events of taking an order in. A carry-out sale is over with them,
    unless it is held. `kept` was held for it, by SKU."""
    posted = command.posted
    judged = judge(world.evidence, posted, business_date=command.business_date, now_ms=command.now_ms)
    if isinstance(judged, Rejected):
        return judged
    carry_out = posted.fulfillment.method == "carry_out"
    found = _find_untracked(world, command) if carry_out else ()
    allocations = _allocate_lines(world, posted, command.business_date, found)
    if isinstance(allocations, Rejected):
        return allocations
    drawn = _draw(world, command, allocations or (), kept)
    if isinstance(drawn, Rejected):
        return drawn
    document, sent = _route(world, command, _document(command, judged.basis), is_here=allocations is not None)
    events: list[Event] = [
        OrderPlaced(document, posted.confirmations, posted.fulfillment.services),
        OrderValidated(CHECK_NAMES, None if judged.basis is BUILT_IN else judged.basis),
    ]
    events += _payments(posted)
    if found:
        events.append(StockMoved(command.order_id, "found", None, found))
    hold = () if judged.hold is None else (judged.hold,)
    if allocations is None:
        events.append(FulfillmentRouted(MAIN_GROUP, "backorder", None))
        return *events, *hold
    events += drawn
    if sent is not None:
        names = [group.group_id for group in document.fulfillment_groups]
        events += sent.events(names, command.location_id, allocations)
        hold_id = f"h{len(events) + len(hold) + 1}"
        return *events, *hold, *sent.hold(world.rules, hold_id=hold_id, now_ms=command.now_ms)
    pickup = posted.fulfillment.method == "pickup"
    events.append(FulfillmentRouted(MAIN_GROUP, "pickup" if pickup else "fulfil_here", command.location_id))
    events.append(StockReserved(MAIN_GROUP, allocations))
    if carry_out and not hold:  # goods of a sale that is held stay behind the counter, promised to it
        events.append(FulfillmentDelivered(MAIN_GROUP, allocations))
    return *events, *hold


def _route(world: World, command: PlaceOrder, document: Order, *, is_here: bool) -> tuple[Order, Sent | None]:
    """How goods go that are here and are sent: a group for each parcel, and the promise where none was given."""
    (group,) = document.fulfillment_groups
    if group.method != "ship" or world.router is None or not is_here:
        return document, None
    extras = command.posted.fulfillment.services
    sending = Sending(
        document,
        group.lines,
        document.ship_to,
        command.location_id,
        command.now_ms,
        world.stock,
        extras=extras,
        added_milli=world.added_milli,
    )
    sent = send(world.router, sending)
    if sent is None:
        return document, None
    groups = tuple(
        FulfillmentGroup(f"g{number}", group.method, part.lines, group.preference)
        for number, part in enumerate(sent.parts, 1)
    )
    window = sent.window_ms
    promised = None if window is None else Promise(*(rfc3339(moment) for moment in window))
    versions = {**document.policy_versions, "routing": sent.decision.policy}
    return replace(
        document, fulfillment_groups=groups, promise=document.promise or promised, policy_versions=versions
    ), sent


def _draw(
    world: World, command: PlaceOrder, allocations: tuple[Allocation, ...], kept: Mapping[str, int]
) -> tuple[Event, ...] | Rejected:
    """What the order takes of its channel's budgets. While the centre is there, budgets follow the rates of sale."""
    posted = command.posted
    if not world.quotas:
        return ()
    tier = posted.customer.tier if posted.customer else None
    channel = channel_of(posted.channel, tier, posted.fulfillment.method)
    draw = Draw(command.order_id, channel, command.business_date, command.now_ms, kept, not command.offline)
    return draw_quotas(world, draw, allocations, posted.lines)


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
    """Allocations for every line; None for an order that waits: for unknown goods, or for those ordered ahead."""
    stock, found_skus = world.stock, frozenset[str]()
    if found:
        stock = {**stock, **{delta.sku: (apply_delta(None, delta),) for delta in found}}
        found_skus = frozenset(delta.sku for delta in found)
    wanted: list[Wanted] = []
    for index, line in enumerate(posted.lines):
        if not stock.get(line.sku):
            return None
        wanted.append((line, line.quantity_milli, None if line.sku in found_skus else line.lot, index))
    allocations = promise(stock, wanted, business_date)
    is_missing = isinstance(allocations, Rejected) and allocations.slug in {"out-of-stock", "lot-expired"}
    if is_missing and posted.order_type == "preorder":
        return None
    return allocations


def _document(command: PlaceOrder, basis: Basis) -> Order:
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
                tuple([GroupLine(line.line_id, line.quantity_milli) for line in posted.lines]),
                request.preference,
            ),
        ),
        promise=request.promise,
        attribution=posted.attribution,
        policy_versions={} if basis is BUILT_IN else {"rules": basis.rules_id},
    )


def _payments(posted: TillOrder) -> list[Event]:
    events: list[Event] = []
    for payment in posted.payments:
        if payment.status == "authorized":
            events.append(PaymentAuthorized(payment.payment_id, payment.amount_minor))
        elif payment.status == "captured":
            events.append(PaymentCaptured(payment.payment_id, payment.amount_minor))
    return events

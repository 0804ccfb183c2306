"""The answers to requests about the stock itself, each made from the entry that it led to."""

from collections.abc import Iterable
from typing import assert_never
from uuid import UUID

from msgspec import Struct

from edge_core.orders.events import name_of
from edge_core.orders.rendering import Origin, Recorded, rfc3339
from edge_core.stock.ledger import Allocation
from edge_core.stock.quotas import Budget, Quota, available_milli
from edge_core.stock.rights import Life, begin, held_milli, lives, row_of
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.stock_events import (
    HoldEnded,
    HoldExtended,
    QuotaChanged,
    RightsGranted,
    RightsHeard,
    RightsMoved,
    RightsReturned,
    RightsSpent,
    RightsUsed,
    StockCounted,
    StockEvent,
    StockHeld,
)


class CountedView(Struct, frozen=True):
    """A position that was counted, in thousandths of the unit: now that it is posted, the book is shown as well."""

    sku: str
    lot: str | None
    unit: str
    counted_milli: int
    book_milli: int
    difference_milli: int


class ShortageView(Struct, frozen=True):
    """Goods that were promised and are not there, in thousandths of the unit."""

    sku: str
    lot: str | None
    unit: str
    quantity_milli: int


class CountReceipt(Struct, frozen=True):
    """The answer to a count: what was found, and what orders were promised that is not there."""

    count_id: UUID
    cause: str
    reference: str | None
    approved_by: str | None
    recorded_at: str
    lines: tuple[CountedView, ...]
    shortages: tuple[ShortageView, ...]
    origin: Origin


class KeptGoods(Struct, frozen=True):
    """Goods of one lot that are kept, in thousandths of the unit."""

    line_id: str
    sku: str
    lot: str | None
    unit: str
    quantity_milli: int


class HoldReceipt(Struct, frozen=True):
    """A hold after what was asked: `soft` until `expires_at`, or how it ended."""

    reservation_id: UUID
    status: str
    expires_at: str | None
    recorded_at: str
    lines: tuple[KeptGoods, ...]
    origin: Origin


class ChannelView(Struct, frozen=True):
    """A channel's part: its budget, and what it may promise with what it may draw on, in thousandths of the unit."""

    channel: str
    weight: int
    minimum_milli: int
    draws_on: tuple[str, ...]
    budget_milli: int
    available_milli: int


class QuotaView(Struct, frozen=True):
    """How what is free of a SKU is parted."""

    sku: str
    channels: tuple[ChannelView, ...]


class QuotaReceipt(Struct, frozen=True):
    """The answer to a plan that was set: the budgets that it makes."""

    movement_id: UUID
    recorded_at: str
    quotas: tuple[QuotaView, ...]
    origin: Origin


class RightsReceipt(Struct, frozen=True):
    """The answer to a request about rights: what was recorded, of whose goods and how much, in thousandths."""

    movement_id: UUID
    event: str
    owner_id: str
    sku: str
    quantity_milli: int
    recorded_at: str
    origin: Origin


class HolderView(Struct, frozen=True):
    """What one life holds by the figures that are known here, in thousandths; nothing once it is void."""

    node_id: str
    incarnation: UUID
    held_milli: int
    used_milli: int
    is_void: bool


class RightsView(Struct, frozen=True):
    """The rights to one SKU of a location. `held_milli` is what this node may promise of it now."""

    owner_id: str
    sku: str
    set_aside_milli: int
    held_milli: int
    holders: tuple[HolderView, ...]


def rights_view(book: RightsBook, incarnation: UUID, node_id: str) -> RightsView:
    """A book as a client reads it, at the node that says so."""
    known = begin(book.rights, Life(node_id, incarnation))
    holders = []
    for life in lives(known):
        row = row_of(known, life)
        used_milli = row.used_milli - row.returned_milli
        holders.append(HolderView(life.node_id, life.incarnation, held_milli(known, life), used_milli, row.is_void))
    own_milli = held_milli(known, Life(node_id, incarnation))
    return RightsView(known.owner_id, known.sku, book.set_aside_milli, own_milli, tuple(holders))


def quota_view(sku: str, plan: tuple[Quota, ...], budgets: tuple[Budget, ...]) -> QuotaView:
    """Quotas as a client reads them."""
    left = {each.channel: each.quantity_milli for each in budgets}
    return QuotaView(
        sku,
        tuple(
            ChannelView(
                each.channel,
                each.weight,
                each.minimum_milli,
                each.draws_on,
                left[each.channel],
                available_milli(budgets, plan, each.channel),
            )
            for each in plan
        ),
    )


def stock_receipt(event: StockEvent, recorded: Recorded) -> Struct:
    """What a client is told of a decision about the stock."""
    match event:
        case StockCounted():
            return _counted(event, recorded)
        case StockHeld():
            return _held(event.movement_id, "soft", event.expires_at_ms, event.allocations, recorded)
        case HoldExtended():
            return _held(event.reservation_id, "soft", event.expires_at_ms, event.allocations, recorded)
        case HoldEnded():
            return _held(event.reservation_id, event.outcome, None, event.allocations, recorded)
        case RightsGranted() | RightsMoved() | RightsUsed() | RightsSpent() | RightsReturned() | RightsHeard():
            return RightsReceipt(
                event.movement_id,
                name_of(event),
                event.news.rights.owner_id,
                event.news.rights.sku,
                0 if isinstance(event, RightsHeard) else event.quantity_milli,
                rfc3339(recorded.entry.recorded_at_ms),
                recorded.origin,
            )
        case QuotaChanged():
            return QuotaReceipt(
                event.movement_id,
                rfc3339(recorded.entry.recorded_at_ms),
                tuple(quota_view(each.sku, each.plan, each.budgets) for each in event.quotas),
                recorded.origin,
            )
        case _:
            assert_never(event)


def kept_goods(allocations: Iterable[Allocation]) -> tuple[KeptGoods, ...]:
    """Allocations as a client reads them."""
    return tuple(KeptGoods(a.line_id, a.sku, a.lot, a.unit, a.quantity_milli) for a in allocations)


def _held(
    reservation_id: UUID,
    status: str,
    expires_at_ms: int | None,
    allocations: Iterable[Allocation],
    recorded: Recorded,
) -> HoldReceipt:
    return HoldReceipt(
        reservation_id=reservation_id,
        status=status,
        expires_at=None if expires_at_ms is None else rfc3339(expires_at_ms),
        recorded_at=rfc3339(recorded.entry.recorded_at_ms),
        lines=kept_goods(allocations),
        origin=recorded.origin,
    )


def _counted(event: StockCounted, recorded: Recorded) -> CountReceipt:
    return CountReceipt(
        count_id=event.movement_id,
        cause=event.cause,
        reference=event.reference,
        approved_by=event.approved_by,
        recorded_at=rfc3339(recorded.entry.recorded_at_ms),
        lines=tuple(
            CountedView(each.sku, each.lot, each.unit, each.counted_milli, each.book_milli, each.difference_milli)
            for each in event.lines
        ),
        shortages=tuple(ShortageView(each.sku, each.lot, each.unit, each.quantity_milli) for each in event.shortages),
        origin=recorded.origin,
    )

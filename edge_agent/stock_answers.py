"""The answers to requests about the stock itself, each made from the entry that it led to."""

from collections.abc import Iterable
from typing import assert_never
from uuid import UUID

from msgspec import Struct

from edge_core.orders.rendering import Origin, Recorded, rfc3339
from edge_core.stock.ledger import Allocation
from edge_core.stock.stock_events import HoldEnded, HoldExtended, StockCounted, StockEvent, StockHeld


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

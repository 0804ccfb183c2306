"""The answers to requests about the stock itself, each made from the entry that it led to."""

from uuid import UUID

from msgspec import Struct

from edge_core.orders.rendering import Origin, Recorded, rfc3339
from edge_core.stock.stock_events import StockCounted, StockEvent


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


def stock_receipt(event: StockEvent, recorded: Recorded) -> Struct:
    """What a client is told of a decision about the stock."""
    return _counted(event, recorded)


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

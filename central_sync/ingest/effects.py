"""What an entry does to the views: how its order stands after it, and what it changes in the stock. Pure.

Both are held to what the columns can keep; `PeerFault` or `ValueError` says that an entry cannot be shown.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from central_sync.store.days import DayCloseRow
from edge_core.errors import PeerFault
from edge_core.limits import PLACES_CACHED_MAX, STOCK_CHANGE_MILLI_MAX, TEXT_CHARS_MAX
from edge_core.orders.day_events import CurrencySums, DayClosed
from edge_core.orders.document import Order
from edge_core.orders.events import Event, deltas_of
from edge_core.shapes import json_object
from edge_core.stock.ledger import Allocation

_COUNT_MAX: Final = (1 << 63) - 1  # of a column


class Place(NamedTuple):
    """A position of a node's stock. `lot` is '' for goods without lots."""

    sku: str
    lot: str
    unit: str


class StockChange(Struct, frozen=True, gc=False):
    """What an entry changes in one position, in thousandths of the unit."""

    place: Place
    expires_on: date | None
    on_hand_milli: int
    reserved_milli: int


class Standing(Struct, frozen=True, gc=False):
    """An order as the view shows it after an entry; amounts in minor units."""

    display_number: str
    order_type: str
    status: str
    currency: str
    grand_total_minor: int
    placed_at: datetime
    business_date: date
    revision: int


def standing_of(order: Order, status: str, revision: int) -> Standing:
    """How an order stands. Raises `PeerFault` or `ValueError` for a document that the columns cannot hold."""
    check_text(order.display_number)
    check_text(order.currency)
    placed_at = datetime.fromisoformat(order.placed_at)
    return Standing(
        order.display_number,
        order.order_type,
        status,
        order.currency,
        order.totals.grand_total_minor,
        placed_at if placed_at.tzinfo is not None else placed_at.replace(tzinfo=UTC),
        date.fromisoformat(order.business_date),
        revision,
    )


def changes_of(events: Sequence[Event]) -> tuple[StockChange, ...]:
    """What the entry as a whole changes: a carry-out sale promises and hands over the same goods at once."""
    sums: dict[Place, list[Any]] = {}
    for event in events:
        for delta in deltas_of(event):
            place = _place(delta.sku, delta.lot, delta.unit)
            change = sums.get(place)
            if change is None:
                sums[place] = [delta.expires_on, delta.on_hand_milli, delta.reserved_milli]
            else:
                change[0] = change[0] or delta.expires_on
                change[1] += delta.on_hand_milli
                change[2] += delta.reserved_milli
    changes = [_change(place, *change) for place, change in sums.items()]
    return tuple([change for change in changes if change.on_hand_milli or change.reserved_milli])


def changes_of_sale(consumed: Sequence[Allocation]) -> tuple[StockChange, ...]:
    """What a carry-out sale changes: the goods are gone, and nothing stays promised."""
    if len(consumed) > 1 and len({allocation.sku for allocation in consumed}) < len(consumed):
        sums: dict[tuple[str, str | None, str], int] = {}
        for a in consumed:
            sums[a.sku, a.lot, a.unit] = sums.get((a.sku, a.lot, a.unit), 0) + a.quantity_milli
        return tuple([_gone(*place, quantity_milli) for place, quantity_milli in sums.items()])
    return tuple([_gone(a.sku, a.lot, a.unit, a.quantity_milli) for a in consumed])


def check_text(text: str) -> None:
    """What a column can hold and an index can find. Raises `PeerFault`."""
    if len(text) > TEXT_CHARS_MAX or "\x00" in text:
        raise PeerFault("range-invalid", f"a text of {len(text)} characters, or with a zero character in it")


@lru_cache(PLACES_CACHED_MAX)
def _place(sku: str, lot: str | None, unit: str) -> Place:
    """A position by name, checked; the same few thousand come again and again. What raises is not remembered."""
    for text in (sku, unit, lot or ""):
        check_text(text)
    return Place(sku, lot or "", unit)


@lru_cache(PLACES_CACHED_MAX)
def _gone(sku: str, lot: str | None, unit: str, quantity_milli: int) -> StockChange:
    """A quantity that was handed over. Most lines are one piece of one of a few thousand goods: made once, kept."""
    place = _place(sku, lot, unit)
    if not -STOCK_CHANGE_MILLI_MAX <= quantity_milli <= STOCK_CHANGE_MILLI_MAX:
        raise PeerFault("range-invalid", f"a change of {-quantity_milli} of {sku!r}")
    return StockChange(place, None, -quantity_milli, 0)


def _change(place: Place, expires_on: str | None, on_hand_milli: int, reserved_milli: int) -> StockChange:
    if not (-STOCK_CHANGE_MILLI_MAX <= on_hand_milli <= STOCK_CHANGE_MILLI_MAX >= abs(reserved_milli)):
        raise PeerFault("range-invalid", f"a change of {on_hand_milli} and {reserved_milli} of {place.sku!r}")
    try:
        expires = None if expires_on is None else date.fromisoformat(expires_on)
    except ValueError as error:
        raise PeerFault("range-invalid", f"{place.sku!r}: {error}") from None
    return StockChange(place, expires, on_hand_milli, reserved_milli)


def closes_of(recorded_at_ms: int, events: Sequence[Event]) -> tuple[DayCloseRow, ...]:
    """The days that an entry closes, of a node that is not named yet.

    Raises `PeerFault` or `ValueError` for one that the columns cannot hold.
    """
    return tuple(_close(recorded_at_ms, event) for event in events if isinstance(event, DayClosed))


def _tenders(sums: CurrencySums) -> list[str]:
    return [each.tender for each in sums.tenders]


def _close(recorded_at_ms: int, closed: DayClosed) -> DayCloseRow:
    names = (closed.operator_id, *(name for each in closed.sums for name in (each.currency, *_tenders(each))))
    for name in names:
        check_text(name)
    if not (0 < closed.z_number <= _COUNT_MAX and 0 <= closed.up_to_seq <= _COUNT_MAX):
        raise PeerFault("range-invalid", "a number that no store counts to")
    sums = msgspec.json.encode([json_object(each) for each in closed.sums]).decode()
    return DayCloseRow(
        "",
        date.fromisoformat(closed.business_date),
        closed.close_id,
        closed.z_number,
        datetime.fromtimestamp(recorded_at_ms / 1000, UTC),
        closed.operator_id,
        closed.incarnation,
        closed.up_to_seq,
        sums,
    )

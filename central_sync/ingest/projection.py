"""What new entries change in the views: pure, from entries as read and the orders that they follow.

An entry that cannot be used is parked, and so is whatever follows it in the same order; other orders go on (G7).
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from central_sync.ingest.reading import EntryFault, Reading, StockChange, check_text
from central_sync.store.orders import OrderRow
from central_sync.store.stock import StockRow
from central_sync.store.streams import StoredEntry, StreamKey
from edge_core.errors import InvariantViolated, PeerFault
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Origin, Recorded
from edge_core.sync.entry import decode_entry


class KnownOrder(Struct):
    """An order while a batch is applied. `state` is None and `fault` says why once an entry of it is parked."""

    node_id: str
    state: OrderState | None
    first: tuple[StreamKey, int] | None
    is_new: bool
    fault: EntryFault | None = None
    row: OrderRow | None = None


class Parked(NamedTuple):
    """An entry that stays in its stream and changes no view."""

    key: StreamKey
    seq: int
    fault: EntryFault


class Projection:
    """Collects what the entries of one batch change; `take` them in the order of their streams."""

    def __init__(self, known: Mapping[UUID, KnownOrder]) -> None:
        self._orders = dict(known)
        self._stock: dict[tuple[str, str, str], list[Any]] = {}
        self.parked: list[Parked] = []

    def take(self, key: StreamKey, reading: Reading) -> bool:
        """Take the next entry. False when it has to be parked."""
        fault = reading.fault or self._fold(key, reading)
        if fault is None:
            self._add_stock(key.node_id, reading.changes)
            return True
        self._block(key, reading, fault)
        self.parked.append(Parked(key, reading.seq, fault))
        return False

    def new_orders(self) -> list[OrderRow]:
        """Rows of the orders that begin here."""
        return [order.row for order in self._orders.values() if order.is_new and order.row is not None]

    def changed_orders(self) -> list[OrderRow]:
        """Rows of the orders that were there and are otherwise now."""
        return [order.row for order in self._orders.values() if not order.is_new and order.row is not None]

    def stock_changes(self) -> list[StockRow]:
        """Sums of the deltas, one for each position, in the order of their key."""
        return [StockRow(*place, *self._stock[place]) for place in sorted(self._stock)]

    def _fold(self, key: StreamKey, reading: Reading) -> EntryFault | None:
        entry, order_id = reading.entry, reading.order_id
        if entry is None or order_id is None:
            return None
        order = self._orders.get(order_id) or KnownOrder(key.node_id, None, None, is_new=True)
        if order.node_id != key.node_id:
            return EntryFault("order-elsewhere", f"order {order_id} belongs to node {order.node_id}")
        if order.fault is not None:
            return EntryFault("order-parked", f"an earlier entry of order {order_id} is parked")
        try:
            state = reading.state if order.state is None and reading.state else fold_all(order.state, entry.events)
            first = order.first or (key, reading.seq)
            row = _row(key, reading.seq, state, first)
        except (InvariantViolated, PeerFault, ValueError) as error:
            reason = error.reason if isinstance(error, PeerFault) else "unfoldable"
            return EntryFault(reason, str(error))
        order.state, order.first, order.row = state, first, row
        self._orders[order_id] = order
        return None

    def _block(self, key: StreamKey, reading: Reading, fault: EntryFault) -> None:
        """Whatever follows in the same order waits with this entry; what its order was before stays in the view."""
        if reading.order_id is None:
            return
        order = self._orders.setdefault(reading.order_id, KnownOrder(key.node_id, None, None, is_new=True))
        if order.node_id == key.node_id:
            order.fault = fault

    def _add_stock(self, node_id: str, changes: Iterable[StockChange]) -> None:
        for sku, lot, unit, expires_on, on_hand_milli, reserved_milli in changes:
            sums = self._stock.get((node_id, sku, lot))
            if sums is None:
                self._stock[node_id, sku, lot] = [unit, expires_on, on_hand_milli, reserved_milli]
            else:
                sums[1] = sums[1] or expires_on
                sums[2] += on_hand_milli
                sums[3] += reserved_milli


def known_orders(entries: Iterable[StoredEntry]) -> dict[UUID, KnownOrder]:
    """The orders that stored entries make. Parked entries are left out."""
    by_order: dict[UUID, list[Recorded]] = {}
    for stored in entries:
        if stored.order_id is not None and not stored.is_parked:
            by_order.setdefault(stored.order_id, []).append(recorded(stored))
    found: dict[UUID, KnownOrder] = {}
    for order_id, several in by_order.items():
        merged = merge(several)
        if merged.state is None:
            continue  # its placing is still on its way
        origin = merged.accepted[0].origin
        first = (StreamKey(origin.node_id, origin.incarnation, origin.lane), origin.seq)
        found[order_id] = KnownOrder(origin.node_id, merged.state, first, is_new=False)
    return found


def recorded(stored: StoredEntry) -> Recorded:
    """A stored entry as the core's rendering reads it."""
    origin = Origin(stored.node_id, stored.incarnation, stored.lane, stored.seq)
    return Recorded(origin, decode_entry(stored.body))


def block_parked(known: dict[UUID, KnownOrder], entries: Iterable[StoredEntry]) -> None:
    """Mark the orders of which their own node has an entry parked."""
    for stored in entries:
        if stored.is_parked and not stored.is_discarded and stored.order_id is not None:
            order = known.setdefault(stored.order_id, KnownOrder(stored.node_id, None, None, is_new=True))
            if order.node_id == stored.node_id:
                order.fault = EntryFault("order-parked", f"seq {stored.seq} is parked")


def _row(key: StreamKey, seq: int, state: OrderState, first: tuple[StreamKey, int]) -> OrderRow:
    """The view's row. Raises `PeerFault` or `ValueError` for a document that its columns cannot hold."""
    order = state.order
    check_text(order.display_number)
    check_text(order.currency)
    return OrderRow(
        order.order_id,
        key.node_id,
        order.display_number,
        order.order_type,
        state.status,
        order.currency,
        order.totals.grand_total_minor,
        datetime.fromisoformat(order.placed_at),
        date.fromisoformat(order.business_date),
        state.revision,
        first[0].incarnation,
        first[0].lane,
        first[1],
        key.incarnation,
        key.lane,
        seq,
    )

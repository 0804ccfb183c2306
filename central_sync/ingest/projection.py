"""What new entries change in the views: pure, from entries as read and the orders that they follow.

An entry that cannot be used is parked, and so is whatever follows it in the same order; other orders go on (G7).
A decision that is used already, under another stream, is passed over: it is held, and changes nothing again (G6).
"""

from collections.abc import Iterable, Mapping, Set
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from central_sync.ingest.effects import Place, Standing, StockChange, standing_of
from central_sync.ingest.reading import EntryFault, Reading
from central_sync.store.days import DayCloseRow
from central_sync.store.orders import OrderRow
from central_sync.store.stock import StockRow
from central_sync.store.streams import StoredEntry, StreamKey
from edge_core.errors import InvariantViolated, PeerFault
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Origin, Recorded
from edge_core.sync.entry import Entry, decode_entry, is_same_decision

_EQUAL: Final = EntryFault("equal", "this decision is used already")


class KnownOrder(Struct):
    """An order while a batch is applied. `fault` says why once an entry of it is parked; `used` are its other entries.

    Where the order began in this batch `state` is None until another entry asks: then it is folded from `begun_by`.
    """

    node_id: str
    state: OrderState | None
    first: tuple[StreamKey, int] | None
    is_new: bool
    fault: EntryFault | None = None
    row: OrderRow | None = None
    begun_by: bytes | None = None
    used: tuple[Entry, ...] = ()


class Parked(NamedTuple):
    """An entry that stays in its stream and changes no view."""

    key: StreamKey
    seq: int
    fault: EntryFault


class Projection:
    """Collects what the entries of one batch change; `take` them in the order of their streams.

    `assigned` are the orders among them that the centre assigned.

    Orders are found by the number that their UUID is: the hash of a UUID is computed in Python. `repeated` are the
    places of stock movements for which another entry is used.
    """

    def __init__(self, known: Mapping[UUID, KnownOrder], repeated: Set[tuple[StreamKey, int]] = frozenset()) -> None:
        self._orders = {order_id.int: order for order_id, order in known.items()}
        self._repeated = repeated
        self._stock: dict[str, dict[Place, list[Any]]] = {}
        self._closes: dict[tuple[str, date], DayCloseRow] = {}
        self.parked: list[Parked] = []
        self.assigned: set[UUID] = set()
        self.passed_over: list[tuple[StreamKey, int]] = []

    def take(self, key: StreamKey, reading: Reading) -> bool:
        """Take the next entry. False when it has to be parked."""
        fault = reading.fault or self._fold(key, reading)
        if fault is None:
            self._add_stock(key.node_id, reading.changes)
            if reading.closes:
                self._add_closes(key.node_id, reading.closes)
            return True
        if fault is _EQUAL:
            self.passed_over.append((key, reading.seq))
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
        found: dict[tuple[str, str, str], StockRow] = {}
        for node_id in sorted(self._stock):
            for place, (expires_on, on_hand_milli, reserved_milli) in sorted(self._stock[node_id].items()):
                sku, lot, unit = place
                row = StockRow(node_id, sku, lot, unit, expires_on, on_hand_milli, reserved_milli)
                same = found.get((node_id, sku, lot))
                found[node_id, sku, lot] = row if same is None else _sum(same, row)
        return list(found.values())

    def closed_days(self) -> list[DayCloseRow]:
        """Days that were closed, each once."""
        return list(self._closes.values())

    def _fold(self, key: StreamKey, reading: Reading) -> EntryFault | None:
        order_id = reading.order_id
        if order_id is None:
            return _EQUAL if self._repeated and (key, reading.seq) in self._repeated else None
        order = self._orders.get(order_id.int)
        if order is not None:
            return self._go_on(key, reading, order)
        if reading.standing is None:
            return self._go_on(key, reading, KnownOrder(key.node_id, None, None, is_new=True))
        first = key, reading.seq
        row = view_row(order_id, key, reading.seq, reading.standing, first)
        self._orders[order_id.int] = KnownOrder(key.node_id, None, first, is_new=True, row=row, begun_by=reading.body)
        if reading.is_assigned:
            self.assigned.add(order_id)
        return None

    def _go_on(self, key: StreamKey, reading: Reading, order: KnownOrder) -> EntryFault | None:
        """The next entry of an order that this batch knows, or that has no beginning."""
        if order.node_id != key.node_id:
            return EntryFault("order-elsewhere", f"order {reading.order_id} belongs to node {order.node_id}")
        try:
            if order.begun_by is not None:
                first = decode_entry(order.begun_by)
                order.state, order.used, order.begun_by = fold_all(None, first.events), (first,), None
            entry = reading.entry or decode_entry(reading.body)
            if is_used(order, entry):
                return _EQUAL
            if order.fault is not None:
                return EntryFault("order-parked", f"an earlier entry of order {reading.order_id} is parked")
            state = fold_all(order.state, entry.events)
            standing = standing_of(state.order, state.status, state.revision)
        except (InvariantViolated, PeerFault, ValueError) as error:
            reason = error.reason if isinstance(error, PeerFault) else "unfoldable"
            return EntryFault(reason, str(error))
        order.state, order.first, order.used = state, order.first or (key, reading.seq), (*order.used, entry)
        order.row = view_row(state.order.order_id, key, reading.seq, standing, order.first)
        self._orders[state.order.order_id.int] = order
        if state.assigned is not None:
            self.assigned.add(state.order.order_id)
        return None

    def _block(self, key: StreamKey, reading: Reading, fault: EntryFault) -> None:
        """Whatever follows in the same order waits with this entry; what its order was before stays in the view."""
        if reading.order_id is None:
            return
        order = self._orders.setdefault(reading.order_id.int, KnownOrder(key.node_id, None, None, is_new=True))
        if order.node_id == key.node_id:
            order.fault = fault

    def _add_closes(self, node_id: str, closes: Iterable[DayCloseRow]) -> None:
        """Of two closes of one day the earlier one stays."""
        for row in closes:
            same = self._closes.get((node_id, row.business_date))
            if same is None or row.close_id < same.close_id:
                self._closes[node_id, row.business_date] = row._replace(node_id=node_id)

    def _add_stock(self, node_id: str, changes: Iterable[StockChange]) -> None:
        places = self._stock.setdefault(node_id, {})
        for change in changes:
            sums = places.get(change.place)
            if sums is None:
                places[change.place] = [change.expires_on, change.on_hand_milli, change.reserved_milli]
            else:
                sums[1] += change.on_hand_milli
                if change.reserved_milli:
                    sums[2] += change.reserved_milli
                if change.expires_on is not None:
                    sums[0] = sums[0] or change.expires_on


def is_used(order: KnownOrder, entry: Entry) -> bool:
    """Whether an order has this decision already."""
    return any(is_same_decision(used, entry) for used in order.used)


def known_orders(entries: Iterable[StoredEntry]) -> dict[UUID, KnownOrder]:
    """The orders that stored entries make. Parked entries are left out; an order with a damaged one takes no more."""
    by_order: dict[UUID, list[Recorded]] = {}
    found: dict[UUID, KnownOrder] = {}
    for stored in entries:
        if stored.order_id is None or stored.is_parked:
            continue
        try:
            by_order.setdefault(stored.order_id, []).append(recorded(stored))
        except PeerFault:  # it could be read when it came: its row was damaged since
            fault = EntryFault("order-damaged", f"seq {stored.seq} of {stored.lane} is damaged here; audit the node")
            found[stored.order_id] = KnownOrder(stored.node_id, None, None, is_new=True, fault=fault)
    for order_id, several in by_order.items():
        merged = merge(several)
        if merged.state is None or order_id in found:
            continue  # its placing is still on its way, or a part of it is damaged
        origin = merged.accepted[0].origin
        first = (StreamKey(origin.node_id, origin.incarnation, origin.lane), origin.seq)
        used = tuple(each.entry for each in several)
        found[order_id] = KnownOrder(origin.node_id, merged.state, first, is_new=False, used=used)
    return found


def recorded(stored: StoredEntry) -> Recorded:
    """A stored entry as the core's rendering reads it."""
    origin = Origin(stored.node_id, stored.incarnation, stored.lane, stored.seq)
    return Recorded(origin, decode_entry(stored.body))


def block_parked(known: dict[UUID, KnownOrder], entries: Iterable[StoredEntry]) -> None:
    """Mark the orders of which their own node has an entry parked, unless its decision is used under another name."""
    for stored in entries:
        if stored.is_parked and not stored.is_discarded and stored.order_id is not None:
            order = known.setdefault(stored.order_id, KnownOrder(stored.node_id, None, None, is_new=True))
            if order.node_id == stored.node_id and not _is_used_elsewhere(order, stored):
                order.fault = EntryFault("order-parked", f"seq {stored.seq} is parked")


def _is_used_elsewhere(order: KnownOrder, stored: StoredEntry) -> bool:
    try:
        return bool(order.used) and is_used(order, decode_entry(stored.body))
    except PeerFault:
        return False


def view_row(order_id: UUID, key: StreamKey, seq: int, standing: Standing, first: tuple[StreamKey, int]) -> OrderRow:
    """The view's row of an order whose last entry is at `seq` of `key`."""
    begun, begun_seq = first
    return OrderRow(
        order_id,
        key.node_id,
        standing.display_number,
        standing.order_type,
        standing.status,
        standing.currency,
        standing.grand_total_minor,
        standing.placed_at,
        standing.business_date,
        standing.revision,
        begun.incarnation,
        begun.lane,
        begun_seq,
        key.incarnation,
        key.lane,
        seq,
    )


def _sum(first: StockRow, second: StockRow) -> StockRow:
    """Both changes of one position that entries name with different units: the first one's unit stays."""
    return first._replace(
        expires_on=first.expires_on or second.expires_on,
        on_hand_milli=first.on_hand_milli + second.on_hand_milli,
        reserved_milli=first.reserved_milli + second.reserved_milli,
    )

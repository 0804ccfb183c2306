"""What one push says, read before any transaction: its chain, its entries, and the orders that begin in it. Pure.

An entry that cannot be used is no reason to refuse its push: it carries its `fault`, and is parked when it is applied.
"""

from collections.abc import Iterator, Sequence
from typing import Final, get_args
from uuid import UUID

import msgspec
from msgspec import Struct

from central_sync.ingest.effects import Standing, StockChange, changes_of, changes_of_sale, closes_of, standing_of
from central_sync.store.days import DayCloseRow
from central_sync.store.streams import StreamKey
from edge_core.clock import COUNTER_BITS
from edge_core.errors import UNREADABLE, Fault, InvariantViolated, PeerFault
from edge_core.limits import PUSH_ENTRIES_MAX
from edge_core.orders.day_events import DayClosed
from edge_core.orders.events import Event, InstructionAnswered, Movement, OrderPlaced
from edge_core.orders.fold import fold_all
from edge_core.orders.routing_events import RoutingDecided
from edge_core.orders.sale import STATUS, handed_over
from edge_core.sync.entry import Entry, decode_entry, newer_version
from edge_core.sync.messages import Early, Push
from edge_core.sync.receive_stream import Batch, prepare

_WITHOUT_ORDER: Final = (*get_args(Movement), InstructionAnswered, DayClosed)
_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_HLC_MAX: Final = _LAST_MS << COUNTER_BITS


class EntryFault(Struct, frozen=True):
    """Why an entry cannot be used: a stable word, and a sentence for people."""

    reason: str
    detail: str


class Reading(Struct, frozen=True, gc=False):
    """One entry as read, with only what its transaction needs: a decoded document is ten times as large as its bytes.

    `standing` is how the order stands where it begins here; `entry` is kept where an order that began earlier goes on,
    and of an order that the centre assigned.
    `movement_id` names the movement of stock that it is where no order moved it. `newer_version` is the version of one
    that later software has written; `is_assigned` says that the order which begins here was assigned by the centre.
    """

    seq: int
    hash: bytes
    body: bytes
    order_id: UUID | None
    standing: Standing | None = None
    entry: Entry | None = None
    changes: tuple[StockChange, ...] = ()
    fault: EntryFault | None = None
    newer_version: int | None = None
    closes: tuple[DayCloseRow, ...] = ()
    movement_id: UUID | None = None
    is_assigned: bool = False
    routed: tuple[RoutingDecided, ...] = ()


class ReadPush(Struct, frozen=True, gc=False):
    """A push as read: which stream, its chain, its entries, and the message as it came."""

    key: StreamKey
    batch: Batch
    readings: tuple[Reading, ...]
    payload: bytes


class _Head(Struct, array_like=True):
    """The first elements of an entry of any version."""

    version: int
    seq: int
    hlc: int
    recorded_at_ms: int
    order_id: UUID | None


_HEAD: Final = msgspec.msgpack.Decoder(_Head)


def read_push(push: Push | Early, payload: bytes) -> ReadPush:
    """Read a whole push. Raises `PeerFault` where it contradicts itself."""
    (whole,) = read_in_parts(push, payload, PUSH_ENTRIES_MAX)
    return whole


def read_in_parts(push: Push | Early, payload: bytes, part_entries: int) -> Iterator[ReadPush]:
    """Read a push, so many entries more each time; the last time it is whole. Raises as `read_push` does."""
    key, batch = StreamKey(push.node_id, push.incarnation, push.lane), prepare(push)
    readings: list[Reading] = []
    for seq, (body, chain_hash) in enumerate(zip(batch.bodies, batch.hashes, strict=True), batch.from_seq):
        readings.append(read_entry(seq, body, chain_hash))
        if len(readings) % part_entries == 0 or seq == batch.to_seq:
            yield ReadPush(key, batch, tuple(readings), payload)


def part_of(push: ReadPush, start: int, end: int) -> ReadPush:
    """The entries from index `start` to before `end` as a push of their own; its chain stays whole."""
    batch = push.batch
    previous = batch.hashes[start - 1] if start else batch.previous_hash
    part = Batch(batch.from_seq + start, previous, batch.bodies[start:end], batch.hashes[start:end])
    return ReadPush(push.key, part, push.readings[start:end], push.payload)


def unusable(reading: Reading, reason: str, detail: str) -> Reading:
    """The same entry, to be parked."""
    return Reading(reading.seq, reading.hash, reading.body, reading.order_id, fault=EntryFault(reason, detail))


def read_entry(seq: int, body: bytes, chain_hash: bytes) -> Reading:
    """Read one entry that stands at `seq` of its stream."""
    try:
        entry = decode_entry(body)
        _check_place(entry, seq)
        return _read(seq, body, chain_hash, entry)
    except (Fault, InvariantViolated, ValueError) as error:
        # A bug of the node's, not of ours: what it decided cannot be.
        reason = error.reason if isinstance(error, PeerFault) else "unfoldable"
        fault, version = EntryFault(reason, str(error)), newer_version(body)
        return Reading(seq, chain_hash, body, _order_id(body), fault=fault, newer_version=version)


def _read(seq: int, body: bytes, chain_hash: bytes, entry: Entry) -> Reading:
    """What a whole entry does. A carry-out sale is recognised; whatever else begins an order is folded."""
    events, first = entry.events, entry.events[0]
    if not isinstance(first, OrderPlaced):
        moved = first.movement_id if entry.order_id is None and isinstance(first, Movement) else None
        return Reading(
            seq,
            chain_hash,
            body,
            entry.order_id,
            entry=entry,
            changes=changes_of(events),
            closes=closes_of(entry.recorded_at_ms, events) if isinstance(first, DayClosed) else (),
            movement_id=moved,
            routed=_routed(events) if entry.order_id is not None else (),
        )
    consumed = handed_over(events)
    if consumed is not None:
        standing = standing_of(first.order, STATUS, len(events))
        return Reading(seq, chain_hash, body, entry.order_id, standing, changes=changes_of_sale(consumed))
    state = fold_all(None, events)
    standing = standing_of(first.order, state.status, state.revision)
    is_assigned = state.assigned is not None
    return Reading(
        seq,
        chain_hash,
        body,
        entry.order_id,
        standing,
        entry=entry if is_assigned else None,  # it may say what became of rights
        changes=changes_of(events),
        is_assigned=is_assigned,
        routed=_routed(events),
    )


def _routed(events: Sequence[Event]) -> tuple[RoutingDecided, ...]:
    return tuple([event for event in events if type(event) is RoutingDecided])


def _check_place(entry: Entry, seq: int) -> None:
    """An entry belongs to the place where it stands, and its events to its order."""
    if entry.seq != seq:
        raise PeerFault("range-invalid", f"the entry says seq {entry.seq}, its place is {seq}")
    if not (0 <= entry.hlc <= _HLC_MAX and 0 <= entry.recorded_at_ms <= _LAST_MS):
        raise PeerFault("range-invalid", "a time that no calendar has")
    if not entry.events:
        raise PeerFault("range-invalid", "an entry without events")
    first = entry.events[0]
    order_id = entry.order_id
    if type(first) is OrderPlaced and (order_id is None or first.order.order_id.int != order_id.int):
        raise PeerFault("range-invalid", f"the entry names order {order_id}, its event {first.order.order_id}")
    if order_id is None and not all(isinstance(event, _WITHOUT_ORDER) for event in entry.events):
        raise PeerFault("range-invalid", "events of an order in an entry that names none")


def _order_id(body: bytes) -> UUID | None:
    """Which order an entry is about, where at least its head can be read: so its later entries are known to wait."""
    try:
        return _HEAD.decode(body).order_id
    except UNREADABLE:
        return None

"""What one push says, read before any transaction: its chain, its entries, and the orders that begin in it. Pure.

An entry that cannot be used is no reason to refuse its push: it carries its `fault`, and is parked when it is applied.
"""

from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from central_sync.store.streams import StreamKey
from edge_core.clock import COUNTER_BITS
from edge_core.errors import UNREADABLE, Fault, InvariantViolated, PeerFault
from edge_core.limits import LINES_MAX, QUANTITY_MILLI_MAX, TEXT_CHARS_MAX
from edge_core.orders.events import (
    Event,
    OrderPlaced,
    StockMoved,
    deltas_of,
)
from edge_core.orders.fold import OrderState, fold_all
from edge_core.sync.entry import Entry, decode_entry, newer_version
from edge_core.sync.messages import Push
from edge_core.sync.receive_stream import Batch, prepare

_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_HLC_MAX: Final = _LAST_MS << COUNTER_BITS
_CHANGE_MILLI_MAX: Final = QUANTITY_MILLI_MAX * LINES_MAX  # what one order can change at most


class EntryFault(Struct, frozen=True):
    """Why an entry cannot be used: a stable word, and a sentence for people."""

    reason: str
    detail: str


class StockChange(NamedTuple):
    """What an entry changes in one position, in thousandths of the unit. `lot` is '' for goods without lots."""

    sku: str
    lot: str
    unit: str
    expires_on: date | None
    on_hand_milli: int
    reserved_milli: int


class Reading(Struct, frozen=True, gc=False):
    """One entry as read. `state` is the order's where it begins here; `entry` is None where it has a `fault`.

    `newer_version` is the version of one that later software has written.
    """

    seq: int
    hash: bytes
    body: bytes
    order_id: UUID | None
    entry: Entry | None
    state: OrderState | None
    changes: tuple[StockChange, ...]
    fault: EntryFault | None
    newer_version: int | None = None


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


def read_push(push: Push, payload: bytes) -> ReadPush:
    """Read a whole push. Raises `PeerFault` where it contradicts itself."""
    batch = prepare(push)
    readings = tuple(
        read_entry(seq, body, chain_hash)
        for seq, (body, chain_hash) in enumerate(zip(batch.bodies, batch.hashes, strict=True), batch.from_seq)
    )
    return ReadPush(StreamKey(push.node_id, push.incarnation, push.lane), batch, readings, payload)


def part_of(push: ReadPush, start: int, end: int) -> ReadPush:
    """The entries from index `start` to before `end` as a push of their own; its chain stays whole."""
    batch = push.batch
    previous = batch.hashes[start - 1] if start else batch.previous_hash
    part = Batch(batch.from_seq + start, previous, batch.bodies[start:end], batch.hashes[start:end])
    return ReadPush(push.key, part, push.readings[start:end], push.payload)


def unusable(reading: Reading, reason: str, detail: str) -> Reading:
    """The same entry, to be parked."""
    fault = EntryFault(reason, detail)
    return Reading(reading.seq, reading.hash, reading.body, reading.order_id, None, None, (), fault)


def read_entry(seq: int, body: bytes, chain_hash: bytes) -> Reading:
    """Read one entry that stands at `seq` of its stream."""
    try:
        entry = decode_entry(body)
        _check_place(entry, seq)
        changes = _changes(entry.events)
        first = entry.events[0] if entry.events else None
        state = fold_all(None, entry.events) if isinstance(first, OrderPlaced) else None
    except (Fault, InvariantViolated) as error:
        # A bug of the node's, not of ours: what it decided cannot be.
        reason = error.reason if isinstance(error, PeerFault) else "unfoldable"
        fault, version = EntryFault(reason, str(error)), newer_version(body)
        return Reading(seq, chain_hash, body, _order_id(body), None, None, (), fault, version)
    return Reading(seq, chain_hash, body, entry.order_id, entry, state, changes, None)


def _check_place(entry: Entry, seq: int) -> None:
    """An entry belongs to the place where it stands, and its events to its order."""
    if entry.seq != seq:
        raise PeerFault("range-invalid", f"the entry says seq {entry.seq}, its place is {seq}")
    if not (0 <= entry.hlc <= _HLC_MAX and 0 <= entry.recorded_at_ms <= _LAST_MS):
        raise PeerFault("range-invalid", "a time that no calendar has")
    if not entry.events:
        raise PeerFault("range-invalid", "an entry without events")
    first = entry.events[0]
    if isinstance(first, OrderPlaced) and first.order.order_id != entry.order_id:
        raise PeerFault("range-invalid", f"the entry names order {entry.order_id}, its event {first.order.order_id}")
    if entry.order_id is None and not all(isinstance(event, StockMoved) for event in entry.events):
        raise PeerFault("range-invalid", "events of an order in an entry that names none")


def _changes(events: tuple[Event, ...]) -> tuple[StockChange, ...]:
    """What the entry as a whole changes: a carry-out sale promises and hands over the same goods at once."""
    sums: dict[tuple[str, str | None], list[Any]] = {}
    for event in events:
        for delta in deltas_of(event):
            change = sums.get((delta.sku, delta.lot))
            if change is None:
                sums[delta.sku, delta.lot] = [delta.unit, delta.expires_on, delta.on_hand_milli, delta.reserved_milli]
            else:
                change[1] = change[1] or delta.expires_on
                change[2] += delta.on_hand_milli
                change[3] += delta.reserved_milli
    return tuple(_change(sku, lot, *change) for (sku, lot), change in sums.items())


def _change(
    sku: str, lot: str | None, unit: str, expires_on: str | None, on_hand_milli: int, reserved_milli: int
) -> StockChange:
    for text in (sku, unit, lot or ""):
        check_text(text)
    if not (-_CHANGE_MILLI_MAX <= on_hand_milli <= _CHANGE_MILLI_MAX >= abs(reserved_milli)):
        raise PeerFault("range-invalid", f"a change of {on_hand_milli} and {reserved_milli} of {sku!r}")
    try:
        expires = None if expires_on is None else date.fromisoformat(expires_on)
    except ValueError as error:
        raise PeerFault("range-invalid", f"{sku!r}: {error}") from None
    return StockChange(sku, lot or "", unit, expires, on_hand_milli, reserved_milli)


def check_text(text: str) -> None:
    """What a column can hold and an index can find. Raises `PeerFault`."""
    if len(text) > TEXT_CHARS_MAX or "\x00" in text:
        raise PeerFault("range-invalid", f"a text of {len(text)} characters, or with a zero character in it")


def _order_id(body: bytes) -> UUID | None:
    """Which order an entry is about, where at least its head can be read: so its later entries are known to wait."""
    try:
        return _HEAD.decode(body).order_id
    except UNREADABLE:
        return None

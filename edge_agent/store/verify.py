"""Walk the whole file and say what is wrong with it: pages, gaps, chain, bodies, and what was derived from them.

It only reads, in bounded pieces, and goes on after a finding: everything that can be read is looked at.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

import aiosqlite
from msgspec import Struct

from edge_agent.store import log, orders, retention
from edge_agent.store.connection import fetch, open_reader
from edge_agent.store.log import Stream, seq_of
from edge_agent.store.orders import OrderFilter, OrderHead
from edge_agent.store.verify_downlink import check_downlink
from edge_agent.store.verify_reference import check_reference
from edge_agent.store.verify_stock import StockBook
from edge_core.errors import PeerFault, StorageFault
from edge_core.orders.events import Movement, OrderPlaced, deltas_of
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Recorded
from edge_core.stock.ledger import StockDelta
from edge_core.stock.stock_events import StockEvent
from edge_core.sync.chain import link
from edge_core.sync.entry import Entry, decode_entry

_ROWS: Final = 1_000
_HEADS: Final = 200  # orders folded at once
_FINDINGS_MAX: Final = 1_000  # beyond it a file is not repaired row by row


class Finding(Struct, frozen=True):
    """One thing that is wrong, and where."""

    where: str
    what: str


class KnownCut(Struct, frozen=True):
    """Up to where a stream was let go of, as it should be, and up to where the centre's backup covers it.

    With `is_awaited` it is not gone for good: it is still to come back from the centre.
    """

    lane: str
    incarnation: UUID
    pruned_seq: int
    backed_up_seq: int
    is_awaited: bool = False


class Verdict(Struct, frozen=True):
    """What a walk saw. Where the log begins later than at 1, `cuts` says so: that is no finding."""

    entries: int
    findings: tuple[Finding, ...]
    cuts: tuple[KnownCut, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


Place = tuple[str, str]
"""A position of the stock: SKU and lot, '' for none."""


class _Walk:
    """The state of one walk."""

    def __init__(self, connection: aiosqlite.Connection, on_progress: Callable[[int], None]) -> None:
        self.connection = connection
        self.on_progress = on_progress
        self.entries = 0
        self.placed = 0
        self.moved: set[bytes] = set()
        self.come_again: set[bytes] = set()
        self.findings: list[Finding] = []
        self.cuts: list[KnownCut] = []
        self.book = StockBook()
        self.stock: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])

    def find(self, where: str, what: str) -> None:
        if len(self.findings) < _FINDINGS_MAX:
            self.findings.append(Finding(where, what))


async def verify_file(path: Path, on_progress: Callable[[int], None] = lambda _: None) -> Verdict:
    """Check a file, which an agent may have open. `on_progress` hears how many entries were looked at."""
    try:
        connection = await open_reader(path)
    except StorageFault as fault:
        return Verdict(0, (Finding("file", f"could not be opened: {fault}"),))
    walk = _Walk(connection, on_progress)
    try:
        # One snapshot for the whole walk: what is derived must follow from the log as it was at the same moment.
        await fetch(connection, "BEGIN")
        derived = (_check_heads, _check_derived, _check_downlink, _check_reference, _check_stock_book)
        for check in (_check_pages, _check_log, *derived):
            try:
                await check(walk)
            except (StorageFault, PeerFault) as fault:
                walk.find("file", f"could not be read on: {fault}")
    finally:
        await connection.close()
    return Verdict(walk.entries, tuple(walk.findings), tuple(walk.cuts))


async def unexplained_stock(path: Path) -> dict[Place, tuple[int, int]] | None:
    """What the stock has beyond what the log makes of it, on hand and reserved; None where the log itself is damaged.

    Reads the whole file, in one snapshot.
    """
    connection = await open_reader(path)
    walk = _Walk(connection, lambda _: None)
    try:
        await fetch(connection, "BEGIN")
        await _check_log(walk)
        await _check_heads(walk)
        if walk.findings:
            return None
        kept = await _kept_stock(walk)
    except (StorageFault, PeerFault):
        return None
    finally:
        await connection.close()
    found = {}
    for place in sorted(kept.keys() | walk.stock.keys()):
        (on_hand, reserved), (made, promised) = kept.get(place, [0, 0]), walk.stock.get(place, [0, 0])
        if (on_hand, reserved) != (made, promised):
            found[place] = on_hand - made, reserved - promised
    return found


async def _check_pages(walk: _Walk) -> None:
    for (text,) in await fetch(walk.connection, "PRAGMA integrity_check(100)"):
        if text != "ok":
            walk.find("pages", text)


async def _check_log(walk: _Walk) -> None:
    try:
        walk.come_again = await retention.read_come_again(walk.connection)
    except StorageFault as fault:  # an index is damaged: every record can be looked at all the same
        walk.find("file", f"could not be searched: {fault}")
    for stream in await log.read_streams(walk.connection):
        await _check_stream(walk, stream)


async def _check_stream(walk: _Walk, stream: Stream) -> None:
    # What is below the cut belongs to open orders: single entries, without the neighbours that a chain needs.
    await _check_below_cut(walk, stream)
    previous: bytes | None = stream.ground().hash
    expected = stream.pruned_seq + 1
    while rows := await log.read_range(walk.connection, stream, expected, _ROWS):
        for seq, entry_hash, body in rows:
            where = f"{stream.lane} {seq}"
            if seq != expected and stream.has_moved(expected, seq - 1):
                previous = stream.moved_hash if seq - 1 == stream.moved_seq else None
            elif seq != expected:
                gone = f"{expected}" if seq - expected == 1 else f"{expected} to {seq - 1}"
                walk.find(f"{stream.lane} {gone}", "missing from the log")
                previous = None
            if previous is not None and link(previous, body) != entry_hash:
                walk.find(where, "its bytes are not those that the chain was made of")
            previous = entry_hash
            expected = seq + 1
            _check_body(walk, where, seq, body)
        walk.on_progress(walk.entries)
    if expected <= stream.durable_seq:
        walk.find(f"{stream.lane} {expected} to {stream.durable_seq}", "missing: the centre has confirmed them")


async def _check_below_cut(walk: _Walk, stream: Stream) -> None:
    if stream.pruned_seq == 0:
        return
    known = KnownCut(stream.lane, stream.incarnation, stream.pruned_seq, stream.backed_up_seq, bool(stream.is_awaited))
    walk.cuts.append(known)
    seq = 1
    while rows := await log.read_range(walk.connection, stream, seq, _ROWS):
        kept = [(at, body) for at, _, body in rows if at <= stream.pruned_seq]
        for at, body in kept:
            _check_body(walk, f"{stream.lane} {at}", at, body)
        if len(kept) < len(rows):
            return
        seq = rows[-1][0] + 1


def _check_body(walk: _Walk, where: str, seq: int, body: bytes) -> None:
    walk.entries += 1
    try:
        entry = decode_entry(body)
    except PeerFault as fault:
        walk.find(where, str(fault))
        return
    if entry.seq != seq:
        walk.find(where, f"holds the entry {entry.seq}")
    _note(walk, entry)


def _note(walk: _Walk, entry: Entry) -> None:
    """Add an entry to the totals. What has come again after it was let go of is in the sums already.

    Movements of stock count once by their id: a decision that was appended again is in the log twice.
    """
    if log.subject_of(entry) in walk.come_again:
        return
    for event in entry.events:
        if isinstance(event, StockEvent):
            walk.book.note(entry.hlc, event)
        if isinstance(event, OrderPlaced):
            walk.placed += 1
        elif isinstance(event, Movement) and entry.order_id is None and event.movement_id.bytes not in walk.moved:
            walk.moved.add(event.movement_id.bytes)
            _add(walk, deltas_of(event))


def _add(walk: _Walk, deltas: Iterable[StockDelta]) -> None:
    for delta in deltas:
        sums = walk.stock[delta.sku, delta.lot or ""]
        sums[0] += delta.on_hand_milli
        sums[1] += delta.reserved_milli


async def _check_heads(walk: _Walk) -> None:
    """Fold every order again and compare it with its row in the list."""
    last: list[OrderHead] = []
    while heads := await orders.list_heads(
        walk.connection, OrderFilter(before=last[-1].order_id if last else None), _HEADS
    ):
        entries: defaultdict[UUID, list[Recorded]] = defaultdict(list)
        for recorded in await orders.read_orders(walk.connection, [head.order_id for head in heads]):
            if recorded.entry.order_id is not None:
                entries[recorded.entry.order_id].append(recorded)
        for head in heads:
            _check_head(walk, head, entries[head.order_id])
        last = heads


def _check_head(walk: _Walk, head: OrderHead, entries: list[Recorded]) -> None:
    merged = merge(entries)
    state = merged.state
    if state is None:
        walk.find(f"order {head.order_id}", "is in the list, its placing is not in the log")
        return
    _add(walk, merged.deltas())
    # An order that two histories have is placed twice in the log, and is one order.
    walk.placed -= sum(isinstance(e, OrderPlaced) for r in merged.refused for e in r.entry.events)
    if (head.revision, head.status) != (state.revision, state.status):
        listed = f"the list says {head.status} at revision {head.revision}"
        walk.find(f"order {head.order_id}", f"{listed}, the log {state.status} at {state.revision}")


async def _check_downlink(walk: _Walk) -> None:
    async for where, what in check_downlink(walk.connection):
        walk.find(where, what)


async def _check_reference(walk: _Walk) -> None:
    async for where, what in check_reference(walk.connection):
        walk.find(where, what)


async def _check_stock_book(walk: _Walk) -> None:
    for where, what in await walk.book.check(walk.connection, is_whole=not walk.cuts):
        walk.find(where, what)


async def _kept_stock(walk: _Walk) -> dict[Place, list[int]]:
    """The stock as it is kept; the walk's gets what was let go of."""
    kept = {
        (sku, lot): [on_hand, reserved]
        for sku, lot, on_hand, reserved in await fetch(
            walk.connection, "SELECT sku, lot, on_hand_milli, reserved_milli FROM stock"
        )
    }
    for key, (on_hand, reserved) in (await retention.read_sums(walk.connection)).items():
        walk.stock[key][0] += on_hand
        walk.stock[key][1] += reserved
    return kept


async def _check_derived(walk: _Walk) -> None:
    """What was written beside the log must follow from it; a last row that is gone shows here."""
    kept = await _kept_stock(walk)
    for key in sorted(kept.keys() | walk.stock.keys()):
        balance, book = kept.get(key, [0, 0]), walk.stock.get(key, [0, 0])
        if balance != book:
            walk.find(f"stock {key[0]} lot {key[1] or '-'}", f"on hand and reserved are {balance}, the log says {book}")
    ((heads, last),) = await fetch(walk.connection, "SELECT count(*), max(last_entry) FROM order_head")
    if heads != walk.placed:
        walk.find("orders", f"{heads} in the list, {walk.placed} placed in the log")
    sql = """
        SELECT i.entry_id FROM idempotency AS i LEFT JOIN entry AS e ON e.entry_id = i.entry_id
        WHERE i.entry_id IS NOT NULL AND e.entry_id IS NULL ORDER BY 1 LIMIT 100
    """
    for (entry_id,) in await fetch(walk.connection, sql):
        walk.find(f"orders {seq_of(entry_id)}", "was answered to a client and is not in the log")
    if last is not None and not await fetch(walk.connection, "SELECT 1 FROM entry WHERE entry_id = ?", (last,)):
        walk.find(f"orders {seq_of(last)}", "is the last of an order and is not in the log")

"""The centre's end of the audit: its copy of a segment, and what the other end's copy mends (docs/protocol.md).

It keeps no state between two digests. What an edge supplies is taken where the chain proves it, in the place of entries
that do not lead to the chain, and nowhere else; the orders that they are about are folded again.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from central_sync.ingest.effects import standing_of
from central_sync.ingest.projection import recorded, view_row
from central_sync.ingest.reading import read_entry
from central_sync.store import audits, orders, streams
from central_sync.store.audits import ScrubRow
from central_sync.store.database import Connection
from central_sync.store.orders import OrderRow
from central_sync.store.streams import CursorRow, EntryRow, StoredEntry, StreamKey
from edge_core.errors import PeerFault
from edge_core.limits import AUDIT_SEGMENT_ENTRIES
from edge_core.orders.events import OrderPlaced
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Origin, Recorded
from edge_core.sync.audit import Entry, Examination, Examiner, Following, day_differences, proven, supplied
from edge_core.sync.audit_messages import DayTotals, Digest, DigestReply, Supply
from edge_core.sync.chain import genesis, link
from edge_core.sync.entry import decode_entry
from edge_core.sync.messages import Heartbeat

_NO_HASH: Final = bytes(32)


class Answered(Struct, frozen=True):
    """The reply to a digest, how many entries it mended here, and why a supply was not taken."""

    reply: DigestReply
    mended: int = 0
    refused: str | None = None


async def answer(connection: Connection, digest: Digest) -> Answered:
    """Compare a segment, inside the caller's transaction; take what mends it here, give what mends it there."""
    key = StreamKey(digest.node_id, digest.of, digest.lane)
    await audits.note_begun(connection, digest.node_id)
    cursor = (await streams.lock(connection, [key])).get(key)
    if cursor is None or not _is_held(cursor, digest):
        return Answered(_reply(digest, Examination(_NO_HASH, ()), is_held=False))
    copy = await _read(connection, key, cursor, digest)
    mended, refused = 0, None
    if digest.supply is not None:
        try:
            mended = await _mend(connection, key, copy, digest.supply)
        except PeerFault as fault:
            refused = str(fault)
        else:
            copy = await _read(connection, key, cursor, digest)
    return Answered(_reply(digest, copy.examination, supply=_supply(copy, digest)), mended, refused)


async def compare_days(connection: Connection, told: DayTotals) -> tuple[str, ...] | None:
    """Where the books of the days differ, where that is news; None where nothing is, or they cannot be compared yet."""
    key = StreamKey(told.node_id, told.incarnation, "orders")
    cursors = await streams.of_incarnations(connection, [(told.node_id, told.incarnation)])
    cursor = cursors.get(key)
    if cursor is None or cursor.superseded_by is not None or cursor.durable_seq != told.at_seq:
        return None  # more has come meanwhile
    if await audits.parked_of(connection, told.node_id):
        return None  # it is missing from the views, as the list of what is parked says
    left_out = _days_of(await audits.discarded_of(connection, told.node_id))
    if left_out is None:
        return None
    days = [day for day in told.days if day.business_date not in left_out]
    here = await audits.day_totals(connection, told.node_id, [day.business_date for day in days])
    found = day_differences(days, here)
    is_news = await audits.note_day_differences(connection, told.node_id, found)
    return found if found and is_news else None


def _days_of(discarded: Sequence[tuple[bytes, str | None]]) -> set[str] | None:
    """The business days whose views lack what was discarded; None where nobody can tell which those are."""
    days: set[str] = set()
    for body, business_date in discarded:
        try:
            first = decode_entry(body).events[0]
        except PeerFault:
            return None
        if business_date is not None:
            days.add(business_date)
        elif isinstance(first, OrderPlaced):
            days.add(first.order.business_date)
    return days


async def note(connection: Connection, heartbeats: Sequence[Heartbeat]) -> list[Heartbeat]:
    """Record what heartbeats say of their files; those whose node is to begin a round."""
    latest = {beat.node_id: beat for beat in heartbeats}
    rows = [
        ScrubRow(node_id, beat.incarnation, audits.time_of(beat.scrub.ended_at_ms), beat.scrub.damaged)
        for node_id, beat in sorted(latest.items())
        if beat.scrub is not None
    ]
    if rows:
        await audits.note_scrubs(connection, rows)
    wanted = await audits.wanted(connection, sorted(latest)) if latest else set()
    return [latest[node_id] for node_id in sorted(wanted)]


class _Copy(Struct, frozen=True):
    """What the table holds of a segment, the entry after it or the cursor's hash, and what an examination finds."""

    entries: list[Entry]
    before: bytes | None
    following: Following
    examination: Examination


def _is_held(cursor: CursorRow, digest: Digest) -> bool:
    count = digest.to_seq - digest.from_seq + 1
    return digest.from_seq >= 1 and 1 <= count <= AUDIT_SEGMENT_ENTRIES and digest.to_seq <= cursor.durable_seq


async def _read(connection: Connection, key: StreamKey, cursor: CursorRow, digest: Digest) -> _Copy:
    """The segment with one entry on either side of it."""
    rows = await audits.entries_in(connection, key, digest.from_seq - 1, digest.to_seq + 1)
    before = next((row.hash for row in rows if row.seq == digest.from_seq - 1), None)
    if digest.from_seq == 1:
        before = genesis(*key)
    entries = [row for row in rows if digest.from_seq <= row.seq <= digest.to_seq]
    after = next((row for row in rows if row.seq == digest.to_seq + 1), None)
    is_end = digest.to_seq == cursor.durable_seq
    examiner = Examiner(digest.from_seq, digest.to_seq, before)
    for entry in entries:
        examiner.take(entry)
    following = Following(cursor.durable_hash) if is_end or after is None else Following(after.hash, after.body)
    return _Copy(entries, before, following, examiner.finish(cursor.durable_hash if is_end else None))


def _supply(copy: _Copy, digest: Digest) -> Supply | None:
    """What the edge's copy lacks, the last of it first."""
    for wanted in reversed(digest.damaged):
        entries = [entry for entry in copy.entries if wanted.from_seq <= entry.seq <= wanted.to_seq]
        hashes = {entry.seq: entry.hash for entry in copy.entries}
        before = copy.before if wanted.from_seq == digest.from_seq else hashes.get(wanted.from_seq - 1)
        supply = supplied(wanted, entries, copy.examination.damaged, before)
        if supply is not None:
            return supply
    return None


async def _mend(connection: Connection, key: StreamKey, copy: _Copy, supply: Supply) -> int:
    """Put what the edge supplies into the table. Raises `PeerFault` where the chain does not bear it out."""
    run = next((r for r in copy.examination.damaged if r.from_seq <= supply.from_seq <= r.to_seq), None)
    if run is None:
        return 0  # mended already: this digest was delivered twice
    following = next((Following(e.hash, e.body) for e in copy.entries if e.seq == run.to_seq + 1), copy.following)
    entries = proven(supply, copy.examination.damaged, following)
    if entries is None:
        raise PeerFault("chain-broken", f"what was supplied from {supply.from_seq} on does not lead to what follows")
    concerned = await _replace(connection, key, entries)
    before = await audits.put_hash(connection, key, supply.from_seq - 1, supply.previous_hash)
    await _fold_again(connection, sorted(concerned if before is None else concerned | {before}))
    return len(entries)


async def _replace(connection: Connection, key: StreamKey, entries: Sequence[Entry]) -> set[UUID]:
    readings = [read_entry(entry.seq, entry.body, entry.hash) for entry in entries]
    rows = [EntryRow(key, r.seq, r.order_id, r.fault is not None, r.hash, r.body) for r in readings]
    await audits.replace(connection, rows)
    return {reading.order_id for reading in readings if reading.order_id is not None}


async def _fold_again(connection: Connection, order_ids: Sequence[UUID]) -> None:
    """The views of the orders that were damaged, from their entries as they are now.

    One with another damaged entry stays as it is: the mending of that one brings it up to date. Such an entry may well
    be readable, and say something else: only the chain tells.
    """
    if not order_ids:
        return
    used = [stored for stored in await streams.of_orders(connection, order_ids) if not stored.is_parked]
    damaged = await _damaged_orders(connection, used)
    by_order: defaultdict[UUID | None, list[Recorded]] = defaultdict(list)
    for stored in used:
        if stored.order_id not in damaged:
            by_order[stored.order_id].append(recorded(stored))
    found = [row for several in by_order.values() if (row := _folded(several)) is not None]
    if found:
        await orders.update(connection, found)


async def _damaged_orders(connection: Connection, entries: Sequence[StoredEntry]) -> set[UUID | None]:
    """Orders of which an entry does not lead from the hash before it to its own."""
    places = {(_stream_of(stored), stored.seq - 1) for stored in entries}
    before = await audits.hashes_of(connection, sorted(places))
    before |= {(key, 0): genesis(*key) for key, seq in places if seq == 0}
    return {
        stored.order_id
        for stored in entries
        if (previous := before.get((_stream_of(stored), stored.seq - 1))) is None
        or link(previous, stored.body) != stored.hash
    }


def _stream_of(stored: StoredEntry) -> StreamKey:
    return StreamKey(stored.node_id, stored.incarnation, stored.lane)


def _folded(several: Sequence[Recorded]) -> OrderRow | None:
    merged = merge(several)
    if merged.state is None:
        return None
    first, last = merged.accepted[0].origin, merged.accepted[-1].origin
    state, order = merged.state, merged.state.order
    standing = standing_of(order, state.status, state.revision)
    return view_row(order.order_id, _key(last), last.seq, standing, (_key(first), first.seq))


def _key(origin: Origin) -> StreamKey:
    return StreamKey(origin.node_id, origin.incarnation, origin.lane)


def _reply(
    digest: Digest, examination: Examination, *, is_held: bool = True, supply: Supply | None = None
) -> DigestReply:
    return DigestReply(
        digest.incarnation,
        digest.of,
        digest.lane,
        digest.from_seq,
        digest.to_seq,
        is_held,
        examination.digest,
        examination.named,
        supply,
    )

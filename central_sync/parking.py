"""What becomes of what was parked: replayed with the present software, or discarded by somebody with a reason (G7).

A replay takes the whole order: the entry, and whatever waits behind it in the same order, in the order of the log, in
one transaction. Views, books and the live feed are then as if nothing had been parked. What still cannot be used stays
parked, with the reason that holds today, and so does what follows it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NoReturn
from uuid import UUID

from msgspec import Struct

from central_sync.ingest.apply import repeated_movements, write_views
from central_sync.ingest.projection import Projection, known_orders
from central_sync.ingest.reading import EntryFault, Reading, read_entry
from central_sync.instructions import answers_in
from central_sync.rights import share
from central_sync.store import feed, instructions, parked, streams
from central_sync.store.database import Connection, Database
from central_sync.store.streams import StoredEntry, StreamKey
from edge_core.errors import PermanentFault, Rejected


class Verdict(Struct, frozen=True):
    """What became of one thing that was parked; `reason` and `detail` say why where it still is."""

    id: int
    node_id: str
    incarnation: UUID | None
    lane: str | None
    seq: int | None
    outcome: Literal["replayed", "discarded", "parked"]
    reason: str = ""
    detail: str = ""


class _Undone(Exception):  # noqa: N818 - it names what happened
    """The end of a trial: the transaction is rolled back, and this is what it would have done."""

    def __init__(self, verdicts: list[Verdict]) -> None:
        super().__init__()
        self.verdicts = verdicts


async def replay(
    database: Database, parked_id: int, *, who: str, why: str = "", is_trial: bool = False
) -> list[Verdict] | Rejected:
    """Replay an entry and what waits with it, in one transaction. A trial says what would happen, and changes nothing.

    Raises `TransientFault` while the database is away.
    """
    try:
        async with database.transaction() as connection:
            verdicts = await _replay(connection, parked_id, who, why)
            if is_trial and isinstance(verdicts, list):
                _undo(verdicts)
            return verdicts
    except _Undone as undone:
        return undone.verdicts
    except PermanentFault as fault:  # the database refuses one of the values: all of the order stays where it is
        async with database.transaction() as connection:
            return await _refused(connection, parked_id, str(fault))


async def discard(
    database: Database, parked_id: int, *, who: str, why: str, is_trial: bool = False
) -> list[Verdict] | Rejected:
    """Decide that something parked is never to be used. An entry stays in the log; a foreign message goes.

    Raises `TransientFault` while the database is away.
    """
    async with database.transaction() as connection:
        row = await _locked(connection, parked_id)
        if isinstance(row, Rejected):
            return row
        if not is_trial:
            if row.incarnation is not None and row.lane is not None and row.seq is not None:
                key = StreamKey(row.node_id, row.incarnation, row.lane)
                await streams.discard(connection, key, row.seq)
                await streams.settle(connection, key, replayed=0, discarded=1)
            await parked.settle(connection, row.node_id, row.id, action="discarded", who=who, why=why)
        return [Verdict(row.id, row.node_id, row.incarnation, row.lane, row.seq, "discarded", row.reason, row.detail)]


def _undo(verdicts: list[Verdict]) -> NoReturn:
    raise _Undone(verdicts)


async def _replay(connection: Connection, parked_id: int, who: str, why: str) -> list[Verdict] | Rejected:
    row = await _locked(connection, parked_id)
    if isinstance(row, Rejected):
        return row
    if row.incarnation is None or row.lane is None or row.seq is None:
        return Rejected("parked-not-entry", "its node sends it again if it matters; discard it")
    entry = await streams.one(connection, StreamKey(row.node_id, row.incarnation, row.lane), row.seq)
    if entry is None:
        return Rejected("parked-not-found", f"the entry of parked {parked_id} is not in the log")
    waiting, used = await _order_of(connection, entry)
    repeated = await repeated_movements(connection, [(_key(e), r) for e, r in waiting])
    projection = Projection(known_orders(used), repeated)
    taken = [(e, r) for e, r in waiting if projection.take(_key(e), r)]
    await _write(connection, projection, taken)
    faults = {(key, seq): fault for key, seq, fault in projection.parked}
    return [await _settled(connection, e, faults.get((_key(e), e.seq)), who, why) for e, _ in waiting]


async def _locked(connection: Connection, parked_id: int) -> parked.ParkedRow | Rejected:
    """The row, looked at again under the locks of its node's streams: another may have settled it meanwhile."""
    found = await _row(connection, parked_id)
    if found is not None:
        await streams.lock_node(connection, found.node_id)
        found = await _row(connection, parked_id)
    return found or Rejected("parked-not-found", f"nothing is parked as {parked_id}, or no longer")


async def _row(connection: Connection, parked_id: int) -> parked.ParkedRow | None:
    rows = await parked.page(connection, node_id=None, parked_id=parked_id, before=None, rows_max=1)
    return rows[0] if rows else None


async def _order_of(
    connection: Connection, entry: StoredEntry
) -> tuple[list[tuple[StoredEntry, Reading]], list[StoredEntry]]:
    """The parked entries of an entry's order, in the order of the log, read anew; and those that are used already."""
    reading = read_entry(entry.seq, entry.body, entry.hash)
    if reading.order_id is None:
        return [(entry, reading)], []
    stored = await streams.of_orders(connection, [reading.order_id])
    own = {(_key(e), e.seq): e for e in stored if e.node_id == entry.node_id and e.is_parked and not e.is_discarded}
    own[_key(entry), entry.seq] = entry
    waiting = sorted(own.values(), key=lambda e: (e.ingested_at, *_key(e), e.seq))
    return [(e, read_entry(e.seq, e.body, e.hash)) for e in waiting], [e for e in stored if not e.is_parked]


async def _write(connection: Connection, projection: Projection, taken: Sequence[tuple[StoredEntry, Reading]]) -> None:
    if not taken:
        return
    await write_views(connection, projection, careful=True)
    answers = answers_in([(_key(entry), reading) for entry, reading in taken])
    if answers:
        await instructions.answer(connection, answers)
    await share(connection, [(_key(entry), reading) for entry, reading in taken])
    for entry, reading in taken:
        await streams.unpark(connection, _key(entry), entry.seq, reading.order_id)
    for key, count in sorted(Counter(_key(entry) for entry, _ in taken).items()):
        await streams.settle(connection, key, replayed=count, discarded=0)
    seen = set(projection.passed_over)
    places = [(_key(entry), entry.seq) for entry, _ in taken]
    await feed.add(connection, [(key, seq, seq) for key, seq in places if (key, seq) not in seen])


async def _settled(connection: Connection, entry: StoredEntry, fault: EntryFault | None, who: str, why: str) -> Verdict:
    key = _key(entry)
    parked_id = await parked.id_of(connection, key, entry.seq) or 0
    if fault is None:
        await parked.settle(connection, entry.node_id, parked_id, action="replayed", who=who, why=why)
        return Verdict(parked_id, *key, entry.seq, "replayed")
    await parked.note(connection, entry.node_id, parked_id, fault.reason, fault.detail)
    return Verdict(parked_id, *key, entry.seq, "parked", fault.reason, fault.detail)


async def _refused(connection: Connection, parked_id: int, detail: str) -> list[Verdict] | Rejected:
    row = await _row(connection, parked_id)
    if row is None:
        return Rejected("parked-not-found", f"nothing is parked as {parked_id}, or no longer")
    await parked.note(connection, row.node_id, row.id, "unstorable", detail)
    return [Verdict(row.id, row.node_id, row.incarnation, row.lane, row.seq, "parked", "unstorable", detail)]


def _key(entry: StoredEntry) -> StreamKey:
    return StreamKey(entry.node_id, entry.incarnation, entry.lane)

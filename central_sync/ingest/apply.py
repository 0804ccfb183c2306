"""The one transaction of a batch of pushes from many nodes (docs/protocol.md, "The centre's end").

    lock the cursors, in order -> compare each push with its cursor -> load the orders that go on -> project
    -> insert entries, views, parked, feed -> move the cursors -> COMMIT (the caller's) -> ack

The rows of `stream_cursor` are the only lock: whoever holds one may append to that stream.
"""

from collections.abc import Iterable, Sequence, Set
from typing import assert_never
from uuid import UUID

from msgspec import Struct, field

from central_sync.ingest.holding import Held, open_breakers, passing, up_to_stop
from central_sync.ingest.outcomes import outcomes_in
from central_sync.ingest.projection import KnownOrder, Parked, Projection, block_parked, known_orders
from central_sync.ingest.proposing import hold_answers_in
from central_sync.ingest.reading import Reading, ReadPush
from central_sync.instructions import about_assignments, answers_in
from central_sync.rights import share
from central_sync.store import (
    assignments,
    days,
    feed,
    instructions,
    movements,
    nodes,
    orders,
    outcomes,
    parked,
    proposals,
    stock,
    streams,
)
from central_sync.store.breakers import Breaker
from central_sync.store.database import Connection
from central_sync.store.instructions import AnswerRow
from central_sync.store.movements import MovementRow
from central_sync.store.parked import ForeignMessage, ParkedEntry
from central_sync.store.proposals import HoldAnswer
from central_sync.store.streams import CursorRow, EntryRow, StreamKey
from edge_core.sync.receive_stream import Applied, Cursor, Duplicate, Fork, Gap, receive
from edge_core.sync.topics import topic


class Outcome(Struct):
    """What became of a batch. Each stream in `cursors` gets one ack, each in `fences` a welcome that says why."""

    cursors: dict[StreamKey, CursorRow] = field(default_factory=dict)
    fences: dict[StreamKey, str] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    forks: list[StreamKey] = field(default_factory=list)
    held: dict[StreamKey, Held] = field(default_factory=dict)
    opened: list[Breaker] = field(default_factory=list)
    answers: list[AnswerRow] = field(default_factory=list)
    passed_over: list[tuple[StreamKey, int]] = field(default_factory=list)
    hold_answers: list[HoldAnswer] = field(default_factory=list)
    entries: int = 0
    applied: int = 0
    duplicates: int = 0
    gaps: int = 0
    holds: int = 0


class _Check(Struct, frozen=True):
    """A duplicate whose hash must be compared with the entry that is stored."""

    push: ReadPush
    seq: int
    expected_hash: bytes


class _Plan(Struct):
    """What a batch means for the cursors, before anything is written."""

    new: list[tuple[StreamKey, Reading]] = field(default_factory=list)
    ranges: list[tuple[StreamKey, int, int]] = field(default_factory=list)
    checks: list[_Check] = field(default_factory=list)
    forked: list[tuple[ReadPush, int]] = field(default_factory=list)


async def apply(connection: Connection, pushes: Sequence[ReadPush], *, careful: bool = False) -> Outcome:
    """Apply pushes inside the caller's transaction.

    Entries after the cursor and orders that begin are taken to be new, which makes it twice as fast. `AlreadyThere`
    says that one is not; `careful` then loads the history of every order first and inserts what is missing.
    """
    locked = await streams.lock(connection, sorted({push.key for push in pushes}))
    outcome = Outcome(cursors=_cursors_of(pushes, locked))
    plan = _plan(pushes, locked, outcome, await passing(connection, pushes))
    if plan.new:
        await _append(connection, plan, outcome, careful=careful)
    await _verify_duplicates(connection, plan)
    await _quarantine(connection, plan, outcome)
    outcome.opened = await open_breakers(connection, outcome.held)
    return outcome


def _cursors_of(pushes: Sequence[ReadPush], locked: dict[StreamKey, CursorRow]) -> dict[StreamKey, CursorRow]:
    """A stream that never said hello is acked at its beginning: its edge sees that the centre's history is another."""
    return {push.key: locked.get(push.key) or streams.beginning(push.key) for push in pushes}


def _plan(
    pushes: Sequence[ReadPush],
    locked: dict[StreamKey, CursorRow],
    outcome: Outcome,
    versions: Set[tuple[str, int]],
) -> _Plan:
    plan = _Plan()
    for whole in pushes:
        key, row = whole.key, outcome.cursors[whole.key]
        push, stop = up_to_stop(whole, row.durable_seq, versions)
        if row.fenced is not None:
            outcome.fences[key] = row.fenced
        elif key not in locked:
            outcome.gaps += 1
        elif push.readings:
            _place(push, row, plan, outcome)
        else:
            outcome.holds += 1
        if stop is not None and stop.seq == outcome.cursors[key].durable_seq + 1 and key in locked:
            outcome.held[key] = stop
    return plan


def _place(push: ReadPush, row: CursorRow, plan: _Plan, outcome: Outcome) -> None:
    """What a push means for its cursor."""
    match receive(Cursor(row.durable_seq, row.durable_hash), push.batch):
        case Applied(cursor, skip):
            plan.new += [(push.key, reading) for reading in push.readings[skip:]]
            outcome.applied += 1
            plan.ranges.append((push.key, push.batch.from_seq + skip, cursor.durable_seq))
            outcome.cursors[push.key] = row._replace(durable_seq=cursor.durable_seq, durable_hash=cursor.durable_hash)
        case Duplicate(seq, expected_hash):
            outcome.duplicates += 1
            if seq != row.durable_seq:
                plan.checks.append(_Check(push, seq, expected_hash))
        case Gap():
            outcome.gaps += 1
        case Fork(seq):
            plan.forked.append((push, seq))
        case unreachable:
            assert_never(unreachable)


async def _append(connection: Connection, plan: _Plan, outcome: Outcome, *, careful: bool) -> None:
    known = await _known(connection, plan.new, careful=careful)
    projection = Projection(known, await repeated_movements(connection, plan.new))
    # One at a time: the server inserts the first ones while the next are projected.
    rows = (EntryRow(key, r.seq, r.order_id, not projection.take(key, r), r.hash, r.body) for key, r in plan.new)
    await (streams.append_missing if careful else streams.append)(connection, rows)
    await write_views(connection, projection, careful=careful)
    await _count_parked(connection, projection.parked, outcome)
    outcome.answers = answers_in(plan.new)
    if outcome.answers:
        await instructions.answer(connection, outcome.answers)
        answered = about_assignments(outcome.answers)
        if answered:
            await assignments.note(connection, answered)
    out_of_use = {(each.key, each.seq) for each in projection.parked}
    routed = outcomes_in(plan.new, out_of_use)
    if routed:
        await outcomes.add(connection, routed)
    outcome.hold_answers = hold_answers_in(plan.new, out_of_use)
    if outcome.hold_answers:
        await proposals.add(connection, outcome.hold_answers)
    await share(connection, plan.new)
    moved = {key for key, _, _ in plan.ranges}
    await streams.advance(connection, [(key, outcome.cursors[key]) for key in sorted(moved)])
    await feed.add(connection, _shown(plan.ranges, projection.passed_over))
    outcome.entries = len(plan.new)
    outcome.parked, outcome.passed_over = projection.parked, projection.passed_over


def _shown(
    ranges: Sequence[tuple[StreamKey, int, int]], passed_over: Sequence[tuple[StreamKey, int]]
) -> list[tuple[StreamKey, int, int]]:
    """What live viewers are to see: what was passed over they have seen."""
    found: list[tuple[StreamKey, int, int]] = []
    for key, from_seq, to_seq in ranges:
        hidden = sorted(seq for of, seq in passed_over if of == key and from_seq <= seq <= to_seq)
        starts, ends = [from_seq, *(seq + 1 for seq in hidden)], [*(seq - 1 for seq in hidden), to_seq]
        found += [(key, start, end) for start, end in zip(starts, ends, strict=True) if start <= end]
    return found


async def _known(
    connection: Connection, new: Sequence[tuple[StreamKey, Reading]], *, careful: bool
) -> dict[UUID, KnownOrder]:
    """The orders that go on in this batch; only for those is anything loaded."""
    begun: set[int] = set()
    wanted: set[UUID] = set()
    for _, reading in new:
        order_id = reading.order_id
        if order_id is not None and order_id.int not in begun:
            if reading.standing is not None and not careful:
                begun.add(order_id.int)
            else:
                wanted.add(order_id)
    if not wanted:
        return {}
    arriving = {(key, reading.seq) for key, reading in new}
    stored = [
        entry
        for entry in await streams.of_orders(connection, sorted(wanted))
        if (StreamKey(entry.node_id, entry.incarnation, entry.lane), entry.seq) not in arriving
    ]
    known = known_orders(stored)
    block_parked(known, stored)
    return known


async def repeated_movements(
    connection: Connection, new: Iterable[tuple[StreamKey, Reading]]
) -> set[tuple[StreamKey, int]]:
    """The places of the stock movements among these entries for which another one is used; the others claim theirs."""
    rows = [MovementRow(key, r.movement_id, r.seq) for key, r in new if r.movement_id is not None]
    if not rows:
        return set()
    return {(row.key, row.seq) for row in rows} - await movements.claim(connection, rows)


async def write_views(connection: Connection, projection: Projection, *, careful: bool) -> None:
    """Write what a projection changed. `careful` where orders that seem to begin may be there."""
    new, changed, moved = projection.new_orders(), projection.changed_orders(), projection.stock_changes()
    if careful:
        new, changed = [], new + changed
    if new:
        await orders.insert(connection, new)
    if changed:
        await orders.update(connection, changed)
    if moved:
        await stock.add(connection, moved)
    if projection.assigned:
        await assignments.note(connection, sorted(projection.assigned))
    closed = projection.closed_days()
    if closed:
        await days.add(connection, closed)


async def _count_parked(connection: Connection, found: Sequence[Parked], outcome: Outcome) -> None:
    for key, _, _ in found:
        row = outcome.cursors[key]
        outcome.cursors[key] = row._replace(parked=row.parked + 1)
    if found:
        rows = [
            ParkedEntry(
                key.node_id, topic(key.node_id, "up"), key.incarnation, key.lane, seq, fault.reason, fault.detail
            )
            for key, seq, fault in found
        ]
        await parked.add_entries(connection, rows)


async def _verify_duplicates(connection: Connection, plan: _Plan) -> None:
    """The same seq with another hash is a fork and never a duplicate to be ignored."""
    for check in plan.checks:
        if await streams.hash_at(connection, check.push.key, check.seq) != check.expected_hash:
            plan.forked.append((check.push, check.seq))


async def _quarantine(connection: Connection, plan: _Plan, outcome: Outcome) -> None:
    for push, seq in plan.forked:
        key = push.key
        why = f"{key.lane}: another history under the same name at {seq}"
        message = ForeignMessage(key.node_id, topic(key.node_id, "up"), "fork", why, push.payload)
        await parked.add_foreign(connection, message)
        await streams.fence(connection, key.node_id, key.incarnation, why)
        await nodes.note_error(connection, key.node_id, why)
        outcome.fences[key] = why
        outcome.forks.append(key)

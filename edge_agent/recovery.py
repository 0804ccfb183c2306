"""What a node does about its earlier lives: begin a new one, take back what was lost, keep what only it has.

Everything here happens in the writer's own transactions. A delivery of the centre is compared with the file's copy of
that stream: what the copy has beyond the common part moves to the present stream (only this file had it), and what the
delivery has beyond it is added under its old name. Orders and stock are then what the entries make of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct
from msgspec.structs import replace

from edge_agent.intake import Intake, read_replay
from edge_agent.rebalance import difference, shifted
from edge_agent.store import idempotency, log, orders, retention, stock
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.idempotency import Answered
from edge_agent.store.log import EntryRow, Stream, Tail, subject_of
from edge_agent.store.orders import OrderHead
from edge_agent.submission import accepted_answer, bytes_to_keep
from edge_agent.surroundings import Surroundings
from edge_core import clock, ids
from edge_core.errors import InvariantViolated, PeerFault, RecordDamaged
from edge_core.limits import LOST_NAMED_MAX, PUSH_ENTRIES_MAX, STREAM_SEQ_BITS
from edge_core.orders.events import Event, OrderPlaced, StockMoved, deltas_of
from edge_core.orders.merge import Merged, merge
from edge_core.stock.ledger import StockDelta
from edge_core.sync.chain import link
from edge_core.sync.entry import ENTRY_VERSION, Entry, decode_entry, encode_entry
from edge_core.sync.link_types import FormerKey
from edge_core.sync.locator import spaced
from edge_core.sync.messages import Deliver, FormerStream, Mark
from edge_core.sync.receive_stream import Batch, prepare
from edge_core.sync.salvage import Row, sound

_LOG: Final = structlog.get_logger()
_DAY_MS: Final = 86_400_000
RECOVERY: Final = "recovery"


class Recovery:
    """The earlier incarnations of one node."""

    def __init__(self, file: StoreFile, intake: Intake, surroundings: Surroundings) -> None:
        self._file = file
        self._intake = intake
        self._now_ms = surroundings.now_ms
        self._random_bits = surroundings.random_bits
        self._machine = surroundings.machine

    async def begin_incarnation(self, reason: str) -> UUID:
        """Go on in empty streams under a new name; the old ones stay in the file."""
        incarnation = ids.incarnation(self._now_ms(), self._random_bits(), self._machine)

        async def change(connection: Connection) -> None:
            await log.raise_clock(connection, max(tail.hlc for tail in self._file.tails.values()))
            await log.create_streams(connection, incarnation)

        await self._intake.change_log(change)
        _LOG.warning("recovery.incarnation_begun", incarnation=str(incarnation), reason=reason)
        return incarnation

    async def differing(self, former: Iterable[FormerStream], *, is_own_only: bool = False) -> tuple[FormerKey, ...]:
        """The earlier streams in which the file and the centre differ, oldest first; perhaps only the file's own."""
        reader = self._file.link_reader
        centre = {FormerKey(each.incarnation, each.lane): each for each in former}
        local = {FormerKey(s.incarnation, s.lane): s for s in self._file.former}
        found = []
        named = local.keys() if is_own_only else centre.keys() | local.keys()
        for key in sorted(named, key=lambda key: (key.incarnation.bytes, key.lane)):
            tail = await log.read_end(reader, local[key]) if key in local else None
            there = centre.get(key)
            if (tail[0] if tail else 0) == (there.durable_seq if there else 0) == 0:
                continue
            if tail is None or there is None or tail != (there.durable_seq, there.durable_hash):
                found.append(key)
        return tuple(found)

    async def locator(self, key: FormerKey) -> tuple[Mark, ...]:
        """Marks of the file's copy of a stream, newest first."""
        stream = self._former(key)
        if stream is None:
            return ()
        reader = self._file.link_reader
        last, _ = await log.read_end(reader, stream)
        first = await log.first_seq(reader, stream)
        marks = [(seq, await log.read_hash(reader, stream, seq)) for seq in spaced(last, first)]
        return tuple(Mark(seq, found) for seq, found in marks if found is not None)

    async def restore(self, key: FormerKey, deliver: Deliver) -> bool:
        """Take a delivery into the file; True when it says that there is nothing more. Raises `PeerFault`."""
        batch = prepare(deliver) if deliver.to_seq >= deliver.from_seq else None
        outcome = _Outcome()

        async def change(connection: Connection) -> None:
            work = _Restoration(connection, self._file, self._now_ms(), self._random_bits, outcome)
            await work.run(key, deliver.from_seq - 1, deliver.previous_hash, batch)

        await self._intake.change_log(change)
        if outcome.added or outcome.moved:
            _LOG.warning("recovery.entries_restored", incarnation=str(key.incarnation), **outcome.counts())
        if outcome.lost:
            where = {"incarnation": str(key.incarnation), "lane": key.lane}
            _LOG.error("recovery.entries_lost", entries=len(outcome.lost), seqs=outcome.lost[:LOST_NAMED_MAX], **where)
        return outcome.is_complete

    def _former(self, key: FormerKey) -> Stream | None:
        return next((s for s in self._file.former if s.incarnation == key.incarnation and s.lane == key.lane), None)


class _Outcome:
    """What a restoration did, for the log."""

    def __init__(self) -> None:
        self.added = 0
        self.moved = 0
        self.refused = 0
        self.found = 0
        self.opaque = 0
        self.lost: list[int] = []
        self.is_complete = True

    def counts(self) -> dict[str, int]:
        counts = {"added": self.added, "moved": self.moved, "refused": self.refused, "found": self.found}
        return counts | {"opaque": self.opaque}


class _Effects(Struct):
    """Orders and stock as they were before the entries changed."""

    before: dict[UUID, Merged]
    moves: list[StockDelta]


class _Restoration:
    """One delivery, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        file: StoreFile,
        now_ms: int,
        random_bits: Callable[[], int],
        outcome: _Outcome,
    ) -> None:
        self._connection = connection
        self._file = file
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._outcome = outcome
        self._tail: Tail = file.tails["orders"]

    async def run(self, key: FormerKey, common: int, common_hash: bytes, batch: Batch | None) -> None:
        stream = await self._stream(key, common, common_hash)
        if common < stream.pruned_seq:
            await self._move_after_gap(stream, common)
            return
        self._outcome.is_complete = batch is None
        read = {seq: _readable(body) for seq, body in _numbered(batch)}
        new = [(seq, entry) for seq, entry in read.items() if entry is not None]
        subjects = {subject for _, entry in new if (subject := subject_of(entry)) is not None}
        gone = await retention.read_gone(self._connection, sorted(subjects))
        alive = [(seq, entry) for seq, entry in new if subject_of(entry) not in gone]
        order_ids = sorted({entry.order_id for _, entry in alive if entry.order_id is not None})
        before = await self._merged(order_ids)
        await self._keep_answers(stream, common, order_ids)
        await self._move_beyond(stream, common)
        await log.raise_clock(self._connection, max([self._tail.hlc, *(entry.hlc for _, entry in new)]))
        if batch is None:
            return
        moves = await self._new_movements(alive)
        await log.append(self._connection, [_row(stream, batch, seq, entry) for seq, entry in read.items()])
        await self._remember_keys(stream, alive)
        after = await self._merged(order_ids)
        await self._write_heads(after)
        await self._write_stock(difference(before.values(), after.values(), moves))
        self._outcome.added += len(read)
        self._outcome.opaque += len(read) - len(new)
        self._outcome.refused += sum(len(merged.refused) for merged in after.values())

    async def _stream(self, key: FormerKey, common: int, common_hash: bytes) -> Stream:
        """The file's copy of the stream, checked to agree with the delivery's ground; made where there is none."""
        stream = await log.find_stream(self._connection, key.incarnation, key.lane)
        if stream is None:
            stream = await log.create_former(self._connection, key.incarnation, key.lane)
        held = await log.read_hash(self._connection, stream, common)
        if held != common_hash and common >= stream.pruned_seq:
            raise PeerFault("fork", f"the delivery does not stand on the file's copy at {common}")
        return stream

    async def _keep_answers(
        self, stream: Stream, common: int, order_ids: list[UUID], last_seq: int = (1 << STREAM_SEQ_BITS) - 1
    ) -> None:
        """What was said stays said, word for word (G4): entries will move, and orders get another past."""
        last = stream.entry_id(last_seq)
        rows = await idempotency.unkept(
            self._connection, stream.entry_id(common + 1), last, [order_id.bytes for order_id in order_ids]
        )
        kept = []
        for day, key, entry_id in rows:
            try:
                kept.append((day, key, bytes_to_keep(accepted_answer(await read_replay(self._connection, entry_id)))))
            except RecordDamaged:  # nobody can say any more what was answered
                continue
        await idempotency.keep_answers(self._connection, kept)

    async def _new_movements(self, new: list[tuple[int, Entry]]) -> list[StockDelta]:
        """Deltas of the movements that the file does not have: one that was appended again counts once."""
        movements = {subject_of(entry): entry for _, entry in new if entry.order_id is None}
        subjects = [subject for subject in movements if subject is not None]
        known = await log.known_subjects(self._connection, subjects) if subjects else set()
        return [
            delta
            for subject, entry in movements.items()
            if subject not in known
            for event in entry.events
            for delta in deltas_of(event)
        ]

    async def _move_beyond(self, stream: Stream, common: int) -> None:
        """What only this file has of the old stream goes on in the present one, in its order, under the same times."""
        common_hash = await log.read_hash(self._connection, stream, common)
        before = None if common_hash is None else (common, common_hash)
        while rows := await log.read_range(self._connection, stream, common + 1, PUSH_ENTRIES_MAX + 1):
            step = rows[:PUSH_ENTRIES_MAX]  # one more, because the next one proves the last
            await self._move(stream, step, sound(rows, before), common + 1)
            common, hash_there, _ = step[-1]
            before = common, hash_there

    async def _move(self, stream: Stream, rows: list[Row], verdicts: list[bool], from_seq: int) -> None:
        """Append again what is sound, run by run; what is damaged or missing is lost, and is named."""
        whole = [row for row, is_sound in zip(rows, verdicts, strict=False) if is_sound]
        for _, run in groupby(enumerate(whole), lambda each: each[1][0] - each[0]):
            moved = [row for _, row in run]
            first_new = self._tail.seq + 1
            await self._append_again(moved)
            await self._leave_place(stream, moved[0][0], moved[-1][0], first_new)
        left = {seq for seq, _, _ in whole}
        self._outcome.lost += [seq for seq in range(from_seq, rows[-1][0] + 1) if seq not in left]
        await log.forget_range(self._connection, stream, from_seq, rows[-1][0])

    async def _move_after_gap(self, stream: Stream, common: int) -> None:
        """The centre lost what this file has let go of: what is left after the cut goes on in the present stream.

        So do the entries of open orders below it, as far as the centre lacks them. The cut moves along, a step at a
        time, so that no till waits for a month of orders.
        """
        rows = await log.read_range(self._connection, stream, common + 1, PUSH_ENTRIES_MAX)
        self._outcome.is_complete = len(rows) < PUSH_ENTRIES_MAX
        for row in rows:
            if row[0] <= stream.pruned_seq:
                await self._append_again([row])
                await self._leave_place(stream, row[0], row[0], self._tail.seq)
        beyond = [row for row in rows if row[0] > stream.pruned_seq]
        if not beyond:
            return
        last_seq, last_hash, _ = beyond[-1]
        await self._keep_answers(stream, stream.pruned_seq, [], last_seq)
        first_new = self._tail.seq + 1
        await self._append_again(beyond)
        await self._leave_place(stream, beyond[0][0], last_seq, first_new)
        await retention.move_cut(self._connection, stream, last_seq, last_hash)

    async def _append_again(self, rows: list[tuple[int, bytes, bytes]]) -> None:
        moved = [self._next_row(replace(decode_entry(body), seq=0)) for _, _, body in rows]
        await log.append(self._connection, moved)
        self._outcome.moved += len(moved)

    async def _leave_place(self, stream: Stream, from_seq: int, to_seq: int, first_new: int) -> None:
        """Entries are in the present stream from `first_new` on: their old places go, and who pointed there follows."""
        first, last = stream.entry_id(from_seq), stream.entry_id(to_seq)
        offset = self._file.streams["orders"].entry_id(first_new) - first
        await log.forget_range(self._connection, stream, from_seq, to_seq)
        await orders.shift_entries(self._connection, first, last, offset)
        await idempotency.shift_entries(self._connection, first, last, offset)

    def _next_row(self, entry: Entry) -> EntryRow:
        present = self._file.streams["orders"]
        entry = replace(entry, seq=self._tail.seq + 1)
        body = encode_entry(entry)
        self._tail = Tail(entry.seq, link(self._tail.hash, body), max(self._tail.hlc, entry.hlc))
        return EntryRow(present.entry_id(entry.seq), subject_of(entry), self._tail.hash, body)

    async def _merged(self, order_ids: list[UUID]) -> dict[UUID, Merged]:
        found = await orders.read_orders(self._connection, order_ids) if order_ids else []
        by_order = defaultdict(list)
        for recorded in found:
            by_order[recorded.entry.order_id].append(recorded)
        return {order_id: merge(by_order[order_id]) for order_id in order_ids}

    async def _write_heads(self, after: dict[UUID, Merged]) -> None:
        heads = []
        for order_id, merged in after.items():
            if merged.state is None:
                continue
            last = merged.accepted[-1].origin
            stream = await log.find_stream(self._connection, last.incarnation, last.lane)
            if stream is None:
                raise InvariantViolated(f"an entry of order {order_id} without its stream")
            order = merged.state.order
            heads.append(
                OrderHead(
                    order_id,
                    stream.entry_id(last.seq),
                    merged.state.revision,
                    order.order_type,
                    merged.state.status,
                    order.terminal_id,
                    order.business_date,
                    order.currency,
                    order.totals.grand_total_minor,
                )
            )
        await orders.put_heads(self._connection, heads)

    async def _remember_keys(self, stream: Stream, new: list[tuple[int, Entry]]) -> None:
        """A till that repeats an order of before the loss gets its old answer (G4)."""
        for seq, entry in new:
            first: Event = entry.events[0]
            if isinstance(first, OrderPlaced):
                key = ids.digest16(first.order.idempotency_key)
                row = Answered(key, first.order.payload_hash, stream.entry_id(seq), None)
                await idempotency.put_missing(self._connection, entry.recorded_at_ms // _DAY_MS, row)

    async def _write_stock(self, deltas: dict[tuple[str, str | None], StockDelta]) -> None:
        """Apply the difference. Where two histories promised the same goods, both were handed over: they are found."""
        if not deltas:
            return
        held = {
            (p.sku, p.lot): p for p in await stock.read_positions(self._connection, sorted({sku for sku, _ in deltas}))
        }
        positions, found = [], []
        for place, delta in deltas.items():
            position = shifted(held.get(place), delta)
            missing = -position.free_milli
            if missing > 0:
                found.append(StockDelta(delta.sku, delta.lot, delta.unit, on_hand_milli=missing))
                position = replace(position, on_hand_milli=position.on_hand_milli + missing)
            positions.append(position)
        await stock.put_positions(self._connection, positions)
        if found:
            await self._record_found(tuple(found))

    async def _record_found(self, found: tuple[StockDelta, ...]) -> None:
        moved = StockMoved(ids.uuid7(self._now_ms, self._random_bits()), "found", RECOVERY, found)
        hlc = clock.tick(self._tail.hlc, self._now_ms)
        row = self._next_row(Entry(ENTRY_VERSION, 0, hlc, self._now_ms, None, (moved,)))
        await log.append(self._connection, [row])
        self._outcome.found += len(found)


def _numbered(batch: Batch | None) -> Iterable[tuple[int, bytes]]:
    return enumerate(batch.bodies, batch.from_seq) if batch is not None else ()


def _readable(body: bytes) -> Entry | None:
    """The entry; None for what this software cannot read: the centre parked it, and its bytes are kept here too."""
    try:
        return decode_entry(body)
    except PeerFault:
        return None


def _row(stream: Stream, batch: Batch, seq: int, entry: Entry | None) -> EntryRow:
    index = seq - batch.from_seq
    subject = None if entry is None else subject_of(entry)
    return EntryRow(stream.entry_id(seq), subject, batch.hashes[index], batch.bodies[index])

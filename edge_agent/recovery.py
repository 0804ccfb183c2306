"""What a node does about its earlier lives: begin a new one, take back what was lost, keep what only it has.

Everything here happens in the writer's own transactions. A delivery of the centre is compared with the file's copy of
that stream: what the copy has beyond the common part moves to the present stream (only this file had it), and what the
delivery has beyond it is added under its old name. Orders and stock are then what the entries make of them.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct
from msgspec.structs import replace

from edge_agent import delivered
from edge_agent.history import History, tell_lacking
from edge_agent.intake import Intake
from edge_agent.losses import Settlement, list_what_is_left
from edge_agent.moving import Moving, Outcome
from edge_agent.rebalance import difference
from edge_agent.refolding import Refolding
from edge_agent.store import log, losses, retention, scrubbing
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.log import Stream, subject_of
from edge_agent.surroundings import Surroundings
from edge_core import ids
from edge_core.errors import PeerFault, RecordDamaged
from edge_core.limits import LOST_NAMED_MAX, MOVE_STEPS_MAX, SCRUB_RETRY_MS
from edge_core.orders.merge import Merged
from edge_core.sync.link_types import NEEDED, FormerKey
from edge_core.sync.locator import agreed_seq, spaced
from edge_core.sync.messages import Deliver, FormerStream, Mark, Recall, lane_of
from edge_core.sync.need_messages import Need, Needed
from edge_core.sync.receive_stream import Batch, prepare

_LOG: Final = structlog.get_logger()


class Recovery:
    """The earlier incarnations of one node."""

    def __init__(self, file: StoreFile, intake: Intake, surroundings: Surroundings) -> None:
        self._file = file
        self._intake = intake
        self._now_ms = surroundings.now_ms
        self._random_bits = surroundings.random_bits
        self._machine = surroundings.machine
        self._history = History(file, intake, surroundings.now_ms, surroundings.random_bits)
        self._history.on_damage = self._suspect
        self.on_damage: Callable[[], None] = lambda: None
        self.sheds: Callable[[], bool] = lambda: False
        self._put_off: set[FormerKey] = set()
        self._agreed: dict[FormerKey, int] = {}
        self._looked_ms: int | None = None
        self._lacking: set[tuple[FormerKey, range]] = set()

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
        self._agreed.clear()  # a centre that has greeted anew may have come back with less
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
            is_moving = key in local and local[key].moved_seq > 0
            if is_moving or tail is None or there is None or tail != (there.durable_seq, there.durable_hash):
                found.append(key)
        return tuple(found)

    async def asks(self, former: Iterable[FormerStream], *, is_own_only: bool = False) -> tuple[FormerKey, ...]:
        """What is to be asked of the earlier streams, in order; perhaps only of the file's own.

        A newcomer asks for what it needs to sell first. The history of what is not there comes last, the newest first.
        """
        differing = await self.differing(former, is_own_only=is_own_only)
        if not differing and self._may_look():
            await self._settle_losses()  # a crash came between a loss and this
        if is_own_only:
            return differing
        if differing and self._history.is_newcomer:
            return (NEEDED, *differing, *(replace(key, part="before") for key in reversed(differing)))
        awaited = [FormerKey(s.incarnation, s.lane, "before") for s in self._file.former if s.is_awaited]
        return (*differing, *sorted(awaited, key=lambda key: (key.incarnation.bytes, key.lane), reverse=True))

    async def ask(self, key: FormerKey) -> Recall | Need | None:
        """The word with which something is asked; None where nothing of it is left to ask."""
        if key == NEEDED:
            return self._history.need()
        if key.part == "before":
            return self._history.ask(key)
        present = self._file.streams["orders"].incarnation
        return Recall(self._file.node_id, present, key.incarnation, lane_of(key.lane), await self.locator(key))

    def rests(self, key: FormerKey) -> bool:
        """Whether it is not worth asking now: the disk is short of room, and what comes would be put off."""
        if self.sheds():
            return key.part == "before" or key in self._put_off
        self._put_off.clear()
        return False

    async def take(self, key: FormerKey, answer: Deliver | Needed) -> bool | None:
        """Take an answer into the file: whether nothing is left to ask; None where it was not the one that was asked.

        Nothing of the past is taken while the disk is short of room, but for what is needed to sell: it is asked again
        later. Raises `PeerFault`.
        """
        if isinstance(answer, Needed):
            return await self._history.take_page(answer)
        if answer.to_seq >= answer.from_seq and self.sheds():
            self._put_off.add(key)
            return None
        return await (self._history.take_before if key.part == "before" else self.restore)(key, answer)

    async def locator(self, key: FormerKey) -> tuple[Mark, ...]:
        """Marks of the file's copy of a stream, newest first."""
        stream = self._former(key)
        if stream is None:
            return ()
        reader = self._file.link_reader
        last, _ = await log.read_end(reader, stream)
        if stream.moved_seq:
            last = stream.moved_from - 1  # what follows is on its way to the present stream
        first = await log.first_seq(reader, stream)
        seqs = spaced(last, first, self._agreed.get(key, 0))
        marks = [(seq, await log.read_hash(reader, stream, seq)) for seq in seqs]
        return tuple(Mark(seq, found) for seq, found in marks if found is not None)

    async def restore(self, key: FormerKey, deliver: Deliver) -> bool | None:
        """Take a delivery into the file; True when it says that there is nothing more. Raises `PeerFault`.

        None for one that stands before what was taken already: it was said twice, or is late. It takes a transaction
        for each step of what has to be moved, and between them tills are served. After `MOVE_STEPS_MAX` the link has
        its turn, and asks again.
        """
        if deliver.from_seq <= self._agreed.get(key, 0):
            return None
        batch = prepare(deliver) if deliver.to_seq >= deliver.from_seq else None
        ground = Ground(deliver.from_seq - 1, deliver.previous_hash, deliver.lacking)
        outcome = Outcome()

        async def change(connection: Connection) -> None:
            work = _Restoration(connection, self._file, self._now_ms(), self._random_bits, outcome)
            await work.run(key, ground, batch)

        try:
            for _ in range(MOVE_STEPS_MAX):
                await self._intake.change_log(change)
                if outcome.is_taken:
                    break
        finally:
            _tell(key, outcome)
        if outcome.is_taken:
            self._agreed[key] = outcome.agreed_seq
            if outcome.lacking and (key, outcome.lacking) not in self._lacking:
                self._lacking.add((key, outcome.lacking))
                tell_lacking(key, outcome.lacking)
                self._suspect()
            await self._settle_losses()
        return outcome.is_taken and outcome.is_complete

    def _suspect(self) -> None:
        self.on_damage()

    def _may_look(self) -> bool:
        """Where another record stays damaged, the file is not read at each greeting."""
        return self._looked_ms is None or not 0 <= self._now_ms() - self._looked_ms < SCRUB_RETRY_MS

    async def _settle_losses(self) -> None:
        """Once nothing is left to be moved: what lost entries did to the stock is recorded, as far as anybody can."""
        if not await losses.are_open(self._file.link_reader):
            return
        self._looked_ms = self._now_ms()
        settlement = Settlement(self._file.path)
        if not await settlement.look():
            return

        async def change(connection: Connection) -> None:
            moving = Moving(connection, self._file, Outcome())
            await settlement.settle(connection, moving, self._now_ms(), self._random_bits)

        await self._intake.change_log(change)
        _LOG.warning("recovery.losses_settled", positions=len(settlement.differing))

    def _former(self, key: FormerKey) -> Stream | None:
        return next((s for s in self._file.former if s.incarnation == key.incarnation and s.lane == key.lane), None)


class Ground(Struct, frozen=True):
    """What a delivery stands on: a place in the chain, and how many entries up to it the centre cannot deliver."""

    seq: int
    hash: bytes
    lacking: int


class _Restoration:
    """One delivery, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        file: StoreFile,
        now_ms: int,
        random_bits: Callable[[], int],
        outcome: Outcome,
    ) -> None:
        self._connection = connection
        self._outcome = outcome
        self._moving = Moving(connection, file, outcome)
        self._refold = Refolding(connection, self._moving, now_ms, random_bits)

    async def run(self, key: FormerKey, ground: Ground, batch: Batch | None) -> None:
        stream = await self._stream(key)
        common = await self._common(stream, ground)
        if common < stream.pruned_seq:
            self._outcome.is_complete = not await self._moving.move_after_gap(stream, common)
            self._outcome.is_taken = True
            await list_what_is_left(self._connection, self._refold, self._moving.bereft)
            return
        agreed = await self._agreed_seq(stream, common, batch)
        if common < ground.seq == agreed:
            agreed = common  # the copies are not the same behind what is lacking: nothing of this one's is there
        rest = batch.after(agreed) if batch is not None else None
        is_fork_seen = batch is None or rest is not None
        if is_fork_seen and await self._moving.move_beyond(stream, agreed):
            await list_what_is_left(self._connection, self._refold, self._moving.bereft)
            return
        self._outcome.is_taken, self._outcome.is_complete = True, batch is None
        self._outcome.agreed_seq = agreed if rest is None else rest.to_seq
        if agreed < ground.seq:
            self._outcome.lacking = range(agreed + 1, ground.seq + 1)
            await losses.mark_places(self._connection, stream, self._outcome.lacking, ground.hash, losses.NOT_HERE)
        if rest is not None:
            await self._add(stream, rest)

    async def _agreed_seq(self, stream: Stream, common: int, batch: Batch | None) -> int:
        """Up to where both copies are the same: a mark stands before that. What is damaged on the way is put right.

        Beyond the place where they part, the file's rows are its own alone; before it, the centre has them.
        """
        if batch is None:
            return common
        held = await scrubbing.read_surviving(self._connection, stream, common + 1, batch.to_seq)
        here = {row.seq: (row.hash, row.body) for row in held if not 0 < stream.moved_from <= row.seq}
        agreed = agreed_seq(batch, ((seq, *row) for seq, row in here.items()))
        there = zip(count(batch.from_seq), batch.hashes, batch.bodies, strict=False)
        wrong = {seq for seq, *row in there if seq <= agreed and here.get(seq) != tuple(row)}
        if wrong:
            read = {seq: entry for seq, entry in delivered.read(batch).items() if seq in wrong}
            await scrubbing.replace_entries(self._connection, delivered.rows_of(stream, batch, read))
        return agreed

    async def _add(self, stream: Stream, batch: Batch) -> None:
        """What only the centre has goes into the file under its old name, and into orders and stock."""
        read = delivered.read(batch)
        new = [(seq, entry) for seq, entry in read.items() if entry is not None]
        subjects = {subject for _, entry in new if (subject := subject_of(entry)) is not None}
        gone = await retention.read_gone(self._connection, sorted(subjects))
        alive = [(seq, entry) for seq, entry in new if subject_of(entry) not in gone]
        order_ids = sorted({entry.order_id for _, entry in alive if entry.order_id is not None})
        before = await self._foldable(order_ids)
        await self._moving.keep_answers(stream, 1, [order_id.bytes for order_id in order_ids], 0)
        await log.raise_clock(self._connection, max([self._moving.tail.hlc, *(entry.hlc for _, entry in new)]))
        moves = await self._refold.new_movements(entry for _, entry in alive)
        await self._refold.take_stock_events(entry for _, entry in alive)
        await log.append(self._connection, delivered.rows_of(stream, batch, read))
        await self._refold.remember_keys((stream, seq, entry) for seq, entry in alive)
        after = await self._refold.merged(list(before))
        await self._refold.write_heads(after)
        self._outcome.found += await self._refold.write_stock(difference(before.values(), after.values(), moves))
        self._outcome.added += len(read)
        self._outcome.opaque += len(read) - len(new)
        self._outcome.refused += sum(len(merged.refused) for merged in after.values())

    async def _foldable(self, order_ids: list[UUID]) -> dict[UUID, Merged]:
        """What the log makes of these orders; the ones with a damaged entry are folded when that one is mended."""
        try:
            return await self._refold.merged(order_ids)
        except RecordDamaged:
            found: dict[UUID, Merged] = {}
        for order_id in order_ids:
            with suppress(RecordDamaged):
                found |= await self._refold.merged([order_id])
        return found

    async def _stream(self, key: FormerKey) -> Stream:
        """The file's copy of the stream; made where there is none."""
        stream = await log.find_stream(self._connection, key.incarnation, key.lane)
        return stream or await log.create_former(self._connection, key.incarnation, key.lane)

    async def _common(self, stream: Stream, ground: Ground) -> int:
        """Where both copies are the same for certain. Raises `PeerFault` where the delivery stands on another history.

        What is lacking before the delivery may be here: then the delivery's own ground is the place.
        """
        held = await log.read_hash(self._connection, stream, ground.seq)
        is_moving = 0 < stream.moved_from <= ground.seq
        if ground.lacking and (is_moving or held != ground.hash):
            return ground.seq - ground.lacking
        if is_moving or (held != ground.hash and ground.seq >= stream.pruned_seq):
            raise PeerFault("fork", f"the delivery does not stand on the file's copy at {ground.seq}")
        return ground.seq


def _tell(key: FormerKey, outcome: Outcome) -> None:
    if outcome.added or outcome.moved:
        _LOG.warning("recovery.entries_restored", incarnation=str(key.incarnation), **outcome.counts())
    if outcome.lost:
        where = {"incarnation": str(key.incarnation), "lane": key.lane}
        _LOG.error("recovery.entries_lost", entries=len(outcome.lost), seqs=outcome.lost[:LOST_NAMED_MAX], **where)

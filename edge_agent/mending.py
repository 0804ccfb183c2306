"""One segment of the file against the centre's copy: examine, compare, supply, mend (docs/protocol.md, "The audit").

The centre keeps no state of it: each digest says how the segment is here, each reply how it is there, and what either
side supplies is taken by the other only with the chain's proof. So any message may be lost, doubled or late.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal
from uuid import UUID

import structlog
from msgspec import Struct

from edge_agent.intake import Intake
from edge_agent.latecomers import Latecomers
from edge_agent.moving import Moving, Outcome
from edge_agent.rebalance import difference
from edge_agent.refolding import Refolding
from edge_agent.store import log, orders, retention, scrubbing
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.log import EntryRow, Stream, subject_of
from edge_agent.store.orders import head_of
from edge_agent.surroundings import Surroundings
from edge_core.errors import PeerFault, RecordDamaged, StorageFault
from edge_core.limits import AUDIT_EXCHANGES_MAX, SCRUB_STEP_ENTRIES
from edge_core.orders.events import deltas_of
from edge_core.orders.merge import Merged, merge
from edge_core.stock.ledger import StockDelta
from edge_core.sync.audit import Entry, Examination, Examiner, Following, proven, supplied
from edge_core.sync.audit_messages import Digest, DigestReply, Run, Supply
from edge_core.sync.entry import decode_entry
from edge_core.sync.messages import lane_of

_LOG: Final = structlog.get_logger()

Ask = Callable[[Digest], Awaitable[DigestReply | None]]
"""Sends a digest and waits for its reply; None where none came."""

Verdict = Literal["equal", "not-compared", "unmendable"]


class Compared(Struct, frozen=True):
    """What became of a segment: the verdict, how the file's copy is now, and entries mended here and at the centre."""

    verdict: Verdict
    examination: Examination
    mended: int = 0
    mended_there: int = 0


class Mender:
    """Looks at segments of one file, and mends them at either end. `pause` lets tills go first."""

    def __init__(
        self, file: StoreFile, intake: Intake, surroundings: Surroundings, pause: Callable[[], Awaitable[None]]
    ) -> None:
        self._file = file
        self._intake = intake
        self._here = surroundings
        self._pause = pause

    async def examine(self, stream: Stream, segment: Run) -> Examination:
        """Read a segment, in steps. What cannot be read is damaged."""
        reader = self._file.scrub_reader
        before = await scrubbing.read_hash(reader, stream, segment.from_seq - 1)
        examiner = Examiner(segment.from_seq, segment.to_seq, before)
        for first in range(segment.from_seq, segment.to_seq + 1, SCRUB_STEP_ENTRIES):
            await self._pause()
            last = min(first + SCRUB_STEP_ENTRIES - 1, segment.to_seq)
            for entry in await scrubbing.read_surviving(reader, stream, first, last):
                examiner.take(entry)
        return examiner.finish(self._known_hash(stream, segment.to_seq))

    async def compare(self, stream: Stream, segment: Run, ask: Ask) -> Compared:
        """Compare a segment with the centre's copy, and mend what either side can prove to the other."""
        mended = mended_there = there = 0
        supply: Supply | None = None
        answered: list[Run] = []
        for _ in range(AUDIT_EXCHANGES_MAX):
            examination = await self.examine(stream, segment)
            reply = await ask(self._digest(stream, segment, examination, supply))
            if reply is None or not reply.is_held:
                return Compared("not-compared", examination, mended, mended_there)
            left = sum(run.to_seq - run.from_seq + 1 for run in reply.damaged)
            mended_there, there, supply = mended_there + max(0, there - left), left, None
            if reply.supply is not None:
                taken = await self._mend(stream, examination, reply.supply)
                mended += taken
                if taken:
                    continue
            if reply.damaged and reply.damaged[-1] not in answered:
                answered.append(reply.damaged[-1])
                supply = await self._supply(stream, reply.damaged[-1], examination)
            if supply is None:
                is_equal = not (examination.damaged or reply.damaged) and examination.digest == reply.digest
                return Compared("equal" if is_equal else "unmendable", examination, mended, mended_there)
        return Compared("not-compared", await self.examine(stream, segment), mended, mended_there)

    def _digest(self, stream: Stream, segment: Run, examination: Examination, supply: Supply | None) -> Digest:
        present = self._file.streams["orders"].incarnation
        return Digest(
            stream.node_id,
            present,
            stream.incarnation,
            lane_of(stream.lane),
            segment.from_seq,
            segment.to_seq,
            examination.digest,
            examination.named,
            supply,
        )

    def _known_hash(self, stream: Stream, seq: int) -> bytes | None:
        """The hash at the end of a present stream is in memory since its COMMIT."""
        present = self._file.streams.get(stream.lane)
        tail = self._file.tails.get(stream.lane)
        is_tail = present is not None and tail is not None and present.stream_no == stream.stream_no and tail.seq == seq
        return tail.hash if is_tail and tail is not None else None

    async def _supply(self, stream: Stream, wanted: Run, examination: Examination) -> Supply | None:
        """What the centre lacks, as far as this file's copy is sound."""
        reader = self._file.scrub_reader
        entries = await scrubbing.read_surviving(reader, stream, wanted.from_seq, wanted.to_seq)
        before = await scrubbing.read_hash(reader, stream, wanted.from_seq - 1)
        return supplied(wanted, entries, examination.damaged, before)

    async def _mend(self, stream: Stream, examination: Examination, supply: Supply) -> int:
        """Put what the centre supplies into the file, where the chain proves it. How many entries that were."""
        taken = 0

        async def change(connection: Connection) -> None:
            nonlocal taken
            entries = await self._proven(connection, stream, examination, supply)
            await self._replace(connection, stream, supply, entries)
            taken = len(entries)

        try:
            await self._intake.change_log(change)
        except PeerFault as fault:
            _LOG.warning("scrub.supply_refused", lane=stream.lane, reason=fault.reason, error=str(fault))
            return 0
        except RecordDamaged as fault:  # the page itself cannot be written to: docs/operations.md, "A damaged page"
            _LOG.warning("scrub.supply_refused", lane=stream.lane, reason="page-damaged", error=str(fault))
            return 0
        _LOG.warning("scrub.mended", lane=stream.lane, from_seq=supply.from_seq, entries=taken)
        return taken

    async def _proven(
        self, connection: Connection, stream: Stream, examination: Examination, supply: Supply
    ) -> list[Entry]:
        """The entries of a supply. Raises `PeerFault` where the chain does not bear them out."""
        run = next((run for run in examination.damaged if run.from_seq <= supply.from_seq <= run.to_seq), None)
        if run is None:
            raise PeerFault("range-invalid", f"nothing is damaged at {supply.from_seq}")
        after = await scrubbing.read_surviving(connection, stream, run.to_seq + 1, run.to_seq + 1)
        end = self._known_hash(stream, run.to_seq) or await scrubbing.read_hash(connection, stream, run.to_seq)
        following = Following(after[0].hash, after[0].body) if after else Following(end or b"")
        entries = proven(supply, examination.damaged, following)
        if entries is None:
            raise PeerFault("chain-broken", f"the supply does not lead to what follows {run.to_seq}")
        return entries

    async def _replace(self, connection: Connection, stream: Stream, supply: Supply, entries: list[Entry]) -> None:
        """The rows, the hash before them, and the heads of the orders that they are about."""
        rows = [EntryRow(stream.entry_id(e.seq), subject_of(decode_entry(e.body)), e.hash, e.body) for e in entries]
        moving = Moving(connection, self._file, Outcome())
        refold = Refolding(connection, moving, self._here.now_ms(), self._here.random_bits)
        late = await Latecomers.look(connection, refold, stream, entries)
        await scrubbing.replace_entries(connection, rows)
        before = await scrubbing.put_hash(connection, stream, supply.from_seq - 1, supply.previous_hash)
        concerned = {subject for subject in (before, *(row.order_id for row in rows)) if subject is not None}
        # What was let go of and has come again is in no list, and is no order of this file any more.
        gone = await retention.read_gone(connection, sorted(concerned))
        streams = {each.stream_no: each for each in await log.read_streams(connection)}
        if late is not None:
            await late.count(connection, refold, streams)
        for subject in sorted(concerned - gone):
            await _list_again(connection, streams, subject, refold)


async def _list_again(connection: Connection, streams: Mapping[int, Stream], subject: bytes, refold: Refolding) -> None:
    """Bring an order's head up to date, and the stock by what it lacks of the order.

    While another entry of it is damaged it stays: the mending of that one does it. A damaged entry may well be
    readable, and say something else: only the chain tells.
    """
    try:
        await scrubbing.check_order(connection, streams, subject)
        recorded = await orders.read_order(connection, UUID(bytes=subject))
    except StorageFault:
        return
    merged = merge(recorded)
    if merged.state is None:
        return  # a movement of stock, or the answer to an instruction
    numbers = {(each.incarnation, each.lane): each for each in streams.values()}
    entry_ids = [numbers[r.origin.incarnation, r.origin.lane].entry_id(r.origin.seq) for r in merged.accepted]
    lacking = _since(merged, entry_ids, await orders.read_place(connection, UUID(bytes=subject)))
    await refold.write_stock(difference((), (), lacking))
    head = head_of(merged.state, entry_ids[-1], credit_at_ms=merged.credit_at_ms())
    await orders.put_heads(connection, [head])


def _since(merged: Merged, entry_ids: list[int], place: tuple[int, int] | None) -> list[StockDelta]:
    """What an order has done to the stock since its head was written: entries came, and it could not be folded.

    Nothing where the head does not stand in its past: then nobody can say.
    """
    known = 0
    if place is not None:
        last_entry, revision = place
        known = entry_ids.index(last_entry) + 1 if last_entry in entry_ids else len(entry_ids)
        state = merge(merged.accepted[:known]).state
        if state is None or state.revision != revision:
            return []
    later = merged.accepted[known:]
    return [delta for recorded in later for event in recorded.entry.events for delta in deltas_of(event)]

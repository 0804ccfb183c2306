"""What only this file has of a former stream goes on in the present one: in its order, under the same times.

A step is one transaction and moves a few entries, from below; tills are served between two steps. Where the moving has
come to is in the file (`Stream.moved_seq`), because what is left stands on entries that are gone from their places.
"""

from itertools import groupby
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from edge_agent.batch_file import read_replay
from edge_agent.store import idempotency, log, losses, orders, retention, scrubbing
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.log import EntryRow, Stream, Tail, subject_of
from edge_agent.submission import accepted_answer, bytes_to_keep, rejected_answer
from edge_core.errors import RecordDamaged, Rejected
from edge_core.limits import MOVE_STEP_ENTRIES
from edge_core.sync.audit_messages import Run
from edge_core.sync.chain import link
from edge_core.sync.entry import Entry, decode_entry, encode_entry
from edge_core.sync.salvage import Row, judged, sound
from holdfast_runtime.problems import problem_body

_LOST: Final = Rejected(
    "record-lost", "what was recorded under this key was damaged before the centre had it; place it anew, with another"
)
_LAST_ANSWER: Final = rejected_answer(_LOST, problem_body(_LOST))


class Outcome:
    """What was done with a delivery, over all its steps, for the log. `is_complete`: there is nothing more to ask.

    `agreed_seq` is up to where both copies are the same now, `lacking` are the seqs of which no copy can be read.
    """

    def __init__(self) -> None:
        self.added = 0
        self.moved = 0
        self.refused = 0
        self.found = 0
        self.opaque = 0
        self.lost: list[int] = []
        self.is_complete = True
        self.is_taken = False
        self.agreed_seq = 0
        self.lacking = range(0)
        self.lacking = range(0)

    def counts(self) -> dict[str, int]:
        """The figures of the line in the log."""
        counts = {"added": self.added, "moved": self.moved, "refused": self.refused, "found": self.found}
        return counts | {"opaque": self.opaque}


class Moving:
    """One step in one transaction. `tail` is the end of the present stream, with what the step appends to it.

    `bereft` are the orders of entries that did not move, because they were damaged or missing.
    """

    def __init__(self, connection: Connection, file: StoreFile, outcome: Outcome) -> None:
        self._connection = connection
        self._present = file.streams["orders"]
        self._outcome = outcome
        self.tail: Tail = file.tails["orders"]
        self.bereft: set[UUID] = set()

    async def move_beyond(self, stream: Stream, common: int) -> bool:
        """Move the next entries of what follows `common`. False when nothing is left there."""
        begun = stream.moved_seq if stream.moved_from == common + 1 else common
        rows = await log.read_range(self._connection, stream, begun + 1, MOVE_STEP_ENTRIES + 1)
        if not rows:
            await log.end_moving(self._connection, stream)
            return False
        step = rows[:MOVE_STEP_ENTRIES]  # one more, because the next one proves the last
        ground = stream.moved_seq if stream.moved_seq and rows[0][0] > stream.moved_seq else common
        last_seq = step[-1][0]
        ground_hash = await log.read_hash(self._connection, stream, ground)
        verdicts = judged(rows, None if ground_hash is None else (ground, ground_hash))
        _, last_hash = verdicts[len(step) - 1]
        await self.keep_answers(stream, ground + 1, [], last_seq)
        await self._move(stream, step, [is_sound for is_sound, _ in verdicts], ground + 1)
        await log.note_moved(self._connection, stream, common + 1, (last_seq, last_hash))
        await log.raise_clock(self._connection, self.tail.hlc)
        return True

    async def move_after_gap(self, stream: Stream, common: int) -> bool:
        """The centre lost what this file has let go of: what is left after the cut goes on in the present stream.

        So do the entries of open orders below it, as far as the centre lacks them. The cut moves along. False when this
        was the last step.
        """
        rows = await log.read_range(self._connection, stream, common + 1, MOVE_STEP_ENTRIES + 1)
        step = rows[:MOVE_STEP_ENTRIES]
        for row in step:
            if row[0] <= stream.pruned_seq:
                await self._move(stream, [row], sound([row], None), row[0])
        beyond = [row for row in step if row[0] > stream.pruned_seq]
        if beyond:
            last_seq, last_hash, _ = beyond[-1]
            await self.keep_answers(stream, stream.pruned_seq, [], last_seq)
            verdicts = sound(rows[len(step) - len(beyond) :], await log.read_cut(self._connection, stream))
            await self._move(stream, beyond, verdicts, stream.pruned_seq + 1)
            await retention.move_cut(self._connection, stream, last_seq, last_hash)
        return len(rows) > MOVE_STEP_ENTRIES

    async def keep_answers(self, stream: Stream, from_seq: int, order_ids: list[bytes], last_seq: int) -> None:
        """What was said stays said, word for word (G4): entries will move, and orders get another past."""
        rows = await idempotency.unkept(
            self._connection, stream.entry_id(from_seq), stream.entry_id(last_seq), order_ids
        )
        kept = []
        for day, key, entry_id in rows:
            try:
                kept.append((day, key, bytes_to_keep(accepted_answer(await read_replay(self._connection, entry_id)))))
            except RecordDamaged:  # nobody can say any more what was answered
                continue
        await idempotency.keep_answers(self._connection, kept)

    async def append(self, entry: Entry) -> None:
        """Append one entry to the present stream, under the seq that comes next."""
        await log.append(self._connection, [self._next_row(entry)])

    async def _move(self, stream: Stream, rows: list[Row], verdicts: list[bool], from_seq: int) -> None:
        """Append again what is sound, run by run; what is damaged or missing is lost, and is named."""
        whole = [row for row, is_sound in zip(rows, verdicts, strict=False) if is_sound]
        await self._lose(stream, set(range(from_seq, rows[-1][0] + 1)) - {seq for seq, _, _ in whole})
        for _, run in groupby(enumerate(whole), lambda each: each[1][0] - each[0]):
            moved = [row for _, row in run]
            first_new = self.tail.seq + 1
            await self._append_again(moved)
            await self._leave_place(stream, moved[0][0], moved[-1][0], first_new)
        await log.forget_range(self._connection, stream, from_seq, rows[-1][0])

    async def _lose(self, stream: Stream, seqs: set[int]) -> None:
        """Entries are damaged or missing, and nobody has them: what points to their places must not, for others come.

        A key keeps the answer that was written down, or gets a last "no" (G4, G9).
        """
        lost = sorted(seq for seq in seqs if not stream.has_moved(seq, seq))
        if not lost:
            return
        places = [stream.entry_id(seq) for seq in lost]
        subjects = await scrubbing.subjects(self._connection, stream, Run(lost[0], lost[-1]))
        self.bereft |= {UUID(bytes=subjects[seq]) for seq in lost if seq in subjects}
        self.bereft |= await orders.ending_at(self._connection, places)
        await idempotency.lose_entries(self._connection, places, bytes_to_keep(_LAST_ANSWER))
        await losses.note(self._connection, are_open=True)
        self._outcome.lost += lost

    async def _append_again(self, rows: list[Row]) -> None:
        moved = [self._next_row(replace(decode_entry(body), seq=0)) for _, _, body in rows]
        await log.append(self._connection, moved)
        self._outcome.moved += len(moved)

    async def _leave_place(self, stream: Stream, from_seq: int, to_seq: int, first_new: int) -> None:
        """Entries are in the present stream from `first_new` on: their old places go, and who pointed there follows."""
        first, last = stream.entry_id(from_seq), stream.entry_id(to_seq)
        offset = self._present.entry_id(first_new) - first
        await log.forget_range(self._connection, stream, from_seq, to_seq)
        await orders.shift_entries(self._connection, first, last, offset)
        await idempotency.shift_entries(self._connection, first, last, offset)

    def _next_row(self, entry: Entry) -> EntryRow:
        entry = replace(entry, seq=self.tail.seq + 1)
        body = encode_entry(entry)
        self.tail = Tail(entry.seq, link(self.tail.hash, body), max(self.tail.hlc, entry.hlc))
        return EntryRow(self._present.entry_id(entry.seq), subject_of(entry), self.tail.hash, body)

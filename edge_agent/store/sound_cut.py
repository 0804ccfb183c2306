"""Where a stream can be cut although records of it are damaged: what is old goes past them, and they stay.

A cut keeps the chain's hash, on which all that follows stands, so it is made only at an entry that leads from the hash
before it to its own, or whose hash the next one proves. A damaged record is waited for while the centre may still mend
it: until a round of the scrub has ended and could not. Then it is left below the cut, with its whole order: nobody can
tell what it had made of the stock. Everything here only reads.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise

import aiosqlite
from msgspec import Struct

from edge_agent.store import scrubbing
from edge_agent.store.connection import fetch
from edge_agent.store.log import Stream, read_recorded, subject_of
from edge_core.errors import RecordDamaged
from edge_core.orders.merge import Merged, merge
from edge_core.orders.rendering import Recorded
from edge_core.sync.audit import Entry, Examiner
from edge_core.sync.audit_messages import Run
from edge_core.sync.chain import link

GivenUp = Callable[[int, int], bool]
"""Whether nobody could mend a record, by the stream's number and the seq (`Scrub.is_given_up`)."""


class SoundCut(Struct, frozen=True):
    """The cut that can be made: up to `seq`, where the chain stood at `hash`.

    `readable` are the seqs up to it whose rows can be read, `damaged` those that do not lead to the chain; `is_waiting`
    where one beyond it may be mended yet.
    """

    seq: int
    hash: bytes
    readable: tuple[int, ...] = ()
    damaged: tuple[int, ...] = ()
    is_waiting: bool = False


class Whole(Struct, frozen=True):
    """Orders and other things (movements of stock, answers to instructions) with all their entries, by their ids."""

    orders: dict[bytes, Merged]
    others: dict[bytes, list[Recorded]]

    @property
    def subjects(self) -> list[bytes]:
        """Their ids."""
        return [*self.orders, *self.others]

    def only(self, subjects: Collection[bytes]) -> "Whole":
        """Those of them that are named."""
        orders = {subject: merged for subject, merged in self.orders.items() if subject in subjects}
        return Whole(orders, {subject: entries for subject, entries in self.others.items() if subject in subjects})


async def find_cut(connection: aiosqlite.Connection, stream: Stream, to_seq: int, is_given_up: GivenUp) -> SoundCut:
    """The last place up to `to_seq` at which the stream can be cut; where it is cut already if there is none."""
    first = stream.pruned_seq + 1
    entries = await scrubbing.read_surviving(connection, stream, first, to_seq + 1)
    damaged = _damaged(entries, first, to_seq + 1, stream.ground().hash)
    fresh = [seq for seq in damaged if not is_given_up(stream.stream_no, seq)]
    last = min([to_seq, *(seq - 1 for seq in fresh)])
    ground = SoundCut(stream.pruned_seq, stream.ground().hash, is_waiting=bool(fresh))
    harmed = set(damaged)
    sound = [entry for entry in entries if entry.seq not in harmed] + list(_proven(entries))
    found = max((entry for entry in sound if entry.seq <= last), key=lambda entry: entry.seq, default=None)
    if found is None:
        return ground
    left = tuple(seq for seq in damaged if seq <= found.seq)
    readable = tuple(entry.seq for entry in entries if entry.seq <= found.seq)
    return SoundCut(found.seq, found.hash, readable, left, is_waiting=bool(fresh))


async def spoilt(connection: aiosqlite.Connection, stream: Stream, damaged: Sequence[int]) -> set[bytes]:
    """The orders and movements of which a record is damaged: those of these seqs, and all that the scrub has listed."""
    found = {each.order_id for each in await scrubbing.read_damage(connection) if each.order_id is not None}
    for seq in damaged:
        found |= set((await scrubbing.subjects(connection, stream, Run(seq, seq))).values())
    return found


async def read_whole(connection: aiosqlite.Connection, subjects: Sequence[bytes]) -> Whole:
    """Orders and movements, without those that cannot be read, or do not lead to what the list says of them."""
    try:
        found = await _read(connection, subjects)
    except RecordDamaged:
        found = [recorded for subject in subjects for recorded in await _read_or_none(connection, subject)]
    by_subject: defaultdict[bytes, list[Recorded]] = defaultdict(list)
    for recorded in found:
        subject = subject_of(recorded.entry)
        if subject is not None and subject in subjects:
            by_subject[subject].append(recorded)
    merged = {s: merge(entries) for s, entries in by_subject.items() if entries[0].entry.order_id is not None}
    listed = await _listed(connection, list(merged))
    whole = {s: each for s, each in merged.items() if s not in listed or listed[s] == _made(each)}
    others = {s: entries for s, entries in by_subject.items() if s not in merged}
    return Whole(whole, others)


def _damaged(entries: Iterable[Entry], first: int, last: int, before: bytes) -> list[int]:
    examiner = Examiner(first, last, before)
    for entry in entries:
        examiner.take(entry)
    return [seq for run in examiner.finish().damaged for seq in range(run.from_seq, run.to_seq + 1)]


def _proven(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Those whose hash the entry after them proves."""
    for entry, following in pairwise(entries):
        if following.seq == entry.seq + 1 and link(entry.hash, following.body) == following.hash:
            yield entry


async def _read(connection: aiosqlite.Connection, subjects: Sequence[bytes]) -> list[Recorded]:
    marks = ",".join("?" * len(subjects))
    return await read_recorded(connection, f"order_id IN ({marks})", subjects)


async def _read_or_none(connection: aiosqlite.Connection, subject: bytes) -> list[Recorded]:
    try:
        return await _read(connection, [subject])
    except RecordDamaged:
        return []


async def _listed(connection: aiosqlite.Connection, order_ids: Sequence[bytes]) -> dict[bytes, tuple[int, str]]:
    """Revision and status of orders as the list has them."""
    marks = ",".join("?" * len(order_ids))
    sql = f"SELECT order_id, revision, status FROM order_head WHERE order_id IN ({marks})"  # noqa: S608 - only marks
    return {order_id: (revision, status) for order_id, revision, status in await fetch(connection, sql, order_ids)}


def _made(merged: Merged) -> tuple[int, str] | None:
    """Revision and status that an order's entries lead to; None without its placing."""
    return None if merged.state is None else (merged.state.revision, merged.state.status)

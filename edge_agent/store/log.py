"""The log in the file: append, read by range, find the tail. Functions take the connection and never commit."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import aiosqlite
from msgspec import Struct

from edge_agent.store.connection import fetch, translated
from edge_core.errors import InvariantViolated, PeerFault, RecordDamaged, StorageFault
from edge_core.limits import STREAM_SEQ_BITS
from edge_core.orders.day_events import DayClosed
from edge_core.orders.events import InstructionAnswered, Movement
from edge_core.orders.rendering import Origin, Recorded
from edge_core.sync.chain import genesis, link
from edge_core.sync.entry import LANES, Entry, decode_entry

_SEQ_MASK: Final = (1 << STREAM_SEQ_BITS) - 1


class Tail(Struct, frozen=True):
    """Where a stream ends: its last seq, the hash there, the hybrid clock there."""

    seq: int
    hash: bytes
    hlc: int


class Stream(Struct, frozen=True):
    """A lane of one incarnation, and how far the centre has it. `is_own` where it was lived in this very file.

    What it held up to `pruned_seq` is gone but for the entries of open orders; the chain stood at `pruned_hash` there.
    With `is_awaited` it is not gone for good but still to come, from the newest entry to the oldest. While entries of
    a former stream move to the present one, those from `moved_from` to `moved_seq` have gone there already.
    """

    stream_no: int
    node_id: str
    incarnation: UUID
    lane: str
    durable_seq: int
    backed_up_seq: int
    parked: int
    is_own: bool
    pruned_seq: int = 0
    pruned_hash: bytes | None = None
    is_awaited: int = 0
    moved_from: int = 0
    moved_seq: int = 0
    moved_hash: bytes | None = None

    def entry_id(self, seq: int) -> int:
        """The row of a seq."""
        return self.stream_no << STREAM_SEQ_BITS | seq

    def genesis_hash(self) -> bytes:
        """The chain's hash before the first entry."""
        return genesis(self.node_id, self.incarnation, self.lane)

    def ground(self) -> Tail:
        """What the first entry that is held stands on: the beginning, or the cut."""
        return Tail(self.pruned_seq, self.pruned_hash or self.genesis_hash(), 0)

    def has_moved(self, from_seq: int, to_seq: int) -> bool:
        """Whether all that is missing from the one to the other has gone on in the present stream."""
        return 0 < self.moved_from <= from_seq and to_seq <= self.moved_seq


class EntryRow(Struct, frozen=True):
    """An entry as it is stored; `order_id` is the id of the order or of the stock movement that it is about."""

    entry_id: int
    order_id: bytes | None
    hash: bytes
    body: bytes


CLOSED_DAYS: Final = b"days that closed"
"""What the closes of days are found by, in the place of a UUID: each is decided by all that were before."""


def subject_of(entry: Entry) -> bytes | None:
    """What an entry is found by: its order's id, that of a movement of stock or of an instruction, `CLOSED_DAYS`."""
    if entry.order_id is not None:
        return entry.order_id.bytes
    first = entry.events[0]
    if isinstance(first, DayClosed):
        return CLOSED_DAYS
    if isinstance(first, InstructionAnswered):
        return first.instruction_id.bytes
    return first.movement_id.bytes if isinstance(first, Movement) else None


def seq_of(entry_id: int) -> int:
    """The seq in a row's key."""
    return entry_id & _SEQ_MASK


def stream_no_of(entry_id: int) -> int:
    """The stream in a row's key."""
    return entry_id >> STREAM_SEQ_BITS


async def read_streams(connection: aiosqlite.Connection) -> list[Stream]:
    """Every stream of the file, oldest first."""
    sql = """
        SELECT stream_no, node_id, stream.incarnation, lane, durable_seq, backed_up_seq, parked, is_own, pruned_seq,
            pruned_hash, is_awaited, moved_from, moved_seq, moved_hash
        FROM stream, identity ORDER BY stream_no
    """
    return [
        Stream(no, node, UUID(bytes=incarnation), lane, durable, backed_up, parked, bool(is_own), *at)
        for no, node, incarnation, lane, durable, backed_up, parked, is_own, *at in await fetch(connection, sql)
    ]


async def create_streams(connection: aiosqlite.Connection, incarnation: UUID) -> None:
    """Begin an incarnation and make it the present one: one empty stream for each lane."""
    with translated():
        await connection.executemany(
            "INSERT INTO stream (incarnation, lane) VALUES (?, ?)", [(incarnation.bytes, lane) for lane in LANES]
        )
        await connection.execute("UPDATE identity SET incarnation = ?", (incarnation.bytes,))


async def create_former(connection: aiosqlite.Connection, incarnation: UUID, lane: str) -> Stream:
    """Make room for a stream of an earlier incarnation that this file does not have."""
    with translated():
        sql = "INSERT INTO stream (incarnation, lane, is_own) VALUES (?, ?, 0)"
        await connection.execute(sql, (incarnation.bytes, lane))
    found = await find_stream(connection, incarnation, lane)
    if found is None:
        raise InvariantViolated("a stream that was just made is not there")
    return found


async def await_history(
    connection: aiosqlite.Connection, stream: Stream, at: tuple[int, bytes], backed_up_seq: int
) -> None:
    """What the centre has of a former stream up to `at`, a seq and the hash there, is still to come from it."""
    sql = """
        UPDATE stream SET is_awaited = 1, pruned_seq = ?2, pruned_hash = ?3, durable_seq = ?2, backed_up_seq = ?4
        WHERE stream_no = ?1
    """
    with translated():
        await connection.execute(sql, (stream.stream_no, *at, backed_up_seq))


async def end_awaiting(connection: aiosqlite.Connection, stream: Stream) -> None:
    """Nothing more is to come: the stream is whole, or the rest is lost at the centre."""
    sql = """
        UPDATE stream SET is_awaited = 0, pruned_hash = iif(pruned_seq = 0, NULL, pruned_hash) WHERE stream_no = ?
    """
    with translated():
        await connection.execute(sql, (stream.stream_no,))


async def find_stream(connection: aiosqlite.Connection, incarnation: UUID, lane: str) -> Stream | None:
    """One lane of one incarnation, where the file has it."""
    streams = await read_streams(connection)
    return next((s for s in streams if s.incarnation == incarnation and s.lane == lane), None)


async def present_incarnation(connection: aiosqlite.Connection) -> UUID:
    """The incarnation in which the log goes on."""
    rows = await fetch(connection, "SELECT incarnation FROM identity")
    return UUID(bytes=rows[0][0])


async def forget_range(connection: aiosqlite.Connection, stream: Stream, from_seq: int, to_seq: int) -> None:
    """Remove the last entries of a stream, which live on elsewhere in the log: the centre has not kept them here."""
    with translated():
        await connection.execute(
            "DELETE FROM entry WHERE entry_id BETWEEN ? AND ?", (stream.entry_id(from_seq), stream.entry_id(to_seq))
        )
        await connection.execute(
            "UPDATE stream SET durable_seq = min(durable_seq, ?) WHERE stream_no = ?", (from_seq - 1, stream.stream_no)
        )


async def note_moved(
    connection: aiosqlite.Connection, stream: Stream, from_seq: int, last: tuple[int, bytes | None]
) -> None:
    """Write down that what is missing from `from_seq` to the seq of `last` has moved, and the chain's hash there.

    No hash where nobody knows it: the last one was damaged.
    """
    sql = """
        UPDATE stream SET moved_from = ?2, moved_hash = iif(?3 > moved_seq, ?4, moved_hash),
            moved_seq = max(moved_seq, ?3)
        WHERE stream_no = ?1
    """
    with translated():
        await connection.execute(sql, (stream.stream_no, from_seq, *last))


async def end_moving(connection: aiosqlite.Connection, stream: Stream) -> None:
    """Nothing is left to be moved: the stream ends before the first that was."""
    with translated():
        await connection.execute(
            "UPDATE stream SET moved_from = 0, moved_seq = 0, moved_hash = NULL WHERE stream_no = ?",
            (stream.stream_no,),
        )


async def known_subjects(connection: aiosqlite.Connection, subjects: Sequence[bytes]) -> set[bytes]:
    """Which of these orders and stock movements the log holds."""
    marks = ",".join("?" * len(subjects))
    sql = f"SELECT DISTINCT order_id FROM entry WHERE order_id IN ({marks})"  # noqa: S608 - only question marks
    return {subject for (subject,) in await fetch(connection, sql, subjects)}


async def raise_clock(connection: aiosqlite.Connection, hlc: int) -> None:
    """Whatever is recorded next comes after this reading, in any stream."""
    with translated():
        await connection.execute("UPDATE identity SET hlc = max(hlc, ?)", (hlc,))


async def read_clock(connection: aiosqlite.Connection) -> int:
    """The reading below which nothing may be recorded."""
    return int((await fetch(connection, "SELECT hlc FROM identity"))[0][0])


async def read_tail(connection: aiosqlite.Connection, stream: Stream) -> Tail:
    """The end of a stream; an empty one ends at 0 with its genesis hash, or where it was cut."""
    sql = "SELECT entry_id, hash, body FROM entry WHERE entry_id BETWEEN ? AND ? ORDER BY entry_id DESC LIMIT 1"
    rows = await fetch(connection, sql, (stream.entry_id(0), stream.entry_id(_SEQ_MASK)))
    if not rows or seq_of(rows[0][0]) <= stream.pruned_seq:
        return stream.ground()
    entry_id, tail_hash, body = rows[0]
    return Tail(seq_of(entry_id), tail_hash, _own_entry(stream.lane, entry_id, body).hlc)


async def check_tail(connection: aiosqlite.Connection, stream: Stream) -> None:
    """Check the last entry against the chain. Raises `StorageFault` where the file does not hold what was committed."""
    tail = await read_tail(connection, stream)
    if tail.seq == stream.pruned_seq:
        return
    previous = await read_hash(connection, stream, tail.seq - 1)
    rows = await read_range(connection, stream, tail.seq, 1)
    if previous is not None and link(previous, rows[0][2]) != tail.hash:
        raise StorageFault("storage-unavailable", f"the last entry of {stream.lane} is damaged; run edge-agent verify")


def _own_entry(lane: str, entry_id: int, body: bytes) -> Entry:
    """An entry of this file. One that cannot be read was damaged on the disk."""
    try:
        return decode_entry(body)
    except PeerFault as error:
        raise RecordDamaged(f"{lane} {seq_of(entry_id)}") from error


async def read_cut(connection: aiosqlite.Connection, stream: Stream) -> tuple[int, bytes]:
    """Where a stream was cut, as the file has it now, and the hash there; the beginning where nothing was pruned."""
    sql = "SELECT pruned_seq, pruned_hash FROM stream WHERE stream_no = ?"
    ((seq, pruned_hash),) = await fetch(connection, sql, (stream.stream_no,))
    return seq, pruned_hash or stream.genesis_hash()


async def first_seq(connection: aiosqlite.Connection, stream: Stream) -> int:
    """The first seq from which on everything is held; 1 for an empty stream."""
    return (await read_cut(connection, stream))[0] + 1


async def last_seq(connection: aiosqlite.Connection, stream: Stream) -> int:
    """The last seq that is there, or 0 for an empty stream; unlike `read_tail` it reads no body."""
    sql = "SELECT max(entry_id) FROM entry WHERE entry_id BETWEEN ? AND ?"
    rows = await fetch(connection, sql, (stream.entry_id(0), stream.entry_id(_SEQ_MASK)))
    return 0 if rows[0][0] is None else seq_of(rows[0][0])


async def read_end(connection: aiosqlite.Connection, stream: Stream) -> tuple[int, bytes]:
    """The last seq that is held and the hash there, or the stream's cut; unlike `read_tail` it reads no body."""
    seq = await last_seq(connection, stream)
    at = await read_hash(connection, stream, seq) if seq > stream.pruned_seq else None
    return (stream.pruned_seq, stream.ground().hash) if at is None else (seq, at)


async def append(connection: aiosqlite.Connection, rows: Sequence[EntryRow]) -> None:
    """Write entries. Their keys follow the tail; a key that exists is an error of the database."""
    with translated():
        await connection.executemany(
            "INSERT INTO entry (entry_id, order_id, hash, body) VALUES (?, ?, ?, ?)",
            [(row.entry_id, row.order_id, row.hash, row.body) for row in rows],
        )


async def read_range(
    connection: aiosqlite.Connection, stream: Stream, from_seq: int, entries_max: int
) -> list[tuple[int, bytes, bytes]]:
    """Up to `entries_max` entries from a seq on, as (seq, hash, body)."""
    sql = "SELECT entry_id, hash, body FROM entry WHERE entry_id BETWEEN ? AND ? ORDER BY entry_id LIMIT ?"
    rows = await fetch(connection, sql, (stream.entry_id(from_seq), stream.entry_id(_SEQ_MASK), entries_max))
    return [(seq_of(entry_id), entry_hash, body) for entry_id, entry_hash, body in rows]


async def read_hash(connection: aiosqlite.Connection, stream: Stream, seq: int) -> bytes | None:
    """The chain's hash at a seq (0 is the genesis), or None where the file does not hold it."""
    if seq == 0:
        return stream.genesis_hash()
    sql = """
        SELECT hash FROM entry WHERE entry_id = ?1
        UNION ALL SELECT pruned_hash FROM stream WHERE stream_no = ?2 AND pruned_seq = ?3
        UNION ALL SELECT moved_hash FROM stream WHERE stream_no = ?2 AND moved_seq = ?3
    """
    rows = await fetch(connection, sql, (stream.entry_id(seq), stream.stream_no, seq))
    return rows[0][0] if rows else None


async def read_recorded(connection: aiosqlite.Connection, where: str, parameters: Sequence[object]) -> list[Recorded]:
    """Entries with their places, in the order of the log. `where` is a condition of this package, never of a client."""
    sql = f"""
        SELECT entry_id, node_id, stream.incarnation, lane, body
        FROM entry JOIN stream ON stream_no = entry_id >> {STREAM_SEQ_BITS} JOIN identity
        WHERE {where} ORDER BY entry_id
    """  # noqa: S608
    return [
        Recorded(Origin(node_id, UUID(bytes=incarnation), lane, seq_of(entry_id)), _own_entry(lane, entry_id, body))
        for entry_id, node_id, incarnation, lane, body in await fetch(connection, sql, parameters)
    ]


async def advance_durable(
    connection: aiosqlite.Connection, stream_no: int, *, durable_seq: int, backed_up_seq: int, parked: int
) -> None:
    """Write down how far the centre has a stream: less than before, where the centre came back with less."""
    sql = """
        UPDATE stream SET durable_seq = ?, backed_up_seq = max(backed_up_seq, ?), parked = ?
        WHERE stream_no = ?
    """
    with translated():
        await connection.execute(sql, (durable_seq, backed_up_seq, parked, stream_no))


async def put_history(
    connection: aiosqlite.Connection, history_id: UUID, held: Sequence[tuple[UUID, str, int, bytes, int]]
) -> None:
    """Write down which history of the centre was seen last, and what it holds, be it less than was acked before.

    `held` are incarnation, lane, durable seq, the hash there, and how far the backup reaches. What does not agree with
    the file's own chain is passed over.
    """
    sql = f"""
        UPDATE stream SET durable_seq = ?3, backed_up_seq = min(?5, ?3)
        WHERE incarnation = ?1 AND lane = ?2 AND (?3 = 0 OR (pruned_seq = ?3 AND pruned_hash = ?4) OR EXISTS (
            SELECT 1 FROM entry WHERE entry_id = stream_no << {STREAM_SEQ_BITS} | ?3 AND hash = ?4))
    """  # noqa: S608 - only a number is put in
    rows = [(incarnation.bytes, lane, seq, at, backed_up) for incarnation, lane, seq, at, backed_up in held]
    with translated():
        await connection.execute("UPDATE identity SET centre_history = ?", (history_id.bytes,))
        await connection.executemany(sql, rows)


async def read_history(connection: aiosqlite.Connection) -> UUID | None:
    """The history of the centre that was seen last."""
    rows = await fetch(connection, "SELECT centre_history FROM identity")
    return UUID(bytes=rows[0][0]) if rows[0][0] is not None else None


async def put_attempt(connection: aiosqlite.Connection, *, attempt: int) -> None:
    """Write down how often the connection was lost since the centre acked something."""
    with translated():
        await connection.execute("UPDATE identity SET connect_attempt = ?", (attempt,))


async def read_attempt(connection: aiosqlite.Connection) -> int:
    """How often the connection was lost since the centre acked something."""
    return int((await fetch(connection, "SELECT connect_attempt FROM identity"))[0][0])

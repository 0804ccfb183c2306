"""What the scrub reads and writes: entries as far as they can be read, the damaged ones, and where the round is.

Functions take the connection and never commit.
"""

from collections.abc import Mapping, Sequence

import aiosqlite
from msgspec import Struct

from edge_agent.store import log
from edge_agent.store.connection import fetch, translated
from edge_agent.store.log import EntryRow, Stream, seq_of, stream_no_of
from edge_core.errors import RecordDamaged, StorageFault
from edge_core.limits import DAMAGE_ROWS_MAX
from edge_core.sync.audit import Entry
from edge_core.sync.audit_messages import Run
from edge_core.sync.chain import link


class Round(Struct, frozen=True):
    """Where the scrub is. `next_stream` is None between rounds; times are Unix milliseconds."""

    ended_at_ms: int
    entries: int
    next_stream: int | None
    next_seq: int
    seen: int
    pages: str


class Damaged(Struct, frozen=True):
    """A record that does not lead to the chain, and the order or movement that it is about, where that is known."""

    stream_no: int
    seq: int
    order_id: bytes | None


async def read_round(connection: aiosqlite.Connection) -> Round:
    """How far the scrub has come."""
    sql = "SELECT ended_at_ms, entries, next_stream, next_seq, seen, pages FROM scrub"
    return Round(*(await fetch(connection, sql))[0])


async def put_round(connection: aiosqlite.Connection, at: Round) -> None:
    """Write down how far it has come."""
    sql = "UPDATE scrub SET ended_at_ms = ?, entries = ?, next_stream = ?, next_seq = ?, seen = ?, pages = ?"
    with translated():
        await connection.execute(sql, (at.ended_at_ms, at.entries, at.next_stream, at.next_seq, at.seen, at.pages))


async def read_surviving(connection: aiosqlite.Connection, stream: Stream, from_seq: int, to_seq: int) -> list[Entry]:
    """The entries of a range that can be read. Where a page cannot, the range is halved around it."""
    try:
        rows = await log.read_range(connection, stream, from_seq, to_seq - from_seq + 1)
    except StorageFault:
        if from_seq == to_seq:
            return []
        middle = (from_seq + to_seq) // 2
        first = await read_surviving(connection, stream, from_seq, middle)
        return first + await read_surviving(connection, stream, middle + 1, to_seq)
    return [Entry(*row) for row in rows if row[0] <= to_seq]


async def held(connection: aiosqlite.Connection, stream: Stream) -> Run:
    """The entries that the file should hold of a stream: what is below its cut was pruned but for open orders.

    While entries of it move to the present stream, only those that are still to go. Where the last one cannot be read,
    it is taken from what the centre has confirmed.
    """
    now = await log.find_stream(connection, stream.incarnation, stream.lane) or stream
    try:
        last = await log.last_seq(connection, stream)
    except StorageFault:
        last = now.durable_seq
    ground = max(now.pruned_seq, now.moved_seq)
    return Run(ground + 1, max(last, ground))


async def read_hash(connection: aiosqlite.Connection, stream: Stream, seq: int) -> bytes | None:
    """The chain's hash at a seq, or None where the file does not hold it or cannot read it."""
    try:
        return await log.read_hash(connection, stream, seq)
    except StorageFault:
        return None


async def replace_entries(connection: aiosqlite.Connection, entries: Sequence[EntryRow]) -> None:
    """Put proven entries into their places."""
    with translated():
        await connection.executemany(
            "INSERT OR REPLACE INTO entry (entry_id, order_id, hash, body) VALUES (?, ?, ?, ?)",
            [(row.entry_id, row.order_id, row.hash, row.body) for row in entries],
        )


async def put_hash(connection: aiosqlite.Connection, stream: Stream, seq: int, entry_hash: bytes) -> bytes | None:
    """Correct the hash of an entry to the one that its successor proves; what that entry is about, where it changed."""
    sql = "UPDATE entry SET hash = ? WHERE entry_id = ? AND hash <> ? RETURNING order_id"
    rows = await fetch(connection, sql, (entry_hash, stream.entry_id(seq), entry_hash))
    return rows[0][0] if rows else None


async def check_order(connection: aiosqlite.Connection, streams: Mapping[int, Stream], subject: bytes) -> None:
    """Raise `RecordDamaged` where an entry of an order does not lead from the hash before it to its own.

    What is kept below a stream's cut has no neighbours, and nobody can tell.
    """
    sql = """
        SELECT e.entry_id, e.hash, e.body, before.hash
        FROM entry AS e LEFT JOIN entry AS before ON before.entry_id = e.entry_id - 1 WHERE e.order_id = ?
    """
    for entry_id, entry_hash, body, previous in await fetch(connection, sql, (subject,)):
        stream, seq = streams[stream_no_of(entry_id)], seq_of(entry_id)
        if seq == stream.pruned_seq + 1:
            previous = stream.ground().hash  # noqa: PLW2901 - the row before it is gone, as it should be
        if seq > stream.pruned_seq and (previous is None or link(previous, body) != entry_hash):
            raise RecordDamaged(f"{stream.lane} {seq}")


async def subjects(connection: aiosqlite.Connection, stream: Stream, run: Run) -> dict[int, bytes]:
    """Which orders the entries of a run are about, by seq: from the index alone, which the damage has not touched."""
    sql = """
        SELECT entry_id, order_id FROM entry INDEXED BY entry_by_order
        WHERE order_id IS NOT NULL AND entry_id BETWEEN ? AND ?
    """
    try:
        rows = await fetch(connection, sql, (stream.entry_id(run.from_seq), stream.entry_id(run.to_seq)))
    except StorageFault:
        return {}
    return {seq_of(entry_id): order_id for entry_id, order_id in rows}


async def note_damage(
    connection: aiosqlite.Connection, stream: Stream, looked_at: Run, found: Sequence[Damaged], now_ms: int
) -> None:
    """In this range exactly these are damaged. Beyond `DAMAGE_ROWS_MAX` of the file no more are listed."""
    with translated():
        await connection.execute(
            "DELETE FROM damage WHERE entry_id BETWEEN ? AND ?",
            (stream.entry_id(looked_at.from_seq), stream.entry_id(looked_at.to_seq)),
        )
        await connection.executemany(
            "INSERT OR IGNORE INTO damage SELECT ?, ?, ? WHERE (SELECT count(*) FROM damage) < ?",
            [(stream.entry_id(each.seq), each.order_id, now_ms, DAMAGE_ROWS_MAX) for each in found],
        )


async def read_damage(connection: aiosqlite.Connection) -> list[Damaged]:
    """Every record that is known to be damaged."""
    rows = await fetch(connection, "SELECT entry_id, order_id FROM damage ORDER BY entry_id")
    return [Damaged(stream_no_of(entry_id), seq_of(entry_id), order_id) for entry_id, order_id in rows]


async def check_table(connection: aiosqlite.Connection, table: str) -> str:
    """What SQLite says of the pages of one table and its indexes; '' when they are well."""
    try:
        rows = await fetch(connection, f"PRAGMA quick_check({table})")
    except StorageFault as fault:
        return str(fault)
    return "" if rows == [("ok",)] else "; ".join(str(text) for (text,) in rows[:3])

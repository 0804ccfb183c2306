"""Letting go of a stream's oldest entries in the file: marks of age, the floor of clients' keys, the cut itself.

An order goes whole or not at all: when it is finished, nothing of it is on its way back, and every entry of it, in
whatever stream, lies below its stream's cut. Until then its entries stay where they are, below the cut. What goes
leaves its sums in `pruned_stock` and `pruned_day`, and the chain's hash at the cut. Functions take the connection and
never commit.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Final
from uuid import UUID

import aiosqlite
from msgspec import Struct

from edge_agent.store.answers import kept_answer
from edge_agent.store.connection import fetch, translated
from edge_agent.store.log import CLOSED_DAYS, Stream, read_streams, seq_of, stream_no_of
from edge_agent.store.sound_cut import GivenUp, SoundCut, Whole, find_cut, read_whole, spoilt
from edge_core.limits import STREAM_SEQ_BITS
from edge_core.orders.events import Movement, deltas_of
from edge_core.orders.merge import Merged
from edge_core.orders.parts import is_open
from edge_core.stock.ledger import StockDelta
from edge_core.sync.retention import Mark

_SEQ_MASK: Final = (1 << STREAM_SEQ_BITS) - 1
# As the index order_open has it.
FINISHED: Final = "('completed', 'partially_returned', 'returned', 'cancelled', 'rejected')"


class Plan(Struct, frozen=True):
    """Where to cut a stream, what goes with that, and how many orders and movements damage keeps from going."""

    stream: Stream
    cut: SoundCut
    whole: Whole
    left: int


_KEEP_DAYS: Final = """
    INSERT INTO pruned_day (business_date, currency, orders, total_minor)
    SELECT business_date, currency, count(*), sum(grand_total_minor) FROM order_head
    WHERE order_id IN ({}) GROUP BY business_date, currency
    ON CONFLICT (business_date, currency) DO UPDATE SET
        orders = orders + excluded.orders, total_minor = total_minor + excluded.total_minor
"""


async def read_marks(connection: aiosqlite.Connection) -> dict[int, tuple[Mark, ...]]:
    """The marks of age of each stream, by its number."""
    marks = defaultdict(list)
    for stream_no, at_ms, seq in await fetch(connection, "SELECT stream_no, at_ms, seq FROM retention_mark"):
        marks[stream_no].append(Mark(at_ms, seq))
    return {stream_no: tuple(found) for stream_no, found in marks.items()}


async def put_marks(connection: aiosqlite.Connection, marks: Sequence[tuple[int, Mark]]) -> None:
    """Write marks down. Those in their future say nothing, nor those up to which everything is gone: they go."""
    with translated():
        await connection.executemany(
            "DELETE FROM retention_mark WHERE stream_no = ? AND at_ms > ?",
            [(stream_no, mark.at_ms) for stream_no, mark in marks],
        )
        await connection.executemany(
            "INSERT OR REPLACE INTO retention_mark (stream_no, at_ms, seq) VALUES (?, ?, ?)",
            [(stream_no, mark.at_ms, mark.seq) for stream_no, mark in marks],
        )
        await connection.execute("""
            DELETE FROM retention_mark WHERE EXISTS (
                SELECT 1 FROM stream AS s WHERE s.stream_no = retention_mark.stream_no AND s.pruned_seq >= seq
            ) AND at_ms < (SELECT max(at_ms) FROM retention_mark AS n WHERE n.stream_no = retention_mark.stream_no)
        """)


async def key_floors(connection: aiosqlite.Connection) -> dict[int, int]:
    """For each stream, by its number, the first seq with which a client's key still answers."""
    sql = f"""
        SELECT min(entry_id) FROM idempotency WHERE entry_id IS NOT NULL GROUP BY entry_id >> {STREAM_SEQ_BITS}
    """  # noqa: S608 - only a number is put in
    return {stream_no_of(entry_id): seq_of(entry_id) for (entry_id,) in await fetch(connection, sql)}


async def used_bytes(connection: aiosqlite.Connection) -> int:
    """How much of the file is in use: what was let go of is used again, though the file does not shrink."""
    sql = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count"
    rows = await fetch(connection, f"{sql}, pragma_page_size")
    return int(rows[0][0])


async def plan(connection: aiosqlite.Connection, stream: Stream, to_seq: int, is_given_up: GivenUp) -> Plan:
    """What moving a stream's cut to `to_seq`, or as far towards it as the chain allows, would let go of.

    Read on a connection that does not write: a transaction that has met a page which cannot be read writes nothing
    more (SQLite 3.40). An order with a damaged record stays below the cut as it is.
    """
    cut = await find_cut(connection, stream, to_seq, is_given_up)
    subjects = await _finished(connection, stream, cut)
    damaged = await spoilt(connection, stream, cut.damaged)
    whole = await read_whole(connection, [subject for subject in subjects if subject not in damaged])
    stays = {CLOSED_DAYS, *(subject for subject, merged in whole.orders.items() if _is_coming_back(merged))}
    left = len(subjects) - len(whole.subjects)
    return Plan(stream, cut, whole.only(set(whole.subjects) - stays), left)


async def carry_out(connection: aiosqlite.Connection, planned: Plan, now_ms: int) -> int | None:
    """Move the cut and `let_go`; None where a greeting has said meanwhile that the centre holds less.

    Raises `RecordDamaged` where the pages of the file do not allow it.
    """
    (present,) = [s for s in await read_streams(connection) if s.stream_no == planned.stream.stream_no]
    if present.pruned_seq != planned.stream.pruned_seq or planned.cut.seq > present.durable_seq:
        return None
    await move_cut(connection, planned.stream, planned.cut.seq, planned.cut.hash)
    return await let_go(connection, planned, now_ms)


async def let_go(connection: aiosqlite.Connection, planned: Plan, now_ms: int) -> int:
    """Let go of what was planned, as far as it is still finished; says how many entries went."""
    finished = set(await _finished(connection, planned.stream, planned.cut))
    return await _forget(connection, planned.whole.only(finished), now_ms)


async def _forget(connection: aiosqlite.Connection, whole: Whole, now_ms: int) -> int:
    """Let go of orders and movements, and keep the sums of what they made; says how many entries went."""
    subjects = whole.subjects
    if not subjects:
        return 0
    marks = ",".join("?" * len(subjects))
    known = await read_gone(connection, subjects)
    await _keep_sums(connection, whole, known)
    with translated():
        await connection.executemany(
            """
            INSERT INTO pruned_subject (subject, at_ms, answer) VALUES (?, ?, ?)
            ON CONFLICT (subject) DO UPDATE SET answer = coalesce(excluded.answer, answer)
            """,
            [(s, now_ms, kept_answer(whole.others.get(s, ()))) for s in subjects],
        )
        gone = await connection.execute(f"DELETE FROM entry WHERE order_id IN ({marks})", subjects)  # noqa: S608
        await connection.execute(_KEEP_DAYS.format(marks), subjects)
        await connection.execute(f"DELETE FROM order_head WHERE order_id IN ({marks})", subjects)  # noqa: S608
    return gone.rowcount


async def read_gone(connection: aiosqlite.Connection, subjects: Sequence[bytes]) -> set[bytes]:
    """Which of these orders and movements were let go of: whatever comes of them again changes nothing."""
    marks = ",".join("?" * len(subjects))
    sql = f"SELECT subject FROM pruned_subject WHERE subject IN ({marks})"  # noqa: S608 - only question marks
    return {subject for (subject,) in await fetch(connection, sql, subjects)}


async def read_come_again(connection: aiosqlite.Connection) -> set[bytes]:
    """Orders and movements that were let go of and are in the log again, from a fork of this history."""
    sql = "SELECT DISTINCT order_id FROM entry JOIN pruned_subject ON subject = order_id"
    return {subject for (subject,) in await fetch(connection, sql)}


async def forget_gone(connection: aiosqlite.Connection, before_ms: int) -> None:
    """Forget what was let go of before a time and has not come again: no fork is that old."""
    sql = """
        DELETE FROM pruned_subject
        WHERE at_ms < ? AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.order_id = pruned_subject.subject)
    """
    with translated():
        await connection.execute(sql, (before_ms,))


async def move_cut(connection: aiosqlite.Connection, stream: Stream, seq: int, at_cut: bytes) -> None:
    """Write down that a stream's chain is taken up after `seq`, where it stood at this hash."""
    with translated():
        await connection.execute(
            "UPDATE stream SET pruned_seq = ?, pruned_hash = ? WHERE stream_no = ?", (seq, at_cut, stream.stream_no)
        )


async def read_sums(connection: aiosqlite.Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """What the entries that are gone had made of each SKU and lot: on hand and reserved."""
    rows = await fetch(connection, "SELECT sku, lot, on_hand_milli, reserved_milli FROM pruned_stock")
    return {(sku, lot): (on_hand, reserved) for sku, lot, on_hand, reserved in rows}


async def add_sums(connection: aiosqlite.Connection, sums: Mapping[tuple[str, str], tuple[int, int]]) -> None:
    """Add to what entries that are not in the file have made of the stock: on hand and reserved, by SKU and lot."""
    with translated():
        await connection.executemany(
            """
            INSERT INTO pruned_stock (sku, lot, on_hand_milli, reserved_milli) VALUES (?, ?, ?, ?)
            ON CONFLICT (sku, lot) DO UPDATE SET
                on_hand_milli = on_hand_milli + excluded.on_hand_milli,
                reserved_milli = reserved_milli + excluded.reserved_milli
            """,
            [(sku, lot, on_hand, reserved) for (sku, lot), (on_hand, reserved) in sorted(sums.items())],
        )


async def take_sums(connection: aiosqlite.Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """What is left of those sums, as far as it is anything; they are forgotten."""
    left = {place: sums for place, sums in (await read_sums(connection)).items() if any(sums)}
    with translated():
        await connection.execute("DELETE FROM pruned_stock")
    return left


def _is_coming_back(merged: Merged) -> bool:
    """Whether goods of an order are on their way back: the next step of that return will need the whole order."""
    return merged.state is not None and any(is_open(one) for one in merged.state.returns)


async def _finished(connection: aiosqlite.Connection, stream: Stream, cut: SoundCut) -> list[bytes]:
    """Orders and movements with an entry between the cuts that are finished and would lie wholly below the new one.

    Rows are looked up one by one: to run over them could mean to run into a page that cannot be read.
    """
    entry_ids = [stream.entry_id(seq) for seq in cut.readable]
    rows = ",".join("?" * len(entry_ids))
    sql = f"""
        SELECT DISTINCT e.order_id FROM entry AS e
        WHERE e.entry_id IN ({rows}) AND e.order_id IS NOT NULL
            AND NOT EXISTS (
                SELECT 1 FROM order_head AS h WHERE h.order_id = e.order_id AND h.status NOT IN {FINISHED})
            AND NOT EXISTS (
                SELECT 1 FROM entry AS o JOIN stream AS s ON s.stream_no = o.entry_id >> {STREAM_SEQ_BITS}
                WHERE o.order_id = e.order_id
                    AND (o.entry_id & {_SEQ_MASK}) > iif(s.stream_no = ?, ?, s.pruned_seq))
        ORDER BY 1
    """  # noqa: S608 - only constants and question marks are put in
    return [s for (s,) in await fetch(connection, sql, (*entry_ids, stream.stream_no, cut.seq))]


async def _keep_sums(connection: aiosqlite.Connection, whole: Whole, known: Collection[bytes]) -> None:
    """What goes, but for what is `known` to have gone before, leaves what it made of the stock."""
    others = [recorded for s, entries in whole.others.items() if s not in known for recorded in entries]
    moved: dict[UUID, tuple[StockDelta, ...]] = {}  # one that was appended again counts once
    for recorded in others:
        moved |= {e.movement_id: deltas_of(e) for e in recorded.entry.events if isinstance(e, Movement)}
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    of_orders = (delta for s, merged in whole.orders.items() if s not in known for delta in merged.deltas())
    for delta in chain(of_orders, *moved.values()):
        place = sums[delta.sku, delta.lot or ""]
        place[0] += delta.on_hand_milli
        place[1] += delta.reserved_milli
    await add_sums(connection, {place: (on_hand, reserved) for place, (on_hand, reserved) in sums.items()})

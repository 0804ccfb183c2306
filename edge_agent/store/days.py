"""What the file knows of a business day: the closes of days, and where the entries of a day may be."""

from collections.abc import Mapping, Sequence

import aiosqlite

from edge_agent.store.connection import fetch
from edge_agent.store.log import CLOSED_DAYS, Stream, read_recorded
from edge_core.limits import STREAM_SEQ_BITS
from edge_core.orders.day_events import DayClosed
from edge_core.orders.rendering import Recorded


async def read_closes(connection: aiosqlite.Connection) -> list[Recorded]:
    """Every entry that closes a day, in the order of the log; each once, though a fork may have appended it again."""
    found: dict[object, Recorded] = {}
    for recorded in await read_recorded(connection, "order_id = ?", (CLOSED_DAYS,)):
        for event in recorded.entry.events:
            if isinstance(event, DayClosed):
                found.setdefault(event.close_id, recorded)
    return list(found.values())


async def read_closed(connection: aiosqlite.Connection) -> list[DayClosed]:
    """Every day that is closed."""
    entries = await read_closes(connection)
    return [event for recorded in entries for event in recorded.entry.events if isinstance(event, DayClosed)]


async def orders_of(connection: aiosqlite.Connection, business_date: str, since: Mapping[Stream, int]) -> list[bytes]:
    """Orders of a date, and those of which something was recorded after the seqs named; streams that are not, whole."""
    changed, ends = _after(since, "last_entry")
    sql = f"SELECT order_id FROM order_head WHERE business_date = ? OR {changed} ORDER BY order_id"  # noqa: S608
    return [order_id for (order_id,) in await fetch(connection, sql, (business_date, *ends))]


async def others_since(connection: aiosqlite.Connection, since: Mapping[Stream, int]) -> list[int]:
    """The keys of entries after these seqs that are about no order."""
    recent, ends = _after(since, "entry_id")
    sql = f"""
        SELECT entry_id FROM entry AS e
        WHERE {recent} AND NOT EXISTS (SELECT 1 FROM order_head AS h WHERE h.order_id = e.order_id) ORDER BY entry_id
    """  # noqa: S608 - only column names and question marks are put in
    return [entry_id for (entry_id,) in await fetch(connection, sql, ends)]


async def read_others(connection: aiosqlite.Connection, entry_ids: Sequence[int]) -> list[Recorded]:
    """Entries by their keys."""
    marks = ",".join("?" * len(entry_ids))
    return await read_recorded(connection, f"entry_id IN ({marks})", entry_ids)


async def has_let_go(connection: aiosqlite.Connection, business_date: str) -> bool:
    """Whether orders of a date are not in the file any more."""
    return bool(await fetch(connection, "SELECT 1 FROM pruned_day WHERE business_date = ? LIMIT 1", (business_date,)))


def _after(since: Mapping[Stream, int], column: str) -> tuple[str, Sequence[int]]:
    """The condition that a key lies after a seq of its stream."""
    last = (1 << STREAM_SEQ_BITS) - 1
    parts = [f"{column} BETWEEN ? AND ?"] * len(since)
    ends = [end for stream, seq in since.items() for end in (stream.entry_id(seq + 1), stream.entry_id(last))]
    return f"({' OR '.join(parts) or 'FALSE'})", ends

"""Edits of addresses within the last day, by the sources that they count for (docs/checks.md).

They follow from the log, but are not made again from it: after a loss of the file, the count of the last hour begins
anew.
"""

from collections.abc import Iterable, Sequence

import aiosqlite
from msgspec import Struct

from edge_agent.store.connection import fetch, translated
from edge_core.limits import ADDRESS_EDITS_WINDOW_MS_MAX


class AddressEdit(Struct, frozen=True):
    """An entry that edited an address, and the sources for which that counts."""

    entry_id: int
    sources: tuple[str, ...]


async def count(
    connection: aiosqlite.Connection, sources: Sequence[str], now_ms: int, window_ms: int
) -> dict[str, int]:
    """How many edits each source made within a time of now, before it or after: clocks are set back."""
    marks = ",".join("?" * len(sources))
    sql = f"""
        SELECT source, count(*) FROM address_edit WHERE at_ms > ? AND at_ms < ? AND source IN ({marks}) GROUP BY source
    """  # noqa: S608 - only question marks are put in
    return dict(await fetch(connection, sql, (now_ms - window_ms, now_ms + window_ms, *sources)))


async def put(connection: aiosqlite.Connection, edits: Iterable[AddressEdit], now_ms: int) -> None:
    """Keep the edits of a batch, and forget those that no rule can ask for any more."""
    rows = [(now_ms, source, edit.entry_id) for edit in edits for source in edit.sources]
    with translated():
        await connection.executemany("INSERT OR IGNORE INTO address_edit VALUES (?, ?, ?)", rows)
        await connection.execute(
            "DELETE FROM address_edit WHERE at_ms < ? OR at_ms > ?",
            (now_ms - ADDRESS_EDITS_WINDOW_MS_MAX, now_ms + ADDRESS_EDITS_WINDOW_MS_MAX),
        )

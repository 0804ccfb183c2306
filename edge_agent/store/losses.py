"""Whether entries are lost whose effect on the stock is still to be settled, or of which only the sums are here.

Functions never commit.
"""

import aiosqlite

from edge_agent.store.connection import fetch, translated
from edge_agent.store.log import Stream


async def are_open(connection: aiosqlite.Connection) -> bool:
    """Whether something that is lost is not yet settled."""
    return bool(await fetch(connection, "SELECT 1 FROM identity WHERE has_lost"))


async def note(connection: aiosqlite.Connection, *, are_open: bool) -> None:
    """Write down that there is something to settle, or that there is nothing more."""
    with translated():
        await connection.execute("UPDATE identity SET has_lost = ?", (are_open,))


async def is_lacking(connection: aiosqlite.Connection) -> bool:
    """Whether the centre could not deliver a part of the history: what that made of the stock is in the sums alone."""
    return bool(await fetch(connection, "SELECT 1 FROM identity WHERE is_lacking"))


async def note_lacking(connection: aiosqlite.Connection) -> None:
    """Write down that it could not."""
    with translated():
        await connection.execute("UPDATE identity SET is_lacking = 1")


async def mark_place(connection: aiosqlite.Connection, stream: Stream, seq: int, at: bytes) -> None:
    """Keep the chain's hash at an entry that nobody can deliver: what follows it stands on that, and can be proven.

    The row is damaged to whoever reads it, until it is mended.
    """
    with translated():
        sql = "INSERT OR IGNORE INTO entry (entry_id, order_id, hash, body) VALUES (?, NULL, ?, x'')"
        await connection.execute(sql, (stream.entry_id(seq), at))

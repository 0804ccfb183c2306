"""Whether entries are lost whose effect on the stock is still to be settled, or of which only the sums are here.

Functions never commit.
"""

from typing import Final

import aiosqlite

from edge_agent.store.connection import fetch, translated
from edge_agent.store.log import Stream, seq_of
from edge_core.sync.chain import HASH_BYTES

NOT_HERE: Final = b""
"""The stock lacks what the entry made of it."""
IN_SUMS: Final = b"\x00"
"""What the entry made of the stock is among the sums."""


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


async def mark_places(connection: aiosqlite.Connection, stream: Stream, seqs: range, at: bytes, kind: bytes) -> None:
    """Keep the places of entries that nobody can deliver, and the chain's hash at the last, on which the next stands.

    They are damaged to whoever reads them, until they are mended; their `kind` tells what is to be done then.
    """
    rows = [(stream.entry_id(seq), bytes(HASH_BYTES) if seq < seqs[-1] else at, kind) for seq in seqs]
    with translated():
        sql = "INSERT OR IGNORE INTO entry (entry_id, order_id, hash, body) VALUES (?, NULL, ?, ?)"
        await connection.executemany(sql, rows)


async def marked(connection: aiosqlite.Connection, stream: Stream, seqs: range) -> dict[int, bytes]:
    """Which of these places were kept without an entry, and their kinds."""
    sql = "SELECT entry_id, body FROM entry WHERE entry_id BETWEEN ? AND ? AND body IN (?, ?)"
    places = stream.entry_id(seqs[0]), stream.entry_id(seqs[-1])
    return {seq_of(entry_id): kind for entry_id, kind in await fetch(connection, sql, (*places, NOT_HERE, IN_SUMS))}

"""Whether entries are lost whose effect on the stock is still to be settled. Functions never commit."""

import aiosqlite

from edge_agent.store.connection import fetch, translated


async def are_open(connection: aiosqlite.Connection) -> bool:
    """Whether something that is lost is not yet settled."""
    return bool(await fetch(connection, "SELECT 1 FROM identity WHERE has_lost"))


async def note(connection: aiosqlite.Connection, *, are_open: bool) -> None:
    """Write down that there is something to settle, or that there is nothing more."""
    with translated():
        await connection.execute("UPDATE identity SET has_lost = ?", (are_open,))

"""`centre` and `history`: which life of the centre this is, and what came before it."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection


class HistoryRow(NamedTuple):
    """The present history: since when, why it began, and what that was about."""

    history_id: UUID
    began_at: datetime
    reason: str
    detail: str


_CHANGE: Final = """
    UPDATE centre SET history_id = gen_random_uuid() WHERE history_id = $1 RETURNING history_id
"""
# Rows of a transaction counter that is ahead of this server's own would look unfinished to every reader, for ever.
_FORGET_FEED: Final = "DELETE FROM feed WHERE xact >= pg_snapshot_xmax(pg_current_snapshot())"


async def present(connection: Connection) -> HistoryRow:
    """The history that this database holds."""
    row = await connection.fetchrow(
        "SELECT history_id, began_at, reason, detail FROM history JOIN centre USING (history_id)"
    )
    return HistoryRow(*row)


async def change(connection: Connection, old: UUID, reason: str, detail: str) -> UUID | None:
    """Begin another history in place of `old` and return it, or None where somebody else has done so already.

    Every edge sends again what this database lacks, whatever it heard from the history before.
    """
    history_id: UUID | None = await connection.fetchval(_CHANGE, old)
    if history_id is None:
        return None
    statement = "INSERT INTO history (history_id, reason, detail) VALUES ($1, $2, $3)"
    await connection.execute(statement, history_id, reason, detail)
    await connection.execute(_FORGET_FEED)
    return history_id

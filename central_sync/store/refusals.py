"""`channel_refusal`: orders that shops sent by themselves and that were not taken, until they are, or people look."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from central_sync.store.database import Connection
from edge_core.limits import CHANNEL_REFUSALS_MAX


class RefusalRow(NamedTuple):
    """An order of a channel that was not taken. `key` is '' where its name could not be read."""

    channel: str
    key: str
    slug: str
    detail: str
    pointer: str | None
    times: int
    refused_at: datetime


_NOTE: Final = """
    INSERT INTO channel_refusal (channel, key, slug, detail, pointer) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (channel, key) DO UPDATE SET slug = excluded.slug, detail = excluded.detail,
        pointer = excluded.pointer, times = channel_refusal.times + 1, refused_at = now()
"""
_BOUND: Final = """
    DELETE FROM channel_refusal WHERE channel = $1 AND key IN (
        SELECT key FROM channel_refusal WHERE channel = $1 ORDER BY refused_at DESC, key OFFSET $2
    )
"""
_PAGE: Final = """
    SELECT channel, key, slug, detail, pointer, times, refused_at FROM channel_refusal
    WHERE $1::text IS NULL OR channel = $1
    ORDER BY refused_at DESC, channel, key LIMIT $2
"""


async def note(connection: Connection, channel: str, key: str, *, slug: str, detail: str, pointer: str | None) -> None:
    """Keep that an order was refused; no more than `CHANNEL_REFUSALS_MAX` of a channel, the newest."""
    await connection.execute(_NOTE, channel, key, slug, detail, pointer)
    await connection.execute(_BOUND, channel, CHANNEL_REFUSALS_MAX)


async def settle(connection: Connection, channel: str, keys: Sequence[str]) -> None:
    """These orders have been taken after all."""
    await connection.execute("DELETE FROM channel_refusal WHERE channel = $1 AND key = ANY($2::text[])", channel, keys)


async def page(connection: Connection, channel: str | None, rows_max: int) -> list[RefusalRow]:
    """Refusals, the newest first."""
    return [RefusalRow(*row) for row in await connection.fetch(_PAGE, channel, rows_max)]

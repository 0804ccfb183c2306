"""Clients' keys and what was answered to them, clustered by day (promise G4)."""

from collections.abc import Iterable, Sequence

import aiosqlite
from msgspec import Struct

from edge_agent.store.connection import fetch, translated


class Answered(Struct, frozen=True):
    """What a key led to: an entry, or a "no" (`answer`, the problem document with its status before it)."""

    key: bytes
    payload_hash: bytes
    entry_id: int | None
    answer: bytes | None


# The days that exist are found by skipping from one to the next, so that a clock that jumped does not hide any of them.
_DAYS = """
    WITH RECURSIVE day_of (day) AS (
        SELECT max(day) FROM idempotency
        UNION ALL
        SELECT (SELECT max(day) FROM idempotency WHERE day < day_of.day) FROM day_of WHERE day_of.day IS NOT NULL
    )
"""


async def read_answered(connection: aiosqlite.Connection, keys: Sequence[bytes]) -> list[Answered]:
    """What is known of some keys."""
    marks = ",".join(["(?)"] * len(keys))
    sql = f"""
        {_DAYS}, wanted (key) AS (VALUES {marks})
        SELECT i.key, i.payload_hash, i.entry_id, i.answer
        FROM day_of CROSS JOIN wanted CROSS JOIN idempotency AS i ON i.day = day_of.day AND i.key = wanted.key
    """  # noqa: S608 - only question marks are put in
    return [Answered(*row) for row in await fetch(connection, sql, keys)]


async def put_answered(connection: aiosqlite.Connection, day: int, answered: Iterable[Answered]) -> None:
    """Write down what was answered; `day` counts days since 1970 in UTC."""
    with translated():
        await connection.executemany(
            "INSERT INTO idempotency (day, key, payload_hash, entry_id, answer) VALUES (?, ?, ?, ?, ?)",
            [(day, a.key, a.payload_hash, a.entry_id, a.answer) for a in answered],
        )


async def put_missing(connection: aiosqlite.Connection, day: int, answered: Answered) -> None:
    """Write down what was answered before a loss, unless the key is known."""
    if await read_answered(connection, [answered.key]):
        return
    await put_answered(connection, day, [answered])


async def shift_entries(connection: aiosqlite.Connection, first: int, last: int, offset: int) -> None:
    """Entries `first` to `last` have moved by `offset` in the log."""
    with translated():
        await connection.execute(
            "UPDATE idempotency SET entry_id = entry_id + ? WHERE entry_id BETWEEN ? AND ?", (offset, first, last)
        )


async def forget_old_days(connection: aiosqlite.Connection, days_max: int) -> int:
    """Keep the newest days that exist, `days_max` of them; say how many keys were forgotten."""
    sql = f"""
        {_DAYS}, expired (day) AS (SELECT day FROM day_of WHERE day IS NOT NULL ORDER BY day DESC LIMIT -1 OFFSET ?)
        DELETE FROM idempotency WHERE day IN (SELECT day FROM expired)
    """  # noqa: S608
    with translated():
        cursor = await connection.execute(sql, (days_max,))
        return cursor.rowcount

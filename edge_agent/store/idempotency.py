"""Clients' keys and what was answered to them, clustered by day (promise G4)."""

from collections.abc import Iterable, Sequence

import aiosqlite
from msgspec import Struct

from edge_agent.store.connection import fetch, translated


class Answered(Struct, frozen=True):
    """What a key led to: an entry, or a "no" (`answer`, the problem document with its status before it).

    Both are there where the entry has moved since, or its order has got another past: then `answer` is what was said.
    It stays where the entry is lost.
    """

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


async def unkept(
    connection: aiosqlite.Connection, first: int, last: int, order_ids: Sequence[bytes]
) -> list[tuple[int, bytes, int]]:
    """Day, key and entry of what was answered by entries `first` to `last`, or by any of these orders'."""
    marks = ",".join("?" * len(order_ids))
    sql = f"""
        SELECT day, key, entry_id FROM idempotency
        WHERE answer IS NULL AND (
            entry_id BETWEEN ? AND ? OR entry_id IN (SELECT entry_id FROM entry WHERE order_id IN ({marks})))
        ORDER BY entry_id
    """  # noqa: S608 - only question marks are put in
    return [(day, key, entry_id) for day, key, entry_id in await fetch(connection, sql, (first, last, *order_ids))]


async def keep_answers(connection: aiosqlite.Connection, kept: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Write down answers word for word: day, key, answer."""
    with translated():
        await connection.executemany(
            "UPDATE idempotency SET answer = ? WHERE day = ? AND key = ?",
            [(answer, day, key) for day, key, answer in kept],
        )


async def shift_entries(connection: aiosqlite.Connection, first: int, last: int, offset: int) -> None:
    """Entries `first` to `last` have moved by `offset` in the log."""
    with translated():
        await connection.execute(
            "UPDATE idempotency SET entry_id = entry_id + ? WHERE entry_id BETWEEN ? AND ?", (offset, first, last)
        )


async def lose_entries(connection: aiosqlite.Connection, entry_ids: Iterable[int], last_answer: bytes) -> None:
    """Entries are lost: what was answered by them stays as it was kept; where nothing was, `last_answer` is given."""
    sql = "UPDATE idempotency SET answer = coalesce(answer, ?), entry_id = NULL WHERE entry_id = ?"
    with translated():
        await connection.executemany(sql, [(last_answer, entry_id) for entry_id in entry_ids])


async def forget_old_days(connection: aiosqlite.Connection, days_max: int) -> int:
    """Keep the newest days that exist, `days_max` of them; say how many keys were forgotten."""
    sql = f"""
        {_DAYS}, expired (day) AS (SELECT day FROM day_of WHERE day IS NOT NULL ORDER BY day DESC LIMIT -1 OFFSET ?)
        DELETE FROM idempotency WHERE day IN (SELECT day FROM expired)
    """  # noqa: S608
    with translated():
        cursor = await connection.execute(sql, (days_max,))
        return cursor.rowcount

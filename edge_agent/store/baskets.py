"""Baskets that came in the last minute or two: what the question whether an order was sent twice is asked of.

The order list says whether an order still stands, so a row here is never wrong for longer than the file is.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import aiosqlite

from edge_agent.store.connection import fetch, translated
from edge_core.checks.known import Basket, Earlier
from edge_core.limits import BASKETS_FORGOTTEN_PER_BATCH, DUPLICATE_WINDOW_MS_MAX

NOT_STANDING: Final = "('cancelled', 'rejected')"
"""The states of orders that came to nothing: they count for no check."""


async def read_near(
    connection: aiosqlite.Connection, placed: Iterable[tuple[int, int]], window_ms: int, now_ms: int
) -> dict[int, list[Earlier]]:
    """Orders that stand, came in this minute or the last one, and have the mark and about the time of one of `placed`.

    `placed` are pairs of a basket mark and the moment (Unix ms) at which the till says that it was placed.
    """
    wanted = sorted({(mark, at_ms - window_ms, at_ms + window_ms) for mark, at_ms in placed})
    marks = ",".join(["(?,?,?)"] * len(wanted))
    # CROSS JOIN keeps SQLite to this order (sqlite.org/optoverview.html): a seek for each basket and minute
    sql = f"""
        WITH minute (minute) AS (VALUES (?), (?)), wanted (mark, from_ms, to_ms) AS (VALUES {marks})
        SELECT DISTINCT seen.mark, seen.order_id, seen.placed_ms
        FROM minute CROSS JOIN wanted
        CROSS JOIN basket_seen AS seen ON seen.minute = minute.minute AND seen.mark = wanted.mark
             AND seen.placed_ms BETWEEN wanted.from_ms AND wanted.to_ms
        CROSS JOIN order_head AS head ON head.order_id = seen.order_id AND head.status NOT IN {NOT_STANDING}
    """  # noqa: S608 - only question marks and a constant are put in
    minutes = _minute(now_ms) - 1, _minute(now_ms)
    found: dict[int, list[Earlier]] = defaultdict(list)
    for mark, order_id, placed_ms in await fetch(
        connection, sql, (*minutes, *(each for row in wanted for each in row))
    ):
        found[mark].append(Earlier(UUID(bytes=order_id), placed_ms))
    return found


async def put(connection: aiosqlite.Connection, taken: Sequence[Basket], now_ms: int) -> None:
    """Keep the baskets of a batch, and forget some of those that nobody will ask for any more."""
    minute = _minute(now_ms)
    rows = [(minute, each.mark, each.seen.placed_ms, each.seen.order_id.bytes) for each in taken]
    old = """
        DELETE FROM basket_seen WHERE (minute, mark, placed_ms, order_id) IN (
            SELECT minute, mark, placed_ms, order_id FROM basket_seen WHERE minute < ? LIMIT ?)
    """
    with translated():
        await connection.executemany("INSERT OR IGNORE INTO basket_seen VALUES (?, ?, ?, ?)", rows)
        await connection.execute(old, (minute - 1, BASKETS_FORGOTTEN_PER_BATCH))


def _minute(now_ms: int) -> int:
    return now_ms // DUPLICATE_WINDOW_MS_MAX

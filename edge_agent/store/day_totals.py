"""The books of the business days, summed from the list of orders."""

from typing import Final

import aiosqlite

from edge_agent.store import log
from edge_agent.store.connection import fetch
from edge_agent.store.log import Stream
from edge_core.limits import BUSINESS_DAYS_MAX
from edge_core.sync.audit import totals_of_days
from edge_core.sync.audit_messages import DayTotal
from edge_core.sync.entry import decode_entry

_NONE_LEFT: Final = "9999-12-31"
_SUMS: Final = """
    SELECT business_date, currency, count(*), sum(status NOT IN ('completed', 'cancelled', 'returned', 'rejected')),
        sum(grand_total_minor)
    FROM order_head
    WHERE business_date > ?2
        AND business_date IN (SELECT DISTINCT business_date FROM order_head ORDER BY business_date DESC LIMIT ?1)
    GROUP BY business_date, currency
"""


async def read_day_totals(connection: aiosqlite.Connection, stream: Stream) -> tuple[int, tuple[DayTotal, ...]]:
    """The last seq of a stream and, as they are at that moment, the newest business days."""
    await fetch(connection, "BEGIN")
    try:
        last = await log.last_seq(connection, stream)
        rows = await fetch(connection, _SUMS, (BUSINESS_DAYS_MAX, await _let_go_of(connection, stream)))
    finally:
        await fetch(connection, "COMMIT")
    return last, totals_of_days(rows)


async def _let_go_of(connection: aiosqlite.Connection, stream: Stream) -> str:
    """The last date of which orders may have been pruned, with room for a time zone and a late till; '' for none."""
    cut, _ = await log.read_cut(connection, stream)
    if cut == 0:
        return ""
    rows = await log.read_range(connection, stream, cut + 1, 1)
    if not rows:
        return _NONE_LEFT
    recorded_at_ms = decode_entry(rows[0][2]).recorded_at_ms
    ((day,),) = await fetch(connection, "SELECT date(? / 1000, 'unixepoch', '+2 days')", (recorded_at_ms,))
    return str(day)

"""The books of the business days, summed from the list of orders and from what was let go of."""

from typing import Final

import aiosqlite

from edge_agent.store import log
from edge_agent.store.connection import fetch
from edge_agent.store.log import Stream
from edge_agent.store.retention import FINISHED
from edge_core.limits import BUSINESS_DAYS_MAX
from edge_core.sync.audit import totals_of_days
from edge_core.sync.audit_messages import DayTotal

_SUMS: Final = f"""
    WITH of_day (business_date, currency, orders, open, total_minor) AS (
        SELECT business_date, currency, count(*),
            sum(status NOT IN {FINISHED}), sum(grand_total_minor)
        FROM order_head GROUP BY business_date, currency
        UNION ALL
        SELECT business_date, currency, orders, 0, total_minor FROM pruned_day
    )
    SELECT business_date, currency, sum(orders), sum(open), sum(total_minor) FROM of_day
    WHERE business_date IN (SELECT DISTINCT business_date FROM of_day ORDER BY business_date DESC LIMIT ?)
    GROUP BY business_date, currency
"""  # noqa: S608 - only a constant is put in


async def read_day_totals(connection: aiosqlite.Connection, stream: Stream) -> tuple[int, tuple[DayTotal, ...]]:
    """The last seq of a stream and, as they are at that moment, the newest business days."""
    await fetch(connection, "BEGIN")
    try:
        last = await log.last_seq(connection, stream)
        rows = await fetch(connection, _SUMS, (BUSINESS_DAYS_MAX,))
    finally:
        await fetch(connection, "COMMIT")
    return last, totals_of_days(rows)

"""`day_close`: the business days that stores have closed, with their Z reports, and what came after them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from edge_core import ids
from edge_core.limits import DAY_CLOCK_SKEW_MS


class DayCloseRow(NamedTuple):
    """One closed day of a node. `sums` is its Z report as JSON, of everything up to `up_to_seq` of `incarnation`."""

    node_id: str
    business_date: date
    close_id: UUID
    z_number: int
    closed_at: datetime
    operator_id: str
    incarnation: UUID
    up_to_seq: int
    sums: str


class LateRow(NamedTuple):
    """Orders in one currency that were placed for a day after it was closed."""

    currency: str
    orders: int
    grand_total_minor: int


_COLUMNS: Final = ", ".join(DayCloseRow._fields)
# Two lives of a node may have closed the same day: whichever comes first, the earlier close stays.
_ADD: Final = f"""
    INSERT INTO day_close AS old ({_COLUMNS})
    SELECT * FROM unnest($1::text[], $2::date[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[], $7::uuid[],
        $8::bigint[], $9::jsonb[])
    ON CONFLICT (node_id, business_date) DO UPDATE SET
        close_id = excluded.close_id, z_number = excluded.z_number, closed_at = excluded.closed_at,
        operator_id = excluded.operator_id, incarnation = excluded.incarnation, up_to_seq = excluded.up_to_seq,
        sums = excluded.sums
    WHERE excluded.close_id < old.close_id
"""  # noqa: S608
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM day_close
    WHERE ($1::text IS NULL OR node_id = $1) AND ($2::date IS NULL OR (business_date, node_id) < ($2, $3))
    ORDER BY business_date DESC, node_id DESC LIMIT $4
"""  # noqa: S608
# The ids of orders grow with time: only what was placed about when the day was closed, or after it, is looked at.
_LATE: Final = """
    SELECT currency, count(*), sum(grand_total_minor)::bigint FROM order_view
    WHERE node_id = $1 AND order_id > $2 AND business_date = $3 AND (first_incarnation, first_seq) > ($4, $5)
    GROUP BY currency ORDER BY currency
"""


async def add(connection: Connection, rows: Sequence[DayCloseRow]) -> None:
    """Note closes of days; each node and day is named once."""
    await connection.execute(_ADD, *zip(*rows, strict=True))


async def page(
    connection: Connection, *, node_id: str | None, before: tuple[date, str] | None, rows_max: int
) -> list[DayCloseRow]:
    """Closed days, the newest first, from before one on."""
    rows = await connection.fetch(_PAGE, node_id, *(before or (None, None)), rows_max)
    return [DayCloseRow(*row) for row in rows]


async def late(connection: Connection, day: DayCloseRow) -> list[LateRow]:
    """What was placed for a day after it was closed, by currency."""
    since = day.closed_at - timedelta(milliseconds=DAY_CLOCK_SKEW_MS)
    floor = ids.uuid7(max(0, int(since.timestamp() * 1000)), 0)
    rows = await connection.fetch(_LATE, day.node_id, floor, day.business_date, day.incarnation, day.up_to_seq)
    return [LateRow(*row) for row in rows]

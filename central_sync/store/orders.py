"""`order_view`: one row for each order, as it stands."""

import struct
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.copying import UUID_BYTES, copy_new, days, microseconds, text, uuid
from central_sync.store.database import Connection


class OrderRow(NamedTuple):
    """One order, in the order of the columns. `first_*` and `last_*` are the places of its entries in the log."""

    order_id: UUID
    node_id: str
    display_number: str
    order_type: str
    status: str
    currency: str
    grand_total_minor: int
    placed_at: datetime
    business_date: date
    revision: int
    first_incarnation: UUID
    first_lane: str
    first_seq: int
    last_incarnation: UUID
    last_lane: str
    last_seq: int


_COLUMNS: Final = ", ".join(OrderRow._fields)
# COPY takes columns in any order: first what differs from row to row, then what most rows have in common.
_COPIED: Final = (
    *("order_id", "grand_total_minor", "placed_at", "first_seq", "last_seq", "display_number"),
    *("node_id", "order_type", "status", "currency", "business_date", "revision"),
    *("first_incarnation", "first_lane", "last_incarnation", "last_lane"),
)
_BEGINNING: Final = struct.Struct(f">hi{UUID_BYTES}siqiqiqiqi")  # up to the length of the display number
_DAY_AND_REVISION: Final = struct.Struct(">iiii")
_ROWS: Final = """unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
    $8::timestamptz[], $9::date[], $10::integer[], $11::uuid[], $12::text[], $13::bigint[], $14::uuid[], $15::text[],
    $16::bigint[])"""
_UPDATE: Final = f"""
    INSERT INTO order_view ({_COLUMNS}) SELECT * FROM {_ROWS}
    ON CONFLICT (order_id) DO UPDATE SET
        status = excluded.status, revision = excluded.revision, last_incarnation = excluded.last_incarnation,
        last_lane = excluded.last_lane, last_seq = excluded.last_seq, updated_at = now()
"""  # noqa: S608
# As the index order_view_open has it.
_OPEN: Final = """
    SELECT order_id FROM order_view
    WHERE node_id = $1 AND status NOT IN ('completed', 'partially_returned', 'returned', 'cancelled', 'rejected')
        AND first_incarnation <> $2 AND ($3::uuid IS NULL OR order_id > $3)
    ORDER BY order_id LIMIT $4
"""
_WANTED: Final = """($1::text IS NULL OR node_id = $1) AND ($2::text IS NULL OR status = $2)
        AND ($3::uuid IS NULL OR order_id < $3)"""
# Orders that begin in early copies stand among the others until the truth has come.
_PAGE: Final = f"""
    (SELECT {_COLUMNS}, false FROM order_view WHERE {_WANTED} ORDER BY order_id DESC LIMIT $4)
    UNION ALL
    (SELECT {_COLUMNS}, true FROM early_order AS e WHERE {_WANTED}
        AND NOT EXISTS (SELECT FROM order_view AS o WHERE o.order_id = e.order_id)
        ORDER BY order_id DESC LIMIT $4)
    ORDER BY order_id DESC LIMIT $4
"""  # noqa: S608


async def insert(connection: Connection, rows: Sequence[OrderRow]) -> None:
    """Insert orders that begin. Raises `AlreadyThere` where one does not."""
    await copy_new(connection, "order_view", _COPIED, _encoded(rows))


def _encoded(rows: Sequence[OrderRow]) -> Iterator[bytes]:
    """The rows for COPY, in the order of `_COPIED`. Most rows of a batch have the same end, which is encoded once."""
    ends: dict[object, bytes] = {}
    for row in rows:
        order_id, node_id, number, kind, status, currency, total, placed_at, day, revision = row[:10]
        first, first_lane, first_seq, last, last_lane, last_seq = row[10:]
        same = node_id, kind, status, currency, day, revision, first.int, first_lane, last.int, last_lane
        end = ends.get(same)
        if end is None:
            ends[same] = end = _end(row)
        shown = number.encode()
        beginning = _BEGINNING.pack(
            len(_COPIED),
            UUID_BYTES,
            order_id.int.to_bytes(UUID_BYTES),
            8,
            total,
            8,
            microseconds(placed_at),
            8,
            first_seq,
            8,
            last_seq,
            len(shown),
        )
        yield beginning + shown + end


def _end(row: OrderRow) -> bytes:
    return b"".join(
        (
            text(row.node_id),
            text(row.order_type),
            text(row.status),
            text(row.currency),
            _DAY_AND_REVISION.pack(4, days(row.business_date), 4, row.revision),
            uuid(row.first_incarnation),
            text(row.first_lane),
            uuid(row.last_incarnation),
            text(row.last_lane),
        )
    )


async def update(connection: Connection, rows: Sequence[OrderRow]) -> None:
    """Write orders that may be there already."""
    # In the order of their key: two writers that meet wait for each other and never for ever.
    await connection.execute(_UPDATE, *zip(*sorted(rows), strict=True))


async def page(
    connection: Connection, *, node_id: str | None, status: str | None, before: UUID | None, rows_max: int
) -> list[tuple[OrderRow, bool]]:
    """Orders, the newest first (their ids are UUIDv7), from before an id on; with each whether it is provisional."""
    rows = await connection.fetch(_PAGE, node_id, status, before, rows_max)
    return [(OrderRow(*row[:-1]), row[-1]) for row in rows]


async def open_after(
    connection: Connection, node_id: str, besides: UUID, after: UUID | None, rows_max: int
) -> list[UUID]:
    """A node's orders that are not finished, oldest first, from after an id on; without those begun by one life."""
    rows = await connection.fetch(_OPEN, node_id, besides, after, rows_max)
    return [row["order_id"] for row in rows]


async def one(connection: Connection, order_id: UUID) -> OrderRow | None:
    """One order, or None."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM order_view WHERE order_id = $1", order_id)  # noqa: S608
    return None if row is None else OrderRow(*row)

"""Rows that the centre encodes for COPY, read back from a real PostgreSQL by the driver: every value is as it was."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from central_sync.store import orders, stock, streams
from central_sync.store.copying import copy_new, text, uuid, width
from central_sync.store.database import AlreadyThere, Database
from central_sync.store.orders import OrderRow
from central_sync.store.stock import StockRow
from central_sync.store.streams import EntryRow, StreamKey
from edge_core import ids
from edge_core.errors import PermanentFault
from edge_core.limits import COPY_CHUNK_ROWS
from tests.rigs.centre import migrated, rows
from tests.rigs.orders import START_MS

HASH = bytes(range(32))
HERE = StreamKey("store-0001", ids.uuid7(START_MS, 1), "orders")
THERE = StreamKey("магазин-2", ids.uuid7(START_MS, 2), "bulk")


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


def order(number: int, **changes: Any) -> OrderRow:
    """An order that began and ended with one entry of one stream, with other values in some columns."""
    places = (HERE.incarnation, HERE.lane, number) * 2
    row = OrderRow(
        ids.uuid7(START_MS, number),
        HERE.node_id,
        f"no-{number}",
        "sale",
        "completed",
        "CNY",
        -number,
        datetime(2026, 11, 21, 9, 30, 0, 1, UTC),
        date(2026, 11, 21),
        7,
        *places,
    )
    return row._replace(**changes)


async def test_orders_are_read_back_as_they_were_written(database: Database) -> None:
    far = timezone(timedelta(hours=-11))
    written = [
        order(1),
        order(2, display_number="", grand_total_minor=2**53, status="held", revision=2**31 - 1),
        order(3, display_number="Köln — 京東 🧾", placed_at=datetime(1999, 12, 31, 23, 59, 59, 999_999, far)),
        order(4, business_date=date(1, 1, 1), placed_at=datetime(1, 1, 1, tzinfo=UTC)),
        order(
            5, business_date=date(9999, 12, 31), last_incarnation=THERE.incarnation, last_lane="bulk", last_seq=2**40
        ),
        *(order(number) for number in range(6, 6 + 2 * COPY_CHUNK_ROWS)),
    ]
    async with database.transaction() as connection:
        await orders.insert(connection, written)
    async with database.reading() as connection:
        listed = await orders.page(connection, node_id=None, status=None, before=None, rows_max=len(written) + 1)
    assert sorted(row for row, _ in listed) == sorted(written)


async def test_entries_of_several_streams_are_read_back_as_they_were_written(database: Database) -> None:
    subject = ids.uuid7(START_MS, 9)
    written = [
        EntryRow(HERE, 1, subject, False, HASH, b"\x00body"),
        EntryRow(HERE, 2, None, True, bytes(32), b""),
        EntryRow(THERE, 2**40 - 1, None, False, HASH, bytes(300_000)),
        EntryRow(HERE, 3, subject, True, HASH, b"again"),
    ]
    async with database.transaction() as connection:
        await streams.append(connection, written)
    statement = "SELECT node_id, incarnation, lane, seq, order_id, is_parked, hash, body FROM entry"
    assert sorted(await rows(database, statement)) == sorted((*row.key, *row[1:]) for row in written)


async def test_what_is_there_already_is_told_and_nothing_of_the_batch_is_kept(database: Database) -> None:
    with pytest.raises(AlreadyThere):
        async with database.transaction() as connection:
            await orders.insert(connection, [order(1), order(2), order(1)])
    assert await rows(database, "SELECT order_id FROM order_view") == []


async def test_a_number_that_no_column_holds_is_a_permanent_fault(database: Database) -> None:
    with pytest.raises(PermanentFault):
        async with database.transaction() as connection:
            await orders.insert(connection, [order(1), order(2, grand_total_minor=2**63)])
    with pytest.raises(PermanentFault):
        async with database.transaction() as connection:
            await orders.insert(connection, [order(1, revision=2**31)])
    assert await rows(database, "SELECT order_id FROM order_view") == []


@pytest.mark.parametrize(
    "positions",
    [
        [("7", "", "H87", None, 2**63 - 1, -1)],
        [
            ("7", "", "H87", None, -5, 0),
            ("8", "L{1}", 'K"\\G', date(2027, 2, 3), -(2**62), 7),
            ("9", "", "", None, 0, 1),
        ],
        [("7\x1f8", "", "H87", None, 1, 0), ("8", "\x1f", "H87", date(1, 1, 1), 2, 3)],
        [("'7', NULL", "--", "京\n", date.max, 1, 0), ("\\x1f", "", "H87", None, 2, 3)],
    ],
    ids=["one alone", "several", "with the separator in them", "with quotes in them"],
)
async def test_stock_is_read_back_as_it_was_added(database: Database, positions: list[tuple[Any, ...]]) -> None:
    written = [StockRow(HERE.node_id, *position) for position in positions]
    async with database.transaction() as connection:
        await stock.add(connection, written)
    async with database.reading() as connection:
        assert sorted(await stock.page(connection, node_id=None, sku=None, after=None, rows_max=9), key=str) == sorted(
            written, key=str
        )


async def test_a_row_with_too_few_values_is_refused_and_the_connection_goes_on(database: Database) -> None:
    with pytest.raises(PermanentFault):
        async with database.transaction() as connection:
            await copy_new(connection, "breaker", ("node_id",), [width(("a",)) + text("x") + uuid(HERE.incarnation)])
    async with database.transaction() as connection:
        await orders.insert(connection, [order(1)])
    assert len(await rows(database, "SELECT order_id FROM order_view")) == 1

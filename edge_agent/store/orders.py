"""Orders in the file: heads for lists, and the entries of an order for everything else."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final
from uuid import UUID

import aiosqlite
import msgspec
from msgspec import Struct

from edge_agent.store.connection import fetch, translated
from edge_agent.store.log import read_recorded
from edge_agent.store.retention import FINISHED
from edge_core.checks.known import coupons_of
from edge_core.orders.events import OrderPlaced
from edge_core.orders.fold import OrderState
from edge_core.orders.parts import to_pick_milli
from edge_core.orders.rendering import Recorded
from edge_core.orders.settling import owed_on_account_minor

_HEADS_AT_ONCE: Final = 16


class OrderHead(Struct, frozen=True):
    """An order as a list shows it, and as the checks of later orders see it (docs/checks.md).

    `credit_minor` is what is owed of it on account, `credit_at_ms` when something was last paid so after the placing,
    `to_pick_milli` what the store has still to pick of it.
    """

    order_id: UUID
    last_entry: int
    revision: int
    order_type: str
    status: str
    terminal_id: str
    business_date: str
    currency: str
    grand_total_minor: int
    customer_ref: str | None = None
    credit_minor: int = 0
    coupons: tuple[str, ...] = ()
    credit_at_ms: int = 0
    to_pick_milli: int = 0


class OrderFilter(Struct, frozen=True):
    """Which orders a list shows: newest first, after the order named by `before`."""

    status: str | None = None
    business_date: str | None = None
    terminal_id: str | None = None
    before: UUID | None = None


def head_of(state: OrderState, last_entry: int, *, credit_at_ms: int = 0) -> OrderHead:
    """The head of an order as it stands after the entry `last_entry`; `credit_at_ms` where that was paid on account."""
    order = state.order
    return OrderHead(
        order.order_id,
        last_entry,
        state.revision,
        order.order_type,
        state.status,
        order.terminal_id,
        order.business_date,
        order.currency,
        order.totals.grand_total_minor,
        order.customer_ref,
        owed_on_account_minor(state) if order.customer_ref is not None else 0,
        tuple(coupons_of(order)) if order.adjustments else (),
        credit_at_ms,
        to_pick_milli(state),
    )


def _put_heads(count: int) -> str:
    rows = ",".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * count)
    return f"""
        INSERT INTO order_head (order_id, last_entry, revision, order_type, status, terminal_id,
                                business_date, currency, grand_total_minor, customer_ref, credit_minor, credit_at_ms,
                                to_pick_milli)
        VALUES {rows}
        ON CONFLICT (order_id) DO UPDATE
        SET last_entry = excluded.last_entry, revision = excluded.revision, status = excluded.status,
            credit_minor = excluded.credit_minor, credit_at_ms = max(credit_at_ms, excluded.credit_at_ms),
            to_pick_milli = excluded.to_pick_milli
    """  # noqa: S608 - only question marks are put in


async def put_heads(connection: aiosqlite.Connection, heads: Iterable[OrderHead]) -> None:
    """Write heads; an order that is there moves on."""
    taken = list(heads)
    used = [(code, head.order_id.bytes) for head in taken for code in head.coupons]
    rows = [
        (
            head.order_id.bytes,
            head.last_entry,
            head.revision,
            head.order_type,
            head.status,
            head.terminal_id,
            head.business_date,
            head.currency,
            head.grand_total_minor,
            head.customer_ref,
            head.credit_minor,
            head.credit_at_ms,
            head.to_pick_milli,
        )
        for head in taken
    ]
    # A statement sets up the words of the index of open orders, which costs as much as half a row: so many at once.
    whole = len(rows) - len(rows) % _HEADS_AT_ONCE
    several = [tuple(chain(*rows[at : at + _HEADS_AT_ONCE])) for at in range(0, whole, _HEADS_AT_ONCE)]
    with translated():
        if several:
            await connection.executemany(_put_heads(_HEADS_AT_ONCE), several)
        if rows[whole:]:
            await connection.executemany(_put_heads(1), rows[whole:])
        if used:
            await connection.executemany("INSERT OR IGNORE INTO coupon_use (code, order_id) VALUES (?, ?)", used)


async def read_to_pick_milli(connection: aiosqlite.Connection) -> int:
    """What the store has still to pick of all its open orders, in thousandths."""
    rows = await fetch(connection, "SELECT coalesce(sum(to_pick_milli), 0) FROM order_head WHERE to_pick_milli > 0")
    return int(rows[0][0])


async def read_order(connection: aiosqlite.Connection, order_id: UUID) -> list[Recorded]:
    """The entries of one order in the order of the log."""
    return await read_orders(connection, [order_id])


async def find_order(connection: aiosqlite.Connection, display_number: str) -> UUID | None:
    """The order of a display number, as receipts have it: the whole log is looked through, for people and not tills."""
    as_written = msgspec.msgpack.encode(display_number)  # with its length: no part of a longer one
    for recorded in await read_recorded(connection, "instr(body, ?)", [as_written]):
        first = recorded.entry.events[0]
        if isinstance(first, OrderPlaced) and first.order.display_number == display_number:
            return first.order.order_id
    return None


async def read_orders(connection: aiosqlite.Connection, order_ids: Sequence[UUID]) -> list[Recorded]:
    """The entries of several orders in the order of the log."""
    marks = ",".join("?" * len(order_ids))
    found = await read_recorded(connection, f"order_id IN ({marks})", [order_id.bytes for order_id in order_ids])
    return [recorded for recorded in found if recorded.entry.order_id is not None]  # a movement of stock is no order


async def list_under_way(connection: aiosqlite.Connection, after: UUID, limit: int) -> list[UUID]:
    """Orders whose goods are on their way to the customer, oldest first, after the one named."""
    sql = f"""
        SELECT order_id FROM order_head
        WHERE status IN ('in_fulfillment', 'held') AND status NOT IN {FINISHED} AND order_id > ?
        ORDER BY order_id LIMIT ?
    """  # noqa: S608 - only a constant is put in, by which SQLite knows the index
    return [UUID(bytes=order_id) for (order_id,) in await fetch(connection, sql, (after.bytes, limit))]


async def shift_entries(connection: aiosqlite.Connection, first: int, last: int, offset: int) -> None:
    """Entries `first` to `last` have moved by `offset` in the log."""
    with translated():
        await connection.execute(
            "UPDATE order_head SET last_entry = last_entry + ? WHERE last_entry BETWEEN ? AND ?", (offset, first, last)
        )


async def read_place(connection: aiosqlite.Connection, order_id: UUID) -> tuple[int, int] | None:
    """The entry and the revision at which the list, and the stock with it, have an order; None where it is in none."""
    sql = "SELECT last_entry, revision FROM order_head WHERE order_id = ?"
    rows = await fetch(connection, sql, (order_id.bytes,))
    return (rows[0][0], rows[0][1]) if rows else None


async def ending_at(connection: aiosqlite.Connection, entry_ids: Sequence[int]) -> set[UUID]:
    """The orders whose last entry is one of these."""
    found: set[UUID] = set()
    for entry_id in entry_ids:
        rows = await fetch(connection, "SELECT order_id FROM order_head WHERE last_entry = ?", (entry_id,))
        found |= {UUID(bytes=order_id) for (order_id,) in rows}
    return found


async def forget_heads(connection: aiosqlite.Connection, order_ids: Iterable[UUID]) -> None:
    """Orders that no entry makes any more are in no list."""
    rows = [(order_id.bytes,) for order_id in order_ids]
    with translated():
        await connection.executemany("DELETE FROM order_head WHERE order_id = ?", rows)


async def list_heads(connection: aiosqlite.Connection, chosen: OrderFilter, limit: int) -> list[OrderHead]:
    """Heads, newest order first."""
    conditions = {
        "status = ?": chosen.status,
        "business_date = ?": chosen.business_date,
        "terminal_id = ?": chosen.terminal_id,
        "order_id < ?": chosen.before.bytes if chosen.before else None,
    }
    used = {text: value for text, value in conditions.items() if value is not None}
    where = " AND ".join(used) or "TRUE"
    sql = f"""
        SELECT order_id, last_entry, revision, order_type, status, terminal_id, business_date, currency,
               grand_total_minor
        FROM order_head WHERE {where} ORDER BY order_id DESC LIMIT ?
    """  # noqa: S608 - the conditions are the literals above
    rows = await fetch(connection, sql, (*used.values(), limit))
    return [OrderHead(UUID(bytes=order_id), *rest) for order_id, *rest in rows]

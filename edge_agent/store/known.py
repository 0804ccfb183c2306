"""What the file knows of earlier orders, as far as the checks of a batch ask (docs/checks.md)."""

from collections.abc import Iterable, Sequence
from typing import Final

import aiosqlite
from msgspec import Struct

from edge_agent.store import address_edits, baskets
from edge_agent.store.connection import fetch
from edge_core import ids
from edge_core.checks.known import Known, Use, basket_mark, coupons_of, placed_ms_of
from edge_core.limits import CREDIT_OVERLAP_MS, CUSTOMER_DAY_MS
from edge_core.orders.document import TillOrder
from edge_core.reference.lookup import Reference

Dated = tuple[TillOrder, str]
"""A posted order and its business date."""


class Changes(Struct, frozen=True):
    """What is asked of orders that are there: customers who are to owe more, with their orders' business dates, and the
    sources of edits of addresses."""

    debtors: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()


NO_CHANGES: Final = Changes()


async def read_known(
    connection: aiosqlite.Connection,
    posted: Iterable[Dated],
    reference: Reference,
    now_ms: int,
    changes: Changes = NO_CHANGES,
) -> Known:
    """What the rules of `reference` will ask about these orders and changes. What they do not ask is not read."""
    orders, rules = list(posted), reference.rules
    customers = {(order.customer.ref, date) for order, date in orders if order.customer is not None}
    asked = sorted(customers | set(changes.debtors)) if reference.editions else []
    window_ms = rules.duplicate_window_ms
    placed = [(basket_mark(order), placed_ms_of(order)) for order, _ in orders] if window_ms else []
    return Known(
        await baskets.read_near(connection, placed, window_ms, now_ms) if placed else {},
        await _read_uses(connection, asked, reference, now_ms) if asked else {},
        await _read_coupons(connection, orders, reference),
        await address_edits.count(connection, changes.sources, now_ms, rules.address_edits_window_ms)
        if changes.sources and rules.address_edits_max is not None
        else {},
    )


async def _read_uses(
    connection: aiosqlite.Connection, wanted: Sequence[tuple[str, str]], reference: Reference, now_ms: int
) -> dict[tuple[str, str], Use]:
    edition = reference.editions.get("customers")
    credit_since_ms = max(0, edition.known_until_ms - CREDIT_OVERLAP_MS) if edition is not None else 0
    recent_since_ms = now_ms - reference.rules.velocity_window_ms
    since_ms = min(credit_since_ms, recent_since_ms, now_ms - CUSTOMER_DAY_MS)
    values = ",".join(["(?,?)"] * len(wanted))
    sql = f"""
        WITH moment (credit, changed_ms, recent, since) AS (VALUES (?, ?, ?, ?)),
             wanted (customer_ref, business_date) AS (VALUES {values})
        SELECT w.customer_ref, w.business_date,
               coalesce(sum(h.credit_minor) FILTER (WHERE h.order_id >= m.credit), 0) + (
                   SELECT coalesce(sum(old.credit_minor), 0) FROM order_head AS old
                   WHERE old.customer_ref = w.customer_ref AND old.credit_at_ms > 0
                         AND old.credit_at_ms >= m.changed_ms AND old.order_id < m.credit),
               coalesce(sum(h.grand_total_minor) FILTER (
                   WHERE h.business_date = w.business_date AND h.status NOT IN {baskets.NOT_STANDING}), 0),
               count(*) FILTER (WHERE h.order_id >= m.recent)
        FROM moment AS m CROSS JOIN wanted AS w
        LEFT JOIN order_head AS h ON h.customer_ref = w.customer_ref AND h.order_id >= m.since
        GROUP BY w.customer_ref, w.business_date
    """  # noqa: S608 - only question marks and a constant are put in
    moments = (_first_id(credit_since_ms), credit_since_ms, _first_id(recent_since_ms), _first_id(since_ms))
    rows = await fetch(connection, sql, (*moments, *(each for pair in wanted for each in pair)))
    return {(ref, date): Use(credit, day, times) for ref, date, credit, day, times in rows}


async def _read_coupons(connection: aiosqlite.Connection, orders: list[Dated], reference: Reference) -> list[str]:
    codes = sorted({code for order, _ in orders if order.adjustments for code in coupons_of(order)})
    if not codes or not reference.has("promotions"):
        return []
    marks = ",".join("?" * len(codes))
    sql = f"""
        SELECT DISTINCT u.code FROM coupon_use AS u LEFT JOIN order_head AS h ON h.order_id = u.order_id
        WHERE u.code IN ({marks}) AND (h.status IS NULL OR h.status NOT IN {baskets.NOT_STANDING})
    """  # noqa: S608 - only question marks and a constant are put in
    return [code for (code,) in await fetch(connection, sql, codes)]


def _first_id(unix_ms: int) -> bytes:
    """The first order id of a millisecond: order ids begin with the time at which they were given."""
    return ids.uuid7(max(0, unix_ms), 0).bytes

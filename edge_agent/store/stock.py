"""Stock in the file: positions by SKU and lot. The invariant is checked by the table as well."""

from collections.abc import Iterable, Sequence

import aiosqlite
import msgspec

from edge_agent.store.connection import fetch, translated
from edge_core.stock.ledger import Position


async def read_positions(connection: aiosqlite.Connection, skus: Sequence[str]) -> list[Position]:
    """The positions of some SKUs."""
    # One parameter, because SQLite bounds their number and a batch may name 64,000 SKUs.
    sql = """
        SELECT sku, nullif(lot, ''), unit, expires_on, on_hand_milli, safety_milli, rights_milli, reserved_milli
        FROM stock WHERE sku IN (SELECT value FROM json_each(?)) ORDER BY sku, lot
    """
    return [Position(*row) for row in await fetch(connection, sql, [msgspec.json.encode(skus).decode()])]


async def put_positions(connection: aiosqlite.Connection, positions: Iterable[Position]) -> None:
    """Write positions as they are now. Nearly all of them are there, and an UPDATE is two thirds of an upsert."""
    update = """
        UPDATE stock SET on_hand_milli = ?, safety_milli = ?, rights_milli = ?, reserved_milli = ?
        WHERE sku = ? AND lot = ?
    """
    insert = """
        INSERT INTO stock (on_hand_milli, safety_milli, rights_milli, reserved_milli, sku, lot, unit, expires_on)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sku, lot) DO NOTHING
    """
    written = list(positions)
    rows = [(p.on_hand_milli, p.safety_milli, p.rights_milli, p.reserved_milli, p.sku, p.lot or "") for p in written]
    with translated():
        cursor = await connection.executemany(update, rows)
        if cursor.rowcount < len(rows):
            kinds = [(p.unit, p.expires_on) for p in written]
            await connection.executemany(insert, [row + kind for row, kind in zip(rows, kinds, strict=True)])

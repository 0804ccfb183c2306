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
    """Write positions as they are now."""
    sql = """
        INSERT INTO stock (sku, lot, unit, expires_on, on_hand_milli, safety_milli, rights_milli, reserved_milli)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (sku, lot) DO UPDATE
        SET on_hand_milli = excluded.on_hand_milli, safety_milli = excluded.safety_milli,
            rights_milli = excluded.rights_milli, reserved_milli = excluded.reserved_milli
    """
    rows = [
        (
            position.sku,
            position.lot or "",
            position.unit,
            position.expires_on,
            position.on_hand_milli,
            position.safety_milli,
            position.rights_milli,
            position.reserved_milli,
        )
        for position in positions
    ]
    with translated():
        await connection.executemany(sql, rows)

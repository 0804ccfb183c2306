"""Stock in the file: positions by SKU and lot. The invariant is checked by the table as well."""

from collections.abc import Iterable, Sequence

import aiosqlite

from edge_agent.store.connection import fetch, translated
from edge_core.stock.ledger import Position


async def read_positions(connection: aiosqlite.Connection, skus: Sequence[str]) -> list[Position]:
    """The positions of some SKUs."""
    marks = ",".join("?" * len(skus))
    sql = f"""
        SELECT sku, nullif(lot, ''), unit, expires_on, on_hand_milli, safety_milli, rights_milli, reserved_milli
        FROM stock WHERE sku IN ({marks}) ORDER BY sku, lot
    """  # noqa: S608 - only question marks are put in
    return [Position(*row) for row in await fetch(connection, sql, skus)]


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

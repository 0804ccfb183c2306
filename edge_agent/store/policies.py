"""The bundle of policies in use, in the file. Functions take the connection and never commit."""

import aiosqlite
from msgspec import Struct

from edge_agent.store.connection import fetch, translated


class BundleRow(Struct, frozen=True):
    """The bundle's bytes, its release's number, who signed it, and since when it is used here (Unix ms)."""

    number: int
    key_id: str
    body: bytes
    used_since_ms: int


async def read_bundle(connection: aiosqlite.Connection) -> BundleRow | None:
    """The bundle in use; None where none ever was."""
    sql = "SELECT number, key_id, body, used_since_ms FROM policy_bundle"
    rows = await fetch(connection, sql)
    return BundleRow(*rows[0]) if rows else None


async def put_bundle(connection: aiosqlite.Connection, row: BundleRow) -> None:
    """Put a bundle in the place of the one before it."""
    sql = """
        INSERT INTO policy_bundle (slot, number, key_id, body, used_since_ms) VALUES (1, ?, ?, ?, ?)
        ON CONFLICT (slot) DO UPDATE SET number = excluded.number, key_id = excluded.key_id, body = excluded.body,
            used_since_ms = excluded.used_since_ms
    """
    with translated():
        await connection.execute(sql, (row.number, row.key_id, row.body, row.used_since_ms))


async def read_set(connection: aiosqlite.Connection, set_no: int, rows_max: int) -> list[bytes]:
    """The rows of a version of the reference data, at most so many, in the order of their keys."""
    sql = "SELECT body FROM reference_row WHERE set_no = ? AND body IS NOT NULL ORDER BY key LIMIT ?"
    return [body for (body,) in await fetch(connection, sql, (set_no, rows_max))]

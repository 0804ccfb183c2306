"""Soft holds in the file: an index of the log, by which a hold is found and the next one to run out is known.

A hold is here from its `stock.held` to its `stock.hold_ended`. Entries may come in any order after a loss: one whose
end is in the log already is not put in again.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import aiosqlite
import msgspec

from edge_agent.store.connection import fetch, translated
from edge_core.errors import UNREADABLE, RecordDamaged
from edge_core.orders.events import Event
from edge_core.stock.holds import end_id
from edge_core.stock.reservations import Reservation
from edge_core.stock.stock_events import HoldEnded, HoldExtended, StockHeld

_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_DECODER: Final = msgspec.msgpack.Decoder(Reservation)


async def read_holds(connection: aiosqlite.Connection, reservation_ids: Iterable[UUID]) -> dict[UUID, Reservation]:
    """Those of these holds that live. Raises `RecordDamaged`."""
    wanted = [each.bytes for each in reservation_ids]
    marks = ",".join("?" * len(wanted))
    sql = f"SELECT body FROM hold WHERE reservation_id IN ({marks})"  # noqa: S608 - only question marks
    held = [_read(body) for (body,) in await fetch(connection, sql, wanted)]
    return {each.reservation_id: each for each in held}


async def read_all(connection: aiosqlite.Connection) -> dict[UUID, Reservation]:
    """Every hold that lives; for `verify`. Raises `RecordDamaged`."""
    held = [_read(body) for (body,) in await fetch(connection, "SELECT body FROM hold")]
    return {each.reservation_id: each for each in held}


async def list_due(connection: aiosqlite.Connection, now_ms: int, limit: int) -> list[Reservation]:
    """Holds whose time is over, the longest first. Raises `RecordDamaged`."""
    sql = "SELECT body FROM hold WHERE expires_at_ms <= ? ORDER BY expires_at_ms, reservation_id LIMIT ?"
    return [_read(body) for (body,) in await fetch(connection, sql, (now_ms, limit))]


async def put_holds(connection: aiosqlite.Connection, held: Iterable[Reservation]) -> None:
    """Write holds that live; one that is there and lasts longer stays as it is."""
    sql = """
        INSERT INTO hold (reservation_id, expires_at_ms, body) VALUES (?, ?, ?)
        ON CONFLICT (reservation_id) DO UPDATE SET expires_at_ms = excluded.expires_at_ms, body = excluded.body
        WHERE excluded.expires_at_ms > expires_at_ms
    """
    rows = [(each.reservation_id.bytes, each.expires_at_ms, _ENCODER.encode(each)) for each in held]
    with translated():
        await connection.executemany(sql, rows)


async def drop_holds(connection: aiosqlite.Connection, reservation_ids: Iterable[UUID]) -> None:
    """Holds have ended."""
    with translated():
        sql = "DELETE FROM hold WHERE reservation_id = ?"
        await connection.executemany(sql, [(each.bytes,) for each in reservation_ids])


async def take_events(connection: aiosqlite.Connection, events: Sequence[Event]) -> None:
    """Bring the holds up to date after entries of the past have come, in any order and however often."""
    ended = {event.reservation_id for event in events if isinstance(event, HoldEnded)}
    begun = [event.reservation() for event in events if isinstance(event, StockHeld | HoldExtended)]
    if not ended and not begun:
        return
    await drop_holds(connection, sorted(ended))
    ends = {end_id(each.reservation_id).bytes: each.reservation_id for each in begun}
    marks = ",".join("?" * len(ends))
    sql = f"""
        SELECT order_id FROM entry WHERE order_id IN ({marks})
        UNION SELECT subject FROM pruned_subject WHERE subject IN ({marks})
    """  # noqa: S608 - only question marks
    over = ended | {ends[subject] for (subject,) in await fetch(connection, sql, [*ends, *ends])}
    await put_holds(connection, [each for each in begun if each.reservation_id not in over])


def _read(body: bytes) -> Reservation:
    try:
        return _DECODER.decode(body)
    except UNREADABLE as error:
        raise RecordDamaged("a hold") from error

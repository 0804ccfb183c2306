"""What the audit asks of the centre's tables, on those in memory (see `tables`), and how a key refuses a second row."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from central_sync.store import audits, orders
from central_sync.store.audits import ScrubRow
from central_sync.store.database import AlreadyThere
from central_sync.store.orders import OrderRow
from central_sync.store.streams import EntryRow, StoredEntry, StreamKey
from edge_core.sync.audit import Entry, totals_of_days
from edge_core.sync.audit_messages import DayTotal
from tests.simulation.tables import Tables, put_orders


def put(tables: Tables, changed: StoredEntry) -> None:
    """Put an entry into the place of the one that stands there."""
    key = StreamKey(changed.node_id, changed.incarnation, changed.lane)
    tables.entries[key] = tuple(changed if e.seq == changed.seq else e for e in tables.entries[key])
    if changed.order_id is not None:
        tables.by_order[changed.order_id] = tuple(
            changed if (e.incarnation, e.lane, e.seq) == (changed.incarnation, changed.lane, changed.seq) else e
            for e in tables.by_order[changed.order_id]
        )


async def _entries_in(connection: Tables, key: StreamKey, from_seq: int, to_seq: int) -> list[Entry]:
    held = connection.entries.get(key, ())
    return [Entry(e.seq, e.hash, e.body) for e in held if from_seq <= e.seq <= to_seq]


async def _replace(connection: Tables, rows: Sequence[EntryRow]) -> None:
    for row in rows:
        old = connection.entries[row.key][row.seq - 1]
        put(connection, replace(old, order_id=row.order_id, hash=row.hash, body=row.body))


async def _put_hash(connection: Tables, key: StreamKey, seq: int, entry_hash: bytes) -> UUID | None:
    if seq == 0 or connection.entries[key][seq - 1].hash == entry_hash:
        return None
    put(connection, changed := replace(connection.entries[key][seq - 1], hash=entry_hash))
    return changed.order_id


async def _hashes_of(connection: Tables, places: Sequence[tuple[StreamKey, int]]) -> dict[tuple[StreamKey, int], bytes]:
    return {(key, seq): connection.entries[key][seq - 1].hash for key, seq in places if seq > 0}


async def _day_totals(connection: Tables, node_id: str, days: Sequence[str]) -> tuple[DayTotal, ...]:
    sums: dict[tuple[str, str], tuple[int, int, int]] = {}
    for row in connection.orders.values():
        day = row.business_date.isoformat()
        if row.node_id == node_id and day in days:
            count, are_open, total = sums.get((day, row.currency), (0, 0, 0))
            is_open = row.status not in {"completed", "partially_returned", "returned", "cancelled", "rejected"}
            sums[day, row.currency] = count + 1, are_open + is_open, total + row.grand_total_minor
    return totals_of_days((date, currency, *figures) for (date, currency), figures in sums.items())


async def _parked_of(connection: Tables, node_id: str) -> int:
    return sum(row.parked for key, row in connection.cursors.items() if key.node_id == node_id)


async def _discarded_of(connection: Tables, node_id: str) -> list[tuple[bytes, str | None]]:
    gone = [e for key, held in connection.entries.items() if key.node_id == node_id for e in held if e.is_discarded]
    views = [connection.orders.get(entry.order_id) if entry.order_id is not None else None for entry in gone]
    return [(e.body, None if v is None else v.business_date.isoformat()) for e, v in zip(gone, views, strict=True)]


async def _note_day_differences(connection: Tables, node_id: str, differences: Sequence[str]) -> bool:
    before = connection.day_differences.get(node_id, ())
    connection.day_differences[node_id] = tuple(differences)
    return before != tuple(differences)


async def _insert_orders(connection: Tables, rows: Sequence[OrderRow]) -> None:
    if any(row.order_id in connection.orders for row in rows):
        raise AlreadyThere("an order that begins is there")
    await put_orders(connection, rows)


async def _note_scrubs(_connection: Tables, _rows: Sequence[ScrubRow]) -> None:
    """For people."""


async def _wanted(_connection: Tables, _node_ids: Sequence[str]) -> set[str]:
    return set()


async def _note_begun(_connection: Tables, _node_id: str) -> None:
    """Nobody asked for it."""


IN_PLACE_OF: tuple[tuple[Any, str, Any], ...] = (
    (orders, "insert", _insert_orders),
    (audits, "entries_in", _entries_in),
    (audits, "replace", _replace),
    (audits, "put_hash", _put_hash),
    (audits, "hashes_of", _hashes_of),
    (audits, "day_totals", _day_totals),
    (audits, "parked_of", _parked_of),
    (audits, "discarded_of", _discarded_of),
    (audits, "note_day_differences", _note_day_differences),
    (audits, "note_scrubs", _note_scrubs),
    (audits, "wanted", _wanted),
    (audits, "note_begun", _note_begun),
)

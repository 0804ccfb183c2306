"""Copies of the newest entries of long backlogs: kept, shown as provisional, and dropped when the truth has come."""

from collections.abc import Sequence
from itertools import pairwise
from uuid import UUID

from msgspec import Struct

from central_sync.ingest.effects import standing_of
from central_sync.ingest.projection import known_orders, view_row
from central_sync.ingest.reading import ReadPush
from central_sync.store import early
from central_sync.store.database import Connection
from central_sync.store.early import Copy, Reached
from central_sync.store.orders import OrderRow
from central_sync.store.streams import StoredEntry, StreamKey
from edge_core.errors import InvariantViolated, PeerFault
from edge_core.limits import EARLY_SETTLE_ROWS_MAX


class ReadEarly(Struct, frozen=True, gc=False):
    """An early message as read: what it would be as a push."""

    push: ReadPush


async def keep(connection: Connection, messages: Sequence[ReadEarly]) -> int:
    """Keep what is new in some early messages, and return how many entries that is.

    Only entries of orders that begin in the copies stay: of any other order the centre has the truth, up to a point,
    and shows that.
    """
    rows = {
        (message.push.key, reading.seq): Copy(
            message.push.key, reading.seq, reading.order_id, reading.hash, reading.body
        )
        for message in messages
        for reading in message.push.readings
        if reading.fault is None and reading.order_id is not None
    }
    added = await early.add(connection, [rows[place] for place in sorted(rows)]) if rows else []
    if not added:
        return 0
    begun = await _project(connection, sorted({order_id for _, _, order_id in added}))
    kept = [(key, seq) for key, seq, order_id in added if order_id in begun]
    if kept:
        await early.announce(connection, _ranges(kept))
    await early.trim(connection, sorted({key for key, _, _ in added}))
    return len(kept)


async def settle(connection: Connection) -> tuple[list[Reached], bool]:
    """Drop what the streams have reached, a bounded number of copies; and whether there are others."""
    return await early.settle(connection, EARLY_SETTLE_ROWS_MAX)


async def _project(connection: Connection, order_ids: Sequence[UUID]) -> set[UUID]:
    """Show the orders that begin in the copies; drop the copies of the others."""
    by_order: dict[UUID, list[StoredEntry]] = {}
    for entry in await early.of_orders(connection, order_ids):
        if entry.order_id is not None:
            by_order.setdefault(entry.order_id, []).append(entry)
    rows = [row for entries in by_order.values() if (row := _row(entries)) is not None]
    if rows:
        await early.put_orders(connection, rows)
    begun = {row.order_id for row in rows}
    others = [order_id for order_id in order_ids if order_id not in begun]
    if others:
        await early.forget(connection, others)
    return begun


def _row(entries: Sequence[StoredEntry]) -> OrderRow | None:
    """An order as the list shows it, or None where it does not begin here, or its truth will be parked."""
    last = max(entries, key=lambda entry: entry.seq)
    try:
        for order in known_orders(entries).values():
            if order.state is not None and order.first is not None:
                key = StreamKey(last.node_id, last.incarnation, last.lane)
                standing = standing_of(order.state.order, order.state.status, order.state.revision)
                return view_row(order.state.order.order_id, key, last.seq, standing, order.first)
    except (InvariantViolated, PeerFault, ValueError):
        return None
    return None


def _ranges(places: Sequence[tuple[StreamKey, int]]) -> list[tuple[StreamKey, int, int]]:
    """Places as runs of neighbours: the live feed shows each of them once."""
    ordered = sorted(places)
    breaks = [0, *(at for at, (a, b) in enumerate(pairwise(ordered), 1) if b != (a[0], a[1] + 1)), len(ordered)]
    return [(ordered[first][0], ordered[first][1], ordered[end - 1][1]) for first, end in pairwise(breaks)]

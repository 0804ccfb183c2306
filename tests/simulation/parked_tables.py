"""What settling asks of the centre's tables, on those in memory (see `tables`): what is parked, and the breakers."""

from collections.abc import Sequence, Set
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from central_sync.store import breakers, parked, streams
from central_sync.store.breakers import Breaker
from central_sync.store.parked import Action, ParkedRow
from central_sync.store.streams import CursorRow, StoredEntry, StreamKey
from tests.simulation.audit_tables import put
from tests.simulation.tables import NOON, Tables


async def _page(
    connection: Tables, *, node_id: str | None, parked_id: int | None, before: int | None, rows_max: int
) -> list[ParkedRow]:
    found = [
        ParkedRow(number, row.node_id, NOON, row.topic, row.incarnation, row.lane, row.seq, row.reason, row.detail, b"")
        for number, row in sorted(connection.parked.items(), reverse=True)
        if node_id in {None, row.node_id} and parked_id in {None, number} and (before is None or number < before)
    ]
    return found[:rows_max]


async def _id_of(connection: Tables, key: StreamKey, seq: int) -> int | None:
    place = (*key, seq)
    rows = connection.parked.items()
    return next((no for no, row in rows if (row.node_id, row.incarnation, row.lane, row.seq) == place), None)


async def _note(connection: Tables, _node_id: str, parked_id: int, reason: str, detail: str) -> None:
    connection.parked[parked_id] = connection.parked[parked_id]._replace(reason=reason, detail=detail)


async def _settle_row(connection: Tables, _node_id: str, parked_id: int, *, action: Action, who: str, why: str) -> None:
    _ = action, who, why  # for people
    del connection.parked[parked_id]


async def _lock_node(connection: Tables, node_id: str) -> dict[StreamKey, CursorRow]:
    return {key: row for key, row in connection.cursors.items() if key.node_id == node_id}


async def _one(connection: Tables, key: StreamKey, seq: int) -> StoredEntry | None:
    held = connection.entries.get(key, ())
    return held[seq - 1] if 0 < seq <= len(held) else None


async def _unpark(connection: Tables, key: StreamKey, seq: int, order_id: UUID | None) -> None:
    entry = connection.entries[key][seq - 1]
    if entry.order_id is None and order_id is not None:
        connection.by_order[order_id] = (*connection.by_order.get(order_id, ()), entry)
    put(connection, replace(entry, is_parked=False, order_id=order_id))


async def _discard(connection: Tables, key: StreamKey, seq: int) -> None:
    put(connection, replace(connection.entries[key][seq - 1], is_discarded=True))


async def _settle(connection: Tables, key: StreamKey, *, replayed: int, discarded: int) -> None:
    row = connection.cursors[key]
    connection.cursors[key] = row._replace(
        parked=row.parked - replayed - discarded,
        replayed=row.replayed + replayed,
        discarded=row.discarded + discarded,
    )


async def _open(connection: Tables, key: StreamKey, seq: int, version: int) -> list[Breaker]:
    before = connection.breakers.get((key.node_id, version))
    if before is not None and before.state != "closed":
        return []
    opened = Breaker(key.node_id, version, "open", key.incarnation, key.lane, seq, NOON, NOON, "", "")
    connection.breakers[key.node_id, version] = opened
    return [opened]


async def _parking(connection: Tables, pairs: Sequence[tuple[str, int]]) -> Set[tuple[str, int]]:
    return {pair for pair in pairs if pair in connection.breakers and connection.breakers[pair].state == "parking"}


async def _close_known(connection: Tables, version: int) -> list[Breaker]:
    closed = [row for row in connection.breakers.values() if row.state != "closed" and row.version <= version]
    connection.breakers |= {(row.node_id, row.version): row._replace(state="closed") for row in closed}
    return closed


async def _let_park(connection: Tables, node_id: str, version: int, *, who: str, why: str) -> bool:
    row = connection.breakers.get((node_id, version))
    if row is None or row.state != "open":
        return False
    connection.breakers[node_id, version] = row._replace(state="parking", who=who, why=why)
    return True


IN_PLACE_OF: tuple[tuple[Any, str, Any], ...] = (
    (parked, "page", _page),
    (parked, "id_of", _id_of),
    (parked, "note", _note),
    (parked, "settle", _settle_row),
    (streams, "lock_node", _lock_node),
    (streams, "one", _one),
    (streams, "unpark", _unpark),
    (streams, "discard", _discard),
    (streams, "settle", _settle),
    (breakers, "open_", _open),
    (breakers, "parking", _parking),
    (breakers, "close_known", _close_known),
    (breakers, "let_park", _let_park),
)

"""The centre's tables in memory, behind the very functions with which the product reaches PostgreSQL.

`IN_PLACE_OF` names each function of `central_sync.store` and what stands for it here: the ingester above them is the
real one. A transaction works on a copy, which takes the place of the original at its COMMIT.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from msgspec import Struct, field

from central_sync.store import (
    backups,
    days,
    early,
    feed,
    histories,
    movements,
    nodes,
    orders,
    outcomes,
    parked,
    proposals,
    stock,
    streams,
)
from central_sync.store.backups import LossRow
from central_sync.store.breakers import Breaker
from central_sync.store.days import DayCloseRow
from central_sync.store.downlinks import DownlinkRow
from central_sync.store.instructions import InstructionRow
from central_sync.store.movements import MovementRow
from central_sync.store.orders import OrderRow
from central_sync.store.parked import ForeignMessage, ParkedEntry
from central_sync.store.proposals import HoldAnswer
from central_sync.store.stock import StockRow
from central_sync.store.streams import CursorRow, EntryRow, StoredEntry, StreamKey
from edge_core.errors import InvariantViolated, PermanentFault
from edge_core.sync.chain import genesis

UNSTORABLE_TOTAL = 42_424_242
"""An amount that this database refuses, whatever the order: what asks for it is parked (G7), until it is widened."""
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Tables(Struct):
    """What the centre holds. Values are never changed in place, so that a copy is a copy of the dictionaries."""

    history_id: UUID
    cursors: dict[StreamKey, CursorRow] = field(default_factory=dict)
    entries: dict[StreamKey, tuple[StoredEntry, ...]] = field(default_factory=dict)
    by_order: dict[UUID, tuple[StoredEntry, ...]] = field(default_factory=dict)
    incarnations: dict[str, UUID] = field(default_factory=dict)
    differences: dict[str, tuple[str, ...]] = field(default_factory=dict)
    day_differences: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parked: dict[int, ParkedEntry] = field(default_factory=dict)
    ever_parked: int = 0
    breakers: dict[tuple[str, int], Breaker] = field(default_factory=dict)
    is_widened: bool = False
    foreign: tuple[ForeignMessage, ...] = ()
    orders: dict[UUID, OrderRow] = field(default_factory=dict)
    stock: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)
    movements: dict[tuple[str, UUID], tuple[StreamKey, int]] = field(default_factory=dict)
    units: dict[tuple[str, str, str], str] = field(default_factory=dict)
    downlinks: dict[str, DownlinkRow] = field(default_factory=dict)
    downlink: dict[tuple[str, UUID], tuple[tuple[UUID, bytes], ...]] = field(default_factory=dict)
    instructions: dict[UUID, InstructionRow] = field(default_factory=dict)
    losses: tuple[LossRow, ...] = ()
    changes: int = 0
    heard_s: dict[str, float] = field(default_factory=dict)
    replaced: dict[tuple[str, UUID], tuple[float, float, bool]] = field(default_factory=dict)
    closed_days: dict[tuple[str, date], DayCloseRow] = field(default_factory=dict)
    hold_answers: dict[tuple[str, UUID, str], bool] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """The same, to be changed."""
        return Tables(
            self.history_id,
            dict(self.cursors),
            dict(self.entries),
            dict(self.by_order),
            dict(self.incarnations),
            dict(self.differences),
            dict(self.day_differences),
            dict(self.parked),
            self.ever_parked,
            dict(self.breakers),
            self.is_widened,
            self.foreign,
            dict(self.orders),
            dict(self.stock),
            dict(self.movements),
            dict(self.units),
            dict(self.downlinks),
            dict(self.downlink),
            dict(self.instructions),
            self.losses,
            self.changes,
            dict(self.heard_s),
            dict(self.replaced),
            dict(self.closed_days),
            dict(self.hold_answers),
        )


# --- streams ---------------------------------------------------------------------------------------------------------


async def _lock(connection: Tables, keys: Sequence[StreamKey]) -> dict[StreamKey, CursorRow]:
    return {key: connection.cursors[key] for key in sorted(keys) if key in connection.cursors}


async def _create(connection: Tables, keys: Sequence[StreamKey]) -> None:
    for key in keys:
        connection.cursors.setdefault(key, CursorRow(0, genesis(*key), 0, 0, None))


async def _advance(connection: Tables, cursors: Sequence[tuple[StreamKey, CursorRow]]) -> None:
    for key, row in cursors:
        connection.cursors[key] = connection.cursors[key]._replace(
            durable_seq=row.durable_seq, durable_hash=row.durable_hash, parked=row.parked
        )


async def _fence(connection: Tables, node_id: str, incarnation: UUID, why: str) -> None:
    for key, row in connection.cursors.items():
        if row.fenced is None and key[:2] == (node_id, incarnation):
            connection.cursors[key] = row._replace(fenced=why)


async def _close(connection: Tables, left: Sequence[tuple[str, UUID, str]]) -> None:
    reasons = {(node_id, incarnation): why for node_id, incarnation, why in left}
    for key, row in connection.cursors.items():
        if key[:2] in reasons:
            connection.cursors[key] = row._replace(fenced=row.fenced or reasons[key[:2]], superseded_by=None)


async def _supersede(
    connection: Tables, newcomers: Sequence[tuple[str, UUID]], own: Sequence[tuple[str, UUID]]
) -> None:
    by = dict(newcomers)
    for key, row in connection.cursors.items():
        if key.incarnation != by.get(key.node_id, key.incarnation) and key[:2] not in own:
            connection.cursors[key] = row._replace(superseded_by=by[key.node_id])


async def _former(
    connection: Tables, present: Sequence[tuple[str, UUID]], rows_max: int
) -> dict[str, list[tuple[UUID, str, int, bytes, int]]]:
    return {node_id: _former_of(connection, node_id, incarnation, rows_max) for node_id, incarnation in present}


def _former_of(
    connection: Tables, node_id: str, present: UUID, rows_max: int
) -> list[tuple[UUID, str, int, bytes, int]]:
    found = [
        (key.incarnation, key.lane, row.durable_seq, row.durable_hash, row.backed_up_seq)
        for key, row in connection.cursors.items()
        if key.node_id == node_id and key.incarnation != present and row.durable_seq > 0
    ]
    found.sort(key=lambda row: row[1])
    return sorted(found, key=lambda row: row[0].bytes, reverse=True)[:rows_max]


async def _hashes_at(connection: Tables, key: StreamKey, seqs: Sequence[int]) -> dict[int, bytes]:
    held = connection.entries.get(key, ())
    return {0: genesis(*key), **{seq: held[seq - 1].hash for seq in seqs if 0 < seq <= len(held)}}


async def _after(connection: Tables, key: StreamKey, seq: int, rows_max: int) -> list[tuple[bytes, bytes]]:
    return [(entry.hash, entry.body) for entry in connection.entries.get(key, ())[seq : seq + rows_max]]


async def _append(connection: Tables, rows: Iterable[EntryRow]) -> None:
    for row in rows:
        held = connection.entries.get(row.key, ())
        if row.seq != len(held) + 1:
            raise InvariantViolated(f"{row.key} {row.seq} is appended after {len(held)} entries")
        at = NOON + timedelta(seconds=asyncio.get_running_loop().time())
        entry = StoredEntry(*row.key, row.seq, row.order_id, row.is_parked, row.hash, row.body, at)
        connection.entries[row.key] = (*held, entry)
        if row.order_id is not None:
            connection.by_order[row.order_id] = (*connection.by_order.get(row.order_id, ()), entry)


async def _hash_at(connection: Tables, key: StreamKey, seq: int) -> bytes | None:
    return (await _hashes_at(connection, key, [seq])).get(seq)


async def _of_orders(connection: Tables, order_ids: Sequence[UUID]) -> list[StoredEntry]:
    return [entry for order_id in order_ids for entry in connection.by_order.get(order_id, ())]


async def _of_incarnations(connection: Tables, incarnations: Sequence[tuple[str, UUID]]) -> dict[StreamKey, CursorRow]:
    return {key: row for key, row in connection.cursors.items() if (key.node_id, key.incarnation) in incarnations}


# --- nodes -----------------------------------------------------------------------------------------------------------


async def _incarnations(connection: Tables, node_ids: Sequence[str]) -> dict[str, UUID]:
    return {node_id: connection.incarnations[node_id] for node_id in node_ids if node_id in connection.incarnations}


async def _note_differences(
    connection: Tables, found: Mapping[tuple[str, UUID], Sequence[str]]
) -> list[tuple[str, UUID]]:
    present = {who: tuple(texts) for who, texts in found.items() if connection.incarnations.get(who[0]) == who[1]}
    news = [who for who, texts in present.items() if connection.differences.get(who[0], ()) != texts]
    connection.differences |= {who[0]: present[who] for who in news}
    return news


async def _note_grants(_connection: Tables, _rates: Mapping[str, int | None]) -> None:
    """For people."""


async def _note_error(_connection: Tables, _node_id: str, _error: str) -> None:
    """For people."""


async def _history_id(connection: Tables) -> UUID:
    return connection.history_id


async def _change_history(connection: Tables, old: UUID, _reason: str, _detail: str) -> UUID | None:
    if connection.history_id != old:
        return None
    connection.changes += 1
    connection.history_id = uuid5(old, str(sum(row.durable_seq for row in connection.cursors.values())))
    return connection.history_id


async def _note_loss(connection: Tables, loss: LossRow) -> bool:
    if any(known[:4] == loss[:4] for known in connection.losses):
        return False
    connection.losses = (*connection.losses, loss)
    return True


async def _note_gone(_connection: Tables, _node_id: str, _incarnation: UUID) -> None:
    """A hint."""


# --- parked, views, feed ---------------------------------------------------------------------------------------------


async def _add_entries(connection: Tables, rows: Sequence[ParkedEntry]) -> None:
    for row in rows:
        connection.ever_parked += 1
        connection.parked[connection.ever_parked] = row


async def _add_foreign(connection: Tables, message: ForeignMessage) -> bool:
    connection.foreign = (*connection.foreign, message)
    return True


async def put_orders(connection: Tables, rows: Sequence[OrderRow]) -> None:
    """Write views, whether they are there or not."""
    for row in rows:
        if row.grand_total_minor == UNSTORABLE_TOTAL and not connection.is_widened:
            raise PermanentFault(f"{row.grand_total_minor} is more than the column holds")
        connection.orders[row.order_id] = row


async def _add_stock(connection: Tables, rows: Sequence[StockRow]) -> None:
    for row in rows:
        place = row.node_id, row.sku, row.lot
        on_hand, reserved = connection.stock.get(place, (0, 0))
        connection.stock[place] = on_hand + row.on_hand_milli, reserved + row.reserved_milli
        connection.units[place] = row.unit


async def _add_days(connection: Tables, rows: Sequence[DayCloseRow]) -> None:
    for row in rows:
        same = connection.closed_days.get((row.node_id, row.business_date))
        if same is None or row.close_id < same.close_id:
            connection.closed_days[row.node_id, row.business_date] = row


async def _claim_movements(connection: Tables, rows: Sequence[MovementRow]) -> set[tuple[StreamKey, int]]:
    fresh = set()
    for key, movement_id, seq in rows:
        if (key.node_id, movement_id) not in connection.movements:
            connection.movements[key.node_id, movement_id] = key, seq
            fresh.add((key, seq))
    return fresh


async def _add_feed(_connection: Tables, _ranges: Sequence[tuple[StreamKey, int, int]]) -> None:
    """Nobody watches."""


async def _add_early(_connection: Tables, _rows: Sequence[object]) -> list[object]:
    return []  # nobody looks at copies, and nothing depends on them


async def _settle_early(_connection: Tables, _rows_max: int) -> tuple[list[object], bool]:
    return [], False


async def _add_outcomes(_connection: Tables, _rows: Sequence[object]) -> None:
    """Nobody compares policies."""


async def _add_hold_answers(connection: Tables, answers: Sequence[HoldAnswer]) -> None:
    for answer in answers:
        connection.hold_answers.setdefault(answer[:3], answer.is_followed)


IN_PLACE_OF: tuple[tuple[Any, str, Any], ...] = (
    (days, "add", _add_days),
    (streams, "lock", _lock),
    (streams, "create", _create),
    (streams, "advance", _advance),
    (streams, "fence", _fence),
    (streams, "close", _close),
    (streams, "supersede", _supersede),
    (streams, "former", _former),
    (streams, "hashes_at", _hashes_at),
    (streams, "after", _after),
    (streams, "append", _append),
    (streams, "append_missing", _append),
    (streams, "hash_at", _hash_at),
    (streams, "of_orders", _of_orders),
    (streams, "of_incarnations", _of_incarnations),
    (nodes, "incarnations", _incarnations),
    (nodes, "note_differences", _note_differences),
    (nodes, "note_grants", _note_grants),
    (nodes, "note_error", _note_error),
    (nodes, "note_gone", _note_gone),
    (nodes, "history_id", _history_id),
    (histories, "change", _change_history),
    (backups, "note_loss", _note_loss),
    (parked, "add_entries", _add_entries),
    (parked, "add_foreign", _add_foreign),
    (orders, "update", put_orders),
    (proposals, "add", _add_hold_answers),
    (outcomes, "add", _add_outcomes),
    (stock, "add", _add_stock),
    (movements, "claim", _claim_movements),
    (feed, "add", _add_feed),
    (early, "add", _add_early),
    (early, "settle", _settle_early),
)

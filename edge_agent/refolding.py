"""What follows from the log, brought up to date after entries of the past have come or gone: within one transaction.

Heads of orders, clients' keys and the stock are indexes of the log. Whoever changes the log otherwise than by appending
a decision looks at the orders concerned before and after, and the stock changes by the difference.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from edge_agent.moving import Moving
from edge_agent.rebalance import shifted
from edge_agent.store import holds, idempotency, log, orders, quotas, rights, stock
from edge_agent.store.connection import Connection
from edge_agent.store.idempotency import Answered
from edge_agent.store.log import Stream, subject_of
from edge_agent.store.orders import head_of
from edge_core import clock, ids
from edge_core.errors import InvariantViolated
from edge_core.orders.events import Event, OrderPlaced, StockMoved, deltas_of
from edge_core.orders.merge import Merged, merge
from edge_core.stock.ledger import StockDelta
from edge_core.sync.entry import Entry, new_entry

RECOVERY: Final = "recovery"
Deltas = Mapping[tuple[str, str | None], StockDelta]
_DAY_MS: Final = 86_400_000
_AT_ONCE: Final = 500  # parameters of one statement; SQLite takes 32,766


class Refolding:
    """The indexes of one file. `moving` appends to the present stream, where goods have to be found."""

    def __init__(self, connection: Connection, moving: Moving, now_ms: int, random_bits: Callable[[], int]) -> None:
        self._connection = connection
        self._moving = moving
        self._now_ms = now_ms
        self._random_bits = random_bits

    async def merged(self, order_ids: list[UUID]) -> dict[UUID, Merged]:
        """What the log makes of these orders as it is now."""
        by_order = defaultdict(list)
        for first in range(0, len(order_ids), _AT_ONCE):
            for recorded in await orders.read_orders(self._connection, order_ids[first : first + _AT_ONCE]):
                by_order[recorded.entry.order_id].append(recorded)
        return {order_id: merge(by_order[order_id]) for order_id in order_ids}

    async def new_movements(self, new: Iterable[Entry]) -> list[StockDelta]:
        """Deltas of the movements that the file does not have: one that was appended again counts once."""
        movements = {subject_of(entry): entry for entry in new if entry.order_id is None}
        subjects = [subject for subject in movements if subject is not None]
        known = await log.known_subjects(self._connection, subjects) if subjects else set()
        return [
            delta
            for subject, entry in movements.items()
            if subject not in known
            for event in entry.events
            for delta in deltas_of(event)
        ]

    async def take_stock_events(self, new: Iterable[Entry]) -> None:
        """Holds, quotas and rights follow entries of the past as those of today."""
        entries = list(new)
        await holds.take_events(self._connection, [event for entry in entries for event in entry.events])
        await quotas.take_entries(self._connection, entries)
        await rights.take_events(self._connection, [event for entry in entries for event in entry.events])

    async def write_heads(self, after: Mapping[UUID, Merged]) -> None:
        """The list of orders, as far as their placing is in the log."""
        streams = {(s.incarnation, s.lane): s for s in await log.read_streams(self._connection)}
        heads = []
        for order_id, merged in after.items():
            if merged.state is None:
                continue
            last = merged.accepted[-1].origin
            stream = streams.get((last.incarnation, last.lane))
            if stream is None:
                raise InvariantViolated(f"an entry of order {order_id} without its stream")
            heads.append(head_of(merged.state, stream.entry_id(last.seq), credit_at_ms=merged.credit_at_ms()))
        await orders.put_heads(self._connection, heads)

    async def remember_keys(self, placed: Iterable[tuple[Stream, int, Entry]]) -> None:
        """A till that repeats an order of before the loss gets its old answer (G4)."""
        rows: dict[bytes, tuple[int, Answered]] = {}
        for stream, seq, entry in placed:
            first: Event = entry.events[0]
            if isinstance(first, OrderPlaced):
                key = ids.digest16(first.order.idempotency_key)
                answered = Answered(key, first.order.payload_hash, stream.entry_id(seq), None)
                rows.setdefault(key, (entry.recorded_at_ms // _DAY_MS, answered))
        keys = list(rows)
        for start in range(0, len(keys), _AT_ONCE):
            known = await idempotency.read_answered(self._connection, keys[start : start + _AT_ONCE])
            for row in known:
                del rows[row.key]
        by_day = defaultdict(list)
        for day, answered in rows.values():
            by_day[day].append(answered)
        for day, several in by_day.items():
            await idempotency.put_answered(self._connection, day, several)

    async def write_stock(self, deltas: Deltas) -> int:
        """Apply a difference; says at how many places goods were found.

        Where two histories promised the same goods, both were handed over: they are found.
        """
        if not deltas:
            return 0
        held = {
            (p.sku, p.lot): p for p in await stock.read_positions(self._connection, sorted({sku for sku, _ in deltas}))
        }
        positions, found = [], []
        for place, delta in deltas.items():
            position = shifted(held.get(place), delta)
            missing = -position.free_milli
            if missing > 0:
                found.append(StockDelta(delta.sku, delta.lot, delta.unit, on_hand_milli=missing))
                position = replace(position, on_hand_milli=position.on_hand_milli + missing)
            positions.append(position)
        await stock.put_positions(self._connection, positions)
        if found:
            await self._record_found(tuple(found))
        return len(found)

    async def _record_found(self, found: tuple[StockDelta, ...]) -> None:
        moved = StockMoved(ids.uuid7(self._now_ms, self._random_bits()), "found", RECOVERY, found)
        hlc = clock.tick(self._moving.tail.hlc, self._now_ms)
        entry = new_entry(seq=0, hlc=hlc, recorded_at_ms=self._now_ms, order_id=None, events=(moved,))
        await self._moving.append(entry)

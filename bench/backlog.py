"""A store's file after weeks without the centre, built in a minute: `python -m bench.backlog FILE ENTRIES`.

Some thousand orders are decided by the agent's own code; each entry is then one of these decisions under identifiers,
times and a place in the chain of its own, written by the agent's own store. `edge-agent verify` finds the file sound.
"""

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from bench.orders import POOL_ORDERS, STORE_ID, order_pool, receipt_bodies
from bench.results import say
from edge_agent.batch import Batch
from edge_agent.commanding import Circumstances
from edge_agent.store import idempotency, log, orders, stock
from edge_agent.store.file import StoreFile
from edge_agent.store.idempotency import Answered
from edge_agent.store.log import EntryRow, Stream, Tail
from edge_agent.store.orders import OrderHead
from edge_agent.submission import Request, submission
from edge_core import clock, ids
from edge_core.orders.commands import StockMovement
from edge_core.orders.document import TillOrder
from edge_core.orders.events import Event, OrderPlaced, deltas_of
from edge_core.shapes import json_reader
from edge_core.stock.ledger import Position, StockDelta, apply_delta
from edge_core.sync.chain import link
from edge_core.sync.entry import ENTRY_VERSION, Entry, decode_entry, encode_entry

DAYS: Final = 7  # over which the backlog came together; a till's keys are kept for a day more
_DAY_MS: Final = 86_400_000
_CHUNK_ENTRIES: Final = 5_000
_CACHE_KIB: Final = 256 * 1024  # keys are random; the building alone may hold a whole day's in memory


class Template(Struct, frozen=True):
    """One decision, to be repeated: its document, its other events, and the rows beside it."""

    placed: OrderPlaced
    rest: tuple[Event, ...]
    head: OrderHead
    payload_hash: bytes


class Stamped(Struct, frozen=True):
    """The rows of one order."""

    entry: EntryRow
    head: OrderHead
    answered: Answered


class Decider:
    """Decides requests as the intake does, one batch each, from given positions."""

    def __init__(self, stream: Stream, tail: Tail, now_ms: int, rng: random.Random) -> None:
        zone = ZoneInfo("Asia/Shanghai")
        self._here = Circumstances(stream, now_ms, partial(rng.getrandbits, 74), zone, is_offline=True, life=b"")
        self._tail = tail

    def decide(self, request: Request, key: str, positions: list[Position]) -> Batch:
        """The batch after one accepted request."""
        batch = Batch(self._here, self._tail, positions=positions, orders=[], answered=[], replays={})
        answer = batch.decide(submission(request, key, None, asyncio.get_running_loop().create_future()))
        assert answer.status == 201, answer.body
        return batch

    def templates(self, stocked: dict[tuple[str, str | None], Position]) -> list[Template]:
        """A decision on each order of the pool."""
        read = json_reader(TillOrder)
        made = []
        for number, body in enumerate(order_pool(POOL_ORDERS)):
            order = read(body)
            batch = self.decide(order, f"template-{number}", [stocked[line.sku, None] for line in order.lines])
            placed, *rest = decode_entry(batch.rows[0].body).events
            assert isinstance(placed, OrderPlaced)
            (head,) = batch.heads.values()
            made.append(Template(placed, tuple(rest), head, batch.new_answered[0].payload_hash))
        return made


class Stamper:
    """Gives templates identifiers, times and places in the chain."""

    def __init__(self, stream: Stream, tail: Tail, rng: random.Random) -> None:
        self._stream = stream
        self._code = ids.life_code(stream.incarnation, b"")
        self._rng = rng
        self.tail = tail

    def stamp(self, template: Template, recorded_at_ms: int) -> Stamped:
        """One order, recorded after the one before."""
        seq, bits = self.tail.seq + 1, self._rng.getrandbits
        order_id = ids.uuid7(recorded_at_ms, bits(74))
        key = f"{bits(128):032x}"
        order = replace(
            template.placed.order,
            order_id=order_id,
            display_number=ids.display_number(STORE_ID, template.head.terminal_id, self._code, seq),
            idempotency_key=key,
        )
        hlc = clock.tick(self.tail.hlc, recorded_at_ms)
        events = (OrderPlaced(order), *template.rest)
        body = encode_entry(Entry(ENTRY_VERSION, seq, hlc, recorded_at_ms, order_id, events))
        self.tail = Tail(seq, link(self.tail.hash, body), hlc)
        entry_id = self._stream.entry_id(seq)
        return Stamped(
            EntryRow(entry_id, order_id.bytes, self.tail.hash, body),
            replace(template.head, order_id=order_id, last_entry=entry_id),
            Answered(ids.digest16(key), template.payload_hash, entry_id, None),
        )


async def build(path: Path, entries: int, *, node_id: str = STORE_ID, seed: int = 1) -> None:
    """Make a new file with a backlog of `entries` orders, none of which the centre has."""
    rng = random.Random(seed)
    now_ms = time.time_ns() // 1_000_000
    began_ms = now_ms - DAYS * _DAY_MS
    file = StoreFile(path, node_id)
    await file.open(incarnation=ids.uuid7(began_ms, rng.getrandbits(74)), now_ms=began_ms)
    try:
        await file.writer.execute("PRAGMA synchronous = OFF")  # nobody relies on a file that is still being built
        await file.writer.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        tail, stocked = await _receive_stock(file, began_ms, rng)
        templates = Decider(file.streams["orders"], tail, began_ms, rng).templates(stocked)
        stamper = Stamper(file.streams["orders"], tail, rng)
        step_ms = max(1, DAYS * _DAY_MS // entries)
        for start in range(0, entries, _CHUNK_ENTRIES):
            chunk = range(start, min(start + _CHUNK_ENTRIES, entries))
            rows = [stamper.stamp(templates[n % len(templates)], began_ms + n * step_ms) for n in chunk]
            await _write(file, rows)
            if start % 100_000 == 0 and start:
                say(f"  backlog: {start:,} of {entries:,} entries")
        async with file.transaction() as connection:
            await stock.put_positions(connection, _sold(templates, entries, stocked))
    finally:
        await file.close()


async def sample(count: int, seed: int = 2) -> list[Stamped]:
    """The rows of some orders of a stream that has no file."""
    rng = random.Random(seed)
    stream = Stream(1, STORE_ID, UUID(int=rng.getrandbits(128)), "orders", 0, 0, 0, is_own=True)
    now_ms = time.time_ns() // 1_000_000
    empty = Tail(0, stream.genesis_hash(), 0)
    decider = Decider(stream, empty, now_ms, rng)
    stocked: dict[tuple[str, str | None], Position] = {}
    for movement in _movements():
        stocked |= decider.decide(movement, "receipt", []).positions
    templates, stamper = decider.templates(stocked), Stamper(stream, empty, rng)
    return [stamper.stamp(templates[n % len(templates)], now_ms) for n in range(count)]


def _movements() -> Iterator[StockMovement]:
    return map(json_reader(StockMovement), receipt_bodies())


async def _receive_stock(
    file: StoreFile, began_ms: int, rng: random.Random
) -> tuple[Tail, dict[tuple[str, str | None], Position]]:
    stocked: dict[tuple[str, str | None], Position] = {}
    tail = file.tails["orders"]
    for movement in _movements():
        batch = Decider(file.streams["orders"], tail, began_ms, rng).decide(movement, f"r{tail.seq}", [])
        async with file.transaction() as connection:
            await log.append(connection, batch.rows)
            await stock.put_positions(connection, batch.positions.values())
        tail = batch.tail
        stocked |= batch.positions
    return tail, stocked


async def _write(file: StoreFile, rows: list[Stamped]) -> None:
    days: dict[int, list[Answered]] = {}
    for row in rows:
        days.setdefault((row.head.order_id.int >> 80) // _DAY_MS, []).append(row.answered)
    async with file.transaction() as connection:
        await log.append(connection, [row.entry for row in rows])
        await orders.put_heads(connection, [row.head for row in rows])
        for day, answered in days.items():
            await idempotency.put_answered(connection, day, sorted(answered, key=lambda a: a.key))


def _sold(templates: list[Template], entries: int, stocked: dict[tuple[str, str | None], Position]) -> list[Position]:
    """The positions after every template was used as often as it was."""
    for number, template in enumerate(templates):
        uses = entries // len(templates) + (number < entries % len(templates))
        for event in template.rest:
            for delta in deltas_of(event):
                total = StockDelta(delta.sku, delta.lot, delta.unit, on_hand_milli=uses * delta.on_hand_milli)
                stocked[delta.sku, delta.lot] = apply_delta(stocked[delta.sku, delta.lot], total)
    return list(stocked.values())


if __name__ == "__main__":
    asyncio.run(build(Path(sys.argv[1]), int(sys.argv[2])))

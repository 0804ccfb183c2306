"""What is below the cuts of a newcomer's former streams: the picture, and the history that takes its place.

One object is one transaction. After each, the stock is what the sums (`pruned_stock`) and the log make together.
"""

from collections.abc import Callable, Mapping
from uuid import UUID

from msgspec import Struct

from edge_agent import delivered
from edge_agent.moving import Moving, Outcome
from edge_agent.rebalance import difference, sums_of
from edge_agent.refolding import Deltas, Refolding
from edge_agent.store import log, losses, retention, scrubbing, stock
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.log import EntryRow, Stream, subject_of
from edge_core.errors import PeerFault
from edge_core.stock.ledger import StockDelta
from edge_core.sync.needed import Held, Picture
from edge_core.sync.receive_stream import Batch


class Settled(Struct, frozen=True):
    """The history is whole: at so many places the sums were not used up, and the log has the last word."""

    differing: int


class Backfill:
    """One transaction."""

    def __init__(self, connection: Connection, file: StoreFile, now_ms: int, random_bits: Callable[[], int]) -> None:
        self._connection = connection
        self._moving = Moving(connection, file, Outcome())
        self._refold = Refolding(connection, self._moving, now_ms, random_bits)

    async def draw(self, picture: Picture) -> None:
        """Former streams that end at their grounds, open orders, and stock as of then. Raises `PeerFault`."""
        streams: dict[tuple[UUID, str], Stream] = {}
        for ground in picture.grounds:
            stream = await log.create_former(self._connection, ground.incarnation, ground.lane)
            await log.await_history(self._connection, stream, (ground.seq, ground.hash), ground.backed_up_seq)
            streams[ground.incarnation, ground.lane] = stream
        placed = {_place(streams, held): held for held in picture.entries}
        rows = [EntryRow(at, subject_of(held.entry), held.hash, held.body) for at, held in placed.items()]
        order_ids = sorted({held.entry.order_id for held in placed.values() if held.entry.order_id is not None})
        before = await self._refold.merged(order_ids)  # a copy of a disk has some of them under its own name
        await log.append(self._connection, rows)
        await log.raise_clock(self._connection, max((held.entry.hlc for held in placed.values()), default=0))
        await self._refold.remember_keys(
            (streams[held.ground.incarnation, held.ground.lane], held.entry.seq, held.entry) for held in placed.values()
        )
        after = await self._refold.merged(order_ids)
        await self._refold.write_heads(after)
        bases = {(base.sku, base.lot): base for base in picture.bases}
        await self._check(bases)
        await self._refold.write_stock(bases)
        await retention.add_sums(self._connection, sums_of(bases.values(), 1))
        made = difference(before.values(), after.values(), [])
        await retention.add_sums(self._connection, sums_of(made.values(), -1))

    async def put_before(self, stream: Stream, part: Batch) -> Settled | None:
        """Put the entries that lead up to a stream's cut into the log, and lower the cut. The stock stays as it is."""
        read = delivered.read(part)
        new = [(seq, entry) for seq, entry in read.items() if entry is not None]
        gone = await retention.read_gone(self._connection, [s for _, entry in new if (s := subject_of(entry))])
        alive = [(seq, entry) for seq, entry in new if subject_of(entry) not in gone]
        order_ids = sorted({entry.order_id for _, entry in alive if entry.order_id is not None})
        before = await self._refold.merged(order_ids)
        await self._moving.keep_answers(stream, 1, [order_id.bytes for order_id in order_ids], 0)
        moves = await self._refold.new_movements(entry for _, entry in alive)
        await self._refold.take_stock_events(entry for _, entry in alive)
        await scrubbing.replace_entries(self._connection, delivered.rows_of(stream, part, read))
        await self._refold.remember_keys((stream, seq, entry) for seq, entry in alive)
        after = await self._refold.merged(order_ids)
        await self._refold.write_heads(after)
        made = difference(before.values(), after.values(), moves)
        await retention.add_sums(self._connection, sums_of(made.values(), -1))
        await log.raise_clock(self._connection, max((entry.hlc for _, entry in new), default=0))
        await retention.move_cut(self._connection, stream, part.from_seq - 1, part.previous_hash)
        return await self.end(stream) if part.from_seq == 1 else None

    async def end(self, stream: Stream) -> Settled | None:
        """Nothing more is to come of a stream; once that holds of all, and all are whole, the sums have to be used up.

        What is left of them was no entry's doing: the log has the last word. Where the centre has lost a part of the
        history, or cannot read it, the sums stay, as they do for what was let go of.
        """
        await log.end_awaiting(self._connection, stream)
        is_whole = not any(each.pruned_seq for each in await log.read_streams(self._connection))
        if not is_whole or await losses.is_lacking(self._connection):
            return None
        left = await retention.take_sums(self._connection)
        held = await stock.read_positions(self._connection, sorted({sku for sku, _ in left}))
        wrong = {
            (p.sku, p.lot): StockDelta(p.sku, p.lot, p.unit, -sums[0], -sums[1])
            for p in held
            if (sums := left.get((p.sku, p.lot or ""))) is not None
        }
        await self._refold.write_stock(wrong)
        return Settled(len(wrong))

    async def _check(self, bases: Deltas) -> None:
        """Nothing can be promised less than not at all."""
        held = await stock.read_positions(self._connection, sorted({sku for sku, _ in bases}))
        promised = {(p.sku, p.lot): p.reserved_milli for p in held}
        wrong = [place for place, base in bases.items() if promised.get(place, 0) + base.reserved_milli < 0]
        if wrong:
            raise PeerFault("range-invalid", f"a picture in which less than nothing is promised of {wrong[0]}")


def _place(streams: Mapping[tuple[UUID, str], Stream], held: Held) -> int:
    return streams[held.ground.incarnation, held.ground.lane].entry_id(held.entry.seq)

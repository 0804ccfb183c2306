"""Entries that no copy could deliver when their neighbours came back, and that are mended after all.

Their places were kept (`store/losses.py`). The stock lacks what they did, or has it among the sums: once they are here,
it is counted where it belongs. Everything happens in the transaction that puts them into the log.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from msgspec import Struct

from edge_agent.rebalance import difference, sums_of
from edge_agent.refolding import Refolding
from edge_agent.store import losses, retention, scrubbing
from edge_agent.store.connection import Connection
from edge_agent.store.log import Stream, subject_of
from edge_core.errors import StorageFault
from edge_core.orders.merge import Merged
from edge_core.stock.ledger import StockDelta
from edge_core.sync import audit
from edge_core.sync.entry import decode_entry


class Latecomers(Struct, frozen=True):
    """What was there before they came: their orders, and the movements of stock among them that are new."""

    before: Mapping[UUID, Merged]
    moves: list[StockDelta]
    is_in_sums: bool

    @classmethod
    async def look(
        cls, connection: Connection, refold: Refolding, stream: Stream, entries: Sequence[audit.Entry]
    ) -> "Latecomers | None":
        """Which of the entries that are to be put in their places were lacking; None where no one was."""
        kinds = await losses.marked(connection, stream, range(entries[0].seq, entries[-1].seq + 1)) if entries else {}
        come = [decode_entry(entry.body) for entry in entries if entry.seq in kinds]
        gone = await retention.read_gone(connection, [s for entry in come if (s := subject_of(entry)) is not None])
        come = [entry for entry in come if subject_of(entry) not in gone]
        if not come:
            return None
        before: dict[UUID, Merged] = {}
        for order_id in sorted({entry.order_id for entry in come if entry.order_id is not None}):
            with suppress(StorageFault):  # another record of it is damaged, and whoever mends that sees to it
                before |= await refold.merged([order_id])
        return cls(before, await refold.new_movements(come), losses.IN_SUMS in kinds.values())

    async def count(self, connection: Connection, refold: Refolding, streams: Mapping[int, Stream]) -> None:
        """They are in the log now: orders and stock follow."""
        after: dict[UUID, Merged] = {}
        for order_id in self.before:
            with suppress(StorageFault):
                await scrubbing.check_order(connection, streams, order_id.bytes)
                after |= await refold.merged([order_id])
        made = difference([self.before[order_id] for order_id in after], after.values(), self.moves)
        if self.is_in_sums:
            await retention.add_sums(connection, sums_of(made.values(), -1))
        else:
            await refold.write_stock(made)
        await refold.write_heads(after)

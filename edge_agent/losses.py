"""What follows from entries that are lost: they were damaged or missing here, and no other machine had them.

Nothing may point to their places any more, for other entries come to stand there: keys get a last answer when they go
(`Moving`), and orders are what is left of them. What the lost ones did to the stock nobody can read. But goods that
went are gone, and goods that were reserved for an order that is no more are free: so the stock's `on hand` is right as
it is, and a movement records what the log does not explain of it; `reserved` becomes what the log says. That there is
something to settle is written down with the loss, so that a crash between the two delays it only.
"""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from msgspec.structs import replace

from edge_agent.moving import Moving
from edge_agent.refolding import RECOVERY, Refolding
from edge_agent.store import losses, orders, stock
from edge_agent.store.connection import Connection
from edge_agent.store.verify import Place, unexplained_stock
from edge_core import clock, ids
from edge_core.errors import RecordDamaged
from edge_core.orders.events import StockMoved
from edge_core.stock.ledger import StockDelta
from edge_core.sync.entry import new_entry


async def list_what_is_left(connection: Connection, refold: Refolding, order_ids: set[UUID]) -> None:
    """Orders that lost an entry: as the others make them, or in no list any more."""
    for order_id in sorted(order_ids):
        try:
            merged = await refold.merged([order_id])
        except RecordDamaged:
            continue  # another entry of it is damaged and will be lost, or mended
        if merged[order_id].state is None:
            await orders.forget_heads(connection, [order_id])
        else:
            await refold.write_heads(merged)


class Settlement:
    """What the log does not explain of the stock, brought to an end after a loss."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.differing: dict[Place, tuple[int, int]] = {}

    async def look(self) -> bool:
        """Compare the stock with the whole log, beside the tills; whether something is to be settled.

        Nothing is where another record is still damaged: what that one did is not lost yet.
        """
        found = await unexplained_stock(self._path)
        self.differing = found or {}
        return found is not None

    async def settle(self, connection: Connection, moving: Moving, now_ms: int, random_bits: Callable[[], int]) -> None:
        """Record the difference of what is on hand, and let go of what is reserved for nobody; then it is settled."""
        await losses.note(connection, are_open=False)
        held = await stock.read_positions(connection, sorted({sku for sku, _ in self.differing}))
        units = {(position.sku, position.lot or ""): position for position in held}
        changes: dict[Place, StockDelta] = {}
        reserved: dict[tuple[str, str | None], StockDelta] = {}
        for place, (on_hand_milli, reserved_milli) in self.differing.items():
            if (position := units.get(place)) is None:
                continue
            delta = StockDelta(position.sku, position.lot, position.unit, expires_on=position.expires_on)
            if on_hand_milli:
                changes[place] = replace(delta, on_hand_milli=on_hand_milli)
            if reserved_milli:
                reserved[position.sku, position.lot] = replace(delta, reserved_milli=-reserved_milli)
        for cause in ("write_off", "found"):
            deltas = tuple(d for d in changes.values() if (d.on_hand_milli < 0) == (cause == "write_off"))
            if deltas:
                moved = StockMoved(ids.uuid7(now_ms, random_bits()), cause, RECOVERY, deltas)
                hlc = clock.tick(moving.tail.hlc, now_ms)
                entry = new_entry(seq=0, hlc=hlc, recorded_at_ms=now_ms, order_id=None, events=(moved,))
                await moving.append(entry)
        await Refolding(connection, moving, now_ms, random_bits).write_stock(reserved)

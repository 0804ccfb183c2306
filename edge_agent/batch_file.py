"""Between a batch and the file: what it has to know of it, and what it has made; all within one transaction.

Every function raises `StorageFault`, and `RecordDamaged` for a record that cannot be read.
"""

from collections.abc import Iterable
from uuid import UUID

from edge_agent.batch import Batch
from edge_agent.store import address_edits, baskets, holds, log, orders, quotas, rights, stock
from edge_agent.store.connection import Connection
from edge_agent.store.log import seq_of
from edge_core.errors import RecordDamaged
from edge_core.orders.events import skus_in
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Recorded


async def learn_skus(connection: Connection, batch: Batch, skus: Iterable[str]) -> None:
    """Read positions and quotas of SKUs, as far as the batch does not know them."""
    await _learn(connection, batch, [], skus)


async def learn_order(connection: Connection, batch: Batch, order_id: UUID, skus: Iterable[str] = ()) -> None:
    """Read an order, its SKUs and further ones, as far as the batch does not know them."""
    recorded = [] if batch.knows_order(order_id) else await orders.read_order(connection, order_id)
    named = {sku for r in recorded for event in r.entry.events for sku in skus_in(event)}
    await _learn(connection, batch, recorded, named | set(skus))


async def _learn(connection: Connection, batch: Batch, recorded: list[Recorded], skus: Iterable[str]) -> None:
    """What is known of a SKU is known whole: a quota that was left out would never hold an order back."""
    wanted = sorted({sku for sku in skus if not batch.knows_sku(sku)})
    positions = await stock.read_positions(connection, wanted) if wanted else []
    batch.learn(positions, recorded, await quotas.read_quotas(connection, wanted) if wanted else {})


async def read_replay(connection: Connection, entry_id: int) -> list[Recorded]:
    """What the answer to an entry was made of: the entry, and those of the same order before it."""
    found = await log.read_recorded(connection, "entry_id = ?", (entry_id,))
    if not found:
        raise RecordDamaged(f"entry {seq_of(entry_id)}")
    recorded = found[0]
    if recorded.entry.order_id is None:
        return [recorded]
    history = merge(await orders.read_order(connection, recorded.entry.order_id)).accepted
    places = [each.origin for each in history]
    return list(history[: places.index(recorded.origin) + 1]) if recorded.origin in places else [recorded]


async def write_batch(connection: Connection, batch: Batch) -> None:
    """Append the entries of a batch, and put beside them what follows from them."""
    if batch.rows:
        await log.append(connection, batch.rows)
    if batch.heads:
        await orders.put_heads(connection, batch.heads.values())
    if batch.baskets:
        await baskets.put(connection, batch.baskets, batch.now_ms)
    if batch.edits:
        await address_edits.put(connection, batch.edits, batch.now_ms)
    if batch.positions:
        await stock.put_positions(connection, batch.positions.values())
    if batch.new_holds:
        await holds.put_holds(connection, batch.new_holds.values())
    if batch.ended_holds:
        await holds.drop_holds(connection, batch.ended_holds)
    if batch.new_quotas:
        await quotas.put_quotas(connection, batch.new_quotas)
    if batch.new_rights:
        await rights.put_books(connection, batch.new_rights.values())

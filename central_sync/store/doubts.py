"""`stock_doubt`: goods that a node turned out not to have, though the view of its stock showed them.

A doubt is over when the view shows more than it did then: something came in, or a promise was taken back.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from central_sync.store.database import Connection
from edge_core.assignment.choosing import Goods

# What is free of goods at nodes, as `assignments.candidates` counts it.
_FREE: Final = """
    SELECT coalesce(sum(on_hand_milli - reserved_milli), 0)::bigint AS milli FROM stock_view AS v
    WHERE (v.node_id, v.sku, v.unit) = ({of}.node_id, {of}.sku, {of}.unit)
        AND (expires_on IS NULL OR expires_on >= current_date)
"""
_CAST: Final = f"""
    INSERT INTO stock_doubt (node_id, sku, unit, order_id, wanted_milli, seen_milli, until_ms, is_shared)
    SELECT new.node_id, new.sku, new.unit, $5, new.wanted, free.milli, $6, $7
    FROM (SELECT $1::text AS node_id, *
          FROM unnest($2::text[], $3::text[], $4::bigint[]) AS w (sku, unit, wanted)) AS new,
        LATERAL ({_FREE.format(of="new")}) AS free
    ON CONFLICT (node_id, sku, unit, order_id) DO UPDATE SET wanted_milli = excluded.wanted_milli,
        seen_milli = excluded.seen_milli, until_ms = excluded.until_ms, is_shared = excluded.is_shared
"""  # noqa: S608
_REPLENISHED: Final = f"""
    SELECT DISTINCT d.node_id FROM stock_doubt AS d, LATERAL ({_FREE.format(of="d")}) AS free
    WHERE d.order_id = $1 AND free.milli > d.seen_milli
"""  # noqa: S608
_SHARED: Final = f"""
    SELECT d.node_id, d.sku, d.unit, min(d.wanted_milli) - 1
    FROM stock_doubt AS d, LATERAL ({_FREE.format(of="d")}) AS free
    WHERE d.is_shared AND d.sku = ANY($1::text[]) AND d.until_ms > $2 AND free.milli <= d.seen_milli
    GROUP BY d.node_id, d.sku, d.unit
"""  # noqa: S608


async def cast(
    connection: Connection, node_id: str, order_id: UUID, demand: Mapping[Goods, int], *, until_ms: int
) -> None:
    """A node had not enough for what an order wants of it. Of one kind of goods alone all orders are told."""
    skus, units = [sku for sku, _ in demand], [unit for _, unit in demand]
    wanted = list(demand.values())
    await connection.execute(_CAST, node_id, skus, units, wanted, order_id, until_ms, len(demand) == 1)


async def replenished(connection: Connection, order_id: UUID) -> frozenset[str]:
    """The nodes that show more now than when they had not enough for this order."""
    return frozenset(row[0] for row in await connection.fetch(_REPLENISHED, order_id))


async def believed_milli(connection: Connection, demand: Iterable[Goods], now_ms: int) -> dict[tuple[str, Goods], int]:
    """By node and goods, for those that are in doubt: the most that is taken to be there, in thousandths."""
    rows = await connection.fetch(_SHARED, sorted({sku for sku, _ in demand}), now_ms)
    return {(node_id, (sku, unit)): milli for node_id, sku, unit, milli in rows}


async def forget(connection: Connection, now_ms: int) -> None:
    """Let go of doubts that are over."""
    await connection.execute("DELETE FROM stock_doubt WHERE until_ms <= $1", now_ms)

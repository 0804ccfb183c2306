"""Nodes that could be asked for an order: what the centre's views show of them just now."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from central_sync.store.database import Connection
from edge_core import ids
from edge_core.assignment.choosing import Candidate, Goods
from edge_core.limits import ASSIGNMENT_CANDIDATES_MAX, NODE_OFFLINE_AFTER_MS
from edge_core.routing.wishes import Lot

# Nodes that are heard, with what they have free of each lot of the goods; those that have most of the kinds first.
_CANDIDATES: Final = """
    WITH wanted (sku, unit, milli) AS (SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])),
    free AS (
        SELECT node_id, sku, unit, lot, expires_on, on_hand_milli - reserved_milli AS milli, last_seen
        FROM stock_view JOIN node_status USING (node_id)
        WHERE sku = ANY($1::text[]) AND (expires_on IS NULL OR expires_on >= current_date)
            AND NOT is_gone AND refused IS NULL AND last_seen > now() - $4 * interval '1 millisecond'
    ),
    summed AS (SELECT node_id, sku, unit, sum(milli) AS milli FROM free GROUP BY node_id, sku, unit),
    chosen AS (
        SELECT node_id FROM summed JOIN wanted USING (sku, unit) GROUP BY node_id
        ORDER BY count(*) FILTER (WHERE summed.milli >= wanted.milli OR node_id = ANY($6::text[])) DESC, node_id
        LIMIT $5
    ),
    busy AS (
        SELECT node_id,
            (SELECT count(*) FROM order_view AS o WHERE o.node_id = chosen.node_id
                AND status NOT IN ('completed', 'cancelled', 'returned', 'rejected'))
            + (SELECT count(*) FROM assignment AS a WHERE a.node_id = chosen.node_id AND status = 'offered') AS orders
        FROM chosen
    )
    SELECT node_id, sku, unit, lot, expires_on::text, milli, busy.orders,
        (extract(epoch FROM last_seen) * 1000)::bigint
    FROM free JOIN busy USING (node_id) ORDER BY node_id, sku, unit, expires_on NULLS LAST, lot
"""
_GIVEN: Final = """
    SELECT a.node_id, sum(o.units_milli)::bigint FROM assignment AS a JOIN central_order AS o USING (order_id)
    WHERE a.assignment_id >= $1 AND a.node_id = ANY($2::text[])
        AND a.status IN ('offered', 'accepted', 'kept', 'closed')
    GROUP BY a.node_id
"""
_DAY_MS: Final = 86_400_000


async def candidates(
    connection: Connection, demand: Mapping[Goods, int], sharing: Collection[str] = ()
) -> list[Candidate]:
    """Nodes that are heard and have any of the goods, by their ids; those that are `sharing` with us come first."""
    skus, units = [sku for sku, _ in demand], [unit for _, unit in demand]
    rows = await connection.fetch(
        _CANDIDATES, skus, units, list(demand.values()), NODE_OFFLINE_AFTER_MS, ASSIGNMENT_CANDIDATES_MAX, [*sharing]
    )
    free: dict[str, dict[Goods, int]] = {}
    lots: dict[str, list[Lot]] = {}
    seen: dict[str, tuple[int, int]] = {}
    for node_id, sku, unit, lot, expires_on, milli, open_orders, seen_ms in rows:
        own = free.setdefault(node_id, {})
        own[sku, unit] = own.get((sku, unit), 0) + milli
        lots.setdefault(node_id, []).append(Lot(sku, unit, milli, expires_on=expires_on, lot=lot or None))
        seen[node_id] = open_orders, seen_ms
    return [
        Candidate(node_id, own, open_orders=seen[node_id][0], lots=tuple(lots[node_id]), seen_ms=seen[node_id][1])
        for node_id, own in free.items()
    ]


async def given_milli(connection: Connection, node_ids: Collection[str], now_ms: int) -> dict[str, int]:
    """How many units nodes were given in the last day and have not given back, in thousandths.

    An attempt's id begins with when it was made, so that its index finds the last day.
    """
    since: UUID = ids.uuid7(max(0, now_ms - _DAY_MS), 0)
    return {row[0]: row[1] for row in await connection.fetch(_GIVEN, since, sorted(node_ids))}

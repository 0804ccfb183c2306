"""`rights_party`: who shares the goods of a SKU of a node."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from central_sync.store.database import Connection
from central_sync.store.rights import RightsKey
from edge_core.limits import NODE_OFFLINE_AFTER_MS
from edge_core.stock.rights import CENTRE_ID
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.shares import SaleRate

_DECODER: Final = msgspec.msgpack.Decoder(RightsBook)
_JOIN: Final = """
    INSERT INTO rights_party (owner_id, sku, node_id, is_owner)
    SELECT owner_id, sku, node_id, false FROM unnest($1::text[], $2::text[], $3::text[]) AS new (owner_id, sku, node_id)
    UNION SELECT owner_id, sku, owner_id, true FROM unnest($1::text[], $2::text[]) AS new (owner_id, sku)
    ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
"""
_DUE: Final = """
    SELECT owner_id, sku FROM rights_party WHERE is_owner AND (seen_at_ms IS NULL OR seen_at_ms <= $1)
    ORDER BY seen_at_ms NULLS FIRST, owner_id, sku LIMIT $2
"""
_OF: Final = """
    SELECT p.node_id, p.is_owner, p.seen_milli, p.seen_at_ms, p.sold_milli, p.span_ms, n.incarnation,
        coalesce(NOT s.is_gone AND s.refused IS NULL AND s.last_seen > now() - $3 * interval '1 millisecond', false)
    FROM rights_party AS p LEFT JOIN node AS n USING (node_id) LEFT JOIN node_status AS s USING (node_id)
    WHERE p.owner_id = $1 AND p.sku = $2 ORDER BY p.is_owner DESC, p.node_id FOR UPDATE OF p
"""
_SEE: Final = """
    UPDATE rights_party SET seen_milli = $4, seen_at_ms = $5, sold_milli = $6, span_ms = $7
    WHERE owner_id = $1 AND sku = $2 AND node_id = $3
"""
_FREE: Final = """
    SELECT unit, sum(on_hand_milli - reserved_milli)::bigint FROM stock_view
    WHERE node_id = $1 AND sku = $2 AND (expires_on IS NULL OR expires_on >= current_date)
    GROUP BY unit ORDER BY 2 DESC LIMIT 1
"""
_OF_CENTRE: Final = """
    SELECT body FROM rights JOIN rights_party USING (owner_id, sku)
    WHERE node_id = $1 AND sku = ANY($2::text[]) ORDER BY owner_id, sku
"""


class Observed(NamedTuple):
    """A party as it was last seen: its figure then, what it sold of late; as whom it lives, and whether it is heard."""

    node_id: str
    is_owner: bool
    seen_milli: int | None
    seen_at_ms: int | None
    sold_milli: int
    span_ms: int
    incarnation: UUID | None
    is_heard: bool


class Party(NamedTuple):
    """Whose goods, which, and who may promise them beside the owner."""

    owner_id: str
    sku: str
    node_id: str


async def join(connection: Connection, parties: Iterable[Party]) -> None:
    """From now on these share; who does already, goes on."""
    columns = list(zip(*sorted(set(parties)), strict=True))
    if columns:
        await connection.execute(_JOIN, *columns)


async def due(connection: Connection, seen_before_ms: int, rows_max: int) -> list[RightsKey]:
    """Which SKUs of which owners are to be looked at, those that were not for longest first."""
    return [RightsKey(*row) for row in await connection.fetch(_DUE, seen_before_ms, rows_max)]


async def sharing(connection: Connection, key: RightsKey) -> list[Observed]:
    """Who shares a SKU, the owner first; locked until the end of the transaction."""
    return [Observed(*row) for row in await connection.fetch(_OF, *key, NODE_OFFLINE_AFTER_MS)]


async def see(
    connection: Connection, key: RightsKey, node_id: str, seen_milli: int, at_ms: int, rate: SaleRate
) -> None:
    """Write down what was seen of a party."""
    await connection.execute(_SEE, *key, node_id, seen_milli, at_ms, rate.sold_milli, rate.span_ms)


async def free_at(connection: Connection, key: RightsKey) -> tuple[str, int] | None:
    """The unit, and what is free of a SKU at its location in the centre's view; None where it knows no stock."""
    row = await connection.fetchrow(_FREE, *key)
    return None if row is None else (row[0], row[1])


async def books_of_centre(connection: Connection, skus: Sequence[str]) -> list[RightsBook]:
    """What is known of the rights to some SKUs, of every node that shares them with the centre."""
    return [_DECODER.decode(row[0]) for row in await connection.fetch(_OF_CENTRE, CENTRE_ID, skus)]

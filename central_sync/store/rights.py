"""`rights`: what is known of the rights to each SKU of each node. Rows are merged, never overwritten."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from central_sync.store.database import Connection
from edge_core.stock.rights_book import RightsBook, empty, merge


class RightsKey(NamedTuple):
    """Whose goods, and which."""

    owner_id: str
    sku: str


_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_DECODER: Final = msgspec.msgpack.Decoder(RightsBook)
_BEGIN: Final = """
    INSERT INTO rights (owner_id, sku, body) SELECT owner_id, sku, body
    FROM unnest($1::text[], $2::text[], $3::bytea[]) AS new (owner_id, sku, body) ON CONFLICT DO NOTHING
"""
_LOCK: Final = """
    SELECT body FROM rights JOIN unnest($1::text[], $2::text[]) AS wanted (owner_id, sku) USING (owner_id, sku)
    ORDER BY owner_id, sku FOR UPDATE OF rights
"""
_PUT: Final = """
    UPDATE rights SET body = new.body, updated_at = now()
    FROM unnest($1::text[], $2::text[], $3::bytea[]) AS new (owner_id, sku, body)
    WHERE rights.owner_id = new.owner_id AND rights.sku = new.sku
"""
_PAGE: Final = """
    SELECT body FROM rights
    WHERE ($1::text IS NULL OR owner_id = $1) AND ($2::text IS NULL OR sku = $2)
        AND ($3::text IS NULL OR (owner_id, sku) > ($3, $4))
    ORDER BY owner_id, sku LIMIT $5
"""


async def lock(connection: Connection, keys: Iterable[RightsKey]) -> dict[RightsKey, RightsBook]:
    """What is known of these, locked in the order of their keys until the end of the transaction."""
    wanted = sorted(set(keys))
    owners, skus = [key.owner_id for key in wanted], [key.sku for key in wanted]
    await connection.execute(_BEGIN, owners, skus, [_ENCODER.encode(empty(*key)) for key in wanted])
    books = [_DECODER.decode(row[0]) for row in await connection.fetch(_LOCK, owners, skus)]
    return {RightsKey(book.rights.owner_id, book.rights.sku): book for book in books}


async def put(connection: Connection, books: Sequence[RightsBook]) -> None:
    """Write locked books as they are now."""
    owners, skus = [book.rights.owner_id for book in books], [book.rights.sku for book in books]
    await connection.execute(_PUT, owners, skus, [_ENCODER.encode(book) for book in books])


async def take(connection: Connection, news: Sequence[RightsBook]) -> None:
    """Merge news into what is known, in whatever order and however often it comes."""
    keys = [RightsKey(each.rights.owner_id, each.rights.sku) for each in news]
    books = await lock(connection, keys)
    for key, each in zip(keys, news, strict=True):
        books[key] = merge(books[key], each)
    await put(connection, list(books.values()))


async def page(
    connection: Connection, *, owner_id: str | None, sku: str | None, after: RightsKey | None, rows_max: int
) -> list[RightsBook]:
    """What is known, in the order of owner and SKU, from after one on."""
    rows = await connection.fetch(_PAGE, owner_id, sku, *(after or (None, None)), rows_max)
    return [_DECODER.decode(row[0]) for row in rows]

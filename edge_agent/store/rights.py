"""Rights in the file: what is known of each SKU's, of this location and of others; merged, never overwritten."""

from collections.abc import Iterable
from typing import Final

import aiosqlite
import msgspec

from edge_agent.store.connection import fetch, translated
from edge_core.errors import UNREADABLE, RecordDamaged
from edge_core.orders.events import Event
from edge_core.stock import rights_book
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.stock_events import RIGHTS_EVENTS

_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_DECODER: Final = msgspec.msgpack.Decoder(RightsBook)

Key = tuple[str, str]
"""A location's node and the SKU."""


async def read_books(connection: aiosqlite.Connection, keys: Iterable[Key]) -> dict[Key, RightsBook]:
    """What is known of these. Raises `RecordDamaged`."""
    found = {}
    for key in sorted(set(keys)):
        for (body,) in await fetch(connection, "SELECT body FROM rights WHERE owner_id = ? AND sku = ?", key):
            found[key] = _read(body)
    return found


async def read_all(connection: aiosqlite.Connection) -> dict[Key, RightsBook]:
    """All of them; for `verify`. Raises `RecordDamaged`."""
    rows = await fetch(connection, "SELECT owner_id, sku, body FROM rights ORDER BY owner_id, sku")
    return {(owner_id, sku): _read(body) for owner_id, sku, body in rows}


async def put_books(connection: aiosqlite.Connection, books: Iterable[RightsBook]) -> None:
    """Write what is known now, by whoever has merged it with what is there."""
    rows = [(book.rights.owner_id, book.rights.sku, _ENCODER.encode(book)) for book in books]
    with translated():
        await connection.executemany("INSERT OR REPLACE INTO rights (owner_id, sku, body) VALUES (?, ?, ?)", rows)


async def take_events(connection: aiosqlite.Connection, events: Iterable[Event]) -> None:
    """Bring the books up to date after entries of the past have come, in any order and however often."""
    news = [event.news for event in events if isinstance(event, RIGHTS_EVENTS)]
    books = await read_books(connection, [(each.rights.owner_id, each.rights.sku) for each in news])
    for each in news:
        key = each.rights.owner_id, each.rights.sku
        books[key] = rights_book.merge(books.get(key, rights_book.empty(*key)), each)
    if books:
        await put_books(connection, books.values())


def _read(body: bytes) -> RightsBook:
    try:
        return _DECODER.decode(body)
    except UNREADABLE as error:
        raise RecordDamaged("a book of rights") from error

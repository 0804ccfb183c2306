"""Rights at the centre: what nodes say of them, what is passed on, and what the centre itself promises with them.

The centre is a holder like any node. Its life is the history that its database holds: put back from a backup it goes
on as another, and the rights of the former one are void (docs/adr/0013-the-rights-of-a-lost-life-are-void.md).
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from central_sync.ingest.effects import check_text
from central_sync.ingest.reading import Reading
from central_sync.instructions import issue
from central_sync.store import nodes, parties, rights
from central_sync.store.database import Connection
from central_sync.store.parties import Party
from central_sync.store.rights import RightsKey
from central_sync.store.streams import StreamKey
from edge_core.errors import PeerFault, Rejected
from edge_core.stock import rights_book
from edge_core.stock.requests import HearRights
from edge_core.stock.rights import CENTRE_ID, Life, begin, held_milli
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.stock_events import (
    RightsGranted,
    RightsHeard,
    RightsMoved,
    RightsReturned,
    RightsSpent,
    RightsUsed,
)
from edge_core.sync.entry import Entry

Told = RightsGranted | RightsMoved | RightsUsed | RightsSpent | RightsReturned | RightsHeard


async def centre_life(connection: Connection) -> Life:
    """As whom the centre holds rights now."""
    return Life(CENTRE_ID, await nodes.history_id(connection))


async def share(connection: Connection, new: Iterable[tuple[StreamKey, Reading]]) -> int:
    """Take what new entries say of rights, and pass on to each node what was given to it; says how many words.

    In the transaction that appends them. An entry that comes again is passed on under the same key, and so once.
    """
    told = [(key, r.seq, r.entry, event) for key, r in new if r.entry for event in _told(r.entry)]
    if not told:
        return 0
    life = await centre_life(connection)
    words = [(key, seq, entry, event, _own_part(key.node_id, event.news, life)) for key, seq, entry, event in told]
    words = [word for word in words if word[4] is not None]
    if not words:
        return 0
    await rights.take(connection, [news for *_, news in words if news is not None])
    given = [(news, event) for _, _, _, event, news in words if isinstance(event, RightsGranted | RightsMoved)]
    await parties.join(connection, [party for news, event in given if news for party in _party(news, event)])
    for key, seq, entry, event, news in words:
        if isinstance(event, RightsGranted | RightsMoved) and news is not None and event.to.node_id != CENTRE_ID:
            await _pass_on(connection, event.to.node_id, news, f"rights {key} {seq}", entry)
    return len(words)


async def spend(connection: Connection, owner_id: str, quantities: Mapping[str, int]) -> Rejected | None:
    """Promise goods of a node to web customers, in thousandths by SKU: all of it or nothing.

    For whoever assigns an order to that node, in the transaction that does; the node is then told with the order what
    was promised (`stock.spend_rights`), and takes it out of what it has set aside.
    """
    life = await centre_life(connection)
    books = await rights.lock(connection, [RightsKey(owner_id, sku) for sku in quantities])
    after: list[RightsBook] = []
    for key, book in books.items():
        own = replace(book, rights=begin(book.rights, life))
        used = rights_book.use(own, life, quantities[key.sku])
        if isinstance(used, Rejected):
            return used
        after.append(used.book)
    await rights.put(connection, after)
    return None


async def give_back(connection: Connection, owner_id: str, quantities: Mapping[str, int]) -> Rejected | None:
    """Take promises back of which their node was never told; once it was told, the goods are free there."""
    life = await centre_life(connection)
    books = await rights.lock(connection, [RightsKey(owner_id, sku) for sku in quantities])
    after: list[RightsBook] = []
    for key, book in books.items():
        returned = rights_book.give_back(book, life, quantities[key.sku])
        if isinstance(returned, Rejected):
            return returned
        after.append(returned.book)
    await rights.put(connection, after)
    return None


def spendable_milli(books: Iterable[RightsBook], life: Life) -> dict[RightsKey, int]:
    """What a life may promise of each SKU: what an assignment looks at before it chooses a node. Pure."""
    return {
        RightsKey(book.rights.owner_id, book.rights.sku): held_milli(begin(book.rights, life), life) for book in books
    }


def _told(entry: Entry) -> Sequence[Told]:
    return [event for event in entry.events if isinstance(event, Told)]


def _party(news: RightsBook, event: RightsGranted | RightsMoved) -> list[Party]:
    """Who shares from now on: whoever was given rights to goods of another."""
    known = news.rights
    is_given = any(moved.to == event.to for row in known.rows for moved in row.moved)
    return (
        [Party(known.owner_id, known.sku, event.to.node_id)] if is_given and event.to.node_id != known.owner_id else []
    )


def _own_part(node_id: str, news: RightsBook, centre: Life) -> RightsBook | None:
    """A node speaks for itself alone: its own row, and what is set aside where the goods are its own.

    There it also says what became of former lives of the centre, which can speak no more.
    """
    known = news.rights
    try:
        check_text(known.owner_id)
        check_text(known.sku)
    except PeerFault:
        return None
    is_owner = known.owner_id == node_id
    rows = tuple(
        row for row in known.rows if row.life.node_id == node_id or (is_owner and is_former_centre(row.life, centre))
    )
    if not is_owner:
        return RightsBook(replace(known, rows=rows)) if rows else None
    backing = tuple(each for each in news.backing if each.by is None or each.by.node_id == node_id)
    told = tuple(each for each in news.told if each.by.node_id == node_id)
    return RightsBook(replace(known, rows=rows), backing, told) if rows or backing or told else None


def is_former_centre(life: Life, centre: Life) -> bool:
    """Whether a life is one of the centre's before it was put back."""
    return life.node_id == CENTRE_ID and life != centre


async def _pass_on(connection: Connection, node_id: str, news: RightsBook, key: str, entry: Entry) -> None:
    if await nodes.page(connection, node_id):
        task = HearRights(RightsBook(news.rights))  # what the owner has set aside is its own affair
        await issue(connection, node_id, task, subject=None, key=key, now_ms=entry.recorded_at_ms)

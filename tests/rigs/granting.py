"""Rights that the owner of goods has given, as its entries say it."""

from edge_core import ids
from edge_core.errors import Rejected
from edge_core.orders.commands import ShareRights
from edge_core.orders.sharing import share_rights
from edge_core.orders.world import World
from edge_core.stock import rights_book
from edge_core.stock.ledger import Position
from edge_core.stock.requests import GrantRights
from edge_core.stock.rights import Life
from edge_core.stock.stock_events import RightsGranted
from tests.rigs.orders import BUSINESS_DATE, START_MS
from tests.rigs.streams import NodeLog


def grants_of(log: NodeLog, sku: str, *wanted: tuple[Life, int]) -> list[RightsGranted]:
    """What the owner of ten pieces decides, one after the other: so many thousandths to that life."""
    key, found = (log.node_id, sku), []
    book = rights_book.empty(*key)
    for number, (to, quantity_milli) in enumerate(wanted, 1):
        position = Position(sku, None, "H87", None, 10_000, reserved_milli=book.set_aside_milli)
        command = ShareRights(
            ids.uuid7(START_MS, number),
            GrantRights(sku, quantity_milli, to),
            Life(log.node_id, log.incarnation),
            BUSINESS_DATE,
            is_confirmed=True,
        )
        events = share_rights(World(None, {sku: (position,)}, rights={key: book}), command)
        assert not isinstance(events, Rejected), events
        (event,) = events
        assert isinstance(event, RightsGranted)
        book = rights_book.merge(book, event.news)
        found.append(event)
    return found

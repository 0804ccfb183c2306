"""Rights to goods, given and spent: each decision is an entry, and changes the stock in the same transaction."""

from edge_core.errors import Rejected
from edge_core.orders.commands import ShareRights
from edge_core.orders.events import Event
from edge_core.orders.promising import promise
from edge_core.orders.world import World
from edge_core.stock import rights as rules
from edge_core.stock import rights_book
from edge_core.stock.requests import GrantRights, HearRights, HoldLine, MoveRights, SpendRights, UseRights
from edge_core.stock.rights import Life
from edge_core.stock.rights_book import LINE, RightsBook
from edge_core.stock.stock_events import RightsGranted, RightsHeard, RightsMoved, RightsSpent, RightsUsed


def share_rights(world: World, command: ShareRights) -> tuple[Event, ...] | Rejected:
    """Decide a request about rights. Only the location gives them out, only a holder that is confirmed spends them."""
    request = command.request
    key = request.key(command.life.node_id)
    book = world.rights.get(key) or rights_book.empty(*key)
    match request:
        case GrantRights():
            return _grant(world, command, book, request)
        case SpendRights():
            return _spend(command, book, request)
        case UseRights():
            return _refused_unconfirmed(command) or _use(command, book, request)
        case MoveRights():
            return _refused_unconfirmed(command) or _move(command, book, request)
        case HearRights():
            return (RightsHeard(command.movement_id, request.book),)


def own_book(book: RightsBook, life: Life) -> RightsBook:
    """The book as this life may use it: what its node's former lives held is void."""
    return RightsBook(rules.begin(book.rights, life), book.backing)


def _grant(world: World, command: ShareRights, book: RightsBook, request: GrantRights) -> tuple[Event, ...] | Rejected:
    """Rights to what is free here, set aside in the same entry: from then on nobody here can promise it."""
    if request.to.node_id == command.life.node_id:
        return Rejected("invalid-parameter", "a location needs no rights to its own goods", "/to/node_id")
    positions = world.stock.get(request.sku)
    if not positions:
        return Rejected("sku-not-found", f"no stock of {request.sku!r} was ever recorded here")
    line = HoldLine(LINE, request.sku, request.quantity_milli, positions[0].unit)
    allocations = promise(world.stock, [(line, request.quantity_milli, None, None)], command.business_date)
    if isinstance(allocations, Rejected):
        return allocations
    granted = rights_book.grant(
        own_book(book, command.life), command.life, request.to, allocations, request.quantity_milli
    )
    if isinstance(granted, Rejected):
        return granted
    rights_book.check(granted.book)
    return (RightsGranted(command.movement_id, granted.news, request.to, request.quantity_milli, allocations),)


def _spend(command: ShareRights, book: RightsBook, request: SpendRights) -> tuple[Event, ...] | Rejected:
    taken = rights_book.take_out(book, request.quantity_milli)
    if isinstance(taken, Rejected):
        return taken
    granted, allocations = taken
    return (RightsSpent(command.movement_id, granted.news, request.holder, request.quantity_milli, allocations),)


def _use(command: ShareRights, book: RightsBook, request: UseRights) -> tuple[Event, ...] | Rejected:
    used = rights_book.use(own_book(book, command.life), command.life, request.quantity_milli)
    if isinstance(used, Rejected):
        return used
    return (RightsUsed(command.movement_id, used.news, request.quantity_milli, request.reference),)


def _move(command: ShareRights, book: RightsBook, request: MoveRights) -> tuple[Event, ...] | Rejected:
    if request.to == command.life:
        return Rejected("invalid-parameter", "rights are moved to somebody else", "/to")
    moved = rights_book.move(own_book(book, command.life), command.life, request.to, request.quantity_milli)
    if isinstance(moved, Rejected):
        return moved
    return (RightsMoved(command.movement_id, moved.news, request.to, request.quantity_milli),)


def _refused_unconfirmed(command: ShareRights) -> Rejected | None:
    """A file that was put back does not know it: before it was greeted once it may have spent what it holds."""
    if command.is_confirmed:
        return None
    return Rejected("rights-unconfirmed", "the centre has not greeted this node since it was started")

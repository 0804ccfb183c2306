"""Rights to goods, given and spent: each decision is an entry, and changes the stock in the same transaction."""

from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.orders.commands import ShareRights
from edge_core.orders.events import Event
from edge_core.orders.promising import promise
from edge_core.orders.world import World
from edge_core.stock import rights as rules
from edge_core.stock import rights_book
from edge_core.stock.requests import (
    GrantRights,
    HearRights,
    HoldLine,
    MoveRights,
    ReturnRights,
    SettleRights,
    SpendRights,
    UseRights,
)
from edge_core.stock.rights import CENTRE_ID, Life
from edge_core.stock.rights_book import LINE, RightsBook, Spent
from edge_core.stock.stock_events import (
    RightsGranted,
    RightsHeard,
    RightsMoved,
    RightsReturned,
    RightsSpent,
    RightsUsed,
)


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
        case ReturnRights():
            return _refused_unconfirmed(command) or _return(command, book, request)
        case SettleRights():
            return _settle(command, book, request)
        case HearRights():
            return _hear(command, book, request.book)


def own_book(book: RightsBook, life: Life) -> RightsBook:
    """The book as this life may use it: what its node's former lives held is void."""
    return replace(book, rights=rules.begin(book.rights, life))


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
    spent = Spent(request.sku, request.quantity_milli, request.holder)
    taken = rights_book.take_out(book, command.life, spent)
    if isinstance(taken, Rejected):
        return taken
    granted, allocations = taken
    return (RightsSpent(command.movement_id, granted.news, request.holder, request.quantity_milli, allocations),)


def _return(command: ShareRights, book: RightsBook, request: ReturnRights) -> tuple[Event, ...] | Rejected:
    """A holder moves what it does not need to the location, which frees the goods once it hears of it."""
    to = rules.present_life(book.rights, request.owner_id)
    if request.owner_id == command.life.node_id:
        return Rejected("invalid-parameter", "a location holds no rights to its own goods", "/owner_id")
    if to is None:
        return Rejected("rights-exceeded", f"no rights to {request.sku!r} of {request.owner_id} are held here")
    moved = rights_book.move(own_book(book, command.life), command.life, to, request.quantity_milli)
    if isinstance(moved, Rejected):
        return moved
    return (RightsMoved(command.movement_id, moved.news, to, request.quantity_milli),)


def _settle(command: ShareRights, book: RightsBook, request: SettleRights) -> tuple[Event, ...] | Rejected:
    if request.ended.node_id != CENTRE_ID:
        return Rejected("invalid-parameter", "the location settles for the centre alone", "/ended/node_id")
    settled = rights_book.settle_told(own_book(book, command.life), request.ended, command.life)
    return settled if isinstance(settled, Rejected) else _hear(command, book, settled.news)


def _hear(command: ShareRights, book: RightsBook, news: RightsBook) -> tuple[Event, ...]:
    """Take what others did in. Where that gave the location rights to its own goods, the goods are free."""
    if news.rights.owner_id == command.life.node_id:
        back = rights_book.take_back(own_book(rights_book.merge(book, news), command.life), command.life)
        if back is not None:
            granted, allocations = back
            quantity_milli = sum(each.quantity_milli for each in allocations)
            both = rights_book.merge(news, granted.news)
            return (RightsReturned(command.movement_id, both, quantity_milli, allocations),)
    return (RightsHeard(command.movement_id, news),)


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

"""What routing is told of an order and of places: the lines still to be met, and what each place has just now."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from edge_core.orders.document import Address, Line, Method, Preference, Promise, TillOrder
from edge_core.routing.question import Stamp
from edge_core.stock.ledger import Position


class Left(Struct, frozen=True):
    """A line of an order, and how much of it is still to be met, in thousandths."""

    line: Line
    quantity_milli: int


class Wish(Struct, frozen=True):
    """What is still to be met of an order, for whom, and how.

    `tier` is the customer's. `excluded` are places that are left alone for a while, `attempts` were made before,
    `attempts_left` may still be. `extras` are what the customer wants with the goods.
    """

    left: tuple[Left, ...]
    method: Method
    currency: str
    ship_to: Address | None = None
    promise: Promise | None = None
    preference: Preference | None = None
    extras: tuple[str, ...] = ()
    channel: str = ""
    tier: str | None = None
    prices_include_tax: bool = False
    pickup_at: str | None = None
    excluded: tuple[str, ...] = ()
    attempts: int = 0
    attempts_left: int = 1
    is_held: bool = False
    is_offline: bool = False


class Lot(Struct, frozen=True, gc=False):
    """What a place may promise of one lot, above what it keeps for safety, in thousandths of the unit."""

    sku: str
    unit: str
    free_milli: int
    safety_milli: int = 0
    expires_on: str | None = None
    lot: str | None = None


class Site(Struct, frozen=True):
    """What is known of a place just now: what it has, how much it has still to pick (thousandths), and as of when."""

    location_id: str
    lots: tuple[Lot, ...]
    stock: Stamp
    capacity: Stamp
    backlog_milli: int = 0


def wish_of(posted: TillOrder, *, is_offline: bool = False, left_milli: Mapping[str, int] | None = None) -> Wish:
    """The wish of an order as it was posted; of the lines that `left_milli` names, so much, where it is given."""
    request, customer = posted.fulfillment, posted.customer
    return Wish(
        left=left_of(posted.lines, left_milli),
        method=request.method,
        currency=posted.currency,
        ship_to=request.ship_to,
        promise=request.promise,
        preference=request.preference,
        extras=request.services,
        channel=posted.channel,
        tier=None if customer is None else customer.tier,
        prices_include_tax=posted.prices_include_tax,
        pickup_at=posted.store_id if request.method == "pickup" else None,
        is_offline=is_offline,
    )


def left_of(lines: Iterable[Line], left_milli: Mapping[str, int] | None = None) -> tuple[Left, ...]:
    """What is left of some lines: all of them, or as much of each as is given, none of those that are not named."""
    if left_milli is None:
        return tuple(Left(line, line.quantity_milli) for line in lines)
    return tuple(Left(line, milli) for line in lines if (milli := left_milli.get(line.line_id, 0)) > 0)


def lots_of(positions: Iterable[Position]) -> tuple[Lot, ...]:
    """What may be promised of the positions of a ledger."""
    return tuple(
        Lot(each.sku, each.unit, each.free_milli, each.safety_milli, each.expires_on, each.lot) for each in positions
    )

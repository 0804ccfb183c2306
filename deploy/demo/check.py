"""The conservation check of promise G8, from the till's paper to the centre's table. Pure.

Three parties counted on their own: the tills their answers, the agent its log, the centre its database. For each store

    answered 201/200 by the agent = accepted in its log = confirmed + pending + parked,   pending = parked = 0
    confirmed = held by the centre,   and every order of the tills is there once, with its amount and its state.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct, field

from deploy.house.looking import CentreOrder

CANCELLED: Final = "cancelled"  # an order's status
COMPLETED: Final = "completed"
_BACK: Final = frozenset({"partially_returned", "returned"})
_NAMED_MAX: Final = 5  # orders that one difference names; the rest are counted


class TillBook(Struct):
    """What the tills of one store were answered; it grows as they sell.

    `orders` are the order ids answered 201 with their totals in pence, `cancelled` those answered 200 to a cancel,
    `movements` the deliveries answered 201, `steps` the commands of parcels and pickups answered 200; `brought` are the
    orders that came to their customers by those. `returns` and `exchanges` count answers, `returned` are the orders of
    which goods came back; the order for what went instead is one of `orders`. `closes` are the business days that were
    closed, `promoted` the orders with a promotion, `routed` those whose carrier routing chose, `dates` the business
    dates of orders. `asked_again` counts requests that had to be sent again with the same key, `replayed` the answers
    that the agent remembered. `refusals` are answers that the demo does not expect.
    """

    orders: dict[str, int] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    movements: int = 0
    steps: int = 0
    brought: dict[str, set[str]] = field(default_factory=lambda: {"ship": set(), "pickup": set()})
    returns: int = 0
    exchanges: int = 0
    closes: int = 0
    promoted: int = 0
    routed: int = 0
    dates: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    asked_again: int = 0
    replayed: int = 0
    refusals: list[str] = field(default_factory=list)

    def keep(self, order_id: str, total_minor: int, business_date: str) -> None:
        """Keep an order that was answered 201."""
        self.orders[order_id] = total_minor
        self.dates.add(business_date)

    @property
    def entries(self) -> int:
        """How many entries the agent's log must hold for these answers: one each, and two of an exchange."""
        commands = self.movements + self.steps + self.returns + self.exchanges + self.closes
        return len(self.orders) + len(self.cancelled) + commands


class Day(Struct, frozen=True):
    """The sums of a business day in one currency, as a report says them. Amounts are pence."""

    orders: int = 0
    discount_minor: int = 0
    grand_total_minor: int = 0
    cancellations: int = 0
    returns: int = 0
    exchanges: int = 0


class DayBooks(Struct):
    """A store's days: the X reports, the Z reports with their codes, the same at the centre.

    `priced_by` is whose prices the last order was judged by, `book` or `till`.
    """

    x: list[Day] = field(default_factory=list)
    z: list[Day] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    centre: list[Day] = field(default_factory=list)
    centre_codes: list[str] = field(default_factory=list)
    priced_by: str = ""


class EdgeBook(Struct, frozen=True):
    """The agent's own books of the lane `orders`, and whether `edge-agent verify` found its file sound."""

    accepted: int
    confirmed: int
    pending: int
    parked: int
    verified: bool


class CentreBook(Struct, frozen=True):
    """What the centre holds of the lane `orders` of a store, and what it found wrong with the store's books."""

    durable_seq: int
    parked: int
    differences: tuple[str, ...]
    orders: tuple[CentreOrder, ...]


class StoreBooks(Struct, frozen=True):
    """The three books of one store."""

    node_id: str
    tills: TillBook
    edge: EdgeBook
    centre: CentreBook
    days: DayBooks


def differences(books: StoreBooks) -> list[str]:
    """Everything that does not add up in one store, in words; empty when all is well."""
    found = [*_refusals(books), *_counts(books), *_orders(books), *_states(books), *_days(books)]
    found += [f"the centre says: {text}" for text in books.centre.differences]
    if not books.edge.verified:
        found.append("edge-agent verify has findings")
    return [f"{books.node_id}: {text}" for text in found]


def _refusals(books: StoreBooks) -> list[str]:
    refusals = books.tills.refusals
    return [f"a till was not answered as it should be: {text}" for text in refusals[:_NAMED_MAX]]


def _counts(books: StoreBooks) -> list[str]:
    tills, edge, centre = books.tills, books.edge, books.centre
    rows = [
        ("accepted in the log", edge.accepted, "answered to the tills", tills.entries),
        ("accepted", edge.accepted, "confirmed + pending + parked", edge.confirmed + edge.pending + edge.parked),
        ("pending", edge.pending, "expected", 0),
        ("parked at the edge", edge.parked, "expected", 0),
        ("parked at the centre", centre.parked, "expected", 0),
        ("held by the centre", centre.durable_seq, "accepted", edge.accepted),
        ("confirmed", edge.confirmed, "held by the centre and not parked", centre.durable_seq - centre.parked),
    ]
    return [f"{left:,} {what}, but {right:,} {other}" for what, left, other, right in rows if left != right]


def _orders(books: StoreBooks) -> list[str]:
    here = books.tills.orders
    there = Counter(order.order_id for order in books.centre.orders)
    found = [
        *_named("missing at the centre", sorted(here.keys() - there.keys())),
        *_named("at the centre more than once", sorted(order for order, count in there.items() if count > 1)),
        *_named("at the centre and answered to no till", sorted(there.keys() - here.keys())),
    ]
    totals = {order.order_id: order.grand_total_minor for order in books.centre.orders}
    wrong = sorted(order for order in here.keys() & totals.keys() if here[order] != totals[order])
    found += _named("at the centre with another total", wrong)
    money_here, money_there = sum(here.values()), sum(order.grand_total_minor for order in books.centre.orders)
    if money_here != money_there:
        found.append(f"the tills took {pounds(money_here)}, the centre counts {pounds(money_there)}")
    return found


def _states(books: StoreBooks) -> list[str]:
    cancelled = {order.order_id for order in books.centre.orders if order.status == CANCELLED}
    back = {order.order_id for order in books.centre.orders if order.status in _BACK}
    there = back | {order.order_id for order in books.centre.orders if order.status == COMPLETED}
    brought = set().union(*books.tills.brought.values())
    return [
        *_named("brought to the customer but not completed at the centre", sorted(brought - there)),
        *_named("of which goods came back, but not at the centre", sorted(books.tills.returned - back)),
        *_named("of which goods came back at the centre alone", sorted(back - books.tills.returned)),
        *_named("cancelled at the till but not at the centre", sorted(books.tills.cancelled - cancelled)),
        *_named("cancelled at the centre but not at the till", sorted(cancelled - books.tills.cancelled)),
    ]


def total(days: Iterable[Day]) -> Day:
    """Several days as one."""
    found = [msgspec.structs.astuple(day) for day in days]
    return Day(*map(sum, zip(*found, strict=True)))


def _days(books: StoreBooks) -> list[str]:
    """What the tills counted, the X reports, the Z reports and the centre's copies of them: all the same."""
    tills, days = books.tills, books.days
    x, z, centre = total(days.x), total(days.z), total(days.centre)
    counted = Day(
        orders=len(tills.orders),
        discount_minor=x.discount_minor,  # the tills did not add it up; the totals hold it
        grand_total_minor=sum(tills.orders.values()),
        cancellations=len(tills.cancelled),
        returns=tills.returns,
        exchanges=tills.exchanges,
    )
    rows = (
        ("the X reports", x, "the tills counted", counted),
        ("the Z reports", z, "the X reports", x),
        ("the centre's Z reports", centre, "those of the store", z),
    )
    found = [f"{name} say {there}, but {other} {here}" for name, there, other, here in rows if there != here]
    if sorted(days.codes) != days.centre_codes:
        found.append(f"closed as {days.codes}, at the centre as {days.centre_codes}")
    if tills.promoted and not z.discount_minor:
        found.append("orders took the promotion, but no Z report has a discount")
    if tills.orders and days.priced_by != "book":
        found.append(f"its last order was priced by {days.priced_by!r}, not by the price book")
    if tills.brought["ship"] and not tills.routed:
        found.append("none of its parcels was routed by the network that the office published")
    return found


def _named(what: str, orders: Sequence[str]) -> list[str]:
    if not orders:
        return []
    more = f" and {len(orders) - _NAMED_MAX} more" if len(orders) > _NAMED_MAX else ""
    noun = "order" if len(orders) == 1 else "orders"
    return [f"{len(orders)} {noun} {what}: {', '.join(orders[:_NAMED_MAX])}{more}"]


def pounds(minor: int) -> str:
    """An amount of pence for people."""
    whole, pence = divmod(abs(minor), 100)
    return f"{'-' if minor < 0 else ''}£{whole:,}.{pence:02}"

"""A stream of real orders through routing: one run for each policy, each with shelves of its own that grow empty."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from deploy.policies.house import (
    CURRENCY,
    STORES,
    TIME_ZONE,
    address_of,
    cost_share,
    days_left,
    network,
    preference_of,
    promise_hours,
    stock_of,
    tier_of,
    traits_of,
    weight_g,
)
from deploy.replay.source import SourceInvoice, SourceLine, read_invoices
from edge_core.limits import LINES_MAX
from edge_core.orders.document import Line, Promise
from edge_core.policy.pricing import Policies
from edge_core.reference.documents import Item
from edge_core.reference.lookup import Reference
from edge_core.routing.asking import ask
from edge_core.routing.deciding import Decision, route
from edge_core.routing.network import Network
from edge_core.routing.question import Question, Stamp
from edge_core.routing.wishes import Left, Lot, Site, Wish

_MS: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_MILLI: Final = 1_000
_HERE: Final = "centre"
_ZONE: Final = ZoneInfo(TIME_ZONE)


class Strategy(Struct, frozen=True):
    """What a row of the table is of: layers of policies under a name."""

    name: str
    layers: tuple[str, ...]


class Account(Struct):
    """What a policy came to, over all orders that it met. Costs and grams as routing counts them."""

    name: str
    orders: int = 0
    for_a_person: int = 0
    paid_milli: int = 0
    parcels: int = 0
    split: int = 0
    late: int = 0
    carbon_g: int = 0
    cut_short: int = 0

    def take(self, question: Question, decision: Decision) -> None:
        """Count one decision. Paid are tariffs and handling: what other things are taken to be worth is no cost."""
        if not decision.allocations:
            self.for_a_person += 1
            return
        self.orders += 1
        self.paid_milli += decision.parts.shipping_milli + decision.parts.handling_milli
        self.parcels += len(decision.allocations)
        self.split += len(decision.allocations) > 1
        self.late += decision.promise_at_ms is None or decision.promise_at_ms > question.promise_at_ms
        self.carbon_g += sum(allocation.carbon_g for allocation in decision.allocations)
        self.cut_short += decision.is_truncated


class Order(Struct, frozen=True):
    """An invoice of the ledger as an order that is to be sent, with the catalogue's rows for it."""

    number: str
    placed_at: datetime
    wish: Wish
    items: dict[str, Item]


def read_orders(path: Path, count: int, lines_max: int = LINES_MAX) -> list[Order]:
    """So many orders of no more lines, spread evenly over a ledger.

    They are goods that somebody bought: no returns, fees or corrections.
    """
    lengths = ((invoice, sum(map(_is_goods, invoice.lines))) for invoice in read_invoices(path))
    invoices = [invoice for invoice, lines in lengths if 0 < lines <= lines_max]
    step = max(1, len(invoices) // count)
    return [_order(invoice) for invoice in invoices[::step][:count]]


def shelves(orders: Iterable[Order]) -> dict[str, Counter[str]]:
    """What each store has in the beginning."""
    wanted, largest = Counter[str](), Counter[str]()
    for order in orders:
        for sku, units in _units(order).items():
            wanted[sku] += units
            largest[sku] = max(largest[sku], units)
    found = {store: Counter[str]() for store in STORES}
    for sku, units in sorted(wanted.items()):
        for store, kept in stock_of(sku, units, largest[sku]).items():
            found[store][sku] = kept
    return found


def _units(order: Order) -> Counter[str]:
    units = Counter[str]()
    for left in order.wish.left:
        units[left.line.sku] += left.quantity_milli // _UNIT_MILLI
    return units


def run(strategy: Strategy, orders: Sequence[Order], policies: Policies, count: Callable[[], None]) -> Account:
    """Route the stream by one policy. `count` is called after each order."""
    account, stock, rows = Account(strategy.name), shelves(orders), network()
    for order in orders:
        question = policies.asked(_question(order, stock, rows), strategy.name, strategy.layers)
        decision = route(question)
        account.take(question, decision)
        units = {need.line_id: (need.sku, need.quantity_milli // _UNIT_MILLI) for need in question.needs}
        for allocation in decision.allocations:
            for line_id in allocation.line_ids if allocation.location_id else ():
                sku, sent = units[line_id]
                stock[allocation.location_id or ""][sku] -= sent
        count()
    return account


def _question(order: Order, stock: dict[str, Counter[str]], rows: Network) -> Question:
    now_ms = (order.placed_at - _EPOCH) // _MS
    sites = tuple(_site(store, order, stock[store], now_ms) for store in STORES)
    reference = Reference({}, items=order.items, network=rows)
    return ask(order.wish, sites, reference, here=_HERE, zone=_ZONE, zones=_zone, now_ms=now_ms)


def _zone(_: str) -> tzinfo:
    return _ZONE


def _site(store: str, order: Order, stock: Counter[str], now_ms: int) -> Site:
    seen = Stamp("made-up", now_ms)
    lots = []
    for sku in dict.fromkeys(left.line.sku for left in order.wish.left):
        days = days_left(store, sku)
        expires_on = None if days is None else (order.placed_at + timedelta(days=days)).date().isoformat()
        lots.append(Lot(sku, "EA", stock[sku] * _UNIT_MILLI, expires_on=expires_on))
    return Site(store, tuple(lots), seen, seen)


def _is_goods(line: SourceLine) -> bool:
    """A code of five digits, and a quantity and a price above nought."""
    return line.quantity > 0 and line.price_minor > 0 and line.sku[:5].isdigit()


def _line(line: SourceLine) -> Line:
    amount = line.amount_minor
    return Line(
        str(line.row),
        line.sku,
        line.quantity * _UNIT_MILLI,
        "EA",
        line.price_minor,
        amount,
        0,
        amount,
        0,
        traits=traits_of(line.sku, line.description),
        weight_grams=weight_g(line.sku) * line.quantity,
    )


def _order(invoice: SourceInvoice) -> Order:
    lines = [_line(line) for line in invoice.lines if _is_goods(line)]
    customer = invoice.customer or invoice.number
    until = invoice.placed_at + timedelta(hours=promise_hours(invoice.number))
    wish = Wish(
        tuple(Left(line, line.quantity_milli) for line in lines),
        "ship",
        CURRENCY,
        ship_to=address_of(customer),
        promise=Promise(_utc(invoice.placed_at), _utc(until)),
        preference=preference_of(invoice.number),
        channel="web",
        tier=tier_of(customer),
    )
    items = {
        line.sku: Item(
            line.sku,
            line.sku,
            "EA",
            cost_minor=round(line.unit_price_minor * cost_share(line.sku)),
            cost_currency=CURRENCY,
        )
        for line in lines
    }
    return Order(invoice.number, invoice.placed_at, wish, items)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

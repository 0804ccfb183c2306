"""Reference data in memory, and orders that are judged by it."""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from edge_core.checks.judge import Judgment, judge
from edge_core.checks.known import Known
from edge_core.checks.question import Evidence
from edge_core.errors import Rejected
from edge_core.orders.document import (
    Address,
    Adjustment,
    Customer,
    FulfillmentRequest,
    Line,
    Payment,
    TillOrder,
    Totals,
)
from edge_core.reference.documents import Account, Compliance, Item, Offer, Price, Promotion, Rules
from edge_core.reference.lookup import Edition, Reference
from tests.rigs.orders import BUSINESS_DATE, PLACED_AT, till_order

PLACED_MS = int(datetime.fromisoformat(PLACED_AT).timestamp() * 1000)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SKU = till_order().lines[0].sku
UNIT_PRICE = till_order().lines[0].unit_price_minor
STRICT = Rules("strict-7", duplicate_window_ms=30_000, velocity_orders_max=3, insured_from_minor=50_000)
_ADDRESS = Address("A. Receiver", "DE")
ALL = ("catalogue", "compliance", "prices", "promotions", "customers", "rules")


def reference(
    *,
    items: Iterable[Item] = (),
    compliances: Iterable[Compliance] = (),
    prices: Iterable[Price] = (),
    promotions: Iterable[Promotion] = (),
    accounts: Iterable[Account] = (),
    rules: Rules = STRICT,
    without: Iterable[str] = (),
    age_ms: int = HOUR_MS,
) -> Reference:
    """Every dataset but those left out, made so long before the orders were placed."""
    names = [name for name in ALL if name not in set(without)]
    return Reference(
        {name: Edition(name, 4, PLACED_MS - age_ms) for name in names},
        {item.sku: item for item in items},
        {law.sku: law for law in compliances},
        {price.sku: price for price in prices} or {line.sku: book(line.sku) for line in till_order().lines},
        tuple(promotions),
        {account.customer_ref: account for account in accounts},
        rules,
    )


def book(sku: str = SKU, *offers: Offer) -> Price:
    """The page of an item; by default the price that the tills take."""
    return Price(sku, offers or (Offer("CNY", UNIT_PRICE),))


def basket(*, lines: int = 1, of: str | None = None, placed_at: str = PLACED_AT, **changes: object) -> TillOrder:
    """A sale of some lines, to a customer or to nobody."""
    order = replace(till_order(lines=lines), placed_at=placed_at)
    return replace(order, customer=None if of is None else Customer(of), **changes)


def discounted(minor: int, *adjustments: Adjustment, order: TillOrder | None = None) -> TillOrder:
    """A sale with so much off its first line, for the reasons given."""
    before = order or basket()
    first: Line = before.lines[0]
    first = replace(first, discount_minor=minor, net_minor=first.gross_minor - minor)
    totals = before.totals
    less = Totals(
        totals.gross_minor,
        minor,
        totals.gross_minor - minor,
        totals.tax_minor,
        totals.shipping_minor,
        totals.grand_total_minor - minor,
    )
    paid = (replace(before.payments[0], amount_minor=less.grand_total_minor),)
    return replace(before, lines=(first, *before.lines[1:]), totals=less, payments=paid, adjustments=adjustments)


def on_account(order: TillOrder) -> TillOrder:
    """The same, to be paid later."""
    total = order.totals.grand_total_minor
    return replace(order, payments=(Payment("p1", "on_account", total, "captured", "offline"),))


def sent(order: TillOrder, country: str = "DE", region: str | None = None, traits: tuple[str, ...] = ()) -> TillOrder:
    """The same, sent to an address."""
    address = replace(_ADDRESS, country=country, region=region)
    lines = tuple(replace(line, traits=traits) for line in order.lines)
    return replace(order, order_type="ship", fulfillment=FulfillmentRequest("ship", ship_to=address), lines=lines)


def judged(
    order: TillOrder, by: Reference | None = None, known: Known | None = None, now_ms: int = PLACED_MS
) -> Judgment | Rejected:
    """What the checks say."""
    return judge(Evidence(by or reference(), known or Known()), order, business_date=BUSINESS_DATE, now_ms=now_ms)


def refusal(found: Judgment | Rejected) -> str | None:
    """The problem that an order was refused for."""
    return found.slug if isinstance(found, Rejected) else None


def reasons(found: Judgment | Rejected) -> tuple[str, ...]:
    """Why an order is held; nothing for one that goes straight through."""
    assert not isinstance(found, Rejected), found
    return () if found.hold is None else found.hold.reasons

"""Orders that add up and can be divided, with everything on them that is said of an order as a whole."""

from hypothesis import strategies as st

from edge_core.orders.document import (
    Address,
    Adjustment,
    FulfillmentRequest,
    Line,
    Payment,
    TaxLine,
    TillOrder,
    Totals,
)
from edge_core.orders.money import gross_minor
from tests.rigs.orders import PLACED_AT


@st.composite
def _summing(draw: st.DrawFn, total: int, most: int) -> list[int]:
    """Some amounts of zero or more with that sum."""
    cuts = sorted(draw(st.lists(st.integers(0, total), max_size=most - 1)))
    return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


@st.composite
def _lines(draw: st.DrawFn, number: int) -> Line:
    quantity_milli, price_minor = draw(st.integers(1, 5_000)), draw(st.integers(0, 9_999))
    gross = gross_minor(quantity_milli, price_minor)
    discount = draw(st.integers(0, gross))
    tax = draw(st.integers(0, gross - discount))
    amounts = (gross, discount, gross - discount, tax)
    return Line(f"L{number}", f"sku-{number}", quantity_milli, "H87", price_minor, *amounts)


@st.composite
def orders(draw: st.DrawFn) -> TillOrder:
    """An order of two to six lines to be sent."""
    lines = tuple(draw(_lines(number)) for number in range(1, draw(st.integers(2, 6)) + 1))
    is_inside, shipping = draw(st.booleans()), draw(st.integers(0, 2_000))
    sums = [sum(getattr(line, name) for line in lines) for name in ("discount_minor", "net_minor", "tax_minor")]
    discount, net, tax = sums
    grand = net + shipping + (0 if is_inside else tax)
    paid = draw(_summing(draw(st.integers(0, grand)), 3)) if draw(st.booleans()) else []
    named = st.lists(st.sampled_from([line.line_id for line in lines]), unique=True).map(tuple)
    given = draw(_summing(discount, 3)) if draw(st.booleans()) else []
    rates = draw(_summing(tax, 3)) if draw(st.booleans()) else []
    return TillOrder(
        order_type="ship",
        channel="web",
        store_id="web",
        terminal_id="web-1",
        placed_at=PLACED_AT,
        currency="EUR",
        prices_include_tax=is_inside,
        lines=lines,
        totals=Totals(sum(line.gross_minor for line in lines), discount, net, tax, shipping, grand),
        fulfillment=FulfillmentRequest("ship", ship_to=Address("A. Receiver", "DE")),
        adjustments=tuple(
            Adjustment(f"A{at}", "promotion", -amount, lines=draw(named)) for at, amount in enumerate(given)
        ),
        tax_lines=tuple(
            TaxLine(f"rate {at}", 70_000, draw(st.integers(0, net)), amount) for at, amount in enumerate(rates)
        ),
        payments=tuple(Payment(f"P{at}", "card", amount, "authorized", "online") for at, amount in enumerate(paid)),
    )


@st.composite
def divisions(draw: st.DrawFn, order: TillOrder) -> tuple[tuple[str, ...], ...]:
    """Every line in one of two or more parts, none of them empty."""
    ids = draw(st.permutations([line.line_id for line in order.lines]))
    count = draw(st.integers(2, len(ids)))
    cuts = sorted(draw(st.lists(st.integers(1, len(ids) - 1), min_size=count - 1, max_size=count - 1, unique=True)))
    return tuple(tuple(ids[low:high]) for low, high in zip([0, *cuts], [*cuts, len(ids)], strict=True))

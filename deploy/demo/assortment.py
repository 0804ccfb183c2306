"""What the office of the demo publishes, made from the same file as the orders: goods, prices, customers, a promotion.

Pure. The file has no discounts: the promotion is the demo's own, and so is who asks for it.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from deploy.demo.invoices import Document
from deploy.demo.records import Invoice, Ledger, Line

PROMOTION: Final = "FIVE-OFF"
_OFF_PPM: Final = 50_000
_PPM: Final = 1_000_000
_TAKEN_OF: Final = 5  # every fifth order over the counter


def datasets(ledger: Ledger) -> dict[str, list[Document]]:
    """The rows to publish, by dataset.

    Goods that the file sells at several prices have no page in the price book: it does not say what they were for.
    """
    lines = list(_lines(ledger))
    prices: defaultdict[str, set[int]] = defaultdict(set)
    for line in lines:
        prices[line.sku].add(line.unit_price_minor)
    named = {line.sku: line.description for line in lines}
    customers = sorted({record.customer for record in ledger.records if record.customer is not None})
    return {
        "catalogue": [{"sku": sku, "description": named[sku], "unit": "H87"} for sku in sorted(named)],
        "prices": [
            {"sku": sku, "offers": [{"currency": "GBP", "unit_price_minor": price}]}
            for sku, (price, *others) in sorted((sku, sorted(found)) for sku, found in prices.items())
            if not others
        ],
        "promotions": [{"promotion_id": PROMOTION, "tiers": [{"from_quantity_milli": 0, "off_ppm": _OFF_PPM}]}],
        "customers": [{"customer_ref": customer} for customer in customers],
        "rules": [{"rules_id": "demo-1"}],
    }


def takes_promotion(invoice: Invoice) -> bool:
    """Whether this customer asks for the promotion, by a hash of the number."""
    return zlib.crc32(invoice.number.encode()) % _TAKEN_OF == 0


def with_promotion(order: Document) -> Document:
    """An order with as much off as the promotion gives; the same order where that is nothing."""
    lines = [_with_discount(line) for line in order["lines"]]
    off = sum(line["discount_minor"] for line in lines)
    if not off:
        return order
    net = order["totals"]["gross_minor"] - off
    (payment,) = order["payments"]
    taken = {"adjustment_id": "a1", "kind": "promotion", "code": PROMOTION, "amount_minor": -off}
    totals = {"discount_minor": off, "net_minor": net, "grand_total_minor": net}
    return {
        **order,
        "lines": lines,
        "adjustments": [taken],
        "totals": {**order["totals"], **totals},
        "payments": [{**payment, "amount_minor": net}],
    }


def _with_discount(line: Document) -> Document:
    off = line["gross_minor"] * _OFF_PPM // _PPM
    return {**line, "discount_minor": off, "net_minor": line["gross_minor"] - off}


def _lines(ledger: Ledger) -> Iterator[Line]:
    return (line for record in ledger.records for line in record.lines)

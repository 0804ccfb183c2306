"""Tills' orders and the stock that they are sold from: varied, valid, and the same for the same seed."""

import os
import random
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import msgspec

from edge_core.limits import MOVEMENT_LINES_MAX

SKUS: Final = 2_000  # the assortment of a convenience store
POOL_ORDERS: Final = 2_000
STORE_ID: Final = "store-0001"
CUSTOMERS: Final = 50_000  # of a chain that knows its customers
PROMOTION: Final = "AUTUMN"  # a tenth off, which a tenth of the lines have
_PLACED_AT: Final = "2026-11-21T00:00:00.000Z"
_APART_S: Final = 13  # so that the pool comes again at other times of the day, for 400,000 orders
_DAY_S: Final = 86_400
_TERMINAL: Final = b'"terminal_id":"till-'
_LINES_MAX: Final = 5
_RECEIVED_MILLI: Final = 900_000_000  # of each SKU: millions of orders do not sell it out
_TAX_PERCENT: Final = 13


def sku_of(index: int) -> str:
    """The GTIN-14 look of the n-th article."""
    return f"0{690_0000_000000 + index * 7:013d}"


def price_of(article: int) -> int:
    """What the n-th article costs, in minor units."""
    return 90 + article * 37 % 4_900


def customer_of(number: int) -> str:
    """The reference of the n-th customer."""
    return f"cust-{number:06}"


def order_pool(wanted: int = POOL_ORDERS, seed: int = 1, *, has_customers: bool = False) -> list[bytes]:
    """JSON bodies of carry-out sales with 1 to 5 lines, about 1 KB each; half of them name a customer, where asked."""
    rng = random.Random(seed)
    orders = [_order(rng, number) for number in range(wanted)]
    if has_customers:
        for order in orders[::2]:
            order["customer"] = {"ref": customer_of(rng.randrange(CUSTOMERS))}
    return [msgspec.json.encode(order) for order in orders]


def orders_without_end(*, has_customers: bool = False) -> Iterator[bytes]:
    """The orders of the pool, again and again, each as a till posts it for a later customer, from tills of their own.

    The very same order again is asked back as sent twice (docs/checks.md), and no till sends one: it stamps the time.
    """
    own = f'"terminal_id":"{os.urandom(4).hex()}-'.encode()
    pool = [order.replace(_TERMINAL, own, 1) for order in order_pool(has_customers=has_customers)]
    for number in count():
        hour, second = divmod(number * _APART_S % _DAY_S, 3_600)
        stamp = f"2026-11-21T{hour:02}:{second // 60:02}:{second % 60:02}.000Z".encode()
        yield pool[number % len(pool)].replace(_PLACED_AT.encode(), stamp, 1)


def receipt_bodies() -> list[bytes]:
    """JSON bodies of the movements that bring every SKU into stock."""
    lines = [{"sku": sku_of(index), "quantity_milli": _RECEIVED_MILLI, "unit": "H87"} for index in range(SKUS)]
    return [
        msgspec.json.encode(
            {
                "movement": "receipt",
                "reference": f"delivery-{start}",
                "lines": lines[start : start + MOVEMENT_LINES_MAX],
            }
        )
        for start in range(0, SKUS, MOVEMENT_LINES_MAX)
    ]


def _order(rng: random.Random, number: int) -> dict[str, Any]:
    articles = rng.sample(range(SKUS), rng.randint(1, _LINES_MAX))
    lines = [_line(rng, position, article) for position, article in enumerate(articles, start=1)]
    discount = sum(line["discount_minor"] for line in lines)
    net = sum(line["net_minor"] for line in lines)
    tax = sum(line["tax_minor"] for line in lines)
    adjustments = [
        {
            "adjustment_id": f"a{line['line_id']}",
            "kind": "promotion",
            "code": PROMOTION,
            "amount_minor": -line["discount_minor"],
            "lines": [line["line_id"]],
        }
        for line in lines
        if line["discount_minor"]
    ]
    return {
        "order_type": "sale",
        "channel": "pos",
        "store_id": STORE_ID,
        "terminal_id": f"till-{number % 8 + 1}",
        "operator_id": f"op-{number % 23}",
        "placed_at": _PLACED_AT,
        "currency": "CNY",
        "prices_include_tax": True,
        "customer": None,
        "lines": lines,
        "adjustments": adjustments,
        "tax_lines": [{"name": "VAT", "rate_ppm": 130_000, "base_minor": net - tax, "amount_minor": tax}],
        "totals": {
            "gross_minor": net + discount,
            "discount_minor": discount,
            "net_minor": net,
            "tax_minor": tax,
            "shipping_minor": 0,
            "grand_total_minor": net,
        },
        "payments": [
            {
                "payment_id": "p1",
                "tender": rng.choice(["cash", "card", "wallet"]),
                "amount_minor": net,
                "status": "captured",
                "authorization": "offline",
            }
        ],
        "fulfillment": {"method": "carry_out"},
    }


def _line(rng: random.Random, position: int, article: int) -> dict[str, Any]:
    pieces = rng.choice([1, 1, 1, 2, 3])
    price = price_of(article)
    gross = pieces * price
    discount = gross // 10 if rng.random() < 0.1 else 0
    net = gross - discount
    return {
        "line_id": str(position),
        "sku": sku_of(article),
        "description": f"Article {article}, {100 + article % 9 * 50} g",
        "quantity_milli": pieces * 1000,
        "unit": "H87",
        "unit_price_minor": price,
        "gross_minor": gross,
        "discount_minor": discount,
        "net_minor": net,
        "tax_minor": net * _TAX_PERCENT // (100 + _TAX_PERCENT),
        "traits": ["liquid"] if article % 5 == 0 else [],
    }

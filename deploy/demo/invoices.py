"""An adapter as a channel would write it: invoices of another system become what a till posts to the agent.

The file knows prices, quantities, countries and customer numbers. What it does not know (tax, addresses, names, how
goods left the house) is left out or follows from what is known by a fixed rule, so that every run posts the same bytes.
"""

import zlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from deploy.demo.records import Invoice, Line, Record
from edge_core.limits import MOVEMENT_LINES_MAX
from edge_core.orders.money import gross_minor

Document = dict[str, Any]
OrderType = Literal["sale", "pickup", "ship"]

_PIECE: Final = "H87"  # UN/ECE Recommendation 20
_HOME: Final = "United Kingdom"
_METHODS: Final = MappingProxyType({"sale": "carry_out", "pickup": "pickup", "ship": "ship"})
_SHARES: Final[tuple[OrderType, ...]] = ("pickup", "ship", "ship", *("sale",) * 7)  # of customers at home, in tenths

# The file's own names of countries, as ISO 3166-1 alpha-2. EU is reserved there, ZZ user-assigned: "unknown".
COUNTRIES: Final = MappingProxyType(
    {
        "Australia": "AU",
        "Austria": "AT",
        "Bahrain": "BH",
        "Belgium": "BE",
        "Brazil": "BR",
        "Canada": "CA",
        "Channel Islands": "JE",
        "Cyprus": "CY",
        "Czech Republic": "CZ",
        "Denmark": "DK",
        "EIRE": "IE",
        "European Community": "EU",
        "Finland": "FI",
        "France": "FR",
        "Germany": "DE",
        "Greece": "GR",
        "Hong Kong": "HK",
        "Iceland": "IS",
        "Israel": "IL",
        "Italy": "IT",
        "Japan": "JP",
        "Lebanon": "LB",
        "Lithuania": "LT",
        "Malta": "MT",
        "Netherlands": "NL",
        "Norway": "NO",
        "Poland": "PL",
        "Portugal": "PT",
        "RSA": "ZA",
        "Saudi Arabia": "SA",
        "Singapore": "SG",
        "Spain": "ES",
        "Sweden": "SE",
        "Switzerland": "CH",
        "USA": "US",
        "United Arab Emirates": "AE",
        "United Kingdom": "GB",
        "Unspecified": "ZZ",
    }
)


def order_type(invoice: Invoice) -> OrderType:
    """How the goods leave: abroad by parcel; at home by a share of the invoice number; without a customer at once."""
    if invoice.country != _HOME:
        return "ship"
    if invoice.customer is None:
        return "sale"
    return _SHARES[zlib.crc32(invoice.number.encode()) % len(_SHARES)]


def to_order(
    invoice: Invoice,
    *,
    store_id: str,
    terminal_id: str,
    placed_at: datetime | None = None,
    type_: OrderType | None = None,
) -> Document:
    """The JSON document of `POST /v1/orders`.

    `placed_at` (aware) replaces the invoice's own time, and `type_` what `order_type` says: an order that will be
    cancelled, for instance, must not have been carried out of the store.
    """
    kind = type_ or order_type(invoice)
    lines = [_order_line(number, line) for number, line in enumerate(invoice.lines, start=1)]
    total: int = sum(line["gross_minor"] for line in lines)
    return {
        "order_type": kind,
        "channel": "pos",
        "store_id": store_id,
        "terminal_id": terminal_id,
        "placed_at": to_utc(placed_at or invoice.placed_at),
        "currency": "GBP",
        "prices_include_tax": True,
        "customer": {"ref": invoice.customer} if invoice.customer else None,
        "lines": lines,
        "adjustments": [],
        "tax_lines": [],
        "totals": {
            "gross_minor": total,
            "discount_minor": 0,
            "net_minor": total,
            "tax_minor": 0,
            "shipping_minor": 0,
            "grand_total_minor": total,
        },
        "payments": [_payment(kind, total)],
        "fulfillment": _fulfillment(kind, invoice),
    }


def stock_receipts(invoices: Iterable[Record], reference: str = "opening") -> list[Document]:
    """The JSON documents of `POST /v1/stock/movements` that bring in exactly what these records will take out."""
    demand: Counter[str] = Counter()
    for invoice in invoices:
        for line in invoice.lines:
            demand[line.sku] += line.quantity
    lines = [{"sku": sku, "quantity_milli": demand[sku] * 1000, "unit": _PIECE} for sku in sorted(demand)]
    return [
        {
            "movement": "receipt",
            "reference": f"{reference}-{number}",
            "lines": lines[start : start + MOVEMENT_LINES_MAX],
        }
        for number, start in enumerate(range(0, len(lines), MOVEMENT_LINES_MAX), start=1)
    ]


def _order_line(number: int, line: Line) -> Document:
    quantity_milli = line.quantity * 1000
    gross = gross_minor(quantity_milli, line.unit_price_minor)
    return {
        "line_id": str(number),
        "sku": line.sku,
        "description": line.description,
        "quantity_milli": quantity_milli,
        "unit": _PIECE,
        "unit_price_minor": line.unit_price_minor,
        "gross_minor": gross,
        "discount_minor": 0,
        "net_minor": gross,
        "tax_minor": 0,
        "traits": [],
    }


def _payment(kind: OrderType, total: int) -> Document:
    if kind == "sale":
        return {
            "payment_id": "p1",
            "tender": "cash",
            "amount_minor": total,
            "status": "captured",
            "authorization": "offline",
        }
    return {
        "payment_id": "p1",
        "tender": "card",
        "amount_minor": total,
        "status": "authorized",
        "authorization": "online",
    }


def _fulfillment(kind: OrderType, invoice: Invoice) -> Document:
    fulfillment: Document = {"method": _METHODS[kind]}
    if kind == "ship":
        name = f"Customer {invoice.customer}" if invoice.customer else "Customer"
        fulfillment["ship_to"] = {"name": name, "country": COUNTRIES[invoice.country]}
    return fulfillment


def to_utc(moment: datetime) -> str:
    """RFC 3339 with milliseconds, as the API wants it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The order document, schema version 1: what a till posts and what the log keeps (shared vocabulary in docs/orders.md).

The structs are arrays in the log, in the order of their fields (`array_like`): a field may be added at the end, with a
default, and nothing else may change without a new schema version. `edge_core.shapes` derives the JSON objects from the
same definitions. Money is an integer in minor units, quantities are integer thousandths, units are in the names.
"""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import astuple

from edge_core.limits import (
    ADDRESS_LINES_MAX,
    ADJUSTMENTS_MAX,
    ATTRIBUTION_KEYS_MAX,
    COMPLIANCE_AGE_YEARS_MAX,
    IDENTIFIER_CHARS_MAX,
    LICENSES_MAX,
    LINES_MAX,
    MONEY_MINOR_MAX,
    PAYMENTS_MAX,
    QUANTITY_MILLI_MAX,
    ROUTING_EXTRAS_MAX,
    TAX_LINES_MAX,
    TEXT_CHARS_MAX,
    TRAITS_MAX,
)
from edge_core.shapes import Written

SCHEMA_VERSION: Final = 1

# The end of the text in Python (where `$` also matches before a last newline) and in ECMA-262, which OpenAPI speaks.
# Patterns are `Written`: checked where people and programs write JSON, not again each time the log is read.
_END: Final = r"$(?!\n)"

Identifier = Annotated[
    str, Meta(min_length=1, max_length=IDENTIFIER_CHARS_MAX), Written(rf"^[!-~](?:[ -~]*[!-~])?{_END}")
]
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
Money = Annotated[int, Meta(ge=-MONEY_MINOR_MAX, le=MONEY_MINOR_MAX)]
Amount = Annotated[int, Meta(ge=0, le=MONEY_MINOR_MAX)]
Deduction = Annotated[int, Meta(ge=-MONEY_MINOR_MAX, le=0)]
Quantity = Annotated[int, Meta(gt=0, le=QUANTITY_MILLI_MAX)]
Unit = Annotated[str, Meta(description="UN/ECE Recommendation 20"), Written(rf"^[A-Z0-9]{{2,3}}{_END}")]
Utc = Annotated[
    str,
    Meta(description="RFC 3339, UTC, milliseconds: 2026-11-21T09:30:00.000Z"),
    Written(rf"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z{_END}"),
]
Date = Annotated[str, Meta(description="RFC 3339 full-date"), Written(rf"^20\d\d-\d\d-\d\d{_END}")]
Currency = Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217")]
Country = Annotated[str, Meta(description="ISO 3166-1 alpha-2"), Written(rf"^[A-Z]{{2}}{_END}")]
Region = Annotated[str, Meta(description="ISO 3166-2"), Written(rf"^[A-Z]{{2}}-[A-Z0-9]{{1,3}}{_END}")]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]

OrderType = Literal["sale", "pickup", "ship", "preorder", "exchange", "transfer"]
Trait = Literal["cold", "fragile", "liquid", "hazardous", "insured", "age_restricted"]
Method = Literal["carry_out", "ship", "pickup"]
Preference = Literal["fastest", "cheapest", "greenest"]
Extra = Literal["install", "take_back"]
PaymentPosted = Literal["pending", "authorized", "captured"]
Authorization = Literal["online", "offline", "store_and_forward"]


class Part(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A part of the document: an array in the log, an object in JSON."""


class Customer(Part, frozen=True):
    """Who buys, as the customer system names them."""

    ref: Identifier
    tier: Identifier | None = None


class Line(Part, frozen=True):
    """One line of the basket. gross = quantity x unit price, net = gross - discount; with tax inside net or not."""

    line_id: Identifier
    sku: Identifier
    quantity_milli: Quantity
    unit: Unit
    unit_price_minor: Amount
    gross_minor: Amount
    discount_minor: Amount
    net_minor: Amount
    tax_minor: Amount
    description: Text = ""
    traits: Annotated[tuple[Trait, ...], Meta(max_length=TRAITS_MAX)] = ()
    lot: Identifier | None = None
    expires_on: Date | None = None
    serial: Identifier | None = None
    weight_grams: Quantity | None = None
    parent_line_id: Identifier | None = None


class Adjustment(Part, frozen=True):
    """Why a discount was given. The amount is negative and spread over the lines that it names."""

    adjustment_id: Identifier
    kind: Literal["promotion", "coupon", "manual", "loyalty", "employee"]
    amount_minor: Deduction
    code: Identifier | None = None
    lines: Annotated[tuple[Identifier, ...], Meta(max_length=LINES_MAX)] = ()


class TaxLine(Part, frozen=True):
    """One rate of tax over the whole order; `rate_ppm` is parts per million (130000 is 13%)."""

    name: Name
    rate_ppm: Annotated[int, Meta(ge=0, le=2_000_000)]
    base_minor: Amount
    amount_minor: Amount


class Totals(Part, frozen=True):
    """The sums of the lines; the grand total is what the customer pays."""

    gross_minor: Amount
    discount_minor: Amount
    net_minor: Amount
    tax_minor: Amount
    shipping_minor: Amount
    grand_total_minor: Amount


class Payment(Part, frozen=True):
    """One tender. `token_ref` is the payment provider's reference and never a card number."""

    payment_id: Identifier
    tender: Literal["cash", "card", "wallet", "voucher", "gift_card", "bank_transfer", "on_account", "other"]
    amount_minor: Amount
    status: PaymentPosted
    authorization: Authorization
    expires_at: Utc | None = None
    token_ref: Identifier | None = None


class PaymentTerms(Part, frozen=True):
    """What of the total is due when, for orders that are not paid at once."""

    deposit_minor: Amount
    balance_due_minor: Amount
    balance_due_at: Utc | None = None


class Address(Part, frozen=True):
    """A postal address with its place on the map, where known."""

    name: Name
    country: Country
    phone: Text | None = None
    region: Region | None = None
    city: Text | None = None
    lines: Annotated[tuple[Text, ...], Meta(max_length=ADDRESS_LINES_MAX)] = ()
    postal_code: Text | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class Promise(Part, frozen=True, rename={"from_": "from"}):
    """The time window that the customer was promised."""

    from_: Utc
    to: Utc


class FulfillmentRequest(Part, frozen=True):
    """How the customer wants to get the goods, as the till knows it; `services` are what else the carrier is to do.

    `install` is to set the new one up, `take_back` to take the old one along.
    """

    method: Method
    preference: Preference | None = None
    ship_to: Address | None = None
    promise: Promise | None = None
    services: Annotated[tuple[Extra, ...], Meta(max_length=ROUTING_EXTRAS_MAX)] = ()


class Confirmations(Part, frozen=True):
    """What the till's operator has seen to: the buyer's age, licences, that the same basket is meant again."""

    age_years: Annotated[int, Meta(ge=0, le=COMPLIANCE_AGE_YEARS_MAX)] | None = None
    licenses: Annotated[tuple[Identifier, ...], Meta(max_length=LICENSES_MAX)] = ()
    duplicate: bool = False


class TillOrder(Part, frozen=True):
    """What a till posts to `POST /v1/orders`. The agent adds what is its own to give."""

    order_type: OrderType
    channel: Identifier
    store_id: Identifier
    terminal_id: Identifier
    placed_at: Utc
    currency: Currency
    prices_include_tax: bool
    lines: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=LINES_MAX)]
    totals: Totals
    fulfillment: FulfillmentRequest
    operator_id: Identifier | None = None
    customer: Customer | None = None
    adjustments: Annotated[tuple[Adjustment, ...], Meta(max_length=ADJUSTMENTS_MAX)] = ()
    tax_lines: Annotated[tuple[TaxLine, ...], Meta(max_length=TAX_LINES_MAX)] = ()
    payments: Annotated[tuple[Payment, ...], Meta(max_length=PAYMENTS_MAX)] = ()
    payment_terms: PaymentTerms | None = None
    bill_to: Address | None = None
    business_date: Date | None = None
    attribution: Annotated[dict[Identifier, Text], Meta(max_length=ATTRIBUTION_KEYS_MAX)] | None = None
    confirmations: Confirmations | None = None


def hashed_fields(order: TillOrder) -> list[Any]:
    """The fields of a posted order as its hash has them: one without services as it was before orders could have any.

    So a key that was sent to software of then still fits its body.
    """
    request = order.fulfillment
    without = astuple(request)[:-1] if not request.services else request
    return [without if value is request else value for value in astuple(order)]


class GroupLine(Part, frozen=True):
    """How much of a line goes with a group."""

    line_id: Identifier
    quantity_milli: Quantity


class FulfillmentGroup(Part, frozen=True):
    """Lines that travel together: how, from where, to whom."""

    group_id: Identifier
    method: Method
    lines: tuple[GroupLine, ...]
    preference: Preference | None = None


class OrderTotals(Totals, frozen=True):
    """The totals of the kept document, which also say whether tax is inside the prices."""

    prices_include_tax: bool


class Order(Part, frozen=True):
    """The kept document: the core fields less what the log itself says.

    `revision`, the groups' status and the payments' status are folds of the events; `node_id` and `origin` are the
    entry's own place in the log. `rendering` puts them all together into the 32 fields of the standard document.
    """

    order_id: UUID
    display_number: str
    idempotency_key: str
    payload_hash: bytes
    order_type: OrderType
    channel: str
    store_id: str
    terminal_id: str
    operator_id: str | None
    placed_at: Utc
    business_date: Date
    offline: bool
    customer_ref: str | None
    customer_tier: str | None
    bill_to: Address | None
    ship_to: Address | None
    currency: str
    lines: tuple[Line, ...]
    adjustments: tuple[Adjustment, ...]
    tax_lines: tuple[TaxLine, ...]
    totals: OrderTotals
    payments: tuple[Payment, ...]
    payment_terms: PaymentTerms | None
    fulfillment_groups: tuple[FulfillmentGroup, ...]
    promise: Promise | None
    attribution: dict[str, str] | None
    policy_versions: dict[str, str]

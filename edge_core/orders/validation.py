"""Checks of a posted order that need nothing but the order itself: it adds up, refers to itself, and is for this store.

Each check returns the first thing that is wrong as a `Rejected` with a JSON pointer, or None. Nothing here has state:
`check_order` may run before a decision is queued and gives the same answer for ever.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from edge_core.errors import Rejected
from edge_core.orders.currency import CURRENCIES
from edge_core.orders.document import TillOrder
from edge_core.orders.money import gross_minor

Check = Callable[[TillOrder], Rejected | None]

METHODS_OF_TYPE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sale": ("carry_out",),
        "ship": ("ship",),
        "pickup": ("pickup",),
        "preorder": ("ship", "pickup"),
        "exchange": ("carry_out", "ship", "pickup"),
    }
)


def check_exchange(order: TillOrder) -> Rejected | None:
    """Run every check on the order of an exchange, which is placed by the command `exchange` and in no other way."""
    if order.order_type != "exchange":
        detail = f"what goes instead is an order of type exchange, not {order.order_type}"
        return Rejected("flow-not-available", detail, "/order_type")
    return next((found for check in CHECKS if (found := check(order)) is not None), None)


def check_order(order: TillOrder, stores: frozenset[str] = frozenset()) -> Rejected | None:
    """Run every check in turn; `stores` are those that this agent serves, none meaning any."""
    refused = check_store(order, stores, "/store_id")
    if refused is not None:
        return refused
    if order.order_type == "exchange":
        detail = "an exchange is a command on the order whose goods come back"
        return Rejected("flow-not-available", detail, "/order_type")
    for check in CHECKS:
        found = check(order)
        if found is not None:
            return found
    return None


def check_store(order: TillOrder, stores: frozenset[str], pointer: str) -> Rejected | None:
    """Whether the order is for one of these stores; none means any."""
    if not stores or order.store_id in stores:
        return None
    served = ", ".join(sorted(stores))
    return Rejected("wrong-store", f"this agent serves {served}; the order names {order.store_id}", pointer)


def _check_flow(order: TillOrder) -> Rejected | None:
    methods = METHODS_OF_TYPE.get(order.order_type)
    if methods is None:
        return Rejected("flow-not-available", f"orders of type {order.order_type} are not taken yet", "/order_type")
    method = order.fulfillment.method
    if method not in methods:
        detail = f"an order of type {order.order_type} has the method {' or '.join(methods)}, not {method}"
        return Rejected("flow-not-available", detail, "/fulfillment/method")
    if method == "ship" and order.fulfillment.ship_to is None:
        return Rejected("invalid-document", "an order to ship needs an address", "/fulfillment/ship_to")
    services = order.fulfillment.services
    if services and method != "ship":
        detail = f"{services[0]} is done where goods are sent; the method is {method}"
        return Rejected("flow-not-available", detail, "/fulfillment/services")
    if order.order_type == "preorder" and order.payment_terms is None:
        return Rejected("invalid-document", "a pre-order needs payment terms: deposit and balance", "/payment_terms")
    return None


def _check_currency(order: TillOrder) -> Rejected | None:
    if order.currency not in CURRENCIES:
        return Rejected("unknown-currency", f"{order.currency!r} is not an active ISO 4217 code", "/currency")
    return None


def _check_times(order: TillOrder) -> Rejected | None:
    moments = [("/placed_at", order.placed_at)]
    promise = order.fulfillment.promise
    if promise is not None:
        moments += [("/fulfillment/promise/from", promise.from_), ("/fulfillment/promise/to", promise.to)]
    moments += [(f"/payments/{i}/expires_at", p.expires_at) for i, p in enumerate(order.payments) if p.expires_at]
    if order.payment_terms is not None and order.payment_terms.balance_due_at is not None:
        moments.append(("/payment_terms/balance_due_at", order.payment_terms.balance_due_at))
    for pointer, text in moments:
        if not is_moment(text):
            return Rejected("invalid-time", f"{text} does not exist", pointer)
    dates = [(f"/lines/{i}/expires_on", line.expires_on) for i, line in enumerate(order.lines) if line.expires_on]
    if order.business_date is not None:
        dates.append(("/business_date", order.business_date))
    for pointer, text in dates:
        if not is_date(text):
            return Rejected("invalid-time", f"{text} does not exist", pointer)
    if promise is not None and promise.from_ > promise.to:
        return Rejected("invalid-time", "the promise ends before it begins", "/fulfillment/promise/to")
    return None


def _check_identifiers(order: TillOrder) -> Rejected | None:
    services = list(order.fulfillment.services)
    if len(set(services)) < len(services):
        detail = f"each service is asked for once, found {', '.join(services)}"
        return Rejected("duplicate-identifier", detail, "/fulfillment/services")
    return (
        _twice("lines", "line_id", [line.line_id for line in order.lines])
        or _twice("adjustments", "adjustment_id", [a.adjustment_id for a in order.adjustments])
        or _twice("payments", "payment_id", [p.payment_id for p in order.payments])
    )


def _twice(name: str, field: str, values: list[str]) -> Rejected | None:
    if len(values) < 2 or len(set(values)) == len(values):
        return None
    index = next(i for i, value in enumerate(values) if value in values[:i])
    return Rejected("duplicate-identifier", f"{field} {values[index]!r} occurs twice", f"/{name}/{index}/{field}")


def _check_references(order: TillOrder) -> Rejected | None:
    known = {line.line_id for line in order.lines}
    for i, adjustment in enumerate(order.adjustments):
        for j, line_id in enumerate(adjustment.lines):
            if line_id not in known:
                detail = f"there is no line {line_id!r}"
                return Rejected("unknown-reference", detail, f"/adjustments/{i}/lines/{j}")
    for i, line in enumerate(order.lines):
        if line.parent_line_id is not None and line.parent_line_id not in known - {line.line_id}:
            detail = f"there is no line {line.parent_line_id!r} to be the parent"
            return Rejected("unknown-reference", detail, f"/lines/{i}/parent_line_id")
    return None


def _check_lines(order: TillOrder) -> Rejected | None:
    for i, line in enumerate(order.lines):
        gross = gross_minor(line.quantity_milli, line.unit_price_minor)
        if line.gross_minor != gross:
            return _mismatch(f"/lines/{i}/gross_minor", line.gross_minor, gross, "quantity x unit price, half up")
        if line.net_minor != line.gross_minor - line.discount_minor:
            net = line.gross_minor - line.discount_minor
            return _mismatch(f"/lines/{i}/net_minor", line.net_minor, net, "gross - discount")
        if order.prices_include_tax and line.tax_minor > line.net_minor:
            return _mismatch(f"/lines/{i}/tax_minor", line.tax_minor, line.net_minor, "at most the net amount")
    return None


def _check_totals(order: TillOrder) -> Rejected | None:
    totals = order.totals
    gross = discount = net = tax = 0
    for line in order.lines:
        gross += line.gross_minor
        discount += line.discount_minor
        net += line.net_minor
        tax += line.tax_minor
    grand = net + totals.shipping_minor + (0 if order.prices_include_tax else tax)
    sums = (
        ("/totals/gross_minor", totals.gross_minor, gross, "the lines' gross"),
        ("/totals/discount_minor", totals.discount_minor, discount, "the lines' discounts"),
        ("/totals/net_minor", totals.net_minor, net, "the lines' net"),
        ("/totals/tax_minor", totals.tax_minor, tax, "the lines' tax"),
        ("/totals/grand_total_minor", totals.grand_total_minor, grand, "net + shipping, + tax unless it is inside"),
    )
    for pointer, given, expected, rule in sums:
        if given != expected:
            return _mismatch(pointer, given, expected, rule)
    if order.tax_lines and sum(t.amount_minor for t in order.tax_lines) != tax:
        return _mismatch("/tax_lines", sum(t.amount_minor for t in order.tax_lines), tax, "the lines' tax")
    if order.adjustments and sum(a.amount_minor for a in order.adjustments) != -discount:
        return _mismatch("/adjustments", sum(a.amount_minor for a in order.adjustments), -discount, "the discounts")
    return None


def _check_payments(order: TillOrder) -> Rejected | None:
    for i, payment in enumerate(order.payments):
        if payment.token_ref is not None and looks_like_card_number(payment.token_ref):
            detail = "token_ref is the payment provider's reference; this one reads like a card number"
            return Rejected("card-number-refused", detail, f"/payments/{i}/token_ref")
    grand = order.totals.grand_total_minor
    paid = sum([p.amount_minor for p in order.payments])
    captured = sum([p.amount_minor for p in order.payments if p.status == "captured"])
    if order.order_type == "sale" and captured != grand:
        return Rejected("payment-mismatch", f"captured {captured}, the grand total is {grand}", "/payments")
    if paid > grand:
        return Rejected("payment-mismatch", f"payments of {paid} are more than the grand total {grand}", "/payments")
    terms = order.payment_terms
    if terms is not None and terms.deposit_minor + terms.balance_due_minor != grand:
        return Rejected("payment-mismatch", "deposit and balance are not the grand total", "/payment_terms")
    if order.order_type == "preorder" and terms is not None:
        secured = sum([p.amount_minor for p in order.payments if p.status != "pending"])
        if secured < terms.deposit_minor:
            detail = f"the deposit is {terms.deposit_minor}, authorized or captured are {secured}"
            return Rejected("payment-mismatch", detail, "/payments")
    return None


CHECKS: Final[tuple[Check, ...]] = (
    _check_flow,
    _check_currency,
    _check_times,
    _check_identifiers,
    _check_references,
    _check_lines,
    _check_totals,
    _check_payments,
)
# What `order.validated` records as having been looked at.
CHECK_NAMES: Final = tuple(check.__name__.removeprefix("_check_") for check in CHECKS)


def is_moment(text: str) -> bool:
    """Whether an RFC 3339 date-time exists in the calendar and on the clock."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_date(text: str) -> bool:
    """Whether an RFC 3339 full-date exists."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def looks_like_card_number(text: str) -> bool:
    """Whether a text is 13 to 19 digits, blanks and hyphens aside, with a valid check digit (ISO/IEC 7812-1, Luhn)."""
    digits = text.replace(" ", "").replace("-", "")
    if not (13 <= len(digits) <= 19 and digits.isdecimal()):
        return False
    doubled = [int(d) * 2 if i % 2 else int(d) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _mismatch(pointer: str, given: int, expected: int, rule: str) -> Rejected:
    return Rejected("totals-mismatch", f"{pointer} is {given}, expected {expected} ({rule})", pointer)

"""Orders of a channel as till orders, by a mapping. What cannot be mapped is refused, by itself, with place and reason.

Pure, and bounded by the size of what was sent (docs/channels.md).
"""

from collections.abc import Mapping as MappingType
from typing import Any, Final

import msgspec
from msgspec import Struct

from edge_core.channels.complete import complete
from edge_core.channels.functions import Context, Meter
from edge_core.channels.mapping import Mapping, pointer_of
from edge_core.channels.rows import orders_of
from edge_core.channels.template import Unmapped, evaluate, fill
from edge_core.errors import UNREADABLE, InvariantViolated, Rejected
from edge_core.limits import CHANNEL_BODY_BYTES_MAX, CHANNEL_ORDERS_MAX
from edge_core.orders.currency import CURRENCIES, minor_digits
from edge_core.orders.document import TillOrder
from edge_core.shapes import json_reader

# Amounts that a channel writes as JSON numbers stay texts: a float would not be the amount that was written.
_DECODER: Final = msgspec.json.Decoder(float_hook=str)
_READ: Final = json_reader(TillOrder)


class Adapted(Struct, frozen=True):
    """An order that could be mapped. `key` is its name at the channel: what makes a repeated delivery harmless."""

    key: str
    order: TillOrder


class Refused(Struct, frozen=True):
    """An order that could not; `key` where that much could be read."""

    key: str | None
    rejected: Rejected


def adapt(mapping: Mapping, body: bytes, given: MappingType[str, str]) -> tuple[Adapted | Refused, ...]:
    """Map what a channel sent: one order, a JSON list of them, or a file of rows.

    `given` are the values that the mapping asks its caller for. Whether an order adds up is not looked at here: that is
    for the checks that every order passes.
    """
    missing = [name for name in mapping.given if name not in given]
    if missing:
        raise InvariantViolated(f"the mapping of {mapping.channel} needs {', '.join(missing)}")
    try:
        orders = _orders(mapping, body)
    except Unmapped as error:
        return (Refused(None, _rejected(error)),)
    return tuple(_adapt(mapping, order, given) for order in orders)


def _orders(mapping: Mapping, body: bytes) -> list[Any]:
    if len(body) > CHANNEL_BODY_BYTES_MAX:
        raise Unmapped("", f"expected at most {CHANNEL_BODY_BYTES_MAX} bytes, found {len(body)}")
    if mapping.csv is not None:
        orders: list[Any] = orders_of(body, mapping.csv)
    else:
        try:
            decoded = _DECODER.decode(body)
        except UNREADABLE as error:
            raise Unmapped("", f"expected JSON: {error}") from error
        orders = decoded if isinstance(decoded, list) else [decoded]
    if len(orders) > CHANNEL_ORDERS_MAX:
        raise Unmapped("", f"expected at most {CHANNEL_ORDERS_MAX} orders, found {len(orders)}")
    return orders


def _adapt(mapping: Mapping, sent: Any, given: MappingType[str, str]) -> Adapted | Refused:
    key: str | None = None
    try:
        context = Context(sent, mapping.tables, given, Meter())
        key = _key(mapping, sent, context)
        return Adapted(key, _mapped(mapping, sent, context))
    except Unmapped as error:
        return Refused(key, _rejected(error))


def _key(mapping: Mapping, sent: Any, context: Context) -> str:
    name = evaluate(mapping.key, sent, context, "")
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise Unmapped("", f"expected the order's name at the channel, found {name!r}; by {mapping.key.text}")
    return f"{mapping.channel}:{name}"


def _mapped(mapping: Mapping, sent: Any, context: Context) -> TillOrder:
    for expression, because in mapping.refusals:
        if evaluate(expression, sent, context, "") not in (None, False, "", [], {}):
            raise Unmapped("", because)
    currency = evaluate(mapping.currency, sent, context, "/currency")
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise Unmapped("/currency", f"expected an active ISO 4217 code, found {currency!r}; by {mapping.currency.text}")
    context = msgspec.structs.replace(context, currency_digits=minor_digits(currency))
    order = fill(mapping.order, sent, context) or {}
    tax = None if mapping.rounded_tax is None else evaluate(mapping.rounded_tax, sent, context, "/totals/tax_minor")
    order = {"channel": mapping.channel, "currency": currency, **order}
    complete(order, tax if isinstance(tax, int) else None)
    try:
        return _READ(msgspec.json.encode(order))
    except (OverflowError, TypeError) as error:  # an integer of more than 64 bits, something that is no JSON
        raise Unmapped("", f"expected values that fit the order: {error}") from error
    except msgspec.ValidationError as error:
        pointer, text = pointer_of(error)
        raise Unmapped(pointer, text) from error


def _rejected(error: Unmapped) -> Rejected:
    return Rejected("channel-order-unmapped", str(error), error.pointer or None)

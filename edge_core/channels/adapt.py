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
from edge_core.channels.sources import source_of
from edge_core.channels.template import Unmapped, evaluate, fill
from edge_core.errors import UNREADABLE, InvariantViolated, Rejected
from edge_core.limits import (
    CHANNEL_BODY_BYTES_MAX,
    CHANNEL_DETAIL_CHARS_MAX,
    CHANNEL_KEY_CHARS_MAX,
    CHANNEL_ORDERS_MAX,
)
from edge_core.orders.currency import CURRENCIES, minor_digits
from edge_core.orders.document import TillOrder
from edge_core.shapes import json_reader

# Amounts that a channel writes as JSON numbers stay texts: a float would not be the amount that was written.
_DECODER: Final = msgspec.json.Decoder(float_hook=str)
_READ: Final = json_reader(TillOrder)


class Adapted(Struct, frozen=True):
    """An order that could be mapped. `key` is its name at the channel: what makes a repeated delivery harmless.

    `sent` is what the channel sent of it, and `place` where that stands in the whole (a JSON pointer).
    """

    key: str
    order: TillOrder
    sent: Any = None
    place: str = ""


class Refused(Struct, frozen=True):
    """An order that could not; `key` where that much could be read. `sent` and `place` are as in `Adapted`."""

    key: str | None
    rejected: Rejected
    sent: Any = None
    place: str = ""


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
    return tuple(_adapt(mapping, order, given, place) for place, order in orders)


def source_pointer(
    mapping: Mapping, outcome: Adapted | Refused, pointer: str | None, given: MappingType[str, str]
) -> str | None:
    """Where in the whole of what was sent the field stands that was read for a place of the order, if one was."""
    if pointer is None or outcome.sent is None:
        return None
    found = source_of(mapping, outcome.sent, given, pointer)
    return None if found is None else outcome.place + found


def pointed(mapping: Mapping, outcome: Adapted | Refused, rejected: Rejected, given: MappingType[str, str]) -> Rejected:
    """A refusal whose pointer leads to the field that was sent, where one was read; the detail says for what."""
    source = source_pointer(mapping, outcome, rejected.pointer, given)
    if source is None:
        return rejected
    detail = f"{rejected.detail} (for {rejected.pointer} of the order)"
    return msgspec.structs.replace(rejected, detail=detail, pointer=source)


def _orders(mapping: Mapping, body: bytes) -> list[tuple[str, Any]]:
    """What was sent of each order, and where it stands."""
    if len(body) > CHANNEL_BODY_BYTES_MAX:
        raise Unmapped("", f"expected at most {CHANNEL_BODY_BYTES_MAX} bytes, found {len(body)}")
    if mapping.csv is not None:
        orders: list[Any] = orders_of(body, mapping.csv)
    else:
        try:
            decoded = _DECODER.decode(body)
        except UNREADABLE as error:
            raise Unmapped("", f"expected JSON: {error}") from error
        if not isinstance(decoded, list):
            return [("", decoded)]
        orders = decoded
    if len(orders) > CHANNEL_ORDERS_MAX:
        raise Unmapped("", f"expected at most {CHANNEL_ORDERS_MAX} orders, found {len(orders)}")
    return [(f"/{at}", order) for at, order in enumerate(orders)]


def _adapt(mapping: Mapping, sent: Any, given: MappingType[str, str], place: str) -> Adapted | Refused:
    key: str | None = None
    try:
        context = Context(sent, mapping.tables, given, Meter())
        key = _key(mapping, sent, context)
        return Adapted(key, _mapped(mapping, sent, context), sent, place)
    except Unmapped as error:
        return Refused(key, _rejected(error), sent, place)


def _key(mapping: Mapping, sent: Any, context: Context) -> str:
    name = evaluate(mapping.key, sent, context, "")
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise Unmapped("", f"expected the order's name at the channel, found {name!r}; by {mapping.key.text}")
    key = f"{mapping.channel}:{name}"
    if len(key) > CHANNEL_KEY_CHARS_MAX or not key.isprintable():
        raise Unmapped("", f"expected an order's name of {CHANNEL_KEY_CHARS_MAX} printable characters at most")
    return key


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
    """What was found may be as long as what was sent: of a long text the two ends are told."""
    text, end = str(error), CHANNEL_DETAIL_CHARS_MAX // 2
    shown = text if len(text) <= CHANNEL_DETAIL_CHARS_MAX else f"{text[: end - 5]} ... {text[-end:]}"
    return Rejected("channel-order-unmapped", shown, error.pointer or None)

"""What an expression of a mapping may call besides the functions of JMESPath itself (docs/channels.md has the table).

All of them are total over what a channel may send: they give a value, give null for null, or raise `UnreadableValue`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from jmespath.functions import Functions as StandardFunctions
from msgspec import Struct

from edge_core.channels import moments
from edge_core.channels.amounts import MILLI_DIGITS, UnreadableValue, scaled, unit_price_minor
from edge_core.limits import CHANNEL_INTEGER_MAX, CHANNEL_STEP_WEIGHT, CHANNEL_STEPS_MAX, TEXT_CHARS_MAX

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]+")
_SUBDIVISION: Final = re.compile(r"[A-Z0-9]{1,3}")
_STANDARD: Final = StandardFunctions()
_LIGHT: Final = frozenset({"length", "type", "not_null", "to_array"})  # they look at the top of a value at most
OTHERWISE: Final = "*"  # the key of a table that stands for every other


class Meter:
    """Counts the steps that the expressions of one order take, so that no order takes for ever."""

    def __init__(self, steps_max: int = CHANNEL_STEPS_MAX) -> None:
        self._left = steps_max

    def step(self, count: int = 1) -> None:
        """Take one more, or so many. Raises `UnreadableValue` where there are none left."""
        self._left -= count
        if self._left < 0:
            raise UnreadableValue(f"expected an order that is mapped in {CHANNEL_STEPS_MAX} steps")

    def weigh(self, value: Any) -> None:
        """Take steps for the size of a value, one for each `CHANNEL_STEP_WEIGHT` parts and characters.

        A part that stands in it twice counts twice, as it does for whoever writes the value out.
        """
        waiting, weight = [value], 0
        while waiting:
            part = waiting.pop()
            if isinstance(part, dict):
                waiting.extend(part.values())
            elif isinstance(part, list):
                waiting.extend(part)
            weight += 1 + (len(part) if isinstance(part, str) else 0)
            if weight >= CHANNEL_STEP_WEIGHT:
                self.step(weight // CHANNEL_STEP_WEIGHT)
                weight %= CHANNEL_STEP_WEIGHT


class Context(Struct, frozen=True):
    """What an expression is evaluated in, besides the value at hand."""

    root: Any
    tables: Mapping[str, Mapping[str, str]]
    given: Mapping[str, str]
    meter: Meter
    currency_digits: int | None = None
    position: int = 0


class Functions:
    """The functions for one evaluation, in the form that JMESPath asks for: one method that calls them by name."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def call_function(self, name: str, arguments: list[Any]) -> Any:
        """Call one of ours, or one of the standard's, which raises for a name that it does not know."""
        if name in OWN:
            return OWN[name][0](self._context, *arguments)
        if name not in _LIGHT:
            self._context.meter.weigh(arguments)
        found = _STANDARD.call_function(name, arguments)
        if isinstance(found, str):
            self._context.meter.weigh(found)
        return found


def _root(context: Context) -> Any:
    return context.root


def _position(context: Context) -> int:
    return context.position


def _given(context: Context, name: Any) -> str | None:
    return context.given.get(str(name))


def _lookup(context: Context, table: Any, key: Any) -> str | None:
    rows = context.tables.get(str(table), {})
    return rows.get(str(key), rows.get(OTHERWISE))


def _minor(context: Context, value: Any) -> int | None:
    if context.currency_digits is None:
        raise UnreadableValue("the currency is not known here, so no amount can be read")
    return None if value is None else scaled(value, context.currency_digits)


def _milli(_context: Context, value: Any) -> int | None:
    return None if value is None else scaled(value, MILLI_DIGITS)


def _unit_price(_context: Context, total_minor: Any, quantity_milli: Any) -> int:
    return unit_price_minor(_integer(total_minor), _integer(quantity_milli))


def _total(_context: Context, values: Any) -> int:
    """The sum of a list of integers; a list that is not there has none."""
    if values is not None and not isinstance(values, list):
        raise UnreadableValue(f"expected a list, found {values!r}")
    return _bounded(sum(_integer(value) for value in values or ()))


def _plus(_context: Context, one: Any, other: Any) -> int:
    return _bounded(_integer(one) + _integer(other))


def _minus(_context: Context, one: Any, other: Any) -> int:
    return _bounded(_integer(one) - _integer(other))


def _times(_context: Context, one: Any, other: Any) -> int:
    return _bounded(_integer(one) * _integer(other))


def _comma(_context: Context, value: Any) -> str | None:
    return None if value is None else str(value).replace(".", "").replace(",", ".")


def _moment(_context: Context, value: Any) -> str | None:
    return None if value is None else moments.moment(value)


def _moment_at(_context: Context, value: Any, offset: Any) -> str | None:
    return None if value is None else moments.moment(value, str(offset))


def _moment_as(_context: Context, value: Any, layout: Any, offset: Any) -> str | None:
    return None if value is None else moments.moment_as(value, str(layout), str(offset))


def _day(_context: Context, value: Any) -> str | None:
    return None if value is None else moments.day(value)


def _text(_context: Context, value: Any) -> str | None:
    printable = _UNPRINTABLE.sub(" ", _written(value)).strip()
    return printable[:TEXT_CHARS_MAX].rstrip() or None


def _identifier(_context: Context, value: Any) -> str | None:
    return _written(value).strip() or None


def _region(_context: Context, country: Any, subdivision: Any) -> str | None:
    """ISO 3166-2, where the channel says it; null for a name written out."""
    nation, part = _written(country).strip(), _written(subdivision).strip().upper()
    part = part.removeprefix(f"{nation}-")
    return f"{nation}-{part}" if nation and _SUBDIVISION.fullmatch(part) else None


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise UnreadableValue(f"expected a text or a number, found {value!r}")
    return value if isinstance(value, str) else str(_bounded(value))


def _integer(value: Any) -> int:
    """An integer of an expression; nothing counts as zero."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnreadableValue(f"expected an integer, found {value!r}; minor() and milli() make one")
    return _bounded(value)


def _bounded(value: int) -> int:
    if abs(value) > CHANNEL_INTEGER_MAX:
        raise UnreadableValue("expected an integer of 64 bits, found a larger one")
    return value


# Name, what is called, how many arguments it takes.
OWN: Final[Mapping[str, tuple[Callable[..., Any], int]]] = {
    "root": (_root, 0),
    "position": (_position, 0),
    "given": (_given, 1),
    "lookup": (_lookup, 2),
    "minor": (_minor, 1),
    "milli": (_milli, 1),
    "unit_price": (_unit_price, 2),
    "total": (_total, 1),
    "plus": (_plus, 2),
    "minus": (_minus, 2),
    "times": (_times, 2),
    "comma": (_comma, 1),
    "moment": (_moment, 1),
    "moment_at": (_moment_at, 2),
    "moment_as": (_moment_as, 3),
    "day": (_day, 1),
    "text": (_text, 1),
    "identifier": (_identifier, 1),
    "region": (_region, 2),
}


def arities(name: str) -> tuple[int, int | None] | None:
    """How many arguments a function takes, at least and at most (None: any number); None for one that is not there."""
    if name in OWN:
        return OWN[name][1], OWN[name][1]
    found = StandardFunctions.FUNCTION_TABLE.get(name)
    if found is None:
        return None
    signature = found["signature"]
    is_variadic = bool(signature) and bool(signature[-1].get("variadic"))
    return len(signature), None if is_variadic else len(signature)

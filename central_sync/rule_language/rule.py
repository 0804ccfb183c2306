"""A rule as it is meant, whatever the language: conditions on facts that all hold, and what a policy then answers."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from msgspec import Struct

Sign = Literal[">=", ">", "<=", "<", "==", "!="]
Value = Decimal | str | bool


class Condition(Struct, frozen=True):
    """A fact of `edge_core.routing.facts`, compared.

    Words with `==` are those of which it is one, with `!=` those of which it is none; numbers have one value, and
    `weekday` several.
    """

    fact: str
    sign: Sign
    values: tuple[Value, ...]


class Outcome(Struct, frozen=True):
    """One answer of a policy, by its name: a number, yes, or words such as `liquid:cold`; `none` for no such bound."""

    name: str
    value: Decimal | bool | str | tuple[str, ...]


class Rule(Struct, frozen=True):
    """One sentence, one row of a decision table. Without conditions it is for every order."""

    conditions: tuple[Condition, ...]
    outcomes: tuple[Outcome, ...]


class Measure(NamedTuple):
    """A number that is compared: which fact, in which unit it is said, and how many of the fact's unit one of it is."""

    fact: str
    unit: str
    per_unit: int = 1


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        "WEIGHT_IS": Measure("weight_g", "KILOGRAMS", 1_000),
        "MARGIN_IS": Measure("margin_ppm", "PERCENT", 10_000),
        "PROMISE_IS": Measure("promise_hours", "HOURS"),
        "HOUR_IS": Measure("hour", "CLOCK"),
        "ATTEMPTS_ARE": Measure("attempts", "TIMES"),
    }
)
"""By the words that begin the condition. What an order is worth is apart: its unit is the currency."""


class Naming(NamedTuple):
    """A fact that is one of some words, or none of them, and the class of words that it is named by."""

    fact: str
    sign: Sign
    words: str


NAMINGS: Final[Mapping[str, Naming]] = MappingProxyType(
    {
        "GOES_TO": Naming("region", "==", "REGION"),
        "NOT_TO": Naming("region", "!=", "REGION"),
        "COUNTRY": Naming("country", "==", "COUNTRY_CODE"),
        "CUSTOMER": Naming("tier", "==", "TIER"),
        "CUSTOMER_NOT": Naming("tier", "!=", "TIER"),
        "CHANNEL_IS": Naming("channel", "==", "CHANNEL"),
        "PREFERS": Naming("preference", "==", "PREFERENCE"),
        "METHOD_IS": Naming("method", "==", "METHOD"),
        "DAY_IS": Naming("weekday", "==", "DAY"),
    }
)
"""By the words that begin the condition."""

BOUNDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "SEND_IN": ("parcels_max", "PARCELS"),
        "ON_THE_WAY": ("transit_hours_max", "HOURS"),
        "LOOK_AHEAD": ("expiry_days", "DAYS"),
    }
)
"""Answers that are a number of something, by the words that begin them, with the unit that they are said in."""

SWITCHES: Final[Mapping[str, tuple[str, bool]]] = MappingProxyType(
    {
        "PICK_FIRST": ("sorts_first", True),
        "PICK_IN_TURN": ("sorts_first", False),
        "KEEP_PROMISE": ("keeps_promise", True),
        "MAY_BE_LATE": ("keeps_promise", False),
    }
)
"""Answers that are a yes or a no, by their words."""

UNBOUNDED: Final[Mapping[str, str]] = MappingProxyType(
    {"LET_NO_LINE_WAIT": "backorder_minor", "ANY_TIME": "transit_hours_max"}
)
"""Answers that there is no such bound or price, by their words."""

EVERYTHING: Final = "*"
"""In a bar or a requirement: any goods, any mode."""

"""What a policy may ask and what it may answer: names with their types, the schema of every cell (docs/policies.md).

The names that are asked come from `edge_core.routing.facts`, those that are answered from the prices of a question:
neither list is written twice.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args, get_type_hints

from msgspec import Struct, structs

from edge_core.limits import (
    ROUTING_BARS_MAX,
    ROUTING_COST_MILLI_MAX,
    ROUTING_EXPIRY_DAYS_MAX,
    ROUTING_PARCELS_MAX,
)
from edge_core.orders.document import Trait
from edge_core.routing.facts import Facts
from edge_core.routing.question import Mode

Type = Literal["number", "word", "yesno", "words"]
Value = int | float | str | bool | None

_MILLI: Final = "_milli"
_UNIT_MILLI: Final = 1000


class Input(Struct, frozen=True):
    """A fact as a cell sees it. `is_known` is False for what some orders do not have: it is null there."""

    name: str
    field: str
    type: Type
    is_known: bool


class Output(Struct, frozen=True):
    """A name that a policy may answer with, and the field of `Prices` that it becomes.

    Numbers lie within `least` and `most`; `per_unit` of the price's unit make one of the policy's (a minor unit is a
    thousand of its thousandths, an hour so many milliseconds). `may_be_null` where "none at all" is an answer.
    """

    name: str
    field: str
    type: Type
    least: int = 0
    most: int = 0
    per_unit: int = 1
    may_be_null: bool = False


def _input(field: str, hint: object) -> Input:
    bases = set(get_args(hint)) or {hint}
    type_: Type = "yesno" if bool in bases else "word" if str in bases else "number"
    return Input(field.removesuffix(_MILLI), field, type_, type(None) not in bases)


INPUTS: Final[Mapping[str, Input]] = MappingProxyType(
    {one.name: one for one in (_input(field, hint) for field, hint in get_type_hints(Facts).items())}
)
"""Every fact by the name that cells use."""

_COST_MINOR_MAX: Final = ROUTING_COST_MILLI_MAX // 1000
_HOUR_MS: Final = 3_600_000
_HOURS_MAX: Final = 24 * 366


def _money(*names: str, least: int = 0, may_be_null: bool = False) -> list[Output]:
    most = _COST_MINOR_MAX
    return [Output(f"{n}_minor", f"{n}_milli", "number", least, most, 1000, may_be_null) for n in names]


OUTPUTS: Final[Mapping[str, Output]] = MappingProxyType(
    {
        one.name: one
        for one in (
            *_money("parcel", "late_hour", "hour", "carbon_kg", "reject", "km", "expiry_day"),
            *_money("store", "warehouse", "supplier", least=-_COST_MINOR_MAX),
            *_money("backorder", may_be_null=True),
            Output("expiry_days", "expiry_days", "number", 0, ROUTING_EXPIRY_DAYS_MAX),
            Output("keeps_promise", "keeps_promise", "yesno"),
            Output("parcels_max", "parcels_max", "number", 1, ROUTING_PARCELS_MAX),
            Output("transit_hours_max", "transit_ms_max", "number", 0, _HOURS_MAX, _HOUR_MS, may_be_null=True),
            Output("bars", "bars", "words", 0, ROUTING_BARS_MAX),
            Output("requires", "requires", "words", 0, ROUTING_BARS_MAX),
            Output("sorts_first", "sorts_first", "yesno"),
        )
    }
)
"""Every name that a policy may answer with."""

TRAITS: Final[tuple[str, ...]] = get_args(Trait)
MODES: Final[tuple[str, ...]] = get_args(Mode)
ANY: Final = "*"
"""In a bar: any goods, any mode."""


def named(facts: Facts) -> dict[str, Value]:
    """The facts as cells see them: quantities are units, `liquid_units`, and not thousandths."""
    given = structs.asdict(facts)
    return {one.name: _as_units(given[one.field]) if one.name != one.field else given[one.field] for one in _INPUTS}


_INPUTS: Final = tuple(INPUTS.values())


def _as_units(milli: int) -> int | float:
    return milli / _UNIT_MILLI if milli % _UNIT_MILLI else milli // _UNIT_MILLI

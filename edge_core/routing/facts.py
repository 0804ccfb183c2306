"""What a policy may look at: the order as facts with names, which are the schema of every policy (docs/routing.md).

Whole numbers in the record. In a policy, quantities are units and not thousandths: `liquid_units >= 3`.
"""

from typing import Annotated

from msgspec import Meta, Struct

from edge_core.limits import IDENTIFIER_CHARS_MAX, LINES_MAX, MONEY_MINOR_MAX

Count = Annotated[int, Meta(ge=0, le=LINES_MAX)]
Units = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Word = Annotated[str, Meta(max_length=IDENTIFIER_CHARS_MAX)]


class Facts(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One order, or what is left of it, as its policy sees it. An empty word is one that is not known.

    `tier` and `preference` are the customer's, `country` and `region` are where the goods go (ISO 3166), `hour` and
    `weekday` (1 is Monday) are local at the location that asks. `margin_ppm` is of the net price, None where a cost is
    not known. The lines and units of a trait count the goods that have it.
    """

    channel: Word = ""
    method: Word = ""
    tier: Word = ""
    preference: Word = ""
    country: Word = ""
    region: Word = ""
    currency: Word = ""
    value_minor: Annotated[int, Meta(ge=-MONEY_MINOR_MAX, le=MONEY_MINOR_MAX)] = 0
    margin_ppm: int | None = None
    weight_g: Units = 0
    lines: Count = 0
    units_milli: Units = 0
    cold_lines: Count = 0
    cold_units_milli: Units = 0
    fragile_lines: Count = 0
    fragile_units_milli: Units = 0
    liquid_lines: Count = 0
    liquid_units_milli: Units = 0
    hazardous_lines: Count = 0
    hazardous_units_milli: Units = 0
    insured_lines: Count = 0
    insured_units_milli: Units = 0
    age_restricted_lines: Count = 0
    age_restricted_units_milli: Units = 0
    hour: Annotated[int, Meta(ge=0, le=23)] = 0
    weekday: Annotated[int, Meta(ge=1, le=7)] = 1
    promise_hours: Annotated[int, Meta(ge=0)] = 0
    attempts: Annotated[int, Meta(ge=0)] = 0
    is_offline: bool = False
    wants_install: bool = False
    wants_take_back: bool = False

"""Decimal numerals as integers, exactly: money in minor units, quantities in thousandths. No float in between."""

import re
from typing import Final

_NUMERAL: Final = re.compile(r"([+-]?)(\d{1,18})(?:\.(\d{0,18}))?")
MILLI_DIGITS: Final = 3


class UnreadableValue(Exception):  # noqa: N818 - it names what happened
    """A value of the channel is not what a function of a mapping takes; the message says what was expected."""


def scaled(value: object, digits: int) -> int:
    """A numeral times 10 to the power of `digits`. Digits beyond those have to be zeros: nothing is rounded away."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise UnreadableValue(f"expected a decimal number, found {value!r}")
    found = _NUMERAL.fullmatch(str(value).strip())
    if found is None:
        raise UnreadableValue(f"expected a decimal number, found {value!r}")
    sign, whole, fraction = found[1], found[2], (found[3] or "").rstrip("0")
    if len(fraction) > digits:
        raise UnreadableValue(f"expected at most {digits} decimals, found {value!r}")
    return int(sign + whole + fraction.ljust(digits, "0"))


def unit_price_minor(total_minor: int, quantity_milli: int) -> int:
    """The smallest unit price at which a quantity costs at least a total, both zero or more.

    Three for 10.00 have no unit price in cents; at 3.34 they cost 10.02, of which 0.02 are a discount.
    """
    if total_minor < 0 or quantity_milli <= 0:
        raise UnreadableValue(f"expected a total for a quantity, found {total_minor} for {quantity_milli}")
    # gross is rounded half-up: quantity x price + 500 >= total x 1000.
    return max(0, -(-(total_minor * 1000 - 500) // quantity_milli))

"""Rounding is half-up and at most half a minor unit off."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from edge_core.limits import MONEY_MINOR_MAX, QUANTITY_MILLI_MAX
from edge_core.orders.money import gross_minor


@given(st.integers(1, QUANTITY_MILLI_MAX), st.integers(0, MONEY_MINOR_MAX))
def test_gross_is_the_product_rounded_half_up(quantity_milli: int, unit_price_minor: int) -> None:
    off = gross_minor(quantity_milli, unit_price_minor) - Fraction(quantity_milli * unit_price_minor, 1000)
    assert Fraction(-1, 2) < off <= Fraction(1, 2)

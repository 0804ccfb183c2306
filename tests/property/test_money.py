"""Money neither appears nor vanishes: parts add up, rounding is half-up and at most half a minor unit off."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from edge_core.limits import MONEY_MINOR_MAX, QUANTITY_MILLI_MAX
from edge_core.orders.money import gross_minor, spread

AMOUNTS = st.integers(0, MONEY_MINOR_MAX)
WEIGHTS = st.lists(AMOUNTS, min_size=1, max_size=20).filter(any)


@given(st.integers(-MONEY_MINOR_MAX, MONEY_MINOR_MAX), WEIGHTS)
def test_the_parts_of_an_amount_add_up_to_it(amount_minor: int, weights: list[int]) -> None:
    assert sum(spread(amount_minor, weights)) == amount_minor


@given(AMOUNTS, WEIGHTS)
def test_no_part_but_the_largest_differs_from_its_share_by_a_minor_unit(amount_minor: int, weights: list[int]) -> None:
    parts = spread(amount_minor, weights)
    largest = weights.index(max(weights))
    for index, (part, weight) in enumerate(zip(parts, weights, strict=True)):
        off = part - Fraction(amount_minor * weight, sum(weights))
        assert -1 < off <= 0 or (index == largest and 0 <= off < len(weights))


@given(st.integers(1, QUANTITY_MILLI_MAX), AMOUNTS)
def test_gross_is_the_product_rounded_half_up(quantity_milli: int, unit_price_minor: int) -> None:
    off = gross_minor(quantity_milli, unit_price_minor) - Fraction(quantity_milli * unit_price_minor, 1000)
    assert Fraction(-1, 2) < off <= Fraction(1, 2)

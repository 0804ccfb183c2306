"""Figures of two groups of orders: published examples, sums that add up, and guards that speak only when sure."""

from random import Random

import pytest
from msgspec.structs import replace

from edge_core.limits import POLICY_ORDERS_MIN
from edge_core.policy.figures import (
    FIGURES,
    Difference,
    Group,
    Guard,
    Outcome,
    Sums,
    breached,
    compare,
    group_of,
)

LATE = Guard("late", 20)
COST = Guard("cost_milli", 50)


def orders(
    count: int, *, late: int = 0, cost_milli: int = 5_000, spread_milli: int = 0, seed: int = 1
) -> list[Outcome]:
    random = Random(seed)
    return [
        Outcome(cost_milli + random.randint(-spread_milli, spread_milli), 1, 400, is_late=number < late)
        for number in range(count)
    ]


def figure(found: tuple[Difference, ...], name: str) -> Difference:
    return next(each for each in found if each.figure == name)


def test_the_difference_of_shares_has_the_interval_that_newcombe_published() -> None:
    """Newcombe 1998, table II, (a): 56 of 70 and 48 of 80, method 10, 95%."""
    found = figure(compare(group_of(orders(80, late=48)), group_of(orders(70, late=56))), "late")
    assert found.more.estimate == pytest.approx(0.2)
    assert found.more.low == pytest.approx(0.0524, abs=5e-5)
    assert found.more.high == pytest.approx(0.3339, abs=5e-5)


def test_a_share_has_the_interval_of_wilson() -> None:
    """Newcombe 1998 (single proportion), table I: 81 of 263, method 3, 95%."""
    some = group_of(orders(263, late=81))
    share = figure(compare(some, some), "late").control
    assert share.low == pytest.approx(0.2553, abs=5e-5)
    assert share.high == pytest.approx(0.3662, abs=5e-5)


def test_the_difference_of_means_is_in_its_interval_about_as_often_as_it_says() -> None:
    """400 pairs of groups whose means truly differ by 100: 95% of the intervals hold it, give or take chance."""
    held = 0
    for seed in range(400):
        before = group_of(orders(200, spread_milli=3_000, seed=seed))
        after = group_of(orders(100, cost_milli=5_100, spread_milli=1_000, seed=seed + 10_000))
        more = figure(compare(before, after), "cost_milli").more
        held += more.low <= 100 <= more.high
    assert 365 <= held <= 395


def test_figures_of_parts_add_up_to_those_of_the_whole() -> None:
    everything = orders(300, late=40, spread_milli=900)
    assert group_of(everything[:120]) + group_of(everything[120:]) == group_of(everything)
    assert group_of([]) == Group()


def test_the_spread_of_large_amounts_is_not_lost_in_rounding() -> None:
    near = Sums(2, 2 * 10**15 + 2, 10**30 + (10**15 + 2) ** 2)
    assert near.variance_of_mean == 1.0


def test_too_few_orders_are_not_compared() -> None:
    enough, few = group_of(orders(POLICY_ORDERS_MIN)), group_of(orders(POLICY_ORDERS_MIN - 1, late=POLICY_ORDERS_MIN))
    assert compare(enough, few) == ()
    assert breached(LATE, enough, few) is None
    assert len(compare(enough, enough)) == len(FIGURES)


def test_a_guard_speaks_once_it_is_sure_and_not_before() -> None:
    control = group_of(orders(5_000, late=250))
    assert breached(LATE, control, group_of(orders(100, late=10))) is None  # 5 points more, of few orders
    spoken = breached(LATE, control, group_of(orders(2_000, late=200)))
    assert spoken is not None
    assert spoken.more.low > 0.02
    assert breached(LATE, control, group_of(orders(2_000, late=130))) is None  # surely worse, within what is allowed


def test_a_guard_of_a_mean_counts_in_thousandths_of_what_it_was() -> None:
    control = group_of(orders(1_000, spread_milli=500))
    assert breached(COST, control, group_of(orders(1_000, cost_milli=5_400, spread_milli=500))) is not None
    assert breached(COST, control, group_of(orders(1_000, cost_milli=5_200, spread_milli=500))) is None
    assert breached(replace(COST, figure="parcels"), control, group_of(orders(1_000, cost_milli=9_000))) is None


def test_a_mean_of_nothing_has_no_share_to_be_more_than() -> None:
    free = group_of(orders(100, cost_milli=0))
    found = figure(compare(free, group_of(orders(100))), "cost_milli")
    assert found.more.estimate == 5_000
    assert found.more_permille is None
    assert breached(COST, free, group_of(orders(100))) == figure(
        compare(free, group_of(orders(100)), confidence_permille=990), "cost_milli"
    ), "whatever share of nothing is allowed"
    assert breached(COST, free, free) is None


def test_means_are_compared_once_enough_orders_were_routed_however_many_were_left_to_people() -> None:
    control = group_of(orders(1_000, spread_milli=3_000))
    by_people = [Outcome(0, 0, 0, is_late=False, is_manual=True)] * 200
    one = group_of([*orders(1, cost_milli=90_000), *by_people])
    assert [each.figure for each in compare(control, one)] == ["late", "manual"]
    assert breached(COST, control, one) is None, "one order is sure of nothing"
    assert breached(replace(COST, figure="manual"), control, one) is not None

"""The plan that sourcing finds is the best of all that there are, and the runner-up is the second."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_core.routing.grouping import _groups, _solve_groups, solve_any
from edge_core.routing.lanes import FAR, far_above, least_of, packed, sums, unpacked
from edge_core.routing.prices import Prices
from edge_core.routing.sourcing import overdrawn, solve
from edge_core.routing.tariffs import IMPOSSIBLE, charge_milli, charges_milli
from tests.rigs.sourcing import all_costs, random_problem

SEEDS = st.randoms(use_true_random=False)


@given(SEEDS, st.integers(1, 5), st.integers(0, 4), st.integers(1, 2))
def test_no_plan_is_cheaper_and_only_the_best_is_cheaper_than_the_runner_up(
    random: Random, lines: int, places: int, carriers: int
) -> None:
    problem = random_problem(random, lines=lines, places=places, carriers=carriers)
    costs = all_costs(problem)
    found = solve(problem)
    if found is None:
        assert costs == []
        return
    assert not found.is_truncated
    assert found.plan.cost_milli == costs[0]
    assert ([] if found.runner_up is None else [found.runner_up.cost_milli]) == costs[1:2]


@given(SEEDS, st.integers(1, 6))
def test_a_plan_sends_each_line_once_within_what_there_is(random: Random, lines: int) -> None:
    problem = random_problem(random, lines=lines, places=6, carriers=3)
    found = solve(problem)
    for plan in (found.plan, found.runner_up) if found else ():
        if plan is not None:
            assert sum(parcel.lines for parcel in plan.parcels) == (1 << lines) - 1
            assert len(plan.parcels) <= problem.parcels_max
            assert overdrawn(problem, plan) is None


@given(SEEDS, st.integers(1, 6))
def test_the_table_of_prices_says_what_each_set_costs_by_itself(random: Random, lines: int) -> None:
    problem = random_problem(random, lines=lines, places=5, carriers=2)
    bans = [(stock.place, random.randrange(lines)) for stock in problem.stocks if random.random() < 0.5]
    prices = Prices(problem)
    by_set = prices.of_sets(bans)
    for lines_of_set in range(1, 1 << lines):
        assert by_set[lines_of_set] == prices.of_set(lines_of_set, bans)


@given(SEEDS, st.lists(st.integers(0, 40_000)))
def test_many_weights_are_charged_as_each_by_itself(random: Random, weights_g: list[int]) -> None:
    weights_g.sort()
    for tariff in random_problem(random, lines=1, places=1, carriers=3).tariffs:
        assert charges_milli(tariff, weights_g) == [charge_milli(tariff, weight_g) for weight_g in weights_g]


@settings(max_examples=30)
@given(SEEDS, st.integers(11, 14))
def test_more_lines_than_an_exact_search_takes_get_a_plan_that_can_be_carried_out(random: Random, lines: int) -> None:
    problem = random_problem(random, lines=lines, places=6, carriers=2)
    found = solve_any(problem)
    if found is not None:
        assert sum(parcel.lines for parcel in found.plan.parcels) == (1 << lines) - 1
        assert overdrawn(problem, found.plan) is None
        assert all(parcel.cost_milli < IMPOSSIBLE >> 1 for parcel in found.plan.parcels)
        assert found.is_truncated or len(found.plan.parcels) == 1


@settings(max_examples=20)
@given(SEEDS, st.integers(11, 13))
def test_lines_that_are_on_their_own_again_in_turn_never_make_a_plan_dearer(random: Random, lines: int) -> None:
    problem = random_problem(random, lines=lines, places=5, carriers=2)
    groups, found = _groups(problem), solve_any(problem)
    in_groups = None if groups is None else _solve_groups(problem, groups)
    assert (found is None) == (in_groups is None)
    if found is not None and in_groups is not None:
        assert found.plan.cost_milli <= in_groups.plan.cost_milli
        assert found.runner_up is None or found.runner_up.cost_milli >= found.plan.cost_milli
        assert found.runner_up != found.plan


@given(SEEDS, st.integers(1, 6))
def test_lanes_add_and_compare_each_number_by_itself(random: Random, lines: int) -> None:
    parts = [[random.choice([None, 0, random.getrandbits(57)]) for _ in range(lines)] for _ in range(3)]
    starts = [random.getrandbits(57) for _ in parts]
    each = [sums(own, start) for own, start in zip(parts, starts, strict=True)]
    lists = [_listed(own, start) for own, start in zip(parts, starts, strict=True)]
    assert [[min(number, FAR) for number in unpacked(lanes, lines)] for lanes in each] == lists
    least = [min(numbers) for numbers in zip(*lists, strict=True)]
    assert [min(number, FAR) for number in unpacked(least_of(each, lines), lines)] == least
    limit = random.choice(lists[0])
    assert unpacked(far_above(each[0], limit, lines), lines) == tuple(
        FAR if number > limit else 0 for number in unpacked(each[0], lines)
    )
    assert unpacked(packed(lists[0]), lines) == tuple(lists[0])


def _listed(parts: list[int | None], start: int) -> list[int]:
    """What `sums` says, set by set."""
    found = []
    for of_set in range(1 << len(parts)):
        own = [part for line, part in enumerate(parts) if of_set >> line & 1]
        found.append(FAR if None in own else start + sum(part for part in own if part is not None))
    return found

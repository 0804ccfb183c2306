"""More lines than an exact search takes: some of them go together, and the search is exact over those groups.

Then some lines in turn are groups of their own, and the others stay together as they are in the plan. What is found is
feasible and good, and perhaps not best: it is marked as truncated, unless one parcel carries everything and nothing
that is divided could cost less.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from edge_core.limits import ROUTING_LINES_EXACT_MAX, ROUTING_TURNS_MAX
from edge_core.routing.problem import Option, Parcel, Plan, Problem, Solution, Stock
from edge_core.routing.sourcing import solve


def solve_any(problem: Problem) -> Solution | None:
    """`solve`, for any number of lines."""
    if len(problem.weights_g) <= ROUTING_LINES_EXACT_MAX:
        return solve(problem)
    groups = _groups(problem)
    found = None if groups is None else _solve_groups(problem, groups)
    if found is None or (len(found.plan.parcels) == 1 and found.plan.cost_milli <= _divided_milli_min(problem)):
        return found
    return replace(_improved(problem, found), is_truncated=True)


def _improved(problem: Problem, found: Solution) -> Solution:
    """Some lines are on their own again and the others go as they do in the plan, in turn: it never becomes dearer.

    It ends when each line was on its own twice, beside others, and the plan stayed as it was.
    """
    count, first, in_vain = len(problem.weights_g), 0, 0
    for _ in range(ROUTING_TURNS_MAX):
        parcels = [parcel.lines for parcel in found.plan.parcels]
        free = ROUTING_LINES_EXACT_MAX - len(parcels)
        alone = [1 << (first + at) % count for at in range(free)]
        together = (lines & ~sum(alone) for lines in parcels)
        again = _solve_groups(problem, [*alone, *(lines for lines in together if lines)])
        better = found if again is None else _best_of(found, again)
        in_vain = in_vain + free if better.plan == found.plan else 0
        found, first = better, first + free
        if in_vain >= 2 * count:
            break
    return found


def _best_of(one: Solution, other: Solution) -> Solution:
    """The best plan of two answers, and the next best one of all their plans."""
    plans = (one.plan, one.runner_up, other.plan, other.runner_up)
    best, *others = sorted({plan for plan in plans if plan is not None}, key=_order)
    return Solution(best, others[0] if others else None, one.is_truncated or other.is_truncated)


def _order(plan: Plan) -> tuple[int, list[tuple[int, int]]]:
    return plan.cost_milli, [(parcel.option, parcel.lines) for parcel in plan.parcels]


def _solve_groups(problem: Problem, groups: list[int]) -> Solution | None:
    """The best plan in which each group stays together."""
    found = solve(_joined(problem, groups))
    if found is None:
        return None
    runner_up = None if found.runner_up is None else _apart(found.runner_up, groups)
    return Solution(_apart(found.plan, groups), runner_up, found.is_truncated)


def _groups(problem: Problem) -> list[int] | None:
    """As many groups as an exact search takes. Each can go as one parcel: somebody carries all of its lines."""
    groups: list[int] = []
    left = (1 << len(problem.weights_g)) - 1
    while left:
        most = max((option.lines & left for option in problem.options), key=int.bit_count, default=0)
        if not most:
            return None
        groups.append(most)
        left &= ~most
    while len(groups) < ROUTING_LINES_EXACT_MAX:
        largest = max(groups, key=int.bit_count)
        groups.remove(largest)
        groups += _halves(problem, largest)
    return groups if len(groups) == ROUTING_LINES_EXACT_MAX else None


def _halves(problem: Problem, group: int) -> tuple[int, int]:
    """A group in two: those lines apart that other options carry; where there are none, one half of them."""
    bits = [1 << at for at in range(group.bit_length()) if group >> at & 1]
    carriers = {bit: tuple(option.lines & bit != 0 for option in problem.options) for bit in bits}
    alike = sum(bit for bit in bits if carriers[bit] == carriers[bits[0]])
    part = alike if alike != group else sum(bits[: len(bits) // 2])
    return part, group & ~part


def _joined(problem: Problem, groups: list[int]) -> Problem:
    """The problem with a group in the place of each of its lines."""
    return Problem(
        tuple(_sum(problem.weights_g, group) for group in groups),
        tuple(_joined_option(option, groups) for option in problem.options),
        problem.tariffs,
        tuple(_joined_stock(stock, groups) for stock in problem.stocks),
        problem.parcels_max,
    )


def _joined_option(option: Option, groups: list[int]) -> Option:
    lines = sum(1 << at for at, group in enumerate(groups) if group & ~option.lines == 0)
    return replace(option, lines=lines, line_milli=tuple(_sum(option.line_milli, group) for group in groups))


def _joined_stock(stock: Stock, groups: list[int]) -> Stock:
    needs = (
        (at, sum(milli for line, milli in stock.needs_milli if group >> line & 1)) for at, group in enumerate(groups)
    )
    return replace(stock, needs_milli=tuple(need for need in needs if need[1]))


def _apart(plan: Plan, groups: list[int]) -> Plan:
    """A plan for groups as one for their lines, in the order of their first ones."""
    parcels = (_apart_parcel(parcel, groups) for parcel in plan.parcels)
    return Plan(tuple(sorted(parcels, key=lambda parcel: parcel.lines & -parcel.lines)))


def _apart_parcel(parcel: Parcel, groups: list[int]) -> Parcel:
    return replace(parcel, lines=sum(group for at, group in enumerate(groups) if parcel.lines >> at & 1))


def _divided_milli_min(problem: Problem) -> int:
    """What two parcels or more cost at the least: the cheapest parcel as often as it must or pays, lines at theirs."""
    parcel = min(
        option.fixed_milli
        + min((max(band.base_milli, band.charge_milli_min) for band in problem.tariffs[option.tariff]), default=0)
        for option in problem.options
    )
    lines = (
        min((option.line_milli[at] for option in problem.options if option.lines >> at & 1), default=0)
        for at in range(len(problem.weights_g))
    )
    parcels = 2 if parcel >= 0 else min(problem.parcels_max, len(problem.weights_g))
    return parcels * parcel + sum(lines)


def _sum(parts: Iterable[int], group: int) -> int:
    return sum(part for at, part in enumerate(parts) if group >> at & 1)

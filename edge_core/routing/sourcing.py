"""The best way to divide an order's lines among places and carriers, exactly (docs/routing.md, "Sourcing").

Lines are bits, a parcel is a set of them that one option (a place and a carrier's service) carries. With the cheapest
option of every set known, the cheapest division is found over sets alone:

    best[S] = min over options of the cost of S as one parcel
    f[m]    = min over S in m that contain the highest bit of m of best[S] + f[m without S]

A cost may depend on a set's weight in any way, so steps and minimum charges of tariffs are exact. Two parcels of one
plan may want the same goods of one place; then the search goes on along "this line does not go from there", for each
of the lines that share. It counts its branches and looks at no clock, so that an answer can be had again (G12).
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from edge_core.limits import ROUTING_BRANCHES_MAX
from edge_core.routing.partition import Division, Divisions, price_of
from edge_core.routing.prices import OUT_OF_REACH, Ban, Prices, cost_milli, need_milli, option_rank
from edge_core.routing.problem import Parcel, Plan, Problem, Solution, Stock


class _Found(NamedTuple):
    """A plan as the search keeps it: the cheapest first, of equals the one with fewer bans."""

    price: int
    bans: tuple[Ban, ...]
    plan: Plan


def solve(problem: Problem) -> Solution | None:
    """The best plan and the next best, None where the lines cannot all go.

    The lines are `ROUTING_LINES_EXACT_MAX` at most; `grouping` makes them so.
    """
    search = _Search(problem)
    best, is_truncated = search.cheapest()
    if best is None:
        return None
    runner_up, is_cut = search.cheapest(but=best)
    return Solution(best, runner_up, is_truncated or is_cut)


class _Search:
    """One problem, with what was found out under each set of bans that was tried."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._prices = Prices(problem)
        self._divisions: dict[tuple[Ban, ...], Divisions] = {}

    def cheapest(self, but: Plan | None = None) -> tuple[Plan | None, bool]:
        """The cheapest plan in which no goods are promised twice, and whether the search was given up before it."""
        found = self._relaxed((), but)
        waiting = [found] if found else []
        seen: set[tuple[Ban, ...]] = {()}
        branches = 0
        while waiting:
            node = heappop(waiting)
            shared = overdrawn(self._problem, node.plan)
            if shared is None:
                return node.plan, branches > ROUTING_BRANCHES_MAX
            if branches > ROUTING_BRANCHES_MAX:
                waiting.clear()  # now straight down: each ban makes the problem smaller, so it ends
            for bans in _branches(self._problem, node, shared):
                if bans not in seen:
                    seen.add(bans)
                    branches += 1
                    found = self._relaxed(bans, but)
                    if found is not None:
                        heappush(waiting, found)
        return None, branches > ROUTING_BRANCHES_MAX

    def _relaxed(self, bans: tuple[Ban, ...], but: Plan | None) -> _Found | None:
        """The cheapest plan but one where only the bans keep parcels from the same goods."""
        if bans not in self._divisions:
            self._divisions[bans] = Divisions(self._prices.of_sets(bans), self._problem.parcels_max)
        divisions = self._divisions[bans]
        found: Division | None = divisions.cheapest()
        if found is not None and but is not None and _plan(found) == but:
            others = [self._prices.of_set(part.elements, bans, without=option_rank(part.price)) for part in found]
            found = divisions.second(found, others)
        if not found or any(part.price >= OUT_OF_REACH for part in found):
            return None
        return _Found(price_of(found), bans, _plan(found))


def _plan(division: Division) -> Plan:
    """A division as parcels, in the order of their first lines."""
    in_order = sorted(division, key=lambda part: part.elements & -part.elements)
    return Plan(tuple(Parcel(part.elements, option_rank(part.price), cost_milli(part.price)) for part in in_order))


def overdrawn(problem: Problem, plan: Plan) -> Stock | None:
    """The first stock of which the parcels of a plan take more than there is."""
    from_place: dict[int, int] = {}
    for parcel in plan.parcels:
        place = problem.options[parcel.option].place
        from_place[place] = from_place.get(place, 0) | parcel.lines
    for stock in problem.stocks:
        lines = from_place.get(stock.place, 0)
        if need_milli(stock, lines) > stock.limit_milli:
            return stock
    return None


def _branches(problem: Problem, node: _Found, stock: Stock) -> Iterator[tuple[Ban, ...]]:
    """In every plan that fits, one of the lines that share goes from elsewhere."""
    lines = 0
    for parcel in node.plan.parcels:
        if problem.options[parcel.option].place == stock.place:
            lines |= parcel.lines
    for line, milli in stock.needs_milli:
        if milli and lines >> line & 1:
            yield tuple(sorted({*node.bans, (stock.place, line)}))

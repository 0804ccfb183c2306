"""The best way to divide an order's lines among places and carriers, exactly (docs/routing.md, "Sourcing").

Lines are bits, a parcel is a set of them that one option (a place and a carrier's service) carries. With the cheapest
option of every set known, the cheapest division is found over sets alone:

    best[S] = min over options of the cost of S as one parcel
    f[m]    = min over S in m that contain the lowest bit of m of best[S] + f[m without S]

A cost may depend on a set's weight in any way, so steps and minimum charges of tariffs are exact. Two parcels of one
plan may want the same goods of one place; then the search goes on along "this line does not go from there", for each
of the lines that share. It counts its branches and looks at no clock, so that an answer can be had again (G12).
"""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from msgspec.structs import replace

from edge_core.limits import ROUTING_BRANCHES_MAX
from edge_core.routing.partition import divide
from edge_core.routing.prices import OUT_OF_REACH, cost_milli, need_milli, option_rank, price_set, price_sets
from edge_core.routing.problem import Option, Parcel, Plan, Problem, Solution, Stock

_Ban = tuple[int, int]
"""A place, and the bit of a line that does not go from there."""


class _Found(NamedTuple):
    """A plan as the search keeps it: the cheapest first, of equals the one with fewer bans."""

    price: int
    bans: tuple[_Ban, ...]
    plan: Plan


def solve(problem: Problem) -> Solution | None:
    """The best plan and the next best, None where the lines cannot all go.

    The lines are `ROUTING_LINES_EXACT_MAX` at most; `grouping` makes them so.
    """
    search = _Search(problem)
    best, is_truncated = search.cheapest()
    if best is None:
        return None
    others = []
    for parcel in best.parcels:
        # Whatever plan is not the best one lacks one of its parcels (Lawler 1972).
        other, is_cut = search.cheapest(without=parcel)
        is_truncated = is_truncated or is_cut
        if other is not None:
            others.append(other)
    return Solution(best, min(others, key=lambda plan: plan.cost_milli, default=None), is_truncated)


class _Search:
    """One problem, with the prices of its sets under each set of bans that was tried."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._prices: dict[tuple[_Ban, ...], list[int]] = {}

    def cheapest(self, without: Parcel | None = None) -> tuple[Plan | None, bool]:
        """The cheapest plan in which no goods are promised twice, and whether the search was given up before it."""
        found = self._relaxed((), without)
        waiting = [found] if found else []
        seen: set[tuple[_Ban, ...]] = {()}
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
                    found = self._relaxed(bans, without)
                    if found is not None:
                        heappush(waiting, found)
        return None, branches > ROUTING_BRANCHES_MAX

    def _relaxed(self, bans: tuple[_Ban, ...], without: Parcel | None) -> _Found | None:
        """The cheapest plan where only the bans keep parcels from the same goods."""
        options = _under(self._problem.options, bans)
        if bans not in self._prices:
            self._prices[bans] = price_sets(self._problem, options)
        prices = self._prices[bans]
        if without is not None:
            prices = prices.copy()
            lines = without.lines
            if option_rank(prices[lines]) == without.option:
                prices[lines] = price_set(self._problem, options, lines, without=without.option)
        parts = divide(prices, self._problem.parcels_max).parts
        price = sum(prices[part] for part in parts)
        if any(prices[part] >= OUT_OF_REACH for part in parts) or len(parts) == 0:
            return None
        parcels = tuple(Parcel(part, option_rank(prices[part]), cost_milli(prices[part])) for part in parts)
        return _Found(price, bans, Plan(parcels))


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


def _branches(problem: Problem, node: _Found, stock: Stock) -> Iterator[tuple[_Ban, ...]]:
    """In every plan that fits, one of the lines that share goes from elsewhere."""
    lines = 0
    for parcel in node.plan.parcels:
        if problem.options[parcel.option].place == stock.place:
            lines |= parcel.lines
    for line, milli in stock.needs_milli:
        if milli and lines >> line & 1:
            yield tuple(sorted({*node.bans, (stock.place, line)}))


def _under(options: Sequence[Option], bans: Sequence[_Ban]) -> Sequence[Option]:
    if not bans:
        return options
    barred: dict[int, int] = {}
    for place, line in bans:
        barred[place] = barred.get(place, 0) | 1 << line
    return [replace(option, lines=option.lines & ~barred.get(option.place, 0)) for option in options]

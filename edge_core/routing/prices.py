"""What each set of lines costs as one parcel, by the cheapest option that can carry it.

A price is a cost and, in its low bits, the rank of its option. So of two options that cost the same the one that comes
first wins, a sum of prices breaks ties by the sum of ranks, and one comparison of integers is all that is needed.

Prices are compared in `lanes`, as what they are above the lowest of their kind: so no credit makes one negative, and
each fits. What is `ROUTING_DEARER_MILLI_MAX` above the lowest is left out.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Final

from msgspec.structs import replace

from edge_core.limits import ROUTING_DEARER_MILLI_MAX, ROUTING_OPTIONS_BITS
from edge_core.routing.dominance import undominated
from edge_core.routing.lanes import FAR, far_above, least_of, packed, sums, unpacked
from edge_core.routing.problem import Option, Problem, Stock
from edge_core.routing.tariffs import IMPOSSIBLE, charge_milli, charges_milli

Ban = tuple[int, int]
"""A place that has a stock, and the bit of a line that does not go from there."""

OUT_OF_REACH: Final = 1 << 90
"""A price from here on means that no option carries the set: no sum of real ones, and no credit, comes near it."""

_RANK_MASK: Final = (1 << ROUTING_OPTIONS_BITS) - 1


def cost_milli(price: int) -> int:
    """The cost in a price, or in a sum of them."""
    return price >> ROUTING_OPTIONS_BITS


def option_rank(price: int) -> int:
    """The option in the price of one set."""
    return price & _RANK_MASK


def need_milli(stock: Stock, lines: int) -> int:
    """How much a set of lines takes of what they share."""
    return sum(milli for line, milli in stock.needs_milli if lines >> line & 1)


class Prices:
    """The prices of one problem, under whatever bans: a place's lanes are made once for what it is barred from."""

    def __init__(self, problem: Problem) -> None:
        columns = list(zip(*(option.line_milli for option in problem.options), strict=True))
        self._line_floors = [min(column) for column in columns] or [0] * len(problem.weights_g)
        self._fixed_floor = min((option.fixed_milli for option in problem.options), default=0)
        is_narrow = all(max(each) - min(each) <= ROUTING_DEARER_MILLI_MAX for each in columns)
        if not is_narrow or any(self._is_far(option) for option in problem.options):
            problem = replace(problem, options=tuple(self._without_far(option) for option in problem.options))
        self._problem = problem
        self._lines = len(problem.weights_g)
        self._ranks_by_place: dict[int, list[int]] = {}
        for rank in undominated(problem):
            self._ranks_by_place.setdefault(problem.options[rank].place, []).append(rank)
        self._of_places: dict[tuple[int, int], int] = {}
        self._of_tariffs: dict[int, int] = {}

    def of_sets(self, bans: Iterable[Ban] = ()) -> list[int]:
        """The price of every set of lines."""
        barred = _barred(bans)
        lanes = [self._of_place(place, barred.get(place, 0)) for place in self._ranks_by_place]
        above = unpacked(least_of(lanes, self._lines), self._lines)
        return [
            price + floor if price < FAR else OUT_OF_REACH for price, floor in zip(above, self._floors, strict=True)
        ]

    def of_set(self, lines: int, bans: Iterable[Ban] = (), *, without: int | None = None) -> int:
        """The price of one set, where one option may not be taken for it."""
        barred = _barred(bans)
        short = {stock.place for stock in self._problem.stocks if need_milli(stock, lines) > stock.limit_milli}
        bits = [bit for bit in range(self._lines) if lines >> bit & 1]
        weight_g = sum(self._problem.weights_g[bit] for bit in bits)
        best = OUT_OF_REACH
        for rank, option in enumerate(self._problem.options):
            is_kept = option.place in short or lines & barred.get(option.place, 0)
            if rank == without or is_kept or lines & ~option.lines:
                continue
            charge = charge_milli(self._problem.tariffs[option.tariff], weight_g)
            if charge < IMPOSSIBLE:
                cost = option.fixed_milli + charge + sum(option.line_milli[bit] for bit in bits)
                best = min(best, cost << ROUTING_OPTIONS_BITS | rank)
        return best

    def _of_place(self, place: int, barred: int) -> int:
        """The lanes of the cheapest of a place's options, where some lines do not go from there."""
        known = self._of_places.get((place, barred))
        if known is not None:
            return known
        lanes = least_of([self._of_option(rank, barred) for rank in self._ranks_by_place[place]], self._lines)
        for stock in self._problem.stocks:
            if stock.place == place:
                needs = dict(stock.needs_milli)
                wanted = sums([needs.get(line, 0) for line in range(self._lines)])
                lanes |= far_above(wanted, stock.limit_milli, self._lines)
        self._of_places[place, barred] = lanes
        return lanes

    def _of_option(self, rank: int, barred: int) -> int:
        option = self._problem.options[rank]
        lines = option.lines & ~barred
        parts = [
            milli - floor << ROUTING_OPTIONS_BITS if lines >> line & 1 else None
            for line, (milli, floor) in enumerate(zip(option.line_milli, self._line_floors, strict=True))
        ]
        fixed = option.fixed_milli - self._fixed_floor << ROUTING_OPTIONS_BITS | rank
        return sums(parts, fixed) + self._of_tariff(option.tariff)

    def _of_tariff(self, tariff: int) -> int:
        """What a carrier takes for each set."""
        if tariff not in self._of_tariffs:
            in_order_g, by_set = self._weights
            charges = charges_milli(self._problem.tariffs[tariff], in_order_g)
            self._of_tariffs[tariff] = packed(by_set(charges)) << ROUTING_OPTIONS_BITS
        return self._of_tariffs[tariff]

    @cached_property
    def _weights(self) -> tuple[list[int], Callable[[Sequence[int]], tuple[int, ...]]]:
        """What the sets weigh, in order of weight, and what puts a list in that order into the order of the sets."""
        weights_g = _sums(self._problem.weights_g)
        order = sorted(range(len(weights_g)), key=weights_g.__getitem__)
        places = [0] * len(order)
        for place, at in enumerate(order):
            places[at] = place
        return [weights_g[at] for at in order], itemgetter(*places)

    @cached_property
    def _floors(self) -> list[int]:
        """What prices in lanes leave out."""
        floors = [floor << ROUTING_OPTIONS_BITS for floor in self._line_floors]
        return _sums(floors, self._fixed_floor << ROUTING_OPTIONS_BITS)

    def _is_far(self, option: Option) -> bool:
        return option.fixed_milli - self._fixed_floor > ROUTING_DEARER_MILLI_MAX

    def _without_far(self, option: Option) -> Option:
        """An option without what would not fit into a lane: nobody wants it."""
        if self._is_far(option):
            return replace(option, lines=0)
        lines = option.lines
        for line, (milli, floor) in enumerate(zip(option.line_milli, self._line_floors, strict=True)):
            if milli - floor > ROUTING_DEARER_MILLI_MAX:
                lines &= ~(1 << line)
        return replace(option, lines=lines)


def _barred(bans: Iterable[Ban]) -> dict[int, int]:
    """Bans as the lines that do not go from each place."""
    barred: dict[int, int] = {}
    for place, line in bans:
        barred[place] = barred.get(place, 0) | 1 << line
    return barred


def _sums(parts: Sequence[int], start: int = 0) -> list[int]:
    """The sum of every set of the parts, by the bits of the set."""
    sums_ = [start]
    for part in parts:
        sums_ += [sum_ + part for sum_ in sums_]
    return sums_

"""The cheapest ways to cut a set into parts, when the price of every part is known. Sets are bits of an integer."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from operator import add, itemgetter
from typing import Final, NamedTuple

_NOT_REACHED: Final = 1 << 100

_Table = Sequence[int]
"""For each set that may be left: the price of its cheapest division."""

_Pick = Callable[[Sequence[int]], tuple[int, ...]]


class Part(NamedTuple):
    """A set, and what it costs."""

    elements: int
    price: int


Division = tuple[Part, ...]
"""Parts in the order of their lowest elements."""


def price_of(division: Division) -> int:
    """What all parts cost."""
    return sum(part.price for part in division)


class Divisions:
    """The divisions of the largest set of `prices` (a price by set, 2^n of them) into `parts_max` parts at most.

    Every part is taken with the lowest element that is left, so that each division is looked at once: (3^(n-1)) / 2
    steps, and as many again for each part if more parts than are allowed would be cheapest.
    """

    def __init__(self, prices: Sequence[int], parts_max: int) -> None:
        self._prices = prices
        self._parts_max = parts_max
        self._free = _Paths(prices, [_table(prices)] * (len(prices).bit_length() + 1))

    def cheapest(self) -> Division:
        """The cheapest one."""
        found = self._free.cheapest()
        return found if len(found) <= self._parts_max else self._counted.cheapest()

    def second(self, best: Division, others: Sequence[int]) -> Division | None:
        """The cheapest one but `best`, which is `cheapest()`. `others`: what each of its parts costs otherwise."""
        found = self._free.second(best, others)
        is_allowed = found is None or len(found) <= self._parts_max
        return found if is_allowed else self._counted.second(best, others)

    @cached_property
    def _counted(self) -> "_Paths":
        """Where the number of parts counts: one table for each number of parts that are still allowed."""
        whole = len(self._prices) - 1
        tables: list[_Table] = [[0] + [_NOT_REACHED] * whole]
        for _ in range(self._parts_max):
            tables.append(_table(self._prices, tables[-1]))
        return _Paths(self._prices, tables[::-1])


def part_choices(left: int) -> Iterator[int]:
    """Every part of a set that contains its lowest element, the whole set first."""
    low = left & -left
    rest = left ^ low
    others = rest
    while True:
        yield others | low
        if not others:
            return
        others = (others - 1) & rest


class _Paths:
    """A division as a path from the whole set to the empty one; `tables` by the number of parts that were taken."""

    def __init__(self, prices: Sequence[int], tables: Sequence[_Table]) -> None:
        self._prices = prices
        self._tables = tables

    def cheapest(self, before: Division = ()) -> Division:
        """The cheapest path that begins with some parts."""
        parts = list(before)
        left = self._left(before)
        while left:
            _, elements = min(self._steps(left, len(parts)), key=itemgetter(0))
            parts.append(Part(elements, self._prices[elements]))
            left ^= elements
        return tuple(parts)

    def second(self, best: Division, others: Sequence[int]) -> Division | None:
        """The cheapest path but one.

        It leaves that one at some part, takes another or the same one at another price, and goes on as cheaply as it
        can (Lawler 1972).
        """
        found = []
        for at, (part, other) in enumerate(zip(best, others, strict=True)):
            found.append(self.cheapest((*best[:at], part._replace(price=other))))
            elements = self._another(best[:at], part.elements)
            if elements is not None:
                found.append(self.cheapest((*best[:at], Part(elements, self._prices[elements]))))
        return min(found, key=price_of, default=None)

    def _another(self, before: Division, without: int) -> int | None:
        """The cheapest next part but one."""
        steps = (step for step in self._steps(self._left(before), len(before)) if step[1] != without)
        price, elements = min(steps, key=itemgetter(0), default=(_NOT_REACHED, 0))
        return elements if price < _NOT_REACHED >> 1 else None  # credits take something off

    def _steps(self, left: int, taken: int) -> Iterator[tuple[int, int]]:
        """Each next part, with what the path costs from there on if it is taken."""
        onward = self._tables[taken + 1]
        return ((self._prices[part] + onward[left ^ part], part) for part in part_choices(left))

    def _left(self, before: Division) -> int:
        return len(self._prices) - 1 - sum(part.elements for part in before)


def _table(prices: Sequence[int], onward: Sequence[int] | None = None) -> _Table:
    """`onward` is what the rest of a set costs once its first part is taken; None: what this table says itself."""
    cheapest = [0] * len(prices)
    after = cheapest if onward is None else onward
    for left in _states(len(prices) - 1):
        parts, rests = _choices(left)
        cheapest[left] = min(map(add, parts(prices), rests(after)))
    return cheapest


def _states(whole: int) -> Iterator[int]:
    """The sets that can be left: all without the first element, which the first part has, and the whole one."""
    yield from range(2, whole, 2)
    yield whole


@cache
def _choices(left: int) -> tuple[_Pick, _Pick]:
    """What takes from a list by sets each first part of a set, and what takes each rest: it is where the time goes."""
    parts = [*part_choices(left), left]  # one of them twice: itemgetter of a single place gives no tuple
    return itemgetter(*parts), itemgetter(*(left ^ part for part in parts))

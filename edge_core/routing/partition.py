"""The cheapest ways to cut a set into parts, when the price of every part is known. Sets are bits of an integer.

Every part is taken with the highest element that is left, so that each division is looked at once:

    cheapest[left] = min over parts of left with its highest element of price[part] + cheapest[left without part]

Lists by the sets of some elements are cut down to those of fewer elements by slices: `[::2]` is all sets without the
first element, `[1::2]` all that have it, and one behind the other they are all sets, with the first element made the
last one. So Python's own loops do the work: (3^(n-1)) / 2 steps for n elements.
"""

from collections.abc import Sequence
from functools import cached_property
from operator import add
from typing import Final, NamedTuple

_NOT_REACHED: Final = 1 << 100


class Part(NamedTuple):
    """A set, and what it costs."""

    elements: int
    price: int


Division = tuple[Part, ...]
"""Parts in the order of their highest elements, from above."""

_Table = Sequence[int]
"""The price of the cheapest division of each set without the highest element of all: no other sets are ever left."""


def price_of(division: Division) -> int:
    """What all parts cost."""
    return sum(part.price for part in division)


class Divisions:
    """The divisions of the largest set of `prices` (a price by set, 2^n of them) into `parts_max` parts at most."""

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
        tables: list[_Table] = [[0] + [_NOT_REACHED] * (len(self._prices) // 2 - 1)]
        for _ in range(self._parts_max):
            tables.append(_table(self._prices, tables[-1]))
        return _Paths(self._prices, tables[::-1])


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
            onward = _onward(left, self._prices, self._tables[len(parts) + 1])
            elements = _part(left, onward.index(min(onward)))
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
        left = self._left(before)
        onward = _onward(left, self._prices, self._tables[len(before) + 1])
        onward[_rest_at(left, left ^ without)] = _NOT_REACHED
        price = min(onward)
        # Credits take something off what is not reached.
        return _part(left, onward.index(price)) if price < _NOT_REACHED >> 1 else None

    def _left(self, before: Division) -> int:
        return len(self._prices) - 1 - sum(part.elements for part in before)


def _table(prices: Sequence[int], after: _Table | None = None) -> _Table:
    """`after` is what the rest of a set costs once its first part is taken; None: what this table says itself."""
    cheapest = [0]
    for highest in range(len(prices).bit_length() - 2):
        sets = 1 << highest
        choices = [(prices[2 * sets - 1 : sets - 1 : -1], (after or cheapest)[:sets])]
        for _ in range(highest):
            without = [(parts[1::2], rests[::2]) for parts, rests in choices]
            choices = without + [(_turned(parts), _turned(rests)) for parts, rests in choices]
        cheapest += [min(map(add, parts, rests)) for parts, rests in choices]
    return cheapest


def _onward(left: int, prices: Sequence[int], after: _Table) -> list[int]:
    """What the cheapest path from a set costs by each part that has its highest element, the whole set first."""
    highest = left.bit_length() - 1
    parts, rests = prices[(2 << highest) - 1 : (1 << highest) - 1 : -1], after[: 1 << highest]
    for element in range(highest):
        if left >> element & 1:
            parts, rests = _turned(parts), _turned(rests)
        else:
            parts, rests = parts[1::2], rests[::2]
    return list(map(add, parts, rests))


def _part(left: int, at: int) -> int:
    """The part of a set that is at some place of `_onward`: the bits of that place are what it leaves."""
    rest, place = 0, 0
    for element in range(left.bit_length() - 1):
        if left >> element & 1:
            rest |= (at >> place & 1) << element
            place += 1
    return left ^ rest


def _rest_at(left: int, rest: int) -> int:
    """The place in `_onward` of the part of a set that leaves some rest of it."""
    elements = [element for element in range(left.bit_length() - 1) if left >> element & 1]
    return sum(1 << place for place, element in enumerate(elements) if rest >> element & 1)


def _turned(by_set: Sequence[int]) -> Sequence[int]:
    return [*by_set[::2], *by_set[1::2]]

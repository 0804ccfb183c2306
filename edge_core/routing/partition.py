"""The cheapest way to cut a set into parts, when the price of every part is known. Sets are bits of an integer."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

_NOT_REACHED: Final = 1 << 80


class Division(Struct, frozen=True, gc=False):
    """The parts of a cheapest division, and what the cheapest division of each set that is left on the way costs."""

    parts: tuple[int, ...]
    cheapest: Sequence[int]


def divide(prices: Sequence[int], parts_max: int) -> Division:
    """The cheapest division of the largest set of `prices` (a price by set, 2^n of them) into `parts_max` at most.

    Every part is taken with the lowest element that is left, so that each division is looked at once: (3^(n-1)) / 2
    steps, and as many again for each part if more parts than are allowed would be cheapest.
    """
    free = _divided(prices)
    if len(free.parts) <= parts_max:
        return free
    return _divided_by_layers(prices, parts_max)


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


def _divided(prices: Sequence[int]) -> Division:
    whole = len(prices) - 1
    cheapest = [0] * len(prices)
    taken = [0] * len(prices)
    for left in _states(whole):
        cheapest[left], taken[left] = _best_first_part(left, prices, cheapest)
    parts, left = [], whole
    while left:
        parts.append(taken[left])
        left ^= taken[left]
    return Division(tuple(parts), cheapest)


def _divided_by_layers(prices: Sequence[int], parts_max: int) -> Division:
    """The same where the number of parts counts: one table for each number of parts."""
    whole = len(prices) - 1
    layer = [_NOT_REACHED] * len(prices)
    layer[0] = 0
    choices: list[list[int]] = []
    for _ in range(parts_max):
        following = [0] * len(prices)
        taken = [0] * len(prices)
        for left in _states(whole):
            following[left], taken[left] = _best_first_part(left, prices, layer)
        choices.append(taken)
        layer = following
    parts, left = [], whole
    for taken in reversed(choices):
        if left:
            parts.append(taken[left])
            left ^= taken[left]
    return Division(tuple(parts), layer)


def _states(whole: int) -> Iterator[int]:
    """The sets that can be left: all without the first element, which the first part has, and the whole one."""
    yield from range(2, whole, 2)
    yield whole


def _best_first_part(left: int, prices: Sequence[int], cheapest: Sequence[int]) -> tuple[int, int]:
    """The price of a cheapest division of a set and its first part. Written out: it is where the time goes."""
    low = left & -left
    rest = left ^ low
    best, part = prices[left] + cheapest[0], left
    others = rest
    while others:
        others = (others - 1) & rest
        price = prices[others | low] + cheapest[rest ^ others]
        if price < best:
            best, part = price, others | low
    return best, part

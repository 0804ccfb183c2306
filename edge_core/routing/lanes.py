"""A number for every set of an order's lines, all of them in one long integer: lanes that one addition adds at once.

The set with the bits `s` has the lane `s`, of `LANE_BITS` bits: `sums((a, b), c)` is c, a + c, b + c, a + b + c. Python
adds, compares and picks a thousand lanes in some ten microseconds, several times as fast as it goes over a list: that
is what lets `prices` look at every option of every set. (Fisher, Dietz 1998, "Compiling for SIMD within a register".)

A lane is never below zero, and its highest bit is free between two operations: it takes the borrow of a comparison.
"""

import struct
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final

from edge_core.limits import ROUTING_LINES_EXACT_MAX

LANE_BITS: Final = 64
FAR: Final = 1 << LANE_BITS - 3
"""From here on a lane says that nobody carries the set. Twice as much still fits below the highest bit."""

_ONES: Final = tuple(
    int.from_bytes((1).to_bytes(LANE_BITS // 8, "little") * (1 << lines), "little")
    for lines in range(ROUTING_LINES_EXACT_MAX + 1)
)
_GUARDS: Final = tuple(ones << LANE_BITS - 1 for ones in _ONES)
_FAR: Final = tuple(ones * FAR for ones in _ONES)


def sums(parts: Iterable[int | None], start: int = 0) -> int:
    """Every set's sum of its lines' parts and of `start`. A line without a part is one that nobody carries."""
    lanes, bits = start, LANE_BITS
    for part, ones, unreached in zip(parts, _ONES, _FAR, strict=False):
        lanes |= (unreached if part is None else lanes + part * ones) << bits
        bits *= 2
    return lanes


def least(one: int, other: int, lines: int) -> int:
    """The smaller one of each lane."""
    guards = _GUARDS[lines]
    more = (one | guards) - other
    is_more = more & guards
    return one - (more & (is_more - (is_more >> LANE_BITS - 1)))


def least_of(each: Sequence[int], lines: int) -> int:
    """The smallest of each lane, `FAR` where there are none."""
    return reduce(lambda one, other: least(one, other, lines), each) if each else _FAR[lines]


def far_above(lanes: int, limit: int, lines: int) -> int:
    """`FAR` in each lane that is above a limit, nought in the others: to be put over lanes with `|`."""
    is_above = ((lanes | _GUARDS[lines]) - (limit + 1) * _ONES[lines]) & _GUARDS[lines]
    return is_above >> LANE_BITS - 1 - FAR.bit_length() + 1


def packed(values: Sequence[int]) -> int:
    """A list of numbers as lanes."""
    return int.from_bytes(struct.pack(f"<{len(values)}Q", *values), "little")


def unpacked(lanes: int, lines: int) -> tuple[int, ...]:
    """Lanes as numbers."""
    count = 1 << lines
    return struct.unpack(f"<{count}Q", lanes.to_bytes(count * LANE_BITS // 8, "little"))

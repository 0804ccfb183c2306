"""Who should hold how much of what there is, by how fast each sells it: targets, and the few moves that lead there.

For rights between nodes and for quotas between channels (docs/stock.md, "Shares"). Integers throughout, so that the
same figures give the same moves everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from edge_core.errors import InvariantViolated
from edge_core.limits import REBALANCE_TOLERANCE_PERCENT, SALE_RATE_WINDOW_MS

_DAY_MS: Final = 86_400_000
_PIECES: Final = frozenset({"H87", "EA", "C62"})  # units of UN/ECE Recommendation 20 that are not divided
_PIECE_MILLI: Final = 1_000


def step_of(unit: str) -> int:
    """The least that can be handed over: a piece, or a thousandth of what is sold by weight."""
    return _PIECE_MILLI if unit in _PIECES else 1


class SaleRate(Struct, frozen=True, array_like=True, gc=False):
    """What was sold in a span of time, in thousandths and milliseconds; a leaky sum of about the last week."""

    sold_milli: int = 0
    span_ms: int = 0

    @property
    def per_day_milli(self) -> int:
        """Thousandths a day. Less than a day of watching counts as a day: one sale in the first minute is no trend."""
        return self.sold_milli * _DAY_MS // max(self.span_ms, _DAY_MS)


class Holding(Struct, frozen=True, gc=False):
    """What one party holds, and how fast it sells."""

    name: str
    held_milli: int
    per_day_milli: int


class Transfer(Struct, frozen=True, gc=False):
    """What one party should give to another; only the giver can do it."""

    giver: str
    taker: str
    quantity_milli: int


def observe(rate: SaleRate, sold_milli: int, elapsed_ms: int, *, window_ms: int = SALE_RATE_WINDOW_MS) -> SaleRate:
    """The rate after some more time in which so much was sold. Past the window, older sales fade in proportion."""
    if sold_milli < 0 or elapsed_ms < 0:
        raise InvariantViolated(f"{sold_milli} sold in {elapsed_ms} ms")
    sold_milli, span_ms = rate.sold_milli + sold_milli, rate.span_ms + elapsed_ms
    return (
        SaleRate(sold_milli, span_ms)
        if span_ms <= window_ms
        else SaleRate(sold_milli * window_ms // span_ms, window_ms)
    )


def shares(
    total_milli: int, weights: Mapping[str, int], *, minimum_milli: int = 0, step_milli: int = 1
) -> dict[str, int]:
    """Part a quantity by weights: the minimum to each first, the rest in proportion, in whole steps.

    A step is what can be handed over: 1000 for pieces, 1 for goods by weight. Steps that are left over go to the
    largest remainders (Hamilton), and what is less than a step to the heaviest. Who weighs nothing gets the minimum;
    where all weigh nothing they share equally. Where there is not enough for the minima, they are parted equally.
    """
    if not weights:
        raise InvariantViolated("nobody is there to share")
    steps, names = total_milli // step_milli, sorted(weights)
    floor = min(-(-minimum_milli // step_milli), steps // len(names))
    rest = steps - floor * len(names)
    heaviness = weights if any(weights.values()) else dict.fromkeys(names, 1)
    whole = sum(heaviness.values())
    parts = {name: floor + rest * heaviness[name] // whole for name in names}
    by_remainder = sorted(names, key=lambda name: (-(rest * heaviness[name] % whole), -heaviness[name], name))
    for name in by_remainder[: steps - sum(parts.values())]:
        parts[name] += 1
    heaviest = max(names, key=lambda name: heaviness[name])
    return {name: parts[name] * step_milli + (total_milli % step_milli if name == heaviest else 0) for name in names}


def rebalance(
    holdings: Sequence[Holding],
    *,
    minimum_milli: int = 0,
    step_milli: int = 1,
    tolerance_percent: int = REBALANCE_TOLERANCE_PERCENT,
) -> tuple[Transfer, ...]:
    """The moves after which everybody holds its share by rate of sale; none while nobody is far below its own.

    Hysteresis: it begins when somebody lacks more than `tolerance_percent` of its share, and then goes all the way, so
    that small swings move nothing and a move is not undone by the next. At most one move fewer than there are parties.
    """
    if len(holdings) < 2:
        return ()
    target = shares(
        sum(each.held_milli for each in holdings),
        {each.name: each.per_day_milli for each in holdings},
        minimum_milli=minimum_milli,
        step_milli=step_milli,
    )
    lacking = {each.name: target[each.name] - each.held_milli for each in holdings}
    if all(lack < step_milli or lack * 100 <= tolerance_percent * target[name] for name, lack in lacking.items()):
        return ()
    return tuple(_transfers(lacking, step_milli))


def _transfers(lacking: dict[str, int], step_milli: int) -> list[Transfer]:
    """Largest surplus to largest lack, until what is left is less than a step."""
    moves: list[Transfer] = []
    while True:
        giver = min(sorted(lacking), key=lambda name: lacking[name])
        taker = max(sorted(lacking), key=lambda name: lacking[name])
        quantity_milli = min(-lacking[giver], lacking[taker]) // step_milli * step_milli
        if quantity_milli <= 0:
            return moves
        lacking[giver] += quantity_milli
        lacking[taker] -= quantity_milli
        moves.append(Transfer(giver, taker, quantity_milli))

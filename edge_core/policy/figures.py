"""What policies come to: of recorded orders under other policies, and of the arms of an experiment (docs/policies.md).

Costs are those that somebody is paid: carriage and handling. What a policy takes things to be worth differs from policy
to policy and compares nothing. Intervals are normal ones of 95 %: with fewer than thirty orders they say little.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from edge_core.routing.deciding import Decision
from edge_core.routing.question import Question

_Z: Final = 1.959963984540054
"""The 97.5th percentile of the normal distribution: two-sided, 95 %."""
_LEAST: Final = 2

NAMES: Final = ("cost_minor", "parcels", "late", "carbon_g", "manual")


class Measures(Struct, frozen=True):
    """A decision in figures. `late` and `manual` are 1 or 0: after the promise, and nobody can send it."""

    cost_minor: float
    parcels: float
    late: float
    carbon_g: float
    manual: float


class Interval(Struct, frozen=True):
    """A mean with the interval that holds the true one in 95 of 100 cases."""

    mean: float
    low: float
    high: float


class Figures(Struct, frozen=True):
    """Of so many orders, each measure with its interval."""

    orders: int
    cost_minor: Interval
    parcels: Interval
    late: Interval
    carbon_g: Interval
    manual: Interval


def measure(question: Question, decision: Decision) -> Measures:
    """A decision in figures."""
    promised = decision.promise_at_ms
    return Measures(
        cost_minor=(decision.parts.shipping_milli + decision.parts.handling_milli) / 1000,
        parcels=len(decision.allocations),
        late=float(promised is not None and promised > question.promise_at_ms),
        carbon_g=sum(allocation.carbon_g for allocation in decision.allocations),
        manual=float(not decision.allocations),
    )


def figures(measures: Sequence[Measures]) -> Figures:
    """The means of some decisions."""
    return Figures(len(measures), *(_interval([getattr(each, name) for each in measures]) for name in NAMES))


def paired(pairs: Iterable[tuple[Measures, Measures]]) -> Figures:
    """By how much the second of each pair is above the first: the same orders under other policies."""
    made = list(pairs)
    return Figures(len(made), *(_interval([getattr(b, name) - getattr(a, name) for a, b in made]) for name in NAMES))


def difference(arm: Figures, control: Figures, name: str) -> Interval:
    """By how much an arm is above the control, which had other orders: variances add up."""
    one, other = getattr(arm, name), getattr(control, name)
    half = math.hypot((one.high - one.low) / 2, (other.high - other.low) / 2)
    mean = one.mean - other.mean
    return Interval(mean, mean - half, mean + half)


def is_worse(arm: Figures, control: Figures, name: str, *, least_orders: int, by: float) -> bool:
    """Whether an arm is worse than the control by more than `by`, and not by chance."""
    if min(arm.orders, control.orders) < least_orders:
        return False
    return difference(arm, control, name).low > by


def _interval(values: Sequence[float]) -> Interval:
    count = len(values)
    if not count:
        return Interval(0.0, 0.0, 0.0)
    mean = math.fsum(values) / count
    if count < _LEAST:
        return Interval(mean, mean, mean)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = _Z * math.sqrt(variance / count)
    return Interval(mean, mean - half, mean + half)

"""How the orders of one policy came out beside those of another: means, differences, and how sure they are.

Two groups of orders that a stable bucket has divided by chance are compared. Differences of means are Welch's, with
the normal quantile in the place of Student's, which `POLICY_ORDERS_MIN` in each group allows; shares have Wilson's
interval, and their differences Newcombe's (1998, method 10). Sums are exact integers, so that they can be added up
anywhere and in any order.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import Final, Literal

from msgspec import Struct

from edge_core.limits import POLICY_ORDERS_MIN
from edge_core.routing.deciding import Decision
from edge_core.routing.question import Question

FigureName = Literal["cost_milli", "parcels", "carbon_g", "late", "manual"]
FIGURES: Final[tuple[FigureName, ...]] = ("cost_milli", "parcels", "carbon_g", "late", "manual")
"""What is compared: less of each is better. The first three are means of the orders that were routed.

`late` is the share of orders that arrive after their promise or wait for goods, `manual` of those left to people.
"""
SHARES: Final = frozenset({"late", "manual"})

_PERMILLE: Final = 1000


class Outcome(Struct, frozen=True, array_like=True, gc=False):
    """What routing made of one order: what is paid for it, in thousandths of the minor unit; late by its promise.

    Paid are carriage and handling. What a policy takes things to be worth differs from one to the other, and compares
    nothing.
    """

    cost_milli: int
    parcels: int
    carbon_g: int
    is_late: bool
    is_manual: bool = False


class Sums(Struct, frozen=True, array_like=True, gc=False):
    """One figure of a group of orders: how many, their sum, and the sum of their squares."""

    count: int = 0
    total: int = 0
    squares: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """The mean, 0 of nothing."""
        return self.total / self.count if self.count else 0.0

    @property
    def variance_of_mean(self) -> float:
        """The squared standard error of the mean; 0 of fewer than two."""
        if self.count < 2:
            return 0.0
        spread = self.squares * self.count - self.total * self.total  # exact: no two large floats are subtracted
        return spread / (self.count * self.count * (self.count - 1))


class Group(Struct, frozen=True, array_like=True, gc=False):
    """The figures of a group of orders."""

    cost_milli: Sums = Sums()
    parcels: Sums = Sums()
    carbon_g: Sums = Sums()
    late: Sums = Sums()
    manual: Sums = Sums()

    @property
    def orders(self) -> int:
        """How many orders they are of."""
        return self.manual.count

    def __add__(self, other: "Group") -> "Group":
        return Group(*(getattr(self, name) + getattr(other, name) for name in FIGURES))


class Interval(Struct, frozen=True):
    """An estimate, and between what it lies with the confidence that was asked for."""

    estimate: float
    low: float
    high: float


class Difference(Struct, frozen=True):
    """One figure of two groups: both, what the second has more, and that in thousandths of the first's mean."""

    figure: FigureName
    control: Interval
    treated: Interval
    more: Interval
    more_permille: Interval | None


class Guard(Struct, frozen=True):
    """A figure that may not become worse by more than a share: then the policy is taken back by itself.

    `more_permille_max` is of the control group's mean; of a figure that is a share of orders itself, it is the
    difference of the shares. A guard speaks once that much is exceeded with the confidence `confidence_permille`.
    """

    figure: FigureName
    more_permille_max: int
    confidence_permille: int = 990


def outcome_of(question: Question, decision: Decision) -> Outcome:
    """What routing made of an order, by its record."""
    arrives_ms = decision.promise_at_ms
    return Outcome(
        decision.parts.shipping_milli + decision.parts.handling_milli,
        len(decision.allocations),
        sum(allocation.carbon_g for allocation in decision.allocations),
        is_late=bool(decision.allocations) and (arrives_ms is None or arrives_ms > question.promise_at_ms),
        is_manual=not decision.allocations,
    )


def group_of(outcomes: Iterable[Outcome]) -> Group:
    """The figures of orders."""
    everything = list(outcomes)
    routed = [each for each in everything if not each.is_manual]
    return Group(
        _sums(each.cost_milli for each in routed),
        _sums(each.parcels for each in routed),
        _sums(each.carbon_g for each in routed),
        _sums(int(each.is_late) for each in everything),
        _sums(int(each.is_manual) for each in everything),
    )


def _sums(values: Iterable[int]) -> Sums:
    some = list(values)
    return Sums(len(some), sum(some), sum(each * each for each in some))


def compare(control: Group, treated: Group, *, confidence_permille: int = 950) -> tuple[Difference, ...]:
    """The figures of two groups of which each has `POLICY_ORDERS_MIN` orders: of means that many that were routed."""
    z = NormalDist().inv_cdf((1 + confidence_permille / _PERMILLE) / 2)
    sums = ((name, getattr(control, name), getattr(treated, name)) for name in FIGURES)
    enough = (each for each in sums if min(each[1].count, each[2].count) >= POLICY_ORDERS_MIN)
    return tuple(_difference(*each, z) for each in enough)


def compare_pairs(
    before: Sequence[Outcome], after: Sequence[Outcome], *, confidence_permille: int = 950
) -> tuple[Difference, ...]:
    """Every figure of the same orders routed in two ways, one after the other in both: surer than two groups.

    Means are of the orders that were routed in both ways. Nothing for fewer than `POLICY_ORDERS_MIN` of those.
    """
    pairs = list(zip(before, after, strict=True))
    both = [(one, other) for one, other in pairs if not (one.is_manual or other.is_manual)]
    if len(both) < POLICY_ORDERS_MIN:
        return ()
    z = NormalDist().inv_cdf((1 + confidence_permille / _PERMILLE) / 2)
    return tuple(_paired(name, pairs if name in SHARES else both, z) for name in FIGURES)


def breached(guard: Guard, control: Group, treated: Group) -> Difference | None:
    """The figure that speaks against the treated group, if it is sure enough; None while it is not."""
    found = compare(control, treated, confidence_permille=guard.confidence_permille)
    for difference in found:
        if difference.figure != guard.figure:
            continue
        base = 1.0 if guard.figure in SHARES else difference.control.estimate
        if difference.more.low * _PERMILLE > guard.more_permille_max * base:  # of nothing anything is more
            return difference
    return None


def _difference(name: FigureName, control: Sums, treated: Sums, z: float) -> Difference:
    if name in SHARES:
        before, after = _wilson(control, z), _wilson(treated, z)
        return Difference(name, before, after, _newcombe(before, after), None)
    before, after = _of_mean(control, z), _of_mean(treated, z)
    estimate = after.estimate - before.estimate
    reach = z * sqrt(control.variance_of_mean + treated.variance_of_mean)
    more = Interval(estimate, estimate - reach, estimate + reach)
    base = before.estimate
    return Difference(name, before, after, more, _permille_of(more, base) if base > 0 else None)


def _paired(name: FigureName, pairs: Sequence[tuple[Outcome, Outcome]], z: float) -> Difference:
    control, treated = (_sums(_value(pair[side], name) for pair in pairs) for side in (0, 1))
    more = _of_mean(_sums(_value(other, name) - _value(one, name) for one, other in pairs), z)
    share = None if name in SHARES or control.total <= 0 else _permille_of(more, control.mean)
    interval = _wilson if name in SHARES else _of_mean
    return Difference(name, interval(control, z), interval(treated, z), more, share)


def _value(outcome: Outcome, name: FigureName) -> int:
    return int(getattr(outcome, f"is_{name}" if name in SHARES else name))


def _permille_of(more: Interval, base: float) -> Interval:
    """In thousandths of a mean, which is taken as it was measured."""
    return Interval(*(part * _PERMILLE / base for part in (more.estimate, more.low, more.high)))


def _of_mean(sums: Sums, z: float) -> Interval:
    reach = z * sqrt(sums.variance_of_mean)
    return Interval(sums.mean, sums.mean - reach, sums.mean + reach)


def _wilson(sums: Sums, z: float) -> Interval:
    """The score interval of a share (Wilson 1927), which does not leave 0 to 1 and holds for few as well."""
    count, share = sums.count, sums.mean
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach))


def _newcombe(before: Interval, after: Interval) -> Interval:
    more = after.estimate - before.estimate
    down = sqrt((after.estimate - after.low) ** 2 + (before.high - before.estimate) ** 2)
    up = sqrt((after.high - after.estimate) ** 2 + (before.estimate - before.low) ** 2)
    return Interval(more, more - down, more + up)

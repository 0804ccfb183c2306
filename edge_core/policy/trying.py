"""A policy tried on orders that were routed already: what would have become of them (docs/policies.md). Pure.

A recorded question holds everything but the prices of the policy, so the answer is exact for the moment at which it was
asked. What the orders would have done to each other, the last piece taken by another order, is not in it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

from edge_core.policy.faults import PolicyFault
from edge_core.policy.figures import Difference, Outcome, compare_pairs, group_of, outcome_of
from edge_core.policy.pricing import Policies, unpriced
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Question


class Tried(NamedTuple):
    """One order: as it was routed, and as it would have been. With a `fault` the built-in prices have decided."""

    before: Outcome
    after: Outcome
    is_changed: bool
    fault: str | None


class Trial(Struct, frozen=True):
    """What came of all of them. `changed` went from elsewhere or by another service; `faults` are told once each."""

    orders: int
    changed: int
    faulty: int
    faults: tuple[str, ...]
    manual_before: int
    manual_after: int
    differences: tuple[Difference, ...]


def try_on(
    recorded: Iterable[tuple[Question, Decision]], policies: Policies, layers: tuple[str, ...]
) -> Iterator[Tried]:
    """Route recorded orders anew, as some layers price them; one after the other, so that progress can be shown."""
    for question, decision in recorded:
        fault: str | None = None
        try:
            asked = policies.asked(question, "trial", layers)
        except PolicyFault as raised:
            asked, fault = unpriced(question), str(raised)
        other = route(asked)
        changed = _ways(other) != _ways(decision)
        yield Tried(outcome_of(question, decision), outcome_of(asked, other), changed, fault)


def report_of(tried: Iterable[Tried], *, faults_max: int) -> Trial:
    """The figures of a trial."""
    everything = list(tried)
    faults = [each.fault for each in everything if each.fault is not None]
    before, after = [each.before for each in everything], [each.after for each in everything]
    return Trial(
        len(everything),
        sum(each.is_changed for each in everything),
        len(faults),
        tuple(dict.fromkeys(faults))[:faults_max],
        group_of(before).manual.total,
        group_of(after).manual.total,
        compare_pairs(before, after),
    )


def _ways(decision: Decision) -> frozenset[tuple[str | None, str | None, tuple[str, ...]]]:
    return frozenset((each.location_id, each.service_id, each.line_ids) for each in decision.allocations)

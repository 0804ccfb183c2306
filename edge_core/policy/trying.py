"""A policy tried on orders that were routed already: what would have become of them (docs/policies.md). Pure.

A recorded question holds everything but the prices of the policy, so the answer is exact for the moment at which it was
asked. What the orders would have done to each other, the last piece taken by another order, is not in it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from edge_core.policy.faults import PolicyFault
from edge_core.policy.figures import Difference, Outcome, compare_pairs, group_of, outcome_of
from edge_core.policy.pricing import Policies
from edge_core.routing.asking import default_prices
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Question


class Tried(NamedTuple):
    """One order: as it was routed, and as it would have been; or why the policy could not say."""

    before: Outcome
    after: Outcome
    is_changed: bool
    fault: str | None = None


class Trial(Struct, frozen=True):
    """What came of all of them. `changed` went from elsewhere or by another service; `faults` are told once each."""

    orders: int
    changed: int
    faulty: int
    faults: tuple[str, ...]
    manual_before: int
    manual_after: int
    differences: tuple[Difference, ...]


def try_on(recorded: Iterable[tuple[Question, Decision]], policies: Policies, layers: tuple[str, ...]) -> Iterator[Tried]:
    """Route recorded orders anew, as some layers price them; one after the other, so that progress can be shown."""
    for question, decision in recorded:
        before = outcome_of(question, decision)
        preference = question.facts.preference or None
        bare = replace(question, prices=default_prices(preference, question.currency))
        try:
            asked = policies.asked(bare, "trial", layers)
        except PolicyFault as fault:
            yield Tried(before, before, is_changed=False, fault=str(fault))
            continue
        other = route(asked)
        yield Tried(before, outcome_of(asked, other), is_changed=_ways(other) != _ways(decision))


def report_of(tried: Iterable[Tried], *, faults_max: int) -> Trial:
    """The figures of a trial."""
    everything = list(tried)
    good = [each for each in everything if each.fault is None]
    faults = list(dict.fromkeys(each.fault for each in everything if each.fault is not None))
    before, after = [each.before for each in good], [each.after for each in good]
    return Trial(
        len(everything),
        sum(each.is_changed for each in good),
        len(everything) - len(good),
        tuple(faults[:faults_max]),
        group_of(before).manual.total,
        group_of(after).manual.total,
        compare_pairs(before, after),
    )


def _ways(decision: Decision) -> frozenset[tuple[str | None, str | None, tuple[str, ...]]]:
    return frozenset((each.location_id, each.service_id, each.line_ids) for each in decision.allocations)

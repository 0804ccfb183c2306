"""Recorded orders decided again under other policies: what would have been otherwise (docs/policies.md, "Life")."""

from collections.abc import Iterable

from msgspec import Struct

from edge_core.policy.faults import PolicyFault
from edge_core.policy.figures import Figures, Measures, figures, measure, paired
from edge_core.policy.pricing import Policies
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Question


class Comparison(Struct, frozen=True):
    """Two sets of layers on the same orders. `changed` of them go another way; `faults` could not be priced."""

    before: Figures
    after: Figures
    difference: Figures
    changed: int
    faults: tuple[str, ...] = ()


def compare(
    policies: Policies, questions: Iterable[Question], before: tuple[str, ...], after: tuple[str, ...]
) -> Comparison:
    """Decide each question under both. An order that one of them cannot price is left out, and told."""
    pairs: list[tuple[Measures, Measures]] = []
    faults: dict[str, None] = {}
    changed = 0
    for question in questions:
        try:
            one, other = (policies.asked(question, "compared", layers) for layers in (before, after))
        except PolicyFault as fault:
            faults[str(fault)] = None
            continue
        decided, otherwise = route(one), route(other)
        pairs.append((measure(one, decided), measure(other, otherwise)))
        changed += _way(decided) != _way(otherwise)
    return Comparison(
        figures([one for one, _ in pairs]),
        figures([other for _, other in pairs]),
        paired(pairs),
        changed,
        tuple(faults),
    )


def _way(decision: Decision) -> list[tuple[str | None, str | None, tuple[str, ...]]]:
    return [(each.location_id, each.service_id, each.line_ids) for each in decision.allocations]

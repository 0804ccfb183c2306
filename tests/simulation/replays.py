"""What is demanded of the decisions of routing that a log holds: each comes out the same again (G12)."""

from collections.abc import Iterable

from edge_core.orders.rendering import Recorded
from edge_core.orders.routing_report import decisions_in
from edge_core.policy.repricing import prices_differ
from edge_core.routing.replaying import IDENTICAL, replay
from tests.simulation.promises import Broken


def demand_replays(where: str, entries: Iterable[Recorded]) -> int:
    """Every decision that is recorded comes out the same again; says how many there are."""
    count = 0
    for recorded in entries:
        for decided in decisions_in([recorded]):
            found = replay(decided.record)
            count += 1
            if found.question is None or found.outcome != IDENTICAL or prices_differ(found.question, None):
                raise Broken("G12", f"{where}: {recorded.origin} is {found.outcome} when decided again: {found.what}")
    return count

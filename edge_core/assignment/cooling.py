"""How long a node is left alone after an attempt came to nothing there: by the reason, as far as one is known.

A node that was slow may be quick again soon; people who said no have meant it. Goods that were missing are missed
until the view of the node's stock shows more of them, or for a while: that is what `is_missing` is asked for.
"""

from typing import Final

from edge_core.assignment.state import Assignment, Attempt
from edge_core.limits import ASSIGNMENT_REST_MISSING_MS, ASSIGNMENT_REST_REJECTED_MS, ASSIGNMENT_REST_SILENT_MS

TIMED_OUT: Final = "timed-out"
_MISSING: Final = frozenset(
    {
        "not_found",
        "short",
        "damaged",
        "out-of-stock",
        "lot-expired",
        "quota-exhausted",
        "rights-exceeded",
        "rights-void",
    }
)


def is_missing(reason: str | None) -> bool:
    """Whether an attempt came to nothing because the goods were not there."""
    return reason in _MISSING


def rest_ms(reason: str | None) -> int:
    """How long the node is left alone for this order, in milliseconds."""
    if reason == TIMED_OUT:
        return ASSIGNMENT_REST_SILENT_MS
    return ASSIGNMENT_REST_MISSING_MS if is_missing(reason) else ASSIGNMENT_REST_REJECTED_MS


def rests_until_ms(attempt: Attempt) -> int | None:
    """Until when its node is left alone (Unix time); None while it is not known to have let go."""
    if attempt.ended_at_ms is None or attempt.status == "withdrawing":
        return None
    return attempt.ended_at_ms + rest_ms(attempt.reason)


def resting(assignment: Assignment, now_ms: int, *, replenished: frozenset[str] = frozenset()) -> frozenset[str]:
    """The nodes that are not asked now, unless people say so.

    Those that are `replenished` show more of the goods than they did when they had not enough: nothing is missing there
    any more. People who said no are still of that mind.
    """
    return frozenset(each.node_id for each in assignment.attempts if _is_resting(each, now_ms, replenished))


def _is_resting(attempt: Attempt, now_ms: int, replenished: frozenset[str]) -> bool:
    until_ms = rests_until_ms(attempt)
    if until_ms is None:
        return True
    is_mended = attempt.node_id in replenished and is_missing(attempt.reason)
    return now_ms < until_ms and not is_mended

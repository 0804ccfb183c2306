"""A recorded decision, decided again: the same question has to give the same answer, byte for byte (G12)."""

from typing import Final, Literal

from msgspec import Struct

from edge_core.errors import PermanentFault
from edge_core.routing.deciding import route
from edge_core.routing.question import Question
from edge_core.routing.record import RECORD_VERSION, Record, decision_in, question_in, record_of

Outcome = Literal["identical", "different", "unreadable"]


class Replay(Struct, frozen=True):
    """What became of a record: `what` says how it differs, or why it cannot be read."""

    outcome: Outcome
    what: str = ""
    question: Question | None = None


IDENTICAL: Final = "identical"


def replay(record: Record) -> Replay:
    """Decide a recorded question again, and compare."""
    try:
        question, recorded = question_in(record), decision_in(record)
    except PermanentFault as fault:
        return Replay("unreadable", str(fault))
    again = record_of(question, route(question))
    if again.question != record.question:
        return Replay("different", f"the question is written in other bytes than in version {RECORD_VERSION}")
    if again.decision != record.decision:
        decided = decision_in(again)
        fields = (name for name in decided.__struct_fields__ if getattr(decided, name) != getattr(recorded, name))
        return Replay("different", f"decided otherwise: {', '.join(fields)}", question)
    return Replay(IDENTICAL, question=question)

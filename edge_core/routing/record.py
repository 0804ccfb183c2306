"""What the log keeps of a decision: its question and its answer in canonical bytes, to be had again (G12).

The bytes that are kept are those that were hashed. So a question is recorded as it was asked, or it was not asked: one
that is too large is asked with fewer places (`fitted`), never cut afterwards.
"""

from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import UNREADABLE, PermanentFault
from edge_core.limits import ROUTING_QUESTION_BYTES_MAX
from edge_core.routing.deciding import Decision
from edge_core.routing.question import Place, Question

RECORD_VERSION: Final = 1
"""The version of the bytes and of the rules that led from the one to the other. Older ones stay readable."""

_HASH_BYTES: Final = 32
_ENCODER: Final = msgspec.msgpack.Encoder()
_QUESTIONS: Final = msgspec.msgpack.Decoder(Question)
_DECISIONS: Final = msgspec.msgpack.Decoder(Decision)


class Record(Struct, frozen=True):
    """A decision as it is written down: `hash` is BLAKE2b-256 of `question`."""

    version: int
    hash: bytes
    question: bytes
    decision: bytes


def record_of(question: Question, decision: Decision) -> Record:
    """What to write down of a decision on a question."""
    return Record(RECORD_VERSION, decision.question_hash, _ENCODER.encode(question), _ENCODER.encode(decision))


def question_in(record: Record) -> Question:
    """The question of a record. Raises `PermanentFault` for one of later software, or whose bytes are not its own."""
    if record.version != RECORD_VERSION:
        raise PermanentFault(f"a routing record of version {record.version}, this software knows {RECORD_VERSION}")
    if blake2b(record.question, digest_size=_HASH_BYTES).digest() != record.hash:
        raise PermanentFault("the question of a routing record is not the one whose hash stands beside it")
    try:
        return _QUESTIONS.decode(record.question)
    except UNREADABLE as error:
        raise PermanentFault(f"the question of a routing record cannot be read: {error}") from error


def decision_in(record: Record) -> Decision:
    """The decision of a record. Raises `PermanentFault` where it cannot be read, or is an answer to something else."""
    try:
        decision = _DECISIONS.decode(record.decision)
    except UNREADABLE as error:
        raise PermanentFault(f"the decision of a routing record cannot be read: {error}") from error
    if decision.question_hash != record.hash:
        raise PermanentFault("the decision of a routing record answers another question")
    return decision


def fitted(question: Question) -> Question | None:
    """The question with as many of its places as can be recorded, the nearest first; None where not one can.

    Half of the places go at a time: a question of one place is some kilobytes, so this is seldom and short.
    """
    while len(_ENCODER.encode(question)) > ROUTING_QUESTION_BYTES_MAX:
        if len(question.places) <= 1:
            return None
        nearest = sorted(question.places, key=lambda place: (place.distance_m, place.location_id))
        question = _of_places(question, nearest[: len(nearest) // 2])
    return question


def _of_places(question: Question, places: list[Place]) -> Question:
    """The question of some of its places, with the tariffs of their services alone."""
    used = sorted({service.tariff for place in places for service in place.services})
    moved = {tariff: index for index, tariff in enumerate(used)}
    kept = tuple(
        replace(place, services=tuple(replace(each, tariff=moved[each.tariff]) for each in place.services))
        for place in places
    )
    return replace(question, places=kept, tariffs=tuple(question.tariffs[tariff] for tariff in used))

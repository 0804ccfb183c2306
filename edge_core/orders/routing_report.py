"""What routing decided about an order, as programs and people read it: from the order's entries alone.

Both ends render it from the same entries with the same functions (docs/routing.md, "Explanation").
"""

from collections.abc import Iterable
from datetime import tzinfo
from uuid import UUID

from msgspec import Struct

from edge_core.orders.rendering import Origin, Recorded, rfc3339
from edge_core.orders.routing_events import RoutedGroup, RoutingDecided
from edge_core.routing.changing import Change, what_would_change
from edge_core.routing.constraints import Refusal
from edge_core.routing.costs import Parts
from edge_core.routing.deciding import Allocation, Alternative, Decision, Kind
from edge_core.routing.question import Question, Stamp
from edge_core.routing.record import Record, decision_in, question_in
from edge_core.routing.terms import Lang
from edge_core.routing.weighing import Candidate
from edge_core.routing.wording import Section, explain


class Decided(Struct, frozen=True):
    """A decision in an order's log: where it stands, when it was recorded (Unix ms), the groups that it is about.

    One of the centre, about who is asked, stands in no log: it led to its `attempt`th attempt (docs/assignment.md).
    """

    origin: Origin | None
    recorded_at_ms: int
    groups: tuple[RoutedGroup, ...]
    record: Record
    attempt: int | None = None


class SourceView(Struct, frozen=True):
    """Where a fact of the question is from, when it was true, and how old it was when it was asked."""

    fact: str
    source: str
    at: str
    age_ms: int


class CandidateView(Struct, frozen=True):
    """A place: whether it could have sent everything, or else the first constraint that kept it from that."""

    location_id: str
    is_able: bool
    first_failing: Refusal | None
    lines: int


class DecisionReport(Struct, frozen=True):
    """One decision. Costs are thousandths of the minor unit, quantities thousandths of a unit, times Unix ms.

    `hash` is the question's and stands for the decision. One of the centre about which node it asks has no `origin` but
    an `attempt`. `would_change` is the least that would have brought another
    place into the plan. `words` say all of it in sentences.
    """

    hash: str
    decided_at: str
    origin: Origin | None
    attempt: int | None
    groups: tuple[RoutedGroup, ...]
    decision: Kind
    policy: str
    promise_at_ms: int | None
    refusal: str | None
    is_truncated: bool
    currency: str
    total_milli: int
    parts: Parts
    allocations: tuple[Allocation, ...]
    candidates: tuple[CandidateView, ...]
    runner_up: Alternative | None
    would_change: tuple[Change, ...]
    sources: tuple[SourceView, ...]
    question: Question
    words: tuple[Section, ...]


class RoutingReport(Struct, frozen=True):
    """Every decision of routing about an order, the first one first. The last about a group is the one that holds."""

    order_id: UUID
    decisions: tuple[DecisionReport, ...]


def decisions_in(entries: Iterable[Recorded]) -> list[Decided]:
    """The decisions of routing that some entries hold, in their order."""
    return [
        Decided(
            recorded.origin,
            recorded.entry.recorded_at_ms,
            event.groups,
            Record(event.version, event.hash, event.question, event.decision),
        )
        for recorded in entries
        for event in recorded.entry.events
        if isinstance(event, RoutingDecided)
    ]


def routing_report(order_id: UUID, decisions: Iterable[Decided], *, lang: Lang, zone: tzinfo) -> RoutingReport:
    """The report. Raises `PermanentFault` for a record that is damaged, or that later software has written."""
    return RoutingReport(order_id, tuple(_report(decided, lang, zone) for decided in decisions))


def _report(decided: Decided, lang: Lang, zone: tzinfo) -> DecisionReport:
    question, decision = question_in(decided.record), decision_in(decided.record)
    changes = what_would_change(question, decision)
    return DecisionReport(
        hash=decided.record.hash.hex(),
        decided_at=rfc3339(decided.recorded_at_ms),
        origin=decided.origin,
        attempt=decided.attempt,
        groups=decided.groups,
        decision=decision.kind,
        policy=decision.policy,
        promise_at_ms=decision.promise_at_ms,
        refusal=decision.refusal,
        is_truncated=decision.is_truncated,
        currency=question.currency,
        total_milli=decision.parts.total_milli,
        parts=decision.parts,
        allocations=decision.allocations,
        candidates=tuple(_candidate(each) for each in decision.candidates),
        runner_up=decision.runner_up,
        would_change=changes,
        sources=tuple(_sources(question, decision)),
        question=question,
        words=explain(question, decision, changes, lang=lang, zone=zone),
    )


def _candidate(candidate: Candidate) -> CandidateView:
    return CandidateView(candidate.location_id, candidate.refusal is None, candidate.refusal, candidate.lines)


def _sources(question: Question, decision: Decision) -> Iterable[SourceView]:
    places = {place.location_id: place for place in question.places}
    for candidate in decision.candidates:
        place = places[candidate.location_id]
        yield _source(f"stock of {place.location_id}", place.stock, question.asked_at_ms)
        yield _source(f"capacity of {place.location_id}", place.capacity, question.asked_at_ms)
    for stamp in question.sources:
        yield _source("dataset", stamp, question.asked_at_ms)
    yield _source("prices", question.policy, question.asked_at_ms)


def _source(fact: str, stamp: Stamp, asked_at_ms: int) -> SourceView:
    return SourceView(fact, stamp.source, rfc3339(stamp.at_ms), max(0, asked_at_ms - stamp.at_ms))

"""A decision of routing told to people, in English or Chinese: what, why, who else, and what would have changed it.

Pure, and from the recorded question and decision alone, so that the same record is told in the same words wherever it
is (G12). The phrases are in `phrases`, the words for closed lists in `terms`.
"""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from functools import reduce
from operator import or_

from msgspec import Struct

from edge_core.routing.changing import Change
from edge_core.routing.deciding import Allocation, Decision
from edge_core.routing.policy_words import reasons
from edge_core.routing.question import Need, Question
from edge_core.routing.refusal_words import change_words, refusal_words
from edge_core.routing.terms import Lang
from edge_core.routing.voice import Voice
from edge_core.routing.weighing import Candidate, weigh


class Section(Struct, frozen=True):
    """A heading and the sentences under it. `name` is the same in every language; `parcel` may come more than once."""

    name: str
    title: str
    lines: tuple[str, ...]


def explain(
    question: Question, decision: Decision, changes: Sequence[Change], *, lang: Lang, zone: tzinfo
) -> tuple[Section, ...]:
    """A decision in sections: decision, each parcel, reasons, candidates, runner_up, changes, sources.

    `changes` is what `what_would_change` found, `zone` the one whose clock times are told by.
    """
    voice = Voice(lang, question.currency, zone)
    return (
        _section("decision", voice, _decided(question, decision, voice)),
        *_parcels(question, decision, voice),
        _section("reasons", voice, reasons(question, voice)),
        _section("candidates", voice, _candidates(question, decision, voice)),
        _section("runner_up", voice, [_runner_up(question, decision, voice)]),
        _section("changes", voice, _changes(question, decision, changes, voice)),
        _section("sources", voice, _sources(question, decision, voice)),
    )


def as_text(sections: Sequence[Section]) -> str:
    """Sections as a page of plain text."""
    return "\n\n".join("\n".join([section.title, *(f"  {line}" for line in section.lines)]) for section in sections)


def _section(name: str, voice: Voice, lines: Iterator[str] | Sequence[str]) -> Section:
    return Section(name, voice.say(f"title.{name}"), tuple(lines))


def _decided(question: Question, decision: Decision, voice: Voice) -> Iterator[str]:
    yield voice.say(f"decision.{decision.kind}")
    if not decision.allocations:
        yield _why_manual(question, decision, voice)
    else:
        yield voice.say("decision.cost", cost=voice.money(decision.parts.total_milli))
    if decision.promise_at_ms is not None:
        yield voice.say("decision.arrives", at=voice.moment(decision.promise_at_ms))
    if decision.is_truncated:
        yield voice.say("decision.truncated")
    yield voice.say("decision.zone", zone=str(voice.zone))


def _why_manual(question: Question, decision: Decision, voice: Voice) -> str:
    """The order's own constraint, or the places': goods that none of them can send, or no plan of what they can."""
    if decision.refusal is not None:
        return voice.say(f"manual.{decision.refusal}")
    sent = reduce(or_, (option.lines for option in weigh(question).problem.options), 0)
    left = [need for bit, need in enumerate(question.needs) if not sent >> bit & 1]
    if left:
        return voice.say("manual.goods", goods=_goods(left, voice))
    return voice.say("manual.no_plan", parcels=voice.number_of("parcels", question.prices.parcels_max))


def _parcels(question: Question, decision: Decision, voice: Voice) -> Iterator[Section]:
    parcels = f"{len(decision.allocations)}"
    for number, allocation in enumerate(decision.allocations, 1):
        what = _by(question, allocation, voice)
        title = voice.say("title.parcel", number=f"{number}", parcels=parcels, what=what)
        yield Section("parcel", title, tuple(_parcel(question, allocation, voice)))


def _by(question: Question, allocation: Allocation, voice: Voice) -> str:
    place = next((place for place in question.places if place.location_id == allocation.location_id), None)
    if place is None:
        return voice.say("parcel.waits")
    mode = next(service.mode for service in place.services if service.service_id == allocation.service_id)
    service = allocation.service_id or ""
    return voice.say("parcel.sent", place=place.location_id, service=service, mode=voice.term("mode", mode))


def _parcel(question: Question, allocation: Allocation, voice: Voice) -> Iterator[str]:
    needs = [need for need in question.needs if need.line_id in allocation.line_ids]
    yield voice.say("parcel.goods", goods=_goods(needs, voice), weight=voice.weight(allocation.weight_g))
    if allocation.arrives_at_ms is not None:
        yield _arrival(question, allocation.arrives_at_ms, voice)
    for place in question.places:
        if place.location_id == allocation.location_id and (place.distance_m or allocation.carbon_g):
            distance, carbon = voice.distance(place.distance_m), voice.carbon(allocation.carbon_g)
            yield voice.say("parcel.distance", distance=distance, carbon=carbon)
    parts = [
        voice.say("part", part=voice.term("part", name.removesuffix("_milli")), cost=voice.money(milli))
        for name in allocation.parts.__struct_fields__
        if (milli := getattr(allocation.parts, name))
    ]
    if parts:
        cost = voice.money(allocation.parts.total_milli)
        yield voice.say("parcel.cost", cost=cost, parts=voice.listed(parts))
    else:
        yield voice.say("parcel.free")


def _goods(needs: Sequence[Need], voice: Voice) -> str:
    return voice.listed(voice.goods(need.quantity_milli, need.sku) for need in needs)


def _arrival(question: Question, arrives_ms: int, voice: Voice) -> str:
    late_ms = arrives_ms - question.promise_at_ms
    key = "parcel.late" if late_ms > 0 else "parcel.early" if late_ms else "parcel.punctual"
    promise = voice.moment(question.promise_at_ms)
    return voice.say(key, at=voice.moment(arrives_ms), promise=promise, span=voice.span(late_ms))


def _candidates(question: Question, decision: Decision, voice: Voice) -> Iterator[str]:
    places = {place.location_id: place for place in question.places}
    if not places:
        yield voice.say("candidates.none")
    for candidate in decision.candidates:
        place = places[candidate.location_id]
        what = voice.term("place", place.kind)
        if place.distance_m:
            what = voice.say("candidate.place", kind=what, distance=voice.distance(place.distance_m))
        verdict = _verdict(question, decision, candidate, voice)
        yield voice.say("candidate", place=place.location_id, what=what, verdict=verdict)


def _verdict(question: Question, decision: Decision, candidate: Candidate, voice: Voice) -> str:
    is_taken = any(each.location_id == candidate.location_id for each in decision.allocations)
    if candidate.refusal is None:
        is_beaten = bool(decision.allocations)
        return voice.say(f"candidate.{'taken' if is_taken else 'dearer' if is_beaten else 'passes'}")
    why = refusal_words(question, candidate.location_id, candidate.refusal, voice)
    key = "candidate.partly" if is_taken else "candidate.able" if candidate.lines else "candidate.refused"
    return voice.say(key, why=why, lines=voice.number_of("lines", candidate.lines))


def _runner_up(question: Question, decision: Decision, voice: Voice) -> str:
    other = decision.runner_up
    if other is None:
        return voice.say("runner_up.none")
    skus = {need.line_id: need.sku for need in question.needs}
    parcels = []
    for each in other.allocations:
        key = "runner_up.waits" if each.location_id is None else "runner_up.sent"
        fields = {"place": each.location_id or "", "service": each.service_id or ""}
        parcels.append(voice.say(key, **fields, skus=voice.listed(skus[line_id] for line_id in each.line_ids)))
    key = "runner_up.dearer" if other.margin_milli else "runner_up.equal"
    joined = "; ".join(parcels) if voice.lang == "en" else "；".join(parcels)
    return voice.say(key, parcels=joined, margin=voice.money(other.margin_milli))


def _changes(question: Question, decision: Decision, changes: Sequence[Change], voice: Voice) -> Iterator[str]:
    if not changes:
        yield voice.say("changes.none")
    for change in changes:
        yield change_words(question, decision, change, voice)


def _sources(question: Question, decision: Decision, voice: Voice) -> Iterator[str]:
    places = {place.location_id: place for place in question.places}
    for place in (places[candidate.location_id] for candidate in decision.candidates):
        yield voice.say(
            "source",
            place=place.location_id,
            stock=voice.term("source", place.stock.source),
            stock_age=voice.age(question.asked_at_ms - place.stock.at_ms),
            capacity=voice.term("source", place.capacity.source),
            capacity_age=voice.age(question.asked_at_ms - place.capacity.at_ms),
        )
    for stamp in question.sources:
        yield voice.say("dataset", dataset=stamp.source, age=voice.age(question.asked_at_ms - stamp.at_ms))
    yield voice.say("proof", at=voice.moment(question.asked_at_ms), hash=decision.question_hash.hex())

"""Why a place cannot send goods, and what it would have needed, in words with the numbers that were compared."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge_core.routing.changing import Change
from edge_core.routing.constraints import Refusal, bar_against, lacking
from edge_core.routing.deciding import Decision
from edge_core.routing.policy_words import bar_words
from edge_core.routing.question import Need, Question, Service
from edge_core.routing.voice import Voice

_AT_A_MOMENT: Final = frozenset({"shelf_life", "cut_off"})
"""Constraints that compare dates; others in milliseconds compare how long something takes."""


def refusal_words(question: Question, location_id: str, refusal: Refusal, voice: Voice) -> str:
    """Why a place cannot send: a clause that follows "since"."""
    said = voice.say(f"constraint.{refusal.constraint}", **_fields(question, location_id, refusal, voice))
    if refusal.constraint != "rights":
        return said
    return said + _safety(question, location_id, refusal, voice)


def change_words(question: Question, decision: Decision, change: Change, voice: Voice) -> str:
    """What would have brought a place into the plan, with what the plan would then cost."""
    given = voice.say("and").join(
        voice.say(f"given.{refusal.constraint}", **_fields(question, change.location_id, refusal, voice))
        for refusal in change.lacked
    )
    cost = voice.money(decision.parts.total_milli - change.saves_milli)
    fields = {"given": given, "place": change.location_id, "cost": cost}
    if not decision.allocations:
        return voice.say("change.plan", **fields)
    if change.saves_milli > 0:
        return voice.say("change.cheaper", **fields, saves=voice.money(change.saves_milli))
    return voice.say("change.equal", **fields)


def _fields(question: Question, location_id: str, refusal: Refusal, voice: Voice) -> Mapping[str, str]:
    """Everything that a phrase about a refusal may name; what does not apply is empty."""
    need = next((need for need in question.needs if need.line_id == refusal.line_id), None)
    place = next(place for place in question.places if place.location_id == location_id)
    service = next((each for each in place.services if each.service_id == refusal.service_id), None)
    return MappingProxyType(
        {
            "place": location_id,
            "pickup": question.pickup_at or "",
            "sku": need.sku if need else "",
            "kinds": voice.listed(voice.term("place", kind) for kind in need.kinds) if need else "",
            "service": refusal.service_id or "",
            **_numbers(refusal, voice),
            **_of_service(question, need, service, voice),
        }
    )


def _numbers(refusal: Refusal, voice: Voice) -> Mapping[str, str]:
    """What there was, what was wanted and how far apart they are."""
    numbers = refusal.has, refusal.wants, abs(refusal.wants - refusal.has)
    match refusal.unit:
        case "thousandths":
            has, wants, lacks = map(voice.quantity, numbers)
        case "ms" if refusal.constraint in _AT_A_MOMENT:
            has, wants, lacks = voice.moment(numbers[0]), voice.moment(numbers[1]), voice.span(numbers[2])
        case "ms":
            has, wants, lacks = map(voice.span, numbers)
        case _:
            has, wants, lacks = map(str, numbers)
    return {"has": has, "wants": wants, "lacks": lacks}


def _of_service(question: Question, need: Need | None, service: Service | None, voice: Voice) -> Mapping[str, str]:
    """What a carrier's service cannot do, where the refusal is one of a service."""
    extras = [] if service is None else [extra for extra in question.extras if extra not in service.offers]
    missing = [] if service is None or need is None else list(lacking(question, need, service))
    bar = None if service is None or need is None else bar_against(question, need, service)
    sources = voice.listed(dict.fromkeys(source for _, source in missing if source is not None))
    return {
        "extras": voice.listed(voice.term("extra", extra) for extra in extras),
        "traits": voice.listed(dict.fromkeys(voice.term("trait", trait) for trait, _ in missing)),
        "sources": voice.say("handling.sources", sources=sources) if sources else "",
        "bar": "" if bar is None else bar_words(bar, voice),
    }


def _safety(question: Question, location_id: str, refusal: Refusal, voice: Voice) -> str:
    """What the place has and keeps back, where it does."""
    sku = next((need.sku for need in question.needs if need.line_id == refusal.line_id), None)
    place = next(place for place in question.places if place.location_id == location_id)
    kept_milli = next((supply.safety_milli for supply in place.supplies if supply.sku == sku), 0)
    return voice.say("rights.safety", safety=voice.quantity(kept_milli)) if kept_milli else ""

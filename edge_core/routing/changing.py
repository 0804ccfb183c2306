"""What would have changed a decision: the least that, were it otherwise, brings another place into the plan.

Each place that was refused is given what it lacked, piece by piece, and the question is asked again. So what people are
told is no guess: with that much more stock there, or that much more time, the plan is the one that is shown.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import ROUTING_CHANGES_MAX, ROUTING_LACKS_MAX
from edge_core.routing.constraints import Refusal
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Place, Question, Service, Supply


class Change(Struct, frozen=True, array_like=True):
    """What one place lacked, and what the plan with it costs less, in thousandths of the minor unit."""

    location_id: str
    lacked: tuple[Refusal, ...]
    saves_milli: int


def what_would_change(question: Question, decision: Decision) -> tuple[Change, ...]:
    """What would bring refused places into the plan: few things before many, a small lack before a large one.

    The `ROUTING_CHANGES_MAX` nearest places are tried.
    """
    refused = [candidate.location_id for candidate in decision.candidates if candidate.refusal is not None]
    changes = (_change(question, decision, location_id) for location_id in refused[:ROUTING_CHANGES_MAX])
    found = [change for change in changes if change is not None]
    return tuple(sorted(found, key=lambda change: (len(change.lacked), _permille(change), change.location_id)))


def _change(question: Question, decision: Decision, location_id: str) -> Change | None:
    """What a place lacks until it is in the plan; None where nobody could give it, or it is not cheaper even so."""
    lacked: list[Refusal] = []
    asked = decision
    while len(lacked) < ROUTING_LACKS_MAX:
        refusal = next(each.refusal for each in asked.candidates if each.location_id == location_id)
        if refusal is None or refusal.constraint not in _GIVEN:
            return None
        question = _given(question, location_id, refusal)
        lacked.append(refusal)
        asked = route(question)
        if any(allocation.location_id == location_id for allocation in asked.allocations):
            return Change(location_id, tuple(lacked), decision.parts.total_milli - asked.parts.total_milli)
    return None


def _permille(change: Change) -> int:
    """How much was missing of what was wanted, the worst of it; a yes or no counts as all of it."""
    return max(
        1000 if refusal.unit == "none" else abs(refusal.wants - refusal.has) * 1000 // max(1, refusal.wants)
        for refusal in change.lacked
    )


def _given(question: Question, location_id: str, refusal: Refusal) -> Question:
    """The question with one constraint of a place met, and not more than met."""
    give = _GIVEN[refusal.constraint]
    places = tuple(
        give(question, place, refusal) if place.location_id == location_id else place for place in question.places
    )
    excluded = tuple(each for each in question.excluded if each != location_id)
    return replace(question, places=places, excluded=excluded)


def _flag(name: str) -> Callable[[Question, Place, Refusal], Place]:
    return lambda _, place, __: replace(place, **{name: True})


def _supply(change: Callable[[Supply, Refusal], Supply]) -> Callable[[Question, Place, Refusal], Place]:
    def give(question: Question, place: Place, refusal: Refusal) -> Place:
        sku = next(need.sku for need in question.needs if need.line_id == refusal.line_id)
        others = tuple(supply for supply in place.supplies if supply.sku != sku)
        own = next((supply for supply in place.supplies if supply.sku == sku), Supply(sku, 0))
        return replace(place, supplies=(*others, change(own, refusal)))

    return give


def _service(change: Callable[[Service, Refusal], Service]) -> Callable[[Question, Place, Refusal], Place]:
    def give(_: Question, place: Place, refusal: Refusal) -> Place:
        services = tuple(
            change(service, refusal) if service.service_id == refusal.service_id else service
            for service in place.services
        )
        return replace(place, services=services)

    return give


def _sooner(service: Service, refusal: Refusal) -> Service:
    return replace(service, leaves_at_ms=service.leaves_at_ms - (refusal.has - refusal.wants))


_GIVEN: Final[Mapping[str, Callable[[Question, Place, Refusal], Place]]] = MappingProxyType(
    {
        "not_excluded": lambda _, place, __: place,
        "active": _flag("is_active"),
        "open": _flag("is_open"),
        "accepting": _flag("is_accepting"),
        "capacity": lambda _, place, refusal: replace(place, units_left_milli=refusal.wants),
        "rights": _supply(lambda supply, refusal: replace(supply, free_milli=refusal.wants)),
        "supplier_minimum": _supply(lambda supply, refusal: replace(supply, order_milli_min=refusal.has)),
        "shelf_life": _supply(lambda supply, refusal: replace(supply, expires_at_ms=refusal.wants)),
        "carrier_running": _service(lambda service, _: replace(service, is_running=True)),
        "cut_off": _service(_sooner),
    }
)
"""How each constraint is met that people or carriers could have met. A law, or the customer's own choice, is not."""

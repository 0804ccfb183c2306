"""What signals say does not work: stores, carriers and services that a question shows as stopped (docs/policies.md)."""

from msgspec.structs import replace

from edge_core.policy.choosing import stopped
from edge_core.reference.lookup import Reference
from edge_core.routing.question import Place, Question


def as_signalled(reference: Reference, question: Question) -> Question:
    """The question while signals say that a store, a carrier or a service does not work."""
    scopes = stopped(reference.signals, question.asked_at_ms)
    if not scopes:
        return question
    services = reference.network.services

    def is_stopped(service_id: str) -> bool:
        row = services.get(service_id)
        return f"service/{service_id}" in scopes or (row is not None and f"carrier/{row.carrier}" in scopes)

    def of(place: Place) -> Place:
        running = tuple(
            replace(each, is_running=each.is_running and not is_stopped(each.service_id)) for each in place.services
        )
        is_accepting = place.is_accepting and f"store/{place.location_id}" not in scopes
        return replace(place, services=running, is_accepting=is_accepting)

    return replace(question, places=tuple(of(place) for place in question.places))

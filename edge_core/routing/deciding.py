"""A question's answer: who sends what and when, what it costs, who else could have, and by how much they lost."""

from hashlib import blake2b
from typing import Final, Literal

import msgspec
from msgspec import Struct

from edge_core.routing.constraints import refused_order
from edge_core.routing.costs import Parts, added, arrival_ms, carbon_g, line_parts, parcel_parts
from edge_core.routing.grouping import solve_any
from edge_core.routing.problem import Parcel, Plan
from edge_core.routing.question import Need, Question
from edge_core.routing.tariffs import charge_milli
from edge_core.routing.weighing import BACKORDER, Candidate, Way, Weighed, weigh

Kind = Literal["fulfil_here", "other_store", "warehouse", "pickup", "backorder", "manual"]

_HASH_BYTES: Final = 32


class Allocation(Struct, frozen=True, array_like=True):
    """One parcel: what goes from where, by what, when it arrives, and what it costs."""

    decision: Kind
    location_id: str | None
    service_id: str | None
    line_ids: tuple[str, ...]
    arrives_at_ms: int | None
    weight_g: int
    carbon_g: int
    parts: Parts


class Alternative(Struct, frozen=True, array_like=True):
    """The plan that would have been taken otherwise, and how much more it costs, in thousandths of the minor unit."""

    allocations: tuple[Allocation, ...]
    margin_milli: int


class Decision(Struct, frozen=True, array_like=True):
    """The answer. Without allocations a person decides: `refusal` says why, where it is not the places' doing.

    `is_truncated`: the search was cut short by its bounds; the plan can be carried out and is perhaps not the best.
    """

    question_hash: bytes
    policy: str
    allocations: tuple[Allocation, ...]
    parts: Parts
    candidates: tuple[Candidate, ...]
    runner_up: Alternative | None
    refusal: str | None
    is_truncated: bool

    @property
    def kind(self) -> Kind:
        """What is decided, in one word: that of the first parcel that is not the store's own."""
        kinds = [allocation.decision for allocation in self.allocations]
        return next((kind for kind in kinds if kind != "fulfil_here"), kinds[0] if kinds else "manual")

    @property
    def promise_at_ms(self) -> int | None:
        """When the last parcel arrives; None while a line waits for goods or a person."""
        arrivals = [allocation.arrives_at_ms for allocation in self.allocations]
        known = [arrival for arrival in arrivals if arrival is not None]
        return max(known) if known and len(known) == len(arrivals) else None


def hash_of(question: Question) -> bytes:
    """What stands for a question: BLAKE2b-256 of its canonical bytes."""
    return blake2b(msgspec.msgpack.encode(question), digest_size=_HASH_BYTES).digest()


def route(question: Question) -> Decision:
    """The best way to meet the needs of a question, or that a person has to decide."""
    weighed = weigh(question)
    refusal = refused_order(question)
    found = None if refusal else solve_any(weighed.problem)
    if found is None:
        why = None if refusal is None else refusal.constraint
        return _decision(question, weighed, (), None, why, is_truncated=False)
    runner_up = None
    if found.runner_up is not None:
        margin_milli = found.runner_up.cost_milli - found.plan.cost_milli
        runner_up = Alternative(_allocations(question, weighed, found.runner_up), margin_milli)
    is_truncated = found.is_truncated or weighed.is_cut
    return _decision(
        question, weighed, _allocations(question, weighed, found.plan), runner_up, None, is_truncated=is_truncated
    )


def _decision(
    question: Question,
    weighed: Weighed,
    allocations: tuple[Allocation, ...],
    runner_up: Alternative | None,
    refusal: str | None,
    *,
    is_truncated: bool,
) -> Decision:
    parts = added(*(allocation.parts for allocation in allocations))
    return Decision(
        hash_of(question),
        question.policy.source,
        allocations,
        parts,
        weighed.candidates,
        runner_up,
        refusal,
        is_truncated,
    )


def _allocations(question: Question, weighed: Weighed, plan: Plan) -> tuple[Allocation, ...]:
    return tuple(_allocation(question, weighed, parcel) for parcel in plan.parcels)


def _allocation(question: Question, weighed: Weighed, parcel: Parcel) -> Allocation:
    """A parcel in words again. Its parts are those that its price was made of."""
    way = weighed.ways[parcel.option]
    needs = [need for bit, need in enumerate(question.needs) if parcel.lines >> bit & 1]
    line_ids = tuple(need.line_id for need in needs)
    weight_g = sum(need.weight_g for need in needs)
    if way.place == BACKORDER or way.service is None:
        waits_milli = (question.prices.backorder_milli or 0) * len(needs)
        parts = Parts(split_milli=question.prices.parcel_milli, backorder_milli=waits_milli)
        return Allocation("backorder", None, None, line_ids, None, weight_g, 0, parts)
    place = weighed.places[way.place]
    arrives_ms = arrival_ms(way.service, way.lead_ms)
    emitted_g = carbon_g(question, weight_g, place, way.service)
    kind = _kind(question, weighed, way)
    parts = _parts(question, weighed, way, needs)
    return Allocation(kind, place.location_id, way.service.service_id, line_ids, arrives_ms, weight_g, emitted_g, parts)


def _parts(question: Question, weighed: Weighed, way: Way, needs: list[Need]) -> Parts:
    place, service = weighed.places[way.place], way.service
    assert service is not None
    supplies = {supply.sku: supply for supply in place.supplies}
    weight_g = sum(need.weight_g for need in needs)
    return added(
        Parts(shipping_milli=charge_milli(question.tariffs[service.tariff], weight_g)),
        parcel_parts(question, place, arrival_ms(service, way.lead_ms)),
        *(line_parts(question, need, place, service, supplies[need.sku]) for need in needs),
    )


def _kind(question: Question, weighed: Weighed, way: Way) -> Kind:
    place = weighed.places[way.place]
    if question.method == "pickup":
        return "pickup"
    if place.location_id == question.here:
        return "fulfil_here"
    return "other_store" if place.kind == "store" else "warehouse"

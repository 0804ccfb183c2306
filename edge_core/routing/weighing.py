"""From a question to what `sourcing` solves: which place can send which lines by which service, and for how much."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from edge_core.limits import ROUTING_OPTIONS_BITS
from edge_core.routing.constraints import Refusal, Trip, refused_need, refused_place, refused_trip
from edge_core.routing.costs import arrival_ms, line_parts, parcel_parts
from edge_core.routing.problem import Option, Problem, Stock
from edge_core.routing.question import Need, Place, Question, Service, Supply
from edge_core.routing.tariffs import FREE

BACKORDER: Final = -1
"""In the place of a place: the line waits for goods."""

_OPTIONS_MAX: Final = 1 << ROUTING_OPTIONS_BITS


class Way(NamedTuple):
    """What an option stands for: a place of `Weighed.places`, its service, and how long it waits for goods."""

    place: int
    service: Service | None
    lead_ms: int


class Candidate(Struct, frozen=True, array_like=True):
    """A place, the first constraint that keeps it from sending everything, and how many lines it could send."""

    location_id: str
    refusal: Refusal | None
    lines: int


class Weighed(NamedTuple):
    """A question as sets and integers. Places are in the order in which equals are preferred."""

    places: tuple[Place, ...]
    problem: Problem
    ways: tuple[Way, ...]
    candidates: tuple[Candidate, ...]
    is_cut: bool


class _At(NamedTuple):
    """A place with what it has of each need, None where it cannot meet it."""

    place: Place
    supplies: tuple[Supply | None, ...]
    refusals: tuple[Refusal, ...]


def weigh(question: Question) -> Weighed:
    """Every option of a question, and why other places have none."""
    places = tuple(sorted(question.places, key=lambda place: (place.distance_m, place.location_id)))
    ways: list[Way] = []
    options: list[Option] = []
    stocks: list[Stock] = []
    candidates: list[Candidate] = []
    for index, place in enumerate(places):
        at = _look(question, place)
        shared = tuple(_shared(question.needs, at, index))
        refusals = list(at.refusals)
        before = len(options)
        if not refusals or any(at.supplies):
            for way, option, refusal in _options(question, at, index):
                refusals += [] if refusal is None else [refusal]
                if option.lines:
                    ways.append(way)
                    options.append(option)
        stocks += [stock for stock, _ in shared]
        candidates.append(_candidate(question, place, options[before:], refusals + [told for _, told in shared]))
    is_cut = len(options) >= _OPTIONS_MAX
    del options[_OPTIONS_MAX - 1 :], ways[_OPTIONS_MAX - 1 :]
    if question.prices.backorder_milli is not None:
        ways.append(Way(BACKORDER, None, 0))
        options.append(_backorder(question, question.prices.backorder_milli))
    weights_g = tuple(need.weight_g for need in question.needs)
    tariffs = (*question.tariffs, FREE)
    problem = Problem(weights_g, tuple(options), tariffs, tuple(stocks), question.prices.parcels_max)
    return Weighed(places, problem, tuple(ways), tuple(candidates), is_cut)


def _look(question: Question, place: Place) -> _At:
    refusal = refused_place(question, place)
    if refusal is not None:
        return _At(place, (None,) * len(question.needs), (refusal,))
    by_sku = {supply.sku: supply for supply in place.supplies}
    supplies: list[Supply | None] = []
    refusals: list[Refusal] = []
    for need in question.needs:
        supply = by_sku.get(need.sku)
        refusal = refused_need(question, need, place, supply)
        supplies.append(supply if refusal is None else None)
        refusals += [] if refusal is None else [refusal]
    return _At(place, tuple(supplies), tuple(refusals))


def _options(question: Question, at: _At, index: int) -> Iterator[tuple[Way, Option, Refusal | None]]:
    """Each service, once for every time that its goods may have to be waited for."""
    leads_ms = sorted({supply.lead_ms for supply in at.supplies if supply is not None})
    for service in at.place.services:
        for lead_ms in leads_ms:
            trip = Trip(service, arrival_ms(service, lead_ms))
            lines, milli, refusal = 0, [0] * len(question.needs), None
            for bit, (need, supply) in enumerate(zip(question.needs, at.supplies, strict=True)):
                if supply is None or supply.lead_ms > lead_ms:
                    continue
                refused = refused_trip(question, need, trip, supply)
                if refused is None:
                    lines |= 1 << bit
                    milli[bit] = line_parts(question, need, at.place, service, supply).total_milli
                refusal = refusal or refused
            fixed_milli = parcel_parts(question, at.place, trip.arrives_at_ms).total_milli
            option = Option(index, lines, fixed_milli, tuple(milli), service.tariff)
            yield Way(index, service, lead_ms), option, refusal


def _shared(needs: Sequence[Need], at: _At, index: int) -> Iterator[tuple[Stock, Refusal]]:
    """What several lines want of one place, where it is not enough for all of them."""
    wanted: dict[str, list[tuple[int, int]]] = {}
    for bit, (need, supply) in enumerate(zip(needs, at.supplies, strict=True)):
        if supply is not None:
            wanted.setdefault(need.sku, []).append((bit, need.quantity_milli))
    free_milli = {supply.sku: supply.free_milli for supply in at.supplies if supply is not None}
    for sku, own in wanted.items():
        total_milli = sum(milli for _, milli in own)
        if total_milli > free_milli[sku]:
            told = Refusal("rights", free_milli[sku], total_milli, "thousandths", needs[own[0][0]].line_id)
            yield Stock(index, tuple(own), free_milli[sku]), told
    left_milli = at.place.units_left_milli
    everything = tuple(pair for own in wanted.values() for pair in own)
    total_milli = sum(milli for _, milli in everything)
    if left_milli is not None and total_milli > left_milli:
        yield Stock(index, everything, left_milli), Refusal("capacity", left_milli, total_milli, "thousandths")


def _candidate(question: Question, place: Place, options: Sequence[Option], refusals: Sequence[Refusal]) -> Candidate:
    """A place that could send everything passes, even where one of its carriers could not carry it."""
    lines = 0
    for option in options:
        lines |= option.lines
    whole = (1 << len(question.needs)) - 1
    passes = any(option.lines == whole for option in options) and not any(r.service_id is None for r in refusals)
    refusal = None if passes else next(iter(refusals), Refusal("service"))
    return Candidate(place.location_id, refusal, lines.bit_count())


def _backorder(question: Question, backorder_milli: int) -> Option:
    """Goods that wait come in a parcel of their own."""
    lines = (1 << len(question.needs)) - 1
    milli = (backorder_milli,) * len(question.needs)
    return Option(BACKORDER, lines, question.prices.parcel_milli, milli, len(question.tariffs))

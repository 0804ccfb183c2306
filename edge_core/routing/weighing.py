"""From a question to what `sourcing` solves: which place can send which lines by which service, and for how much."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from edge_core.limits import ROUTING_OPTIONS_BITS
from edge_core.routing.constraints import (
    Refusal,
    ServiceCheck,
    Trip,
    TripCheck,
    refused_need,
    refused_place,
    refused_service,
    refused_trip,
    service_checks,
    trip_checks,
)
from edge_core.routing.costs import (
    arrival_ms,
    awaited_milli,
    carbon_tonne_milli,
    kept_milli,
    packed_milli,
    with_carbon_milli,
)
from edge_core.routing.problem import Option, Problem, Stock
from edge_core.routing.question import Need, Place, Question, Service, Supply
from edge_core.routing.tariffs import FREE

BACKORDER: Final = -1
"""In the place of a place: the line waits for goods."""

_OPTIONS_MAX: Final = 1 << ROUTING_OPTIONS_BITS


class Way(Struct, frozen=True, gc=False):
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


class _Line(Struct, frozen=True, gc=False):
    """A need that a place can meet, and what may keep a service from carrying it."""

    bit: int
    need: Need
    supply: Supply
    checks: tuple[TripCheck, ...]


class _Asked(Struct, frozen=True, gc=False):
    """A question with what is the same for all of its places.

    `trip_checks` are those of each need, where it does not expire and where it does; `awaited_milli` keeps what it
    costs to arrive when, since many services arrive together.
    """

    question: Question
    weights_g: tuple[int, ...]
    repeated: tuple[str, ...]
    service_checks: tuple[ServiceCheck, ...]
    trip_checks: tuple[tuple[tuple[TripCheck, ...], tuple[TripCheck, ...]], ...]
    awaited_milli: dict[int, int]


class _At(Struct, frozen=True, gc=False):
    """A place with the lines that it can send. `kept_milli`: what each need adds to any parcel from there."""

    place: Place
    lines: tuple[_Line, ...]
    kept_milli: Sequence[int]
    refusals: tuple[Refusal, ...]


def weigh(question: Question) -> Weighed:
    """Every option of a question, and why other places have none."""
    places = tuple(sorted(question.places, key=lambda place: (place.distance_m, place.location_id)))
    asked = _asked(question)
    ways: list[Way] = []
    options: list[Option] = []
    stocks: list[Stock] = []
    candidates: list[Candidate] = []
    for index, place in enumerate(places):
        at = _look(asked, place)
        shared = tuple(_shared(at, index, asked.repeated))
        refusals = list(at.refusals)
        before = len(options)
        if not refusals or at.lines:
            for way, option in _options(asked, at, index, refusals):
                ways.append(way)
                options.append(option)
        stocks += [stock for stock, _ in shared]
        candidates.append(_candidate(question, place, options[before:], refusals + [told for _, told in shared]))
    is_cut = len(options) >= _OPTIONS_MAX
    del options[_OPTIONS_MAX - 1 :], ways[_OPTIONS_MAX - 1 :]
    if question.prices.backorder_milli is not None:
        ways.append(Way(BACKORDER, None, 0))
        options.append(_backorder(question, question.prices.backorder_milli))
    tariffs = (*question.tariffs, FREE)
    problem = Problem(asked.weights_g, tuple(options), tariffs, tuple(stocks), question.prices.parcels_max)
    return Weighed(places, problem, tuple(ways), tuple(candidates), is_cut)


def _asked(question: Question) -> _Asked:
    needs = question.needs
    skus = Counter(need.sku for need in needs)
    return _Asked(
        question,
        tuple(need.weight_g for need in needs),
        tuple(sku for sku, count in skus.items() if count > 1),
        service_checks(question),
        tuple((trip_checks(question, n, expires=False), trip_checks(question, n, expires=True)) for n in needs),
        {},
    )


def _look(asked: _Asked, place: Place) -> _At:
    question = asked.question
    refusal = refused_place(question, place)
    if refusal is not None:
        return _At(place, (), (), (refusal,))
    by_sku = {supply.sku: supply for supply in place.supplies}
    lines: list[_Line] = []
    kept = [0] * len(question.needs)
    refusals: list[Refusal] = []
    for bit, need in enumerate(question.needs):
        supply = by_sku.get(need.sku)
        refusal = refused_need(question, need, place, supply)
        if refusal is not None:
            refusals.append(refusal)
        elif supply is not None:
            lines.append(_Line(bit, need, supply, asked.trip_checks[bit][supply.expires_at_ms is not None]))
            kept[bit] = kept_milli(question, need, place, supply)
    return _At(place, tuple(lines), kept, tuple(refusals))


def _options(asked: _Asked, at: _At, index: int, refusals: list[Refusal]) -> Iterator[tuple[Way, Option]]:
    """Each service, once for every time that its goods may have to be waited for. Adds why services carry less."""
    question, place = asked.question, at.place
    leads_ms = sorted({line.supply.lead_ms for line in at.lines})
    packed = packed_milli(question, place)
    for service in place.services:
        refusal = refused_service(asked.service_checks, question, service)
        if refusal is not None:
            refusals.append(refusal)
            continue
        milli = with_carbon_milli(at.kept_milli, asked.weights_g, carbon_tonne_milli(question, place, service))
        for lead_ms in leads_ms:
            arrives_ms = arrival_ms(service, lead_ms)
            lines = 0
            for line in at.lines:
                if line.supply.lead_ms <= lead_ms:
                    refusal = _refused(question, line, service, arrives_ms) if line.checks else None
                    if refusal is None:
                        lines |= 1 << line.bit
                    else:
                        refusals.append(refusal)
            if lines:
                fixed_milli = packed + _awaited_milli(asked, arrives_ms)
                yield Way(index, service, lead_ms), Option(index, lines, fixed_milli, milli, service.tariff)


def _refused(question: Question, line: _Line, service: Service, arrives_ms: int) -> Refusal | None:
    return refused_trip(line.checks, question, line.need, Trip(service, arrives_ms), line.supply)


def _awaited_milli(asked: _Asked, arrives_ms: int) -> int:
    known = asked.awaited_milli.get(arrives_ms)
    if known is None:
        known = asked.awaited_milli[arrives_ms] = awaited_milli(asked.question, arrives_ms)
    return known


def _shared(at: _At, index: int, repeated: Collection[str]) -> Iterator[tuple[Stock, Refusal]]:
    """What several lines want of one place, where it is not enough for all of them."""
    for sku in repeated:
        own = [line for line in at.lines if line.need.sku == sku]
        total_milli = _wanted_milli(own)
        if own and total_milli > (free_milli := own[0].supply.free_milli):
            told = Refusal("rights", free_milli, total_milli, "thousandths", own[0].need.line_id)
            yield _stock(index, own, free_milli), told
    left_milli = at.place.units_left_milli
    if left_milli is not None and (total_milli := _wanted_milli(at.lines)) > left_milli:
        yield _stock(index, at.lines, left_milli), Refusal("capacity", left_milli, total_milli, "thousandths")


def _wanted_milli(lines: Sequence[_Line]) -> int:
    return sum(line.need.quantity_milli for line in lines)


def _stock(index: int, lines: Sequence[_Line], limit_milli: int) -> Stock:
    return Stock(index, tuple((line.bit, line.need.quantity_milli) for line in lines), limit_milli)


def _candidate(question: Question, place: Place, options: Sequence[Option], refusals: Sequence[Refusal]) -> Candidate:
    """A place that could send everything passes, even where one of its carriers could not carry it."""
    lines, whole, is_whole = 0, (1 << len(question.needs)) - 1, False
    for option in options:
        lines |= option.lines
        is_whole = is_whole or option.lines == whole
    if is_whole and all(refusal.service_id is not None for refusal in refusals):
        return Candidate(place.location_id, None, lines.bit_count())
    return Candidate(place.location_id, refusals[0] if refusals else Refusal("service"), lines.bit_count())


def _backorder(question: Question, backorder_milli: int) -> Option:
    """Goods that wait come in a parcel of their own."""
    lines = (1 << len(question.needs)) - 1
    milli = (backorder_milli,) * len(question.needs)
    return Option(BACKORDER, lines, question.prices.parcel_milli, milli, len(question.tariffs))

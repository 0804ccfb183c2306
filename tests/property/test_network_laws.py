"""Laws of the network: a question can always be made and read back; nothing leaves in the past or on a closed day."""

from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge_core.limits import FRESH_FOR_MS_MAX
from edge_core.orders.document import Address, Line, Promise
from edge_core.reference.documents import Compliance, Item
from edge_core.reference.lookup import Reference
from edge_core.reference.network_documents import (
    CarbonFactor,
    Location,
    Opening,
    Service,
    Supplier,
    Tariff,
    Zone,
)
from edge_core.routing.asking import ask
from edge_core.routing.calendars import local, next_departure_ms, next_open_ms
from edge_core.routing.deciding import route
from edge_core.routing.network import Network
from edge_core.routing.question import Question
from edge_core.routing.tariffs import Band
from edge_core.routing.wishes import Left, Lot, Site, Wish
from tests.rigs.network import SEEN

# Zones whose clocks change by an hour, by half of one, at midnight, and that once left out a day.
ZONES: Final = ("UTC", "Europe/Berlin", "Asia/Shanghai", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia")
YEAR_MS: Final = 366 * 86_400_000
AREAS: Final = ("DE", "DE-BE", "DE-HH", "FR", "CN-46", "CN")

names = st.sampled_from(["a", "b", "c"])
times = st.integers(0, 24 * 4 - 1).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
dates = st.lists(days.map(str), max_size=5).map(tuple)
moments = st.integers(1_767_225_600_000, 1_767_225_600_000 + 2 * YEAR_MS)
areas = st.lists(st.sampled_from(AREAS), max_size=2).map(tuple)
spans = st.integers(0, 14 * 86_400_000)


@st.composite
def openings(draw: st.DrawFn) -> Opening:
    opens, closes = sorted(draw(st.lists(times, min_size=2, max_size=2, unique=True)))
    return Opening(draw(st.integers(1, 7)), opens, draw(st.sampled_from([closes, "24:00"])))


locations = st.builds(
    Location,
    location_id=names,
    kind=st.sampled_from(["store", "warehouse", "supplier"]),
    time_zone=st.sampled_from(ZONES),
    currency=st.sampled_from(["EUR", "CNY"]),
    area=st.none() | st.sampled_from(AREAS),
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
    hours=st.lists(openings(), max_size=6).map(tuple),
    closed_on=dates,
    prepares_ms=spans,
    day_milli_max=st.none() | st.integers(0, 10**9),
    services=st.lists(names, max_size=3, unique=True).map(tuple),
)
zones = st.builds(Zone, names, spans, areas, areas, st.none() | st.integers(0, 20_000_000))
services = st.builds(
    Service,
    service_id=names,
    carrier=st.just("A carrier"),
    mode=st.sampled_from(["road", "air", "bicycle"]),
    tariff_id=names,
    zones=st.lists(zones, min_size=1, max_size=3).map(tuple),
    weekdays=st.lists(st.integers(1, 7), min_size=1, max_size=7, unique=True).map(tuple),
    cut_offs=st.lists(times, min_size=1, max_size=4, unique=True).map(lambda several: tuple(sorted(several))),
    closed_on=dates,
)
bands = st.lists(st.integers(0, 10**9), min_size=1, max_size=4, unique=True).map(
    lambda weights_g: tuple(Band(weight_g, 100_000, 1_000, 0) for weight_g in sorted(weights_g))
)
tariffs = st.builds(Tariff, names, names, st.sampled_from(["EUR", "CNY"]), bands)
addresses = st.builds(
    Address,
    st.just("A. Receiver"),
    st.sampled_from(["DE", "FR", "CN"]),
    region=st.none() | st.sampled_from(["DE-BE", "CN-46"]),
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
)
lines = st.builds(
    Line,
    line_id=st.uuids().map(str),
    sku=names,
    quantity_milli=st.integers(1, 10**9),
    unit=st.sampled_from(["H87", "KGM"]),
    unit_price_minor=st.just(1),
    gross_minor=st.just(1),
    discount_minor=st.just(0),
    net_minor=st.integers(0, 10**12),
    tax_minor=st.integers(0, 10**12),
    traits=st.lists(st.sampled_from(["cold", "liquid"]), max_size=2, unique=True).map(tuple),
    weight_grams=st.none() | st.integers(1, 10**9),
)
items = st.builds(
    Item,
    sku=names,
    description=st.just(""),
    unit=st.just("H87"),
    weight_grams=st.none() | st.integers(1, 10**9),
    fresh_for_ms=st.sampled_from([0, 86_400_000, FRESH_FOR_MS_MAX]),
    cost_minor=st.none() | st.integers(0, 10**12),
    cost_currency=st.sampled_from(["EUR", "CNY"]),
    supplier_id=st.none() | names,
)
lots = st.builds(
    Lot,
    sku=names,
    unit=st.sampled_from(["H87", "KGM"]),
    free_milli=st.integers(0, 10**12),
    safety_milli=st.integers(0, 10**12),
    expires_on=st.none() | days.map(str),
)
sites = st.builds(
    Site, names, st.lists(lots, max_size=4).map(tuple), st.just(SEEN), st.just(SEEN), st.integers(0, 10**12)
)
promises = st.sampled_from([Promise("2026-11-23T08:00:00.000Z", "2026-11-25T18:00:00.000Z"), None])
wishes = st.builds(
    Wish,
    left=st.lists(lines.map(lambda line: Left(line, line.quantity_milli)), min_size=1, max_size=4).map(tuple),
    method=st.sampled_from(["ship", "pickup"]),
    currency=st.sampled_from(["EUR", "JPY"]),
    ship_to=st.none() | addresses,
    promise=promises,
    preference=st.sampled_from([None, "fastest", "cheapest", "greenest"]),
    prices_include_tax=st.booleans(),
    pickup_at=st.none() | names,
    excluded=st.lists(names, max_size=2).map(tuple),
)


@st.composite
def references(draw: st.DrawFn) -> Reference:
    network = Network(
        {each.location_id: each for each in draw(st.lists(locations, max_size=3))},
        {each.service_id: each for each in draw(st.lists(services, max_size=3))},
        {f"{each.tariff_id}/{each.zone}": each for each in draw(st.lists(tariffs, max_size=6))},
        {"road": CarbonFactor("road", "road", 10**8, "made up", "1")},
        {each.supplier_id: each for each in draw(st.lists(st.builds(Supplier, names), max_size=3))},
    )
    laws = draw(st.lists(st.builds(Compliance, names, places_denied=areas), max_size=2))
    known = {item.sku: item for item in draw(st.lists(items, max_size=3))}
    return Reference({}, items=known, compliances={law.sku: law for law in laws}, network=network)


@given(wishes, st.lists(sites, max_size=4, unique_by=lambda site: site.location_id), references(), moments)
def test_every_order_can_be_asked_about_and_the_question_is_within_its_bounds(
    wish: Wish, places: list[Site], reference: Reference, now_ms: int
) -> None:
    question = ask(wish, places, reference, here="a", zone=ZoneInfo("UTC"), zones=ZoneInfo, now_ms=now_ms)
    body = msgspec.msgpack.encode(question)
    assert msgspec.msgpack.decode(body, type=Question) == question
    assert all(service.leaves_at_ms >= now_ms for place in question.places for service in place.services)
    assert route(question).question_hash


@given(services, locations, moments)
def test_nothing_leaves_before_it_is_ready_nor_on_a_day_that_is_closed(
    service: Service, location: Location, ready_ms: int
) -> None:
    zone = ZoneInfo(location.time_zone)
    leaves_ms = next_departure_ms(service, location, zone, ready_ms)
    if leaves_ms is None:
        return
    assert leaves_ms >= ready_ms
    day = local(leaves_ms, zone).date()
    assert day.isoweekday() in service.weekdays
    assert str(day) not in {*service.closed_on, *location.closed_on}
    assert not location.hours or day.isoweekday() in {opening.weekday for opening in location.hours}


@given(services, locations, moments, spans)
def test_who_is_ready_later_never_leaves_earlier(
    service: Service, location: Location, ready_ms: int, later_ms: int
) -> None:
    zone = ZoneInfo(location.time_zone)
    first = next_departure_ms(service, location, zone, ready_ms)
    second = next_departure_ms(service, location, zone, ready_ms + later_ms)
    assert first is None or second is None or first <= second


@given(locations, moments)
def test_a_place_opens_on_one_of_its_days_and_never_before_now(location: Location, now_ms: int) -> None:
    zone = ZoneInfo(location.time_zone)
    opens_ms = next_open_ms(location, zone, now_ms)
    if opens_ms is None:
        return
    assert opens_ms >= now_ms
    assert opens_ms - now_ms < timedelta(days=63) / timedelta(milliseconds=1)
    assert str(local(opens_ms, zone).date()) not in location.closed_on

"""What routing is asked: an order's needs, the places and services that could meet them, and the prices of a policy.

Everything that the answer depends on is in here, with the source and the age of each fact, and nothing else is looked
at: no clock, no network, no file. So the question's hash stands for the decision, and the same question gives the same
answer again (G12). Times are milliseconds since 1970 UTC, costs thousandths of the currency's minor unit, quantities
thousandths of the goods' unit.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge_core.limits import (
    IDENTIFIER_CHARS_MAX,
    LINES_MAX,
    QUANTITY_MILLI_MAX,
    ROUTING_BARS_MAX,
    ROUTING_CARBON_MG_MAX,
    ROUTING_COST_MILLI_MAX,
    ROUTING_DISTANCE_M_MAX,
    ROUTING_EXPIRY_DAYS_MAX,
    ROUTING_EXTRAS_MAX,
    ROUTING_PARCELS_MAX,
    ROUTING_PLACES_MAX,
    ROUTING_SERVICES_MAX,
    ROUTING_SOURCES_MAX,
    TARIFF_BANDS_MAX,
    TRAITS_MAX,
)
from edge_core.orders.document import Trait
from edge_core.routing.facts import Facts
from edge_core.routing.tariffs import Band, Cost, Weight

Name = Annotated[str, Meta(min_length=1, max_length=IDENTIFIER_CHARS_MAX)]
Moment = Annotated[int, Meta(ge=0, le=2**53)]
Quantity = Annotated[int, Meta(ge=0, le=QUANTITY_MILLI_MAX)]
Credit = Annotated[int, Meta(ge=-ROUTING_COST_MILLI_MAX, le=ROUTING_COST_MILLI_MAX)]
Distance = Annotated[int, Meta(ge=0, le=ROUTING_DISTANCE_M_MAX)]
Permille = Annotated[int, Meta(ge=0, le=100_000)]

PlaceKind = Literal["store", "warehouse", "supplier"]
Mode = Literal["road", "rail", "air", "sea", "bicycle", "foot"]
Method = Literal["ship", "pickup"]


class Fact(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A part of the question: an array in its bytes, so that they are short and one way only."""


class Stamp(Fact, frozen=True):
    """Where facts are from and when they were true."""

    source: Name
    at_ms: Moment


class Need(Fact, frozen=True):
    """One line that is still to be met."""

    line_id: Name
    sku: Name
    quantity_milli: Annotated[int, Meta(gt=0, le=QUANTITY_MILLI_MAX)]
    weight_g: Weight
    traits: Annotated[tuple[Trait, ...], Meta(max_length=TRAITS_MAX)] = ()
    fresh_for_ms: Moment = 0
    """How long the goods must keep after they arrive."""
    kinds: Annotated[tuple[PlaceKind, ...], Meta(max_length=3)] = ()
    """The kinds of places that the supplier lets them come from; none named: any."""


class Supply(Fact, frozen=True):
    """What a place has of one stock keeping unit: rights that may be spent, above what is kept for safety."""

    sku: Name
    free_milli: Quantity
    safety_milli: Quantity = 0
    order_milli_min: Quantity = 0
    """The supplier delivers no less."""
    expires_at_ms: Moment | None = None
    lead_ms: Moment = 0
    """How much later the goods can leave than others from there."""
    unit_milli: Credit = 0
    """What selling one unit from here is worth (below zero: near expiry) or risks (above: the last ones)."""


class Service(Fact, frozen=True):
    """One way that a carrier goes from a place to the customer."""

    service_id: Name
    mode: Mode
    tariff: Annotated[int, Meta(ge=0)]
    """Its place in the question's tariffs: one table serves many places."""
    transit_ms: Moment
    leaves_at_ms: Moment
    """The next departure for what is ready in time."""
    carries: Annotated[tuple[Trait, ...], Meta(max_length=TRAITS_MAX)] = ()
    """Traits that need more than any van has, and that it has: `cold`, `hazardous`."""
    carbon_mg_per_tkm: Annotated[int, Meta(ge=0, le=ROUTING_CARBON_MG_MAX)] = 0
    """Well-to-wheel, as ISO 14083 counts: milligrams of CO2e for a tonne over a kilometre."""
    is_running: bool = True
    offers: Annotated[tuple[Name, ...], Meta(max_length=ROUTING_EXTRAS_MAX)] = ()
    """What it does besides bringing the goods: `install`, `take_back`."""


class Place(Fact, frozen=True):
    """A store, a warehouse or a supplier that could send the goods."""

    location_id: Name
    kind: PlaceKind
    distance_m: Distance
    stock: Stamp
    capacity: Stamp
    supplies: Annotated[tuple[Supply, ...], Meta(max_length=LINES_MAX)] = ()
    services: Annotated[tuple[Service, ...], Meta(max_length=ROUTING_SERVICES_MAX)] = ()
    is_active: bool = True
    is_open: bool = True
    is_accepting: bool = True
    units_left_milli: Quantity | None = None
    """What it can still pick today; None: not counted."""
    parcel_milli: Cost = 0
    unit_milli: Cost = 0
    """What handling a parcel and a unit costs there."""
    reject_permille: Annotated[int, Meta(ge=0, le=1000)] = 0


class Bar(Fact, frozen=True):
    """Goods of a trait do not go by a mode, or to a region; or nothing does. A law's or the policy's.

    With `sku` it is about those goods alone.
    """

    trait: Trait | None
    mode: Mode | None
    region: Name | None
    source: Name
    sku: Name | None = None


class Requirement(Fact, frozen=True):
    """Goods of a trait go by nothing that does not carry another: liquids by what is cold. No trait: all goods."""

    trait: Trait | None
    carries: Trait
    source: Name


class Prices(Fact, frozen=True):
    """What a policy takes things to be worth, so that one sum compares them."""

    parcel_milli: Cost = 0
    """Each parcel, so that few are better than many."""
    late_hour_milli: Cost = 0
    """An hour after the promise, by the customer's tier."""
    hour_milli: Cost = 0
    """An hour on the way: what `fastest` is worth."""
    carbon_kg_milli: Cost = 0
    reject_milli: Cost = 0
    """Asking another place because one said no."""
    detour_permille: Permille = 1300
    """How much longer roads are than straight lines."""
    backorder_milli: Cost | None = None
    """A line that waits for goods; None: no line may."""
    keeps_promise: bool = False
    """A parcel that would be late does not go at all."""
    parcels_max: Annotated[int, Meta(ge=1, le=ROUTING_PARCELS_MAX)] = 4
    km_milli: Cost = 0
    """Each kilometre of straight line from the place to the customer, for each parcel."""
    store_milli: Credit = 0
    warehouse_milli: Credit = 0
    supplier_milli: Credit = 0
    """What the policy adds for a parcel from such a place: below zero where it would rather."""
    expiry_day_milli: Cost = 0
    """What it is worth to sell one unit a day nearer to its expiry, within the last `expiry_days`."""
    expiry_days: Annotated[int, Meta(ge=0, le=ROUTING_EXPIRY_DAYS_MAX)] = 30
    transit_ms_max: Moment | None = None
    """A parcel that is on the way for longer does not go at all."""
    bars: Annotated[tuple[Bar, ...], Meta(max_length=ROUTING_BARS_MAX)] = ()
    requires: Annotated[tuple[Requirement, ...], Meta(max_length=ROUTING_BARS_MAX)] = ()
    sorts_first: bool = False
    """Whoever picks and packs takes the order before others: it changes no price."""


class Question(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One order, or what is left of it, and all that routing may know about it.

    `facts`, `prices` and `policy` are what a policy was asked, what it answered and which one it was; all else is true
    whatever the policy. So another policy is tried on the same question by replacing `prices` and `policy`.
    """

    asked_at_ms: Moment
    here: Name
    """The location that asks: sending from there is `fulfil_here`."""
    method: Method
    region: Name
    """Where the goods go."""
    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    promise_at_ms: Moment
    needs: Annotated[tuple[Need, ...], Meta(min_length=1, max_length=LINES_MAX)]
    places: Annotated[tuple[Place, ...], Meta(max_length=ROUTING_PLACES_MAX)]
    tariffs: Annotated[
        tuple[Annotated[tuple[Band, ...], Meta(max_length=TARIFF_BANDS_MAX)], ...],
        Meta(max_length=ROUTING_PLACES_MAX * ROUTING_SERVICES_MAX),
    ]
    prices: Prices
    policy: Stamp
    """The policy's version and hash in one name, and when it was published."""
    bars: Annotated[tuple[Bar, ...], Meta(max_length=ROUTING_BARS_MAX)] = ()
    """The law's: those of the policy are in its prices."""
    excluded: Annotated[tuple[Name, ...], Meta(max_length=ROUTING_PLACES_MAX)] = ()
    """Places that said no, or that had not enough, and are left alone for a while."""
    attempts_left: Annotated[int, Meta(ge=0)] = 1
    is_held: bool = False
    pickup_at: Name | None = None
    """Where the customer fetches the goods, with the method `pickup`."""
    facts: Facts = Facts()
    extras: Annotated[tuple[Name, ...], Meta(max_length=ROUTING_EXTRAS_MAX)] = ()
    """What the customer wants with the goods: `install`, `take_back`. Every parcel's carrier has to offer them."""
    sources: Annotated[tuple[Stamp, ...], Meta(max_length=ROUTING_SOURCES_MAX)] = ()
    """The datasets that places, services, tariffs and laws are from: `tariffs@7`, and when the centre made it."""

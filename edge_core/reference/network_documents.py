"""The documents of the network: places, carriers' services, tariffs, carbon factors, suppliers (docs/network.md).

Rows of reference data, as those of `edge_core.reference.documents`. Costs are thousandths of the currency's minor unit,
as routing counts them; dates and times of day are local at the place.
"""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from edge_core.limits import (
    CALENDAR_DATES_MAX,
    LOCATION_HOURS_MAX,
    QUANTITY_MILLI_MAX,
    ROUTING_CARBON_MG_MAX,
    ROUTING_DISTANCE_M_MAX,
    ROUTING_EXTRAS_MAX,
    ROUTING_SERVICES_MAX,
    SERVICE_CUT_OFFS_MAX,
    SERVICE_SPAN_MS_MAX,
    SERVICE_ZONES_MAX,
    TARIFF_BANDS_MAX,
    TRAITS_MAX,
    ZONE_AREAS_MAX,
)
from edge_core.orders.currency import CURRENCIES
from edge_core.orders.document import Currency, Date, Identifier, Latitude, Longitude, Name, Part, Trait
from edge_core.reference.documents import Place
from edge_core.routing.question import Mode, PlaceKind
from edge_core.routing.tariffs import Band, Cost
from edge_core.shapes import Written

Weekday = Annotated[int, Meta(ge=1, le=7, description="ISO 8601: 1 is Monday")]
TimeOfDay = Annotated[str, Meta(description="local, 24 hours: 17:30"), Written(r"^(?:[01]\d|2[0-3]):[0-5]\d$(?!\n)")]
EndOfDay = Annotated[
    str, Meta(description="local, up to 24:00"), Written(r"^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$(?!\n)")
]
ZoneName = Annotated[
    str, Meta(min_length=1, max_length=64, description="IANA time zone"), Written(r"^[A-Za-z0-9_+/-]+$(?!\n)")
]
Transit = Annotated[int, Meta(ge=0, le=SERVICE_SPAN_MS_MAX, description="milliseconds")]
Quantity = Annotated[int, Meta(ge=0, le=QUANTITY_MILLI_MAX)]
Dates = Annotated[tuple[Date, ...], Meta(max_length=CALENDAR_DATES_MAX)]
Areas = Annotated[tuple[Place, ...], Meta(max_length=ZONE_AREAS_MAX)]

KEY_SEPARATOR = "/"
"""Between the parts of a key of several fields, so no part but the last one may have it."""


class Opening(Part, frozen=True):
    """Somebody is there on a weekday from a time until another of the same day."""

    weekday: Weekday
    opens: TimeOfDay
    closes: EndOfDay


class Location(Part, frozen=True):
    """A place that could send goods: its id is that of its node, or of whatever else is known to have stock.

    Without `hours` somebody is always there. `day_milli_max` is what it can pick in a day, in thousandths of a unit;
    None: not counted. `reject_permille` is how often it says no, until that is measured. `services` call there.
    """

    location_id: Identifier
    kind: PlaceKind
    time_zone: ZoneName
    currency: Currency
    area: Place | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    is_active: bool = True
    is_accepting: bool = True
    hours: Annotated[tuple[Opening, ...], Meta(max_length=LOCATION_HOURS_MAX)] = ()
    closed_on: Dates = ()
    prepares_ms: Transit = 0
    day_milli_max: Quantity | None = None
    parcel_milli: Cost = 0
    unit_milli: Cost = 0
    reject_permille: Annotated[int, Meta(ge=0, le=1000)] = 0
    services: Annotated[tuple[Identifier, ...], Meta(max_length=ROUTING_SERVICES_MAX)] = ()


class Zone(Part, frozen=True):
    """From some areas to some areas, no further than that: so long on the way, priced by the tariff of that name.

    No area named is everywhere; a country is all of its regions (ISO 3166-2). The first zone that fits counts.
    """

    zone: Identifier
    transit_ms: Transit
    origins: Areas = ()
    destinations: Areas = ()
    distance_m_max: Annotated[int, Meta(ge=0, le=ROUTING_DISTANCE_M_MAX)] | None = None


class Service(Part, frozen=True):
    """What a carrier does: it leaves on these days at these cut-offs, with what is ready by then.

    `carries` are traits that need more than any van has. Without `factor_id` its carbon is that of the factor with the
    name of its mode.
    """

    service_id: Identifier
    carrier: Name
    mode: Mode
    tariff_id: Identifier
    zones: Annotated[tuple[Zone, ...], Meta(min_length=1, max_length=SERVICE_ZONES_MAX)]
    weekdays: Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)] = (1, 2, 3, 4, 5)
    cut_offs: Annotated[tuple[TimeOfDay, ...], Meta(min_length=1, max_length=SERVICE_CUT_OFFS_MAX)] = ("17:00",)
    closed_on: Dates = ()
    carries: Annotated[tuple[Trait, ...], Meta(max_length=TRAITS_MAX)] = ()
    offers: Annotated[tuple[Identifier, ...], Meta(max_length=ROUTING_EXTRAS_MAX)] = ()
    factor_id: Identifier | None = None
    is_running: bool = True


class Tariff(Part, frozen=True):
    """What parcels to a zone cost by their weight. A zone without a row is one that the service does not go to."""

    tariff_id: Identifier
    zone: Identifier
    currency: Currency
    bands: Annotated[tuple[Band, ...], Meta(min_length=1, max_length=TARIFF_BANDS_MAX)]


class CarbonFactor(Part, frozen=True):
    """The emission intensity of a transport operation, well to wheel, in milligrams of CO2e for a tonne-kilometre.

    ISO 14083 and the GLEC framework say how it is counted; `source` and `version` who counted it, and when.
    """

    factor_id: Identifier
    mode: Mode
    mg_per_tkm: Annotated[int, Meta(ge=0, le=ROUTING_CARBON_MG_MAX)]
    source: Name
    version: Identifier


class Supplier(Part, frozen=True):
    """What a supplier asks of its goods: from which kinds of places they come, and how it delivers itself.

    `order_milli_min` and `lead_ms` are of places of the kind `supplier`: it delivers no less of an item, and so much
    later. No kind named is any.
    """

    supplier_id: Identifier
    kinds: Annotated[tuple[PlaceKind, ...], Meta(max_length=3)] = ()
    order_milli_min: Quantity = 0
    lead_ms: Transit = 0


NetworkDocument = Location | Service | Tariff | CarbonFactor | Supplier


def network_fault_of(document: NetworkDocument) -> str | None:
    """What is wrong with a row that has the right shape, or None."""
    match document:
        case Location():
            return _fault_of_location(document)
        case Service():
            return _fault_of_service(document)
        case Tariff():
            return _fault_of_tariff(document)
        case CarbonFactor() | Supplier():
            return None


def _fault_of_location(location: Location) -> str | None:
    if location.currency not in CURRENCIES:
        return _no_currency(location.currency)
    if (location.latitude is None) != (location.longitude is None):
        return "latitude and longitude belong together"
    if any(each.closes <= each.opens for each in location.hours):
        return "hours close before they open: what goes past midnight is two of them"
    return _repeated("a service", location.services)


def _fault_of_service(service: Service) -> str | None:
    named = _repeated("a zone", [each.zone for each in service.zones])
    if named is not None:
        return named
    return None if list(service.cut_offs) == sorted(set(service.cut_offs)) else "cut_offs must rise"


def _fault_of_tariff(tariff: Tariff) -> str | None:
    if KEY_SEPARATOR in tariff.tariff_id:
        return f"a tariff_id has no {KEY_SEPARATOR!r}, which stands between it and its zone"
    if tariff.currency not in CURRENCIES:
        return _no_currency(tariff.currency)
    weights_g = [band.weight_g_max for band in tariff.bands]
    return None if weights_g == sorted(set(weights_g)) else "bands must rise in weight_g_max"


def _no_currency(code: str) -> str:
    return f"{code!r} is no active currency of ISO 4217"


def _repeated(what: str, names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return f"{what} stands twice: {name!r}"
        seen.add(name)
    return None

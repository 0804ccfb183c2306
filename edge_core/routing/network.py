"""The network of an operator as rows of reference data, and what follows from where things are (docs/network.md)."""

from collections.abc import Mapping, Sequence
from math import asin, cos, radians, sin, sqrt
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from edge_core.orders.document import Address
from edge_core.reference.network_documents import (
    KEY_SEPARATOR,
    CarbonFactor,
    Location,
    Service,
    Supplier,
    Tariff,
    Zone,
)
from edge_core.routing.question import Stamp

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_EARTH_RADIUS_M: Final = 6_371_008.8
"""The mean radius of the Earth (IUGG): a sphere of it is nowhere more than 0.6% off."""

UNKNOWN_REGION: Final = "ZZ"
"""Where goods go whose address says nothing: ISO 3166 leaves the code to its users."""
SAME_REGION_M: Final = 20_000
SAME_COUNTRY_M: Final = 300_000
ANYWHERE_M: Final = 1_500_000
"""Straight lines where coordinates are not known: across a city, a country of middling size, a border."""


class Network(Struct, frozen=True):
    """The rows that a question is made of; `sources` are the datasets that they are from, with version and age.

    Without sources the network was never received, and orders are not routed.
    """

    locations: Mapping[str, Location] = _NONE
    services: Mapping[str, Service] = _NONE
    tariffs: Mapping[str, Tariff] = _NONE
    factors: Mapping[str, CarbonFactor] = _NONE
    suppliers: Mapping[str, Supplier] = _NONE
    sources: tuple[Stamp, ...] = ()

    def tariff(self, service: Service, zone: Zone) -> Tariff | None:
        """What a service takes to one of its zones; None where it does not go there."""
        return self.tariffs.get(tariff_key(service, zone))

    def carbon_mg_per_tkm(self, service: Service) -> int:
        """The factor of a service, else that with the name of its mode; nothing where neither is known."""
        known = (self.factors.get(key) for key in factor_keys(service))
        return next((factor.mg_per_tkm for factor in known if factor is not None), 0)


NO_NETWORK: Final = Network()


def tariff_key(service: Service, zone: Zone) -> str:
    """The key of the row of `tariffs` for one of a service's zones."""
    return f"{service.tariff_id}{KEY_SEPARATOR}{zone.zone}"


def factor_keys(service: Service) -> tuple[str, ...]:
    """The keys of the carbon factors of a service, the better one first."""
    return (service.mode,) if service.factor_id is None else (service.factor_id, service.mode)


def zones_to(service: Service, destination: str) -> Sequence[Zone]:
    """The zones of a service that an area may be in, wherever it is sent from and however far that is."""
    return [zone for zone in service.zones if is_in(destination, zone.destinations)]


def zone_of(service: Service, origin: str, destination: str, distance_m: int) -> Zone | None:
    """The first zone of a service that fits; None where it does not go from there to there."""
    for zone in zones_to(service, destination):
        is_near = zone.distance_m_max is None or distance_m <= zone.distance_m_max
        if is_near and is_in(origin, zone.origins):
            return zone
    return None


def is_in(area: str, areas: Sequence[str]) -> bool:
    """Whether an area (ISO 3166) is one of those, or a region of one. No areas named are all."""
    return not areas or any(area == each or area.startswith(f"{each}-") for each in areas)


def area_of(address: Address | None) -> str:
    """Where goods go, as exactly as the address says: a region, a country, or nowhere that is known."""
    return UNKNOWN_REGION if address is None else address.region or address.country


def distance_m(location: Location, address: Address | None) -> int:
    """The straight line from a place to an address, in metres; a stated guess where either is not on the map."""
    if address is not None:
        points = (location.latitude, location.longitude, address.latitude, address.longitude)
        known = [each for each in points if each is not None]
        if len(known) == len(points):
            return great_circle_m(*known)
    here, there = location.area, area_of(address)
    if here is None or there in {UNKNOWN_REGION, here}:
        return SAME_REGION_M
    return SAME_COUNTRY_M if here[:2] == there[:2] else ANYWHERE_M


def great_circle_m(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> int:
    """The haversine distance of two points given in degrees, in whole metres.

    Two machines' sines may differ in their last bit, a thousandth of a micrometre. The question keeps the metres, so
    that a replay does not compute them again.
    """
    one, other = radians(latitude), radians(to_latitude)
    half_north = sin((other - one) / 2)
    half_east = sin(radians(to_longitude - longitude) / 2)
    haversine = half_north * half_north + cos(one) * cos(other) * half_east * half_east
    return round(2 * _EARTH_RADIUS_M * asin(min(1.0, sqrt(haversine))))

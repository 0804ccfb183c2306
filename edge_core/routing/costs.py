"""What a parcel costs, part by part, so that one sum compares places and carriers (docs/routing.md, "The objective").

Each part is in thousandths of the currency's minor unit, rounded once and half up. A parcel's parts are those of the
parcel itself and those of its lines: that is what lets `sourcing` add them up without knowing what they are.
"""

from functools import reduce
from typing import Final

from msgspec import Struct

from edge_core.routing.question import Need, Place, PlaceKind, Prices, Question, Service, Supply

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_KM_M: Final = 1000
_UNIT_MILLI: Final = 1000
_PERMILLE: Final = 1000
_G_M_MG_PERMILLE_PER_KG: Final = 10**6 * 10**3 * 10**6 * 10**3
"""Grams over metres at milligrams for a tonne-kilometre, times permille of detour: so many make a kilogram of CO2e."""


class Parts(Struct, frozen=True, array_like=True, gc=False):
    """A cost by what it is for; below zero is worth something. All in thousandths of the minor unit."""

    shipping_milli: int = 0
    handling_milli: int = 0
    split_milli: int = 0
    lateness_milli: int = 0
    time_milli: int = 0
    stock_milli: int = 0
    reject_milli: int = 0
    carbon_milli: int = 0
    policy_milli: int = 0
    backorder_milli: int = 0

    @property
    def total_milli(self) -> int:
        """All of them."""
        return sum(getattr(self, name) for name in self.__struct_fields__)


def added(*parts: Parts) -> Parts:
    """The sum of each part."""
    names = Parts.__struct_fields__
    return reduce(lambda one, other: Parts(*(getattr(one, n) + getattr(other, n) for n in names)), parts, Parts())


def arrival_ms(service: Service, lead_ms: int) -> int:
    """When a parcel arrives that leaves at the first departure for which all of its goods are there."""
    return service.leaves_at_ms + lead_ms + service.transit_ms


def parcel_parts(question: Question, place: Place, arrives_ms: int) -> Parts:
    """What a parcel costs whatever is in it, the carrier's charge apart."""
    prices = question.prices
    late_ms = max(0, arrives_ms - question.promise_at_ms)
    return Parts(
        handling_milli=place.parcel_milli,
        split_milli=prices.parcel_milli,
        lateness_milli=_rounded(late_ms * prices.late_hour_milli, _HOUR_MS),
        time_milli=_rounded(max(0, arrives_ms - question.asked_at_ms) * prices.hour_milli, _HOUR_MS),
        reject_milli=_rounded(place.reject_permille * prices.reject_milli, _PERMILLE),
        policy_milli=_of_kind(prices, place.kind) + _rounded(place.distance_m * prices.km_milli, _KM_M),
    )


def line_parts(question: Question, need: Need, place: Place, service: Service, supply: Supply) -> Parts:
    """What a line adds to the parcel that it is in."""
    prices = question.prices
    moved = need.weight_g * place.distance_m * service.carbon_mg_per_tkm * prices.detour_permille
    return Parts(
        handling_milli=_rounded(need.quantity_milli * place.unit_milli, _UNIT_MILLI),
        stock_milli=_rounded(need.quantity_milli * (supply.unit_milli - _expiry_milli(question, supply)), _UNIT_MILLI),
        carbon_milli=_rounded(moved * prices.carbon_kg_milli, _G_M_MG_PERMILLE_PER_KG),
    )


def carbon_g(question: Question, weight_g: int, place: Place, service: Service) -> int:
    """Grams of CO2e of a parcel: straight-line distance times the detour, times weight, times the mode's factor."""
    moved = weight_g * place.distance_m * service.carbon_mg_per_tkm * question.prices.detour_permille
    return _rounded(moved, _G_M_MG_PERMILLE_PER_KG // 1000)


def _of_kind(prices: Prices, kind: PlaceKind) -> int:
    return {"store": prices.store_milli, "warehouse": prices.warehouse_milli, "supplier": prices.supplier_milli}[kind]


def _expiry_milli(question: Question, supply: Supply) -> int:
    """What selling a unit now is worth, by the whole days for which it can still be sold."""
    prices = question.prices
    if supply.expires_at_ms is None or not prices.expiry_day_milli:
        return 0
    days_left = max(0, supply.expires_at_ms - question.asked_at_ms) // _DAY_MS
    return max(0, prices.expiry_days - days_left) * prices.expiry_day_milli


def _rounded(dividend: int, divisor: int) -> int:
    """Half up, below zero too: towards the larger."""
    return (2 * dividend + divisor) // (2 * divisor)

"""What a parcel costs, part by part, so that one sum compares places and carriers (docs/routing.md, "The objective").

Each part is in thousandths of the currency's minor unit, rounded once and half up. A parcel's parts are those of the
parcel itself and those of its lines: that is what lets `sourcing` add them up without knowing what they are.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from edge_core.limits import PARCEL_WEIGHT_G_MAX, ROUTING_PART_MILLI_MAX
from edge_core.routing.question import Need, Place, PlaceKind, Prices, Question, Service, Supply

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_KM_M: Final = 1000
_UNIT_MILLI: Final = 1000
_PERMILLE: Final = 1000
_TONNE_G: Final = 10**6
_TWO_TONNES_G: Final = 2 * _TONNE_G
_TONNE_MILLI_MAX: Final = ROUTING_PART_MILLI_MAX * _TONNE_G // PARCEL_WEIGHT_G_MAX
"""So that no parcel's CO2e is beyond `ROUTING_PART_MILLI_MAX`."""
_G_M_MG_PERMILLE_PER_KG: Final = 10**6 * 10**3 * 10**6 * 10**3
"""Grams over metres at milligrams for a tonne-kilometre, times permille of detour: so many make a kilogram of CO2e."""
_G_M_MG_PERMILLE_PER_TONNE: Final = _G_M_MG_PERMILLE_PER_KG // _TONNE_G


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
        return (
            self.shipping_milli
            + self.handling_milli
            + self.split_milli
            + self.lateness_milli
            + self.time_milli
            + self.stock_milli
            + self.reject_milli
            + self.carbon_milli
            + self.policy_milli
            + self.backorder_milli
        )


def added(*parts: Parts) -> Parts:
    """The sum of each part."""
    return Parts(*map(sum, zip(*map(astuple, parts), strict=True)))


def arrival_ms(service: Service, lead_ms: int) -> int:
    """When a parcel arrives that leaves at the first departure for which all of its goods are there."""
    return service.leaves_at_ms + lead_ms + service.transit_ms


def parcel_parts(question: Question, place: Place, arrives_ms: int) -> Parts:
    """What a parcel costs whatever is in it, the carrier's charge apart."""
    prices = question.prices
    return Parts(
        handling_milli=place.parcel_milli,
        split_milli=prices.parcel_milli,
        lateness_milli=_lateness_milli(question, arrives_ms),
        time_milli=_time_milli(question, arrives_ms),
        reject_milli=_reject_milli(prices, place),
        policy_milli=_policy_milli(prices, place),
    )


def packed_milli(question: Question, place: Place) -> int:
    """What a parcel costs at a place whatever carries it: all of `parcel_parts` but its arrival."""
    prices = question.prices
    return place.parcel_milli + prices.parcel_milli + _reject_milli(prices, place) + _policy_milli(prices, place)


def awaited_milli(question: Question, arrives_ms: int) -> int:
    """What it costs that a parcel arrives when it does: lateness and time."""
    late_ms = arrives_ms - question.promise_at_ms
    return _time_milli(question, arrives_ms) + (_lateness_milli(question, arrives_ms) if late_ms > 0 else 0)


def line_parts(question: Question, need: Need, place: Place, service: Service, supply: Supply) -> Parts:
    """What a line adds to the parcel that it is in."""
    return Parts(
        handling_milli=_handling_milli(need, place),
        stock_milli=_stock_milli(question, need, supply),
        carbon_milli=with_carbon_milli((0,), (need.weight_g,), carbon_tonne_milli(question, place, service))[0],
    )


def kept_milli(question: Question, need: Need, place: Place, supply: Supply) -> int:
    """What a line adds whatever carries it: handling and stock, all of `line_parts` but the carbon."""
    return _handling_milli(need, place) + _stock_milli(question, need, supply)


def carbon_tonne_milli(question: Question, place: Place, service: Service) -> int:
    """What a tonne costs for its CO2e on the way from a place by a service: a rate, rounded before it is used."""
    prices = question.prices
    if not prices.carbon_kg_milli:
        return 0
    moved = place.distance_m * service.carbon_mg_per_tkm * prices.detour_permille
    return min(_TONNE_MILLI_MAX, _rounded(moved * prices.carbon_kg_milli, _G_M_MG_PERMILLE_PER_TONNE))


def with_carbon_milli(kept: Sequence[int], weights_g: Sequence[int], tonne_milli: int) -> tuple[int, ...]:
    """What lines add to a parcel: what they add whatever carries it, and their CO2e at what a tonne costs."""
    if not tonne_milli:
        return tuple(kept)
    twice = 2 * tonne_milli  # `_rounded`, written out: each service of each place asks
    return tuple(
        [
            milli + (weight_g * twice + _TONNE_G) // _TWO_TONNES_G
            for milli, weight_g in zip(kept, weights_g, strict=True)
        ]
    )


def carbon_g(question: Question, weight_g: int, place: Place, service: Service) -> int:
    """Grams of CO2e of a parcel: straight-line distance times the detour, times weight, times the mode's factor."""
    moved = weight_g * place.distance_m * service.carbon_mg_per_tkm * question.prices.detour_permille
    return _rounded(moved, _G_M_MG_PERMILLE_PER_KG // 1000)


def _handling_milli(need: Need, place: Place) -> int:
    return _rounded(need.quantity_milli * place.unit_milli, _UNIT_MILLI)


def _stock_milli(question: Question, need: Need, supply: Supply) -> int:
    worth_milli = _expiry_milli(question, supply) if question.prices.expiry_day_milli else 0
    return _rounded(need.quantity_milli * (supply.unit_milli - worth_milli), _UNIT_MILLI)


def _lateness_milli(question: Question, arrives_ms: int) -> int:
    late_ms, price_milli = arrives_ms - question.promise_at_ms, question.prices.late_hour_milli
    return _rounded(late_ms * price_milli, _HOUR_MS) if late_ms > 0 and price_milli else 0


def _time_milli(question: Question, arrives_ms: int) -> int:
    way_ms, price_milli = arrives_ms - question.asked_at_ms, question.prices.hour_milli
    return _rounded(way_ms * price_milli, _HOUR_MS) if way_ms > 0 and price_milli else 0


def _reject_milli(prices: Prices, place: Place) -> int:
    return _rounded(place.reject_permille * prices.reject_milli, _PERMILLE)


def _policy_milli(prices: Prices, place: Place) -> int:
    return _of_kind(prices, place.kind) + _rounded(place.distance_m * prices.km_milli, _KM_M)


def _of_kind(prices: Prices, kind: PlaceKind) -> int:
    match kind:
        case "store":
            return prices.store_milli
        case "warehouse":
            return prices.warehouse_milli
        case "supplier":
            return prices.supplier_milli


def _expiry_milli(question: Question, supply: Supply) -> int:
    """What selling a unit now is worth, by the whole days for which it can still be sold."""
    prices = question.prices
    if supply.expires_at_ms is None:
        return 0
    days_left = max(0, supply.expires_at_ms - question.asked_at_ms) // _DAY_MS
    return max(0, prices.expiry_days - days_left) * prices.expiry_day_milli


def _rounded(dividend: int, divisor: int) -> int:
    """Half up, below zero too: towards the larger. Not beyond `ROUTING_PART_MILLI_MAX`, whatever is multiplied."""
    rounded = (2 * dividend + divisor) // (2 * divisor)
    if -ROUTING_PART_MILLI_MAX <= rounded <= ROUTING_PART_MILLI_MAX:
        return rounded
    return ROUTING_PART_MILLI_MAX if rounded > 0 else -ROUTING_PART_MILLI_MAX

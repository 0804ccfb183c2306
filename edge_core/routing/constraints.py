"""What must hold before a place may send goods: named predicates, each with the numbers that it compared.

Five tables, by what is looked at: the order alone, a place, a need at a place, a service, a need on its way.
The first predicate of a table that fails is the reason that people are told (docs/routing.md, "Constraints").
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

from edge_core.orders.document import Trait
from edge_core.routing.question import Bar, Need, Place, Question, Service, Supply

Unit = Literal["none", "thousandths", "ms", "g", "count"]


class Refusal(Struct, frozen=True, array_like=True):
    """A constraint that is not met: what there was, what was wanted, and in which unit.

    `none` where it is a matter of yes and no. `line_id` and `service_id` say of what, where it is not the whole place.
    """

    constraint: str
    has: int = 0
    wants: int = 1
    unit: Unit = "none"
    line_id: str | None = None
    service_id: str | None = None


class Trip(Struct, frozen=True, gc=False):
    """A service with the moment at which goods arrive by it."""

    service: Service
    arrives_at_ms: int


# --- the order -------------------------------------------------------------------------------------------------------


def is_not_held(question: Question) -> Refusal | None:
    """An order with an active hold goes nowhere."""
    return Refusal("no_active_hold") if question.is_held else None


def has_attempts_left(question: Question) -> Refusal | None:
    """After the last attempt a person decides."""
    return None if question.attempts_left else Refusal("attempts_left", 0, 1, "count")


# --- a place ---------------------------------------------------------------------------------------------------------


def is_chosen(question: Question, place: Place) -> Refusal | None:
    """Goods that the customer fetches are where the customer fetches them."""
    elsewhere = question.method == "pickup" and place.location_id != question.pickup_at
    return Refusal("pickup_place") if elsewhere else None


def is_not_excluded(question: Question, place: Place) -> Refusal | None:
    """Who said no a moment ago is not asked again."""
    return Refusal("not_excluded") if place.location_id in question.excluded else None


def is_active(_: Question, place: Place) -> Refusal | None:
    """The place is in use at all."""
    return None if place.is_active else Refusal("active")


def is_open(_: Question, place: Place) -> Refusal | None:
    """By its calendar somebody is there before the goods would have to leave."""
    return None if place.is_open else Refusal("open")


def is_accepting(_: Question, place: Place) -> Refusal | None:
    """The place takes orders now."""
    return None if place.is_accepting else Refusal("accepting")


# --- a need at a place -----------------------------------------------------------------------------------------------


def is_allowed_kind(_: Question, need: Need, place: Place, __: Supply | None) -> Refusal | None:
    """The supplier lets the goods come from such a place."""
    if not need.kinds or place.kind in need.kinds:
        return None
    return Refusal("supplier_place", line_id=need.line_id)


def is_in_stock(_: Question, need: Need, __: Place, supply: Supply | None) -> Refusal | None:
    """There are rights for what is wanted, what is kept for safety apart."""
    free_milli = 0 if supply is None else supply.free_milli
    if free_milli >= need.quantity_milli:
        return None
    return Refusal("rights", free_milli, need.quantity_milli, "thousandths", need.line_id)


def is_enough_to_order(_: Question, need: Need, __: Place, supply: Supply | None) -> Refusal | None:
    """The supplier delivers so little."""
    if supply is None or need.quantity_milli >= supply.order_milli_min:
        return None
    return Refusal("supplier_minimum", need.quantity_milli, supply.order_milli_min, "thousandths", need.line_id)


def is_within_capacity(_: Question, need: Need, place: Place, __: Supply | None) -> Refusal | None:
    """The place can still pick so many today."""
    left_milli = place.units_left_milli
    if left_milli is None or left_milli >= need.quantity_milli:
        return None
    return Refusal("capacity", left_milli, need.quantity_milli, "thousandths", need.line_id)


# --- a service -------------------------------------------------------------------------------------------------------


def is_running(_: Question, service: Service) -> Refusal | None:
    """The carrier works today."""
    return None if service.is_running else Refusal("carrier_running", service_id=service.service_id)


def is_served(question: Question, service: Service) -> Refusal | None:
    """The carrier also does what the customer wants with the goods: installs, takes the old one back."""
    if not question.extras:
        return None
    done = sum(extra in service.offers for extra in question.extras)
    if done == len(question.extras):
        return None
    return Refusal("extras", done, len(question.extras), "count", service_id=service.service_id)


def is_quick(question: Question, service: Service) -> Refusal | None:
    """The goods are on the way for no longer than the policy lets them."""
    limit_ms = question.prices.transit_ms_max
    if limit_ms is None or service.transit_ms <= limit_ms:
        return None
    return Refusal("transit", service.transit_ms, limit_ms, "ms", service_id=service.service_id)


# --- a service that carries a need -----------------------------------------------------------------------------------


def is_carried(question: Question, need: Need, trip: Trip, _: Supply) -> Refusal | None:
    """The carrier has what goods of such traits need, by their nature and by the policy."""
    if next(lacking(question, need, trip.service), None) is None:
        return None
    return Refusal("handling", line_id=need.line_id, service_id=trip.service.service_id)


def is_not_barred(question: Question, need: Need, trip: Trip, _: Supply) -> Refusal | None:
    """No law and no policy keeps such goods from that mode or from that region."""
    if bar_against(question, need, trip.service) is None:
        return None
    return Refusal("regional_policy", line_id=need.line_id, service_id=trip.service.service_id)


def is_fresh(_: Question, need: Need, trip: Trip, supply: Supply) -> Refusal | None:
    """The goods keep for as long as the customer may expect, from when they arrive."""
    wants_ms = trip.arrives_at_ms + need.fresh_for_ms
    if supply.expires_at_ms is None or supply.expires_at_ms >= wants_ms:
        return None
    return Refusal("shelf_life", supply.expires_at_ms, wants_ms, "ms", need.line_id, trip.service.service_id)


def is_in_time(question: Question, need: Need, trip: Trip, _: Supply) -> Refusal | None:
    """With a promise that must be kept: the goods leave before the cut-off that keeps it."""
    arrives_ms = trip.arrives_at_ms
    if not question.prices.keeps_promise or arrives_ms <= question.promise_at_ms:
        return None
    return Refusal("cut_off", arrives_ms, question.promise_at_ms, "ms", need.line_id, trip.service.service_id)


SPECIAL_TRAITS: Final[tuple[Trait, ...]] = ("cold", "hazardous")
"""Traits that an ordinary van cannot serve."""

ORDER: Final = (is_not_held, has_attempts_left)
PLACE: Final = (is_chosen, is_not_excluded, is_active, is_open, is_accepting)
NEED: Final = (is_allowed_kind, is_in_stock, is_enough_to_order, is_within_capacity)
SERVICE: Final = (is_running, is_served, is_quick)
TRIP: Final = (is_carried, is_not_barred, is_fresh, is_in_time)


def _is_special(need: Need) -> bool:
    return any(trait in SPECIAL_TRAITS for trait in need.traits)


ServiceCheck = Callable[[Question, Service], Refusal | None]
TripCheck = Callable[[Question, Need, Trip, Supply], Refusal | None]

_MATTERS: Final[Mapping[TripCheck, Callable[[Question, Need], bool]]] = MappingProxyType(
    {
        is_carried: lambda question, need: bool(question.prices.requires) or _is_special(need),
        is_not_barred: lambda question, _: bool(question.bars or question.prices.bars),
        is_fresh: lambda _, __: True,
        is_in_time: lambda question, _: question.prices.keeps_promise,
    }
)
"""Whether a predicate of `TRIP` can refuse a need at all, whatever service carries it: most have nothing to refuse."""


def lacking(question: Question, need: Need, service: Service) -> Iterator[tuple[Trait, str | None]]:
    """What a carrier would have to be equipped for, and has not: by the goods' nature (None), or as a policy says."""
    for trait in need.traits:
        if trait in SPECIAL_TRAITS and trait not in service.carries:
            yield trait, None
    for required in question.prices.requires:
        if required.carries not in service.carries and (required.trait is None or required.trait in need.traits):
            yield required.carries, required.source


def bar_against(question: Question, need: Need, service: Service) -> Bar | None:
    """The first law, or rule of the policy, that keeps goods from a mode or from the region that they go to."""
    for bar in (*question.bars, *question.prices.bars):
        trait = bar.trait is None or bar.trait in need.traits
        mode = bar.mode is None or bar.mode == service.mode
        goods = bar.sku is None or bar.sku == need.sku
        if goods and trait and mode and (bar.region is None or bar.region == question.region):
            return bar
    return None


def refused_order(question: Question) -> Refusal | None:
    """Why the order goes nowhere."""
    for check in ORDER:
        refusal = check(question)
        if refusal is not None:
            return refusal
    return None


def refused_place(question: Question, place: Place) -> Refusal | None:
    """Why nothing goes from a place."""
    for check in PLACE:
        refusal = check(question, place)
        if refusal is not None:
            return refusal
    return None


def refused_need(question: Question, need: Need, place: Place, supply: Supply | None) -> Refusal | None:
    """Why a place cannot meet a need, however it would be carried."""
    for check in NEED:
        refusal = check(question, need, place, supply)
        if refusal is not None:
            return refusal
    return None


def service_checks(question: Question) -> tuple[ServiceCheck, ...]:
    """Those of `SERVICE` that could refuse one, for `refused_service`: every service of every place is asked."""
    matters: dict[ServiceCheck, bool] = {
        is_served: bool(question.extras),
        is_quick: question.prices.transit_ms_max is not None,
    }
    return tuple(check for check in SERVICE if matters.get(check, True))


def refused_service(checks: tuple[ServiceCheck, ...], question: Question, service: Service) -> Refusal | None:
    """Why a service carries nothing."""
    for check in checks:
        refusal = check(question, service)
        if refusal is not None:
            return refusal
    return None


def trip_checks(question: Question, need: Need, *, expires: bool) -> tuple[TripCheck, ...]:
    """Those of `TRIP` that could refuse goods that expire, or do not, for `refused_trip`: every service is asked."""
    return tuple(check for check in TRIP if _MATTERS[check](question, need) and (expires or check is not is_fresh))


def refused_trip(
    checks: tuple[TripCheck, ...], question: Question, need: Need, trip: Trip, supply: Supply
) -> Refusal | None:
    """Why a service cannot carry a need."""
    for check in checks:
        refusal = check(question, need, trip, supply)
        if refusal is not None:
            return refusal
    return None

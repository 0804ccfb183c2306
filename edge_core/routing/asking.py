"""From an order, what places have, and the network's rows to a question with the built-in prices (docs/network.md).

Pure, and it never says no: what is not known has a stated default, so that no order is refused because somebody has not
published a weight or a coordinate. Nothing here knows of policies: they replace `prices` and `policy`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from edge_core.checks.goods import place_denied
from edge_core.limits import ROUTING_BARS_MAX, ROUTING_PLACES_MAX
from edge_core.orders.currency import minor_digits
from edge_core.orders.document import Preference, Promise
from edge_core.reference.lookup import Reference
from edge_core.routing.calendars import EPOCH, MS, local
from edge_core.routing.goods import Goods, facts_of, goods_of
from edge_core.routing.network import Network, area_of, is_in
from edge_core.routing.places import Asker, Tariffs, place_of, wanted_of
from edge_core.routing.question import Bar, Place, Prices, Question, Stamp
from edge_core.routing.wishes import Site, Wish

BUILT_IN: Final = Stamp("built-in-1", 0)
"""The policy of a question whose prices are the built-in ones."""

PROMISE_MS: Final = 72 * 3_600_000
"""When the goods are taken to be promised where the order promises nothing."""


def ask(
    wish: Wish,
    sites: Sequence[Site],
    reference: Reference,
    *,
    here: str,
    zone: tzinfo,
    zones: Callable[[str], tzinfo],
    now_ms: int,
) -> Question:
    """The question of how to meet a wish, which has at least one line, from some places.

    `here` asks, on whose clocks `zone` is the hour; `zones` finds the time zone of a name, and has one for every name.
    Of more than `ROUTING_PLACES_MAX` places the nearest that have any of the goods are weighed.
    """
    network = reference.network
    goods = goods_of(wish, reference)
    currency = _currency(network, sites, here) or wish.currency
    tariffs = Tariffs()
    method: Final = "pickup" if wish.method == "pickup" else "ship"
    asker = Asker(network, wanted_of(goods), method, wish.ship_to, currency, now_ms, zones, tariffs)
    places = _nearest([place_of(asker, site) for site in sites])
    promise_at_ms = _promised_ms(wish.promise, now_ms)
    return Question(
        asked_at_ms=now_ms,
        here=here,
        method=method,
        region=area_of(wish.ship_to),
        currency=currency,
        promise_at_ms=promise_at_ms,
        needs=tuple(each.need() for each in goods),
        places=places,
        tariffs=tariffs.bands,
        prices=default_prices(wish.preference, currency),
        policy=BUILT_IN,
        bars=tuple(_bars(wish, goods, reference))[:ROUTING_BARS_MAX],
        excluded=tuple(place.location_id for place in places if place.location_id in wish.excluded),
        attempts_left=wish.attempts_left,
        is_held=wish.is_held,
        pickup_at=wish.pickup_at,
        facts=facts_of(wish, goods, local(now_ms, zone), promise_at_ms - now_ms),
        extras=wish.extras,
        sources=network.sources,
    )


def default_prices(preference: Preference | None, currency: str) -> Prices:
    """What things are taken to be worth where no policy says it, by what the customer would rather have.

    In whole units of the currency (a euro, a yen), which is as near as one can be without knowing it: a parcel 1, an
    hour late 1/2, an order that a place refuses 2, a kilogram of CO2e 1/10 (100 a tonne); and an hour on the way 1/2
    for the fastest, 1/50 for nobody in particular, nothing for the cheapest and the greenest, whose CO2e counts for 5.
    """
    unit_milli = 1_000 * 10 ** minor_digits(currency)
    hour_milli = {"fastest": unit_milli // 2, "cheapest": 0, "greenest": 0}
    return Prices(
        parcel_milli=unit_milli,
        late_hour_milli=unit_milli // 2,
        hour_milli=unit_milli // 50 if preference is None else hour_milli[preference],
        carbon_kg_milli=5 * unit_milli if preference == "greenest" else unit_milli // 10,
        reject_milli=2 * unit_milli,
    )


def _currency(network: Network, sites: Sequence[Site], here: str) -> str | None:
    """In which currency places and carriers are compared: that of the place that asks, else that of most of them.

    What a parcel costs the operator is in the operator's currency, whatever the customer pays in.
    """
    asking = network.locations.get(here)
    if asking is not None:
        return asking.currency
    known = (network.locations.get(site.location_id) for site in sites)
    counted = Counter(location.currency for location in known if location is not None)
    return min(counted, key=lambda code: (-counted[code], code), default=None)


def _nearest(places: Sequence[Place]) -> tuple[Place, ...]:
    ranked = sorted(places, key=lambda place: (not place.supplies, place.distance_m, place.location_id))
    return tuple(ranked[:ROUTING_PLACES_MAX])


def _promised_ms(promise: Promise | None, now_ms: int) -> int:
    if promise is None:
        return now_ms + PROMISE_MS
    return max(0, (datetime.fromisoformat(promise.to).astimezone(UTC) - EPOCH) // MS)


def _bars(wish: Wish, goods: Sequence[Goods], reference: Reference) -> Iterator[Bar]:
    """The laws that are about where the goods go: what is denied to the place, and how goods of a trait may travel."""
    region = area_of(wish.ship_to)
    for law in reference.rules.bars:
        if law.place is None or is_in(region, (law.place,)):
            yield Bar(law.trait, law.mode, None if law.place is None else region, reference.rules.rules_id)
    for sku in dict.fromkeys(each.left.line.sku for each in goods):
        denied = reference.compliance(sku)
        if denied is not None and place_denied(wish.ship_to, denied.places_denied) is not None:
            yield Bar(None, None, region, "compliance", sku)

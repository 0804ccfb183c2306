"""A routing question that tests change one fact of: a store that asks, one near by, a warehouse further away."""

from typing import Any, Final

from msgspec.structs import replace

from edge_core.routing.question import Need, Place, Prices, Question, Service, Stamp, Supply
from edge_core.routing.tariffs import Band

NOW_MS: Final = 1_795_000_000_000
HOUR_MS: Final = 3_600_000
KG: Final = 1_000
CENT: Final = 1_000
"""Costs are in thousandths of the minor unit."""

SEEN: Final = Stamp("test", NOW_MS - 60_000)
VAN: Final = (Band(5 * KG, 400 * CENT, 0, 0), Band(30 * KG, 400 * CENT, 50 * CENT, 500 * CENT))
PLANE: Final = (Band(30 * KG, 900 * CENT, 100 * CENT, 0),)


def service(service_id: str = "van", **facts: Any) -> Service:
    """A van that leaves in two hours and takes a day."""
    given = {"mode": "road", "tariff": 0, "transit_ms": 24 * HOUR_MS, "leaves_at_ms": NOW_MS + 2 * HOUR_MS, **facts}
    return Service(service_id, **given)


def place(location_id: str, distance_m: int, **facts: Any) -> Place:
    """A store with ten of everything, from which a van goes."""
    given: dict[str, Any] = {"supplies": (Supply("tea", 10_000), Supply("cup", 10_000)), "services": (service(),)}
    return Place(
        location_id, **{"kind": "store", "distance_m": distance_m, "stock": SEEN, "capacity": SEEN, **given, **facts}
    )


def question(**facts: Any) -> Question:
    """Two lines to be sent; all three places could send both."""
    given = {
        "asked_at_ms": NOW_MS,
        "here": "s1",
        "method": "ship",
        "region": "DE-BE",
        "currency": "EUR",
        "promise_at_ms": NOW_MS + 48 * HOUR_MS,
        "needs": (Need("1", "tea", 2_000, 500), Need("2", "cup", 1_000, 300)),
        "places": (place("s1", 2_000), place("s2", 5_000), place("w1", 90_000, kind="warehouse")),
        "tariffs": (VAN, PLANE),
        "prices": Prices(parcel_milli=100 * CENT, late_hour_milli=10 * CENT, carbon_kg_milli=10 * CENT),
        "policy": Stamp("nearest@1", NOW_MS - HOUR_MS),
        **facts,
    }
    return Question(**given)


def with_place(asked: Question, location_id: str, **facts: Any) -> Question:
    """The question with other facts of one place."""
    places = tuple(replace(each, **facts) if each.location_id == location_id else each for each in asked.places)
    return replace(asked, places=places)

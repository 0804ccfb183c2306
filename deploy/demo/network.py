"""The network that the demo's office publishes: three stores, two carriers, and what they take.

Pure. Everything but the stores' places is made up for the demo, prices and carbon factors too: no carrier has these,
and nobody should count with them. A price rises evenly with the weight, so that one parcel is never dearer than two.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from deploy.demo.invoices import Document
from deploy.house.stage import Place

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_POUND: Final = 100_000  # thousandths of a penny
_AREAS: Final = {"store-0001": "GB", "store-0002": "JE", "store-0003": "GI"}
_HOME: Final = ("GB", "GG", "IM", "JE")
_EUROPE: Final = (
    *("AT", "BE", "CH", "CY", "CZ", "DE", "DK", "ES", "EU", "FI", "FR", "GI", "GR", "IE", "IS", "IT", "LT", "MT", "NL"),
    *("NO", "PL", "PT", "SE"),
)
_Zone = tuple[str, Sequence[str], int]
"""Its name, the countries that are in it (none: all that are in no other), and how many days it takes."""
_WORLD: Final[_Zone] = ("world", (), 10)
_HEAVIEST_G: Final = 10**9
_WEEK: Final = [*range(1, 8)]


def network(places: Iterable[Place]) -> dict[str, list[Document]]:
    """The rows to publish, by dataset."""
    return {
        "services": [
            _service("post", "Parcel post", "road", ("17:00",), (("home", _HOME, 2), ("europe", _EUROPE, 5), _WORLD)),
            _service("express", "Express couriers", "air", ("12:00", "19:00"), (("home", _HOME, 1), ("world", (), 3))),
        ],
        "tariffs": [
            _tariff("post", "home", 3.5, 0.2),
            _tariff("post", "europe", 6, 1.2),
            _tariff("post", "world", 9, 3),
            _tariff("express", "home", 7, 0.5),
            _tariff("express", "world", 25, 4),
        ],
        "carbon": [_factor("road", 120_000), _factor("air", 900_000)],
        "locations": [_location(place) for place in places],
    }


def _location(place: Place) -> Document:
    hours = [{"weekday": day, "opens": "08:00", "closes": "20:00"} for day in _WEEK]
    return {
        "location_id": place.node_id,
        "kind": "store",
        "time_zone": place.time_zone,
        "currency": "GBP",
        "area": _AREAS[place.node_id],
        "latitude": place.latitude,
        "longitude": place.longitude,
        "hours": hours,
        "prepares_ms": _HOUR_MS,
        "parcel_milli": _POUND // 2,
        "services": ["post", "express"],
    }


def _service(service_id: str, carrier: str, mode: str, cut_offs: Sequence[str], zones: Sequence[_Zone]) -> Document:
    return {
        "service_id": service_id,
        "carrier": carrier,
        "mode": mode,
        "tariff_id": service_id,
        "zones": [{"zone": zone, "transit_ms": days * _DAY_MS, "destinations": areas} for zone, areas, days in zones],
        "weekdays": _WEEK,
        "cut_offs": cut_offs,
    }


def _tariff(tariff_id: str, zone: str, base: float, per_kg: float) -> Document:
    band = {
        "weight_g_max": _HEAVIEST_G,
        "base_milli": round(base * _POUND),
        "per_kg_milli": round(per_kg * _POUND),
        "charge_milli_min": 0,
    }
    return {"tariff_id": tariff_id, "zone": zone, "currency": "GBP", "bands": [band]}


def _factor(mode: str, mg_per_tkm: int) -> Document:
    return {"factor_id": mode, "mode": mode, "mg_per_tkm": mg_per_tkm, "source": "Made up for the demo", "version": "1"}

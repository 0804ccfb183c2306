"""Ten made-up stores with carriers, tariffs and carbon factors, and what a seed says of customers, goods and shelves.

Everything that the ledger does not know is drawn from a name, so that it is the same in every run: where a customer
lives, what a piece weighs, which store keeps it.
"""

from random import Random
from typing import Final

from edge_core.orders.document import Address, Preference, Trait
from edge_core.reference.network_documents import CarbonFactor, Location, Service, Tariff, Zone
from edge_core.routing.network import Network, tariff_key
from edge_core.routing.question import Mode, Stamp
from edge_core.routing.tariffs import Band

CURRENCY: Final = "CNY"
TIME_ZONE: Final = "Asia/Shanghai"
_HOUR_MS: Final = 3_600_000
_FEN_MILLI: Final = 1_000
_KG: Final = 1_000

_STORES: Final = {
    "beijing": ("CN-BJ", 39.90, 116.41, ("parcel", "air", "rail", "cold")),
    "shanghai": ("CN-SH", 31.23, 121.47, ("parcel", "air", "rail", "cold")),
    "guangzhou": ("CN-GD", 23.13, 113.26, ("parcel", "air", "rail", "cold")),
    "shenzhen": ("CN-GD", 22.54, 114.06, ("parcel", "air")),
    "chengdu": ("CN-SC", 30.57, 104.07, ("parcel", "air", "rail")),
    "wuhan": ("CN-HB", 30.59, 114.31, ("parcel", "rail", "cold")),
    "xian": ("CN-SN", 34.34, 108.94, ("parcel", "rail")),
    "hangzhou": ("CN-ZJ", 30.27, 120.16, ("parcel", "rail")),
    "nanjing": ("CN-JS", 32.06, 118.80, ("parcel", "cold")),
    "haikou": ("CN-HI", 20.04, 110.34, ("parcel", "air", "cold")),
}
"""Region, latitude, longitude, services."""

_SERVICES: Final[dict[str, tuple[Mode, int, tuple[int, int, int], tuple[Trait, ...]]]] = {
    "parcel": ("road", 100, (24, 48, 96), ()),
    "air": ("air", 300, (24, 24, 36), ("hazardous",)),
    "rail": ("rail", 75, (48, 72, 120), ()),
    "cold": ("road", 220, (24, 36, 48), ("cold", "hazardous")),
}
"""Mode, price in percent, hours on the way to the three zones, what it has for special goods."""

_ZONES: Final = {"near": (300_000, 100), "mid": (1_000_000, 150), "far": (None, 220)}
"""How far in metres, price in percent."""

_BANDS: Final = ((1 * _KG, 600, 0, 0), (5 * _KG, 600, 80, 0), (30 * _KG, 600, 80, 0), (10_000 * _KG, 0, 60, 3_000))
"""Up to so many grams: a base, a rate for a kilogram, a minimum charge, in fen."""

_FACTORS: Final[dict[Mode, int]] = {"road": 120_000, "air": 1_100_000, "rail": 22_000}
"""Milligrams of CO2e for a tonne-kilometre: of the order of size that GLEC's defaults have."""

_FRAGILE: Final = ("GLASS", "CERAMIC", "PORCELAIN", "MIRROR", "BAUBLE", "MUG", "CUP", "PLATE", "BOWL", "VASE")

STORES: Final = tuple(_STORES)


def drawn(*names: str) -> Random:
    """Chance that is always the same for the same names."""
    return Random("/".join(names))


def network() -> Network:
    """The rows that stores would receive."""
    services = {name: _service(name) for name in _SERVICES}
    tariffs = [_tariff(service, zone) for service in services.values() for zone in service.zones]
    return Network(
        {name: _location(name) for name in _STORES},
        services,
        {tariff_key(services[tariff.tariff_id], _zone(tariff.tariff_id, tariff.zone)): tariff for tariff in tariffs},
        {mode: CarbonFactor(mode, mode, factor, "made up", "1") for mode, factor in _FACTORS.items()},
        sources=(Stamp("made-up", 0),),
    )


def address_of(customer: str) -> Address:
    """A customer lives within some fifty kilometres of one of the cities."""
    random = drawn("address", customer)
    region, latitude, longitude, _ = _STORES[random.choice(STORES)]
    spot = latitude + random.uniform(-0.4, 0.4), longitude + random.uniform(-0.4, 0.4)
    return Address(customer, "CN", region=region, latitude=spot[0], longitude=spot[1])


def tier_of(customer: str) -> str | None:
    """Three customers of a hundred are black, ten gold."""
    return drawn("tier", customer).choices(["black", "gold", None], [3, 10, 87])[0]


def preference_of(order: str) -> Preference | None:
    """Three orders of ten prefer something, one of them each."""
    preferences: list[Preference | None] = ["fastest", "cheapest", "greenest", None]
    return drawn("preference", order).choices(preferences, [1, 1, 1, 7])[0]


def promise_hours(order: str) -> int:
    """In how many hours an order is promised."""
    return drawn("promise", order).choice([72, 96, 120, 144])


def traits_of(sku: str, description: str) -> tuple[Trait, ...]:
    """Fragile by its description, the rest by chance."""
    random = drawn("traits", sku)
    found: list[Trait] = ["fragile"] if any(word in description.upper() for word in _FRAGILE) else []
    shares: tuple[tuple[Trait, float], ...] = (("liquid", 0.06), ("cold", 0.03), ("hazardous", 0.02))
    return (*found, *(trait for trait, share in shares if random.random() < share))


def weight_g(sku: str) -> int:
    """What a piece weighs."""
    return drawn("weight", sku).randint(50, 1_500)


def cost_share(sku: str) -> float:
    """What a piece costs of what it sells for."""
    return drawn("cost", sku).uniform(0.4, 0.95)


def days_left(store: str, sku: str) -> int | None:
    """For how many days what a store has of some goods can still be sold: one SKU of ten expires."""
    if drawn("expires", sku).random() >= 0.1:
        return None
    return drawn("days", store, sku).randint(5, 60)


def stock_of(sku: str, units_wanted: int, units_of_a_line: int) -> dict[str, int]:
    """Which stores keep how much of some goods, of which the stream wants so much in all, and so much on one line.

    Six of ten stores keep it, each enough for any line: in all more than is wanted, and not everywhere for long.
    """
    random = drawn("stock", sku)
    keeping = [store for store in STORES if random.random() < 0.6] or [random.choice(STORES)]
    return {store: max(units_of_a_line, round(units_wanted * random.uniform(0.1, 0.4))) for store in keeping}


def _location(name: str) -> Location:
    area, latitude, longitude, services = _STORES[name]
    random = drawn("store", name)
    return Location(
        name,
        "store",
        TIME_ZONE,
        CURRENCY,
        area,
        latitude,
        longitude,
        prepares_ms=random.randint(1, 4) * _HOUR_MS,
        parcel_milli=random.randint(100, 300) * _FEN_MILLI,
        unit_milli=random.randint(2, 12) * _FEN_MILLI,
        reject_permille=random.randint(5, 60),
        services=services,
    )


def _service(name: str) -> Service:
    mode, _, _, carries = _SERVICES[name]
    zones = tuple(_zone(name, zone) for zone in _ZONES)
    return Service(name, name, mode, name, zones, (1, 2, 3, 4, 5, 6, 7), ("12:00", "18:00"), carries=carries)


def _zone(service: str, name: str) -> Zone:
    hours = dict(zip(_ZONES, _SERVICES[service][2], strict=True))
    return Zone(name, hours[name] * _HOUR_MS, distance_m_max=_ZONES[name][0])


def _tariff(service: Service, zone: Zone) -> Tariff:
    percent = _SERVICES[service.service_id][1] * _ZONES[zone.zone][1]
    bands = (Band(up_to, *(fen * _FEN_MILLI * percent // 10_000 for fen in costs)) for up_to, *costs in _BANDS)
    return Tariff(service.tariff_id, zone.zone, CURRENCY, tuple(bands))

"""A small network that tests change one fact of: a store in Berlin, one in Hamburg, a warehouse in Leipzig."""

from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from edge_core.orders.document import Address, Line, Promise
from edge_core.reference.documents import Compliance, Item, Rules
from edge_core.reference.lookup import Reference
from edge_core.reference.network_documents import (
    CarbonFactor,
    Location,
    Opening,
    Service,
    Supplier,
    Tariff,
    Zone,
)
from edge_core.routing.asking import ask
from edge_core.routing.network import Network
from edge_core.routing.question import Question, Stamp
from edge_core.routing.tariffs import Band
from edge_core.routing.wishes import Left, Lot, Site, Wish

HOUR_MS: Final = 3_600_000
BERLIN: Final = ZoneInfo("Europe/Berlin")
NOW: Final = datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN)
"""A Monday morning."""
NOW_MS: Final = int(NOW.timestamp() * 1000)
MADE: Final = Stamp("tariffs@7", NOW_MS - HOUR_MS)
SEEN: Final = Stamp("ledger", NOW_MS)
HOURS: Final = tuple(Opening(day, "08:00", "20:00") for day in range(1, 7))

PARCEL: Final = Service(
    "parcel",
    "A carrier",
    "road",
    "parcel",
    (Zone("home", 24 * HOUR_MS, ("DE",), ("DE",)), Zone("abroad", 72 * HOUR_MS, ("DE",), ("FR", "AT-9"))),
    weekdays=(1, 2, 3, 4, 5),
    cut_offs=("12:00", "17:00"),
)
COURIER: Final = Service(
    "courier",
    "Another carrier",
    "bicycle",
    "courier",
    (Zone("near", 2 * HOUR_MS, distance_m_max=15_000),),
    weekdays=(1, 2, 3, 4, 5, 6),
    cut_offs=("10:00", "19:00"),
    carries=("cold",),
    offers=("install",),
    factor_id="feet",
)
BANDS: Final = (Band(5_000, 450_000, 0, 0), Band(31_500, 900_000, 0, 0))
TARIFFS: Final = (
    Tariff("parcel", "home", "EUR", BANDS),
    Tariff("parcel", "abroad", "EUR", BANDS),
    Tariff("courier", "near", "EUR", (Band(10_000, 700_000, 0, 0),)),
)
LOCATIONS: Final = (
    Location("berlin", "store", "Europe/Berlin", "EUR", "DE-BE", 52.52, 13.405, hours=HOURS),
    Location("hamburg", "store", "Europe/Berlin", "EUR", "DE-HH", 53.551, 9.994, hours=HOURS),
    Location("leipzig", "warehouse", "Europe/Berlin", "EUR", "DE-SN", 51.34, 12.374, prepares_ms=HOUR_MS),
)
HOME: Final = Address("A. Receiver", "DE", region="DE-BE", latitude=52.53, longitude=13.38)
TEA: Final = Line("1", "tea", 2_000, "H87", 500, 1_000, 0, 1_000, 0)
CUP: Final = Line("2", "cup", 1_000, "H87", 900, 900, 0, 900, 0)


def network(**changes: Any) -> Network:
    """All of it, with some of its rows changed: `locations`, `services`, `tariffs`, `factors`, `suppliers`."""
    rows: dict[str, Any] = {
        "locations": [replace(each, services=("courier", "parcel")) for each in LOCATIONS],
        "services": [PARCEL, COURIER],
        "tariffs": TARIFFS,
        "factors": [CarbonFactor("road", "road", 120_000, "made up", "1")],
        "suppliers": [Supplier("mill", ("warehouse",))],
        **changes,
    }
    return Network(
        {each.location_id: each for each in rows["locations"]},
        {each.service_id: each for each in rows["services"]},
        {f"{each.tariff_id}/{each.zone}": each for each in rows["tariffs"]},
        {each.factor_id: each for each in rows["factors"]},
        {each.supplier_id: each for each in rows["suppliers"]},
        (MADE,),
    )


def known(
    *items: Item, compliances: tuple[Compliance, ...] = (), rules: Rules | None = None, **changes: Any
) -> Reference:
    """Reference data with that network, and with these items in its catalogue."""
    return Reference(
        {},
        items={item.sku: item for item in items},
        compliances={law.sku: law for law in compliances},
        rules=rules or Rules(),
        network=network(**changes),
    )


def location(location_id: str = "berlin", **changes: Any) -> Location:
    """One of the places, changed."""
    found = next(each for each in LOCATIONS if each.location_id == location_id)
    return replace(found, **{"services": ("courier", "parcel"), **changes})


def wish(*lines: Line, **changes: Any) -> Wish:
    """Tea and a cup, sent to an address in Berlin."""
    left = tuple(Left(line, line.quantity_milli) for line in lines or (TEA, CUP))
    return Wish(**{"left": left, "method": "ship", "currency": "EUR", "ship_to": HOME, **changes})


def site(location_id: str, *lots: Lot, **changes: Any) -> Site:
    """A place with ten of everything."""
    stock = lots or (Lot("tea", "H87", 10_000), Lot("cup", "H87", 10_000))
    return Site(**{"location_id": location_id, "lots": stock, "stock": SEEN, "capacity": SEEN, **changes})


def asked(asked_wish: Wish | None = None, *sites: Site, reference: Reference | None = None, **changes: Any) -> Question:
    """The question of all three places, or of those given."""
    given: dict[str, Any] = {"here": "berlin", "zone": BERLIN, "zones": ZoneInfo, "now_ms": NOW_MS, **changes}
    everywhere = sites or tuple(site(each.location_id) for each in LOCATIONS)
    return ask(asked_wish or wish(), everywhere, reference or known(), **given)


def at(day: int, hour: int, minute: int = 0, zone: tzinfo = BERLIN) -> int:
    """A moment of November 2026 on the clocks of Berlin, in Unix milliseconds."""
    return int(datetime(2026, 11, day, hour, minute, tzinfo=zone).timestamp() * 1000)


def promised(moment_ms: int) -> Promise:
    """A promise until a moment."""
    text = datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Promise(text, text)

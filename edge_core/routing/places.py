"""A place as a question shows it: how far it is, what it has, and when each carrier could leave it for the customer."""

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from typing import Final

from msgspec import Struct

from edge_core.limits import QUANTITY_MILLI_MAX
from edge_core.orders.document import Address
from edge_core.reference.network_documents import Location, Zone
from edge_core.reference.network_documents import Service as ServiceRow
from edge_core.routing.calendars import end_of_ms, next_departure_ms, next_open_ms
from edge_core.routing.constraints import SPECIAL_TRAITS
from edge_core.routing.goods import Goods
from edge_core.routing.network import Network, area_of, distance_m, tariff_key, zone_of
from edge_core.routing.question import Method, Place, Service, Supply
from edge_core.routing.tariffs import FREE, Band
from edge_core.routing.wishes import Lot, Site

_BY_CUSTOMER: Final = "pickup"
_FOR_EVER_MS: Final = 2**53 - 1


class Tariffs:
    """The tariffs of a question: each once, however many places have it."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._bands: list[tuple[Band, ...]] = []

    def number(self, key: str, bands: tuple[Band, ...]) -> int:
        """The place of a tariff in the question."""
        if key not in self._numbers:
            self._numbers[key] = len(self._bands)
            self._bands.append(bands)
        return self._numbers[key]

    @property
    def bands(self) -> tuple[tuple[Band, ...], ...]:
        """All of them, in their places."""
        return tuple(self._bands)


class Asker(Struct, frozen=True):
    """What all places of one question are looked at with."""

    network: Network
    goods: tuple[Goods, ...]
    method: Method
    ship_to: Address | None
    currency: str
    now_ms: int
    zones: Callable[[str], tzinfo]
    tariffs: Tariffs


def place_of(asker: Asker, site: Site) -> Place:
    """One place. One that the network does not know is a store that no carrier calls at."""
    unknown = Location(site.location_id, "store", "UTC", asker.currency)
    location = asker.network.locations.get(site.location_id, unknown)
    zone = asker.zones(location.time_zone)
    opens_ms = next_open_ms(location, zone, asker.now_ms)
    ready_ms = (asker.now_ms if opens_ms is None else opens_ms) + location.prepares_ms
    away_m = distance_m(location, asker.ship_to)
    day_milli = location.day_milli_max
    return Place(
        site.location_id,
        location.kind,
        away_m,
        site.stock,
        site.capacity,
        supplies=_supplies(asker, site, location, zone),
        services=tuple(_services(asker, location, zone, ready_ms, away_m)),
        is_active=location.is_active,
        is_open=opens_ms is not None,
        is_accepting=location.is_accepting,
        units_left_milli=None if day_milli is None else max(0, day_milli - site.backlog_milli),
        parcel_milli=location.parcel_milli,
        unit_milli=location.unit_milli,
        reject_permille=location.reject_permille,
    )


def _services(asker: Asker, location: Location, zone: tzinfo, ready_ms: int, away_m: int) -> Iterator[Service]:
    """What could bring the goods: the carriers that call there and go to the customer, or the customer's own feet."""
    if asker.method == "pickup":
        number = asker.tariffs.number(_BY_CUSTOMER, FREE)
        yield Service(_BY_CUSTOMER, "foot", number, 0, ready_ms, SPECIAL_TRAITS)
        return
    for service_id in location.services:
        row = asker.network.services.get(service_id)
        to = None if row is None else zone_of(row, location.area or "", area_of(asker.ship_to), away_m)
        if row is not None and to is not None:
            service = _service(asker, row, to, next_departure_ms(row, location, zone, ready_ms), ready_ms)
            if service is not None:
                yield service


def _service(asker: Asker, row: ServiceRow, to: Zone, leaves_ms: int | None, ready_ms: int) -> Service | None:
    """A service as the question has it; None where it has no price to that zone in the question's currency."""
    tariff = asker.network.tariff(row, to)
    if tariff is None or tariff.currency != asker.currency:
        return None
    return Service(
        row.service_id,
        row.mode,
        asker.tariffs.number(tariff_key(row, to), tariff.bands),
        to.transit_ms,
        ready_ms if leaves_ms is None else leaves_ms,
        row.carries,
        asker.network.carbon_mg_per_tkm(row),
        row.is_running and leaves_ms is not None,
        row.offers,
    )


def _supplies(asker: Asker, site: Site, location: Location, zone: tzinfo) -> tuple[Supply, ...]:
    by_sku: dict[str, list[Goods]] = {}
    for goods in asker.goods:
        by_sku.setdefault(goods.left.line.sku, []).append(goods)
    found = (_supply(asker, site, location, zone, several) for several in by_sku.values())
    return tuple(supply for supply in found if supply is not None)


def _supply(asker: Asker, site: Site, location: Location, zone: tzinfo, wanted: Sequence[Goods]) -> Supply | None:
    """What a place has of one SKU for all lines that want it: of lots that keep long enough, where they suffice."""
    lots = [lot for lot in site.lots if _is_wanted(lot, wanted) and _lasts_until(lot, zone) > asker.now_ms]
    if not lots:
        return None
    milli = sum(goods.left.quantity_milli for goods in wanted)
    fresh_ms = asker.now_ms + max(goods.fresh_for_ms for goods in wanted)
    fresh = [lot for lot in lots if _lasts_until(lot, zone) >= fresh_ms]
    used = fresh if sum(lot.free_milli for lot in fresh) >= milli else lots
    first = _first_expired(used, zone)
    supplier = wanted[0].supplier if location.kind == "supplier" else None
    return Supply(
        wanted[0].left.line.sku,
        min(QUANTITY_MILLI_MAX, sum(lot.free_milli for lot in used)),
        min(QUANTITY_MILLI_MAX, sum(lot.safety_milli for lot in used)),
        0 if supplier is None else supplier.order_milli_min,
        None if first.expires_on is None else _lasts_until(first, zone),
        0 if supplier is None else supplier.lead_ms,
    )


def _is_wanted(lot: Lot, wanted: Sequence[Goods]) -> bool:
    """Whether it is of the SKU, in the unit of its lines, and of the lots that they name, where all of them do."""
    line = wanted[0].left.line
    if lot.sku != line.sku or lot.unit != line.unit or lot.free_milli <= 0:
        return False
    named = {goods.left.line.lot for goods in wanted}
    return None in named or lot.lot in named


def _first_expired(lots: Sequence[Lot], zone: tzinfo) -> Lot:
    return min(lots, key=lambda lot: _lasts_until(lot, zone))


def _lasts_until(lot: Lot, zone: tzinfo) -> int:
    return _FOR_EVER_MS if lot.expires_on is None else end_of_ms(lot.expires_on, zone)

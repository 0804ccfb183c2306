"""A place as a question shows it: how far it is, what it has, and when each carrier could leave it for the customer."""

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from msgspec import Struct

from edge_core.limits import QUANTITY_MILLI_MAX
from edge_core.orders.document import Address
from edge_core.reference.network_documents import Location, Supplier, Zone
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


class Wanted(NamedTuple):
    """What all lines together want of one SKU; `lots` where each of them names one."""

    sku: str
    unit: str
    milli: int
    fresh_for_ms: int
    lots: frozenset[str] | None
    supplier: Supplier | None


def wanted_of(goods: Sequence[Goods]) -> tuple[Wanted, ...]:
    """The lines by their SKU, in the order of the first of each."""
    by_sku: dict[str, list[Goods]] = {}
    for each in goods:
        by_sku.setdefault(each.left.line.sku, []).append(each)
    return tuple(_wanted(sku, several) for sku, several in by_sku.items())


def _wanted(sku: str, several: Sequence[Goods]) -> Wanted:
    lots = [each.left.line.lot for each in several]
    return Wanted(
        sku,
        several[0].left.line.unit,
        sum(each.left.quantity_milli for each in several),
        max(each.fresh_for_ms for each in several),
        None if None in lots else frozenset(lot for lot in lots if lot is not None),
        several[0].supplier,
    )


class Asker(Struct, frozen=True):
    """What all places of one question are looked at with."""

    network: Network
    wanted: tuple[Wanted, ...]
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
    lots: dict[str, list[Lot]] = {}
    for lot in site.lots:
        lots.setdefault(lot.sku, []).append(lot)
    found = (_supply(asker, lots.get(wanted.sku, ()), location, zone, wanted) for wanted in asker.wanted)
    return tuple(supply for supply in found if supply is not None)


def _supply(asker: Asker, there: Sequence[Lot], location: Location, zone: tzinfo, wanted: Wanted) -> Supply | None:
    """What a place has of one SKU for all lines that want it: of lots that keep long enough, where they suffice."""
    lasting = [(_lasts_until(lot, zone), lot) for lot in there if _is_wanted(lot, wanted)]
    good = [each for each in lasting if each[0] > asker.now_ms]
    if not good:
        return None
    fresh_ms = asker.now_ms + wanted.fresh_for_ms
    fresh = [each for each in good if each[0] >= fresh_ms]
    used = fresh if sum(lot.free_milli for _, lot in fresh) >= wanted.milli else good
    first_ms = min(lasts_ms for lasts_ms, _ in used)
    supplier = wanted.supplier if location.kind == "supplier" else None
    return Supply(
        wanted.sku,
        min(QUANTITY_MILLI_MAX, sum(lot.free_milli for _, lot in used)),
        min(QUANTITY_MILLI_MAX, sum(lot.safety_milli for _, lot in used)),
        0 if supplier is None else supplier.order_milli_min,
        None if first_ms == _FOR_EVER_MS else first_ms,
        0 if supplier is None else supplier.lead_ms,
    )


def _is_wanted(lot: Lot, wanted: Wanted) -> bool:
    """Whether there is any of it, in the unit of its lines, and of the lots that they name, where all of them do."""
    return lot.free_milli > 0 and lot.unit == wanted.unit and (wanted.lots is None or lot.lot in wanted.lots)


def _lasts_until(lot: Lot, zone: tzinfo) -> int:
    return _FOR_EVER_MS if lot.expires_on is None else end_of_ms(lot.expires_on, zone)

"""What routing looks up in the reference data: the store's own place, its carriers, their prices to where goods go.

Only orders that are sent ask for it. The place, its services and their carbon factors change with a publication and not
with an order: they are kept as long as the file holds the same sets, by number and hash. A dataset of which a page is
damaged is left out, as if it had never been received.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import aiosqlite
import msgspec

from edge_agent.store.connection import fetch
from edge_core.errors import PermanentFault, RecordDamaged
from edge_core.reference.datasets import NETWORK, NETWORK_LEAST, decode_row
from edge_core.reference.documents import Item
from edge_core.reference.network_documents import CarbonFactor, Location, Service
from edge_core.routing.network import NO_NETWORK, Network, factor_keys, tariff_key, zones_to
from edge_core.routing.question import Stamp

_HELD: Final = f"""
    SELECT dataset, set_no, hash, version, made_at_ms FROM reference_dataset
    WHERE row_count > 0 AND dataset IN ({", ".join(f"'{name}'" for name in NETWORK)})
"""  # noqa: S608 - of ours
_ROWS: Final = """
    SELECT row.key, row.body FROM json_each(?2) AS wanted
    CROSS JOIN reference_row AS row ON row.set_no = ?1 AND row.key = wanted.value
"""  # CROSS JOIN keeps SQLite to this order: one descent of the index for each key
_OWN: Final = ("locations", "services", "carbon")


class _Held(NamedTuple):
    set_no: int
    hash: bytes
    version: int
    made_at_ms: int


class _Own(NamedTuple):
    """What belongs to the store whatever is ordered, and the sets that it is of."""

    mark: tuple[_Held | None, ...]
    locations: Mapping[str, Location]
    services: Mapping[str, Service]
    factors: Mapping[str, CarbonFactor]


class NetworkLookup:
    """Reads what the orders of a batch are routed by. `on_damage` hears of a dataset that cannot be read."""

    def __init__(self, location_id: str, on_damage: Callable[[str], None]) -> None:
        self._location_id = location_id
        self._on_damage = on_damage
        self._own: _Own | None = None

    async def read(self, connection: aiosqlite.Connection, areas: Collection[str], items: Iterable[Item]) -> Network:
        """The network as far as goods go to some areas; none while a store has not received the least of it."""
        held = {name: _Held(*rest) for name, *rest in await fetch(connection, _HELD)}
        if not held.keys() >= NETWORK_LEAST:
            return NO_NETWORK
        own = await self._read_own(connection, held)
        if not own.locations:
            return NO_NETWORK
        tariffs = {
            tariff_key(service, zone)
            for service in own.services.values()
            for area in areas
            for zone in zones_to(service, area)
        }
        suppliers = {item.supplier_id for item in items if item.supplier_id is not None}
        return Network(
            own.locations,
            own.services,
            await self._rows(connection, held, "tariffs", tariffs),
            own.factors,
            await self._rows(connection, held, "suppliers", suppliers),
            tuple(Stamp(f"{name}@{each.version}", each.made_at_ms) for name, each in held.items()),
        )

    async def _read_own(self, connection: aiosqlite.Connection, held: dict[str, _Held]) -> _Own:
        mark = tuple(held.get(name) for name in _OWN)
        if self._own is None or self._own.mark != mark:
            locations = await self._rows(connection, held, "locations", [self._location_id])
            called = {service_id for location in locations.values() for service_id in location.services}
            services = await self._rows(connection, held, "services", called)
            factors = {key for service in services.values() for key in factor_keys(service)}
            self._own = _Own(mark, locations, services, await self._rows(connection, held, "carbon", factors))
        return self._own

    async def _rows(
        self, connection: aiosqlite.Connection, held: dict[str, _Held], dataset: str, keys: Collection[str]
    ) -> dict[str, Any]:
        if dataset not in held or not keys:
            return {}
        wanted = msgspec.json.encode(sorted(keys)).decode()
        try:
            rows = await fetch(connection, _ROWS, (held[dataset].set_no, wanted))
            return {key: decode_row(dataset, body) for key, body in rows}
        except (RecordDamaged, PermanentFault):
            self._on_damage(dataset)
            del held[dataset]
            return {}

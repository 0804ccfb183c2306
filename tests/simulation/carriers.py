"""Carriers that call at every other store of a simulation: what these send is routed."""

from collections.abc import Callable
from typing import Final

from edge_agent.evidence import Lookup
from edge_agent.store.connection import Connection
from edge_core.reference.lookup import Needs, Reference
from edge_core.reference.network_documents import Location, Service, Tariff, Zone
from edge_core.routing.network import Network
from edge_core.routing.question import Stamp
from edge_core.routing.tariffs import Band

_DAY_MS: Final = 86_400_000
_SERVICES: Final = (
    Service("van", "A carrier", "road", "van", (Zone("all", _DAY_MS),), weekdays=(1, 2, 3, 4, 5, 6, 7)),
    Service("bike", "Another carrier", "bicycle", "bike", (Zone("all", _DAY_MS // 4),), weekdays=(1, 3, 5)),
)
_TARIFFS: Final = (
    Tariff("van", "all", "CNY", (Band(30_000, 500_000, 0, 0),)),
    Tariff("bike", "all", "CNY", (Band(3_000, 900_000, 0, 0),)),  # not for the largest orders
)


def lookup_of(node_id: str) -> Lookup | None:
    """What an agent looks up: the carriers of its node; None where none call."""
    if not node_id[-1:].isdigit() or int(node_id[-1]) % 2 == 0:
        return None
    here = Location(node_id, "store", "UTC", "CNY", day_milli_max=60_000, services=("van", "bike"))
    network = Network(
        {node_id: here},
        {each.service_id: each for each in _SERVICES},
        {f"{each.tariff_id}/{each.zone}": each for each in _TARIFFS},
        sources=(Stamp("tariffs@1", 0),),
    )

    async def look(_connection: Connection, needs: Callable[[], Needs]) -> Reference:
        return Reference({}, network=network) if needs().areas else Reference({})

    return look

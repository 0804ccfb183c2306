"""Everything that a house needs, started: PostgreSQL, a broker, the centre, and three stores with a line each."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from central_sync.embedded import EmbeddedBroker, EmbeddedDatabase
from deploy.house.relay import Relay
from deploy.house.services import HOST, Service, free_port, in_thread, write_config
from holdfast_runtime.tokens import TokenFile

_AGENT_PORT: Final = 7070
_BROKER_PORT: Final = 1883
_RESERVE_BYTES: Final = 1024 * 1024  # three stores share the disk of a laptop
TILL: Final = "tills"
BACK_OFFICE: Final = "back-office"


class Place(Struct, frozen=True):
    """Where a store is. All three sell in pounds, as the sample does; two of them in another time zone."""

    node_id: str
    name: str
    region: str
    time_zone: str
    latitude: float
    longitude: float


PLACES: Final = (
    Place("store-0001", "London", "england", "Europe/London", 51.5074, -0.1278),
    Place("store-0002", "St Helier", "jersey", "Europe/Jersey", 49.1868, -2.1091),
    Place("store-0003", "Gibraltar", "gibraltar", "Europe/Gibraltar", 36.1408, -5.3536),
)


class Store(Struct, frozen=True):
    """A store: its agent, the line to the broker, and the tokens of those who work there, by name."""

    place: Place
    agent: Service
    line: Relay
    config: Path
    tokens: dict[str, str]

    @property
    def url(self) -> str:
        """The agent's API."""
        return f"http://{HOST}:{self.agent.port}"


class Stage(Struct, frozen=True):
    """The running parts."""

    broker: EmbeddedBroker
    centre: Service
    centre_config: Path
    stores: tuple[Store, ...]

    @property
    def url(self) -> str:
        """The centre's API and page."""
        return f"http://{HOST}:{self.centre.port}"


@asynccontextmanager
async def opened_stage(
    folder: Path, page_port: int, *, broker_port: int = _BROKER_PORT, agent_port: int = _AGENT_PORT
) -> AsyncIterator[Stage]:
    """Start everything in this folder, and stop it in the opposite order. Raises a `Fault` for what will not start.

    The broker and the first agent get these ports, or the next ones that are free.
    """
    async with AsyncExitStack() as stack:
        broker = EmbeddedBroker(folder / "broker", free_port(broker_port))
        database = EmbeddedDatabase(folder / "postgres")
        for server in (database, broker):
            stack.push_async_callback(in_thread, server.stop)
        dsn, broker_url, stores = await asyncio.gather(
            in_thread(database.start),
            in_thread(broker.start),
            _stores(folder, broker.port, agent_port, page_port, stack),
        )
        config = _centre_config(folder, page_port, dsn, broker_url)
        centre = Service("central-sync", config, page_port)
        services = (centre, *(store.agent for store in stores))
        stack.push_async_callback(_stop, services)
        await asyncio.gather(*(service.start() for service in services))
        yield Stage(broker, centre, config, stores)


async def _stop(services: Sequence[Service]) -> None:
    await asyncio.gather(*(service.stop() for service in services))


def _centre_config(folder: Path, port: int, dsn: str, broker_url: str) -> Path:
    sections: dict[str, dict[str, str | int | float]] = {
        "api": {"host": HOST, "port": port},
        "database": {"dsn": dsn},
        "broker": {"url": broker_url},
    }
    return write_config(folder / "central-sync.toml", sections)


async def _stores(
    folder: Path, broker_port: int, port: int, page_port: int, stack: AsyncExitStack
) -> tuple[Store, ...]:
    stores = []
    for place in PLACES:
        port = free_port(port)
        line = await stack.enter_async_context(Relay(broker_port))
        stores.append(_store(folder / place.node_id, place, port, line, page_port))
        port += 1
    return tuple(stores)


def _store(folder: Path, place: Place, port: int, line: Relay, page_port: int) -> Store:
    folder.mkdir()
    node: dict[str, str | int | float] = {
        "id": place.node_id,
        "name": place.name,
        "region": place.region,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "time_zone": place.time_zone,
    }
    sections: dict[str, dict[str, str | int | float]] = {
        "node": node,
        "api": {"host": HOST, "port": port, "tokens_file": str(folder / "tokens.json")},
        "store": {"path": str(folder / "store.db"), "reserve_bytes": _RESERVE_BYTES},
        "broker": {"url": f"mqtt://{HOST}:{line.port}"},
        "centre": {"url": f"http://{HOST}:{page_port}"},
    }
    config = write_config(folder / "edge-agent.toml", sections)
    tokens = TokenFile(folder / "tokens.json")
    # Each may do what it needs: tills sell, the back office moves stock.
    secrets = {TILL: tokens.add(TILL, ["order", "read"]), BACK_OFFICE: tokens.add(BACK_OFFICE, ["stock", "read"])}
    return Store(place, Service("edge-agent", config, port), line, config, secrets)

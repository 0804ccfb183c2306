"""The whole chain on real parts: stores, a broker, a centre's process, and the audit of both ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from edge_core.sync.admission import Admit
from tests.rigs.agents import TIMEOUT_S, key
from tests.rigs.brokers import Broker
from tests.rigs.ports import free_port
from tests.rigs.processes import Service, run, write_config
from tests.rigs.stores import Hashes, Json, Store
from tests.rigs.waiting import eventually


class CentreProcess:
    """One centre's process, its API, and a look into its database."""

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        dsn: str,
        name: str = "centre",
        *,
        admit: Admit = "any",
        accept_seconds: int = 900,
        rebalance_seconds: int = 600,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.dsn = dsn
        self._broker_url = broker_url
        self._path = folder / f"{name}.toml"
        self._admit = admit
        self._accept_seconds = accept_seconds
        self._rebalance_seconds = rebalance_seconds
        self._port = free_port()
        self.service = Service("central-sync", self._write(), url=f"http://127.0.0.1:{self._port}")
        self.http = httpx.AsyncClient(base_url=self.service.url, timeout=TIMEOUT_S, trust_env=False, verify=False)

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self._path

    def use(self, dsn: str) -> None:
        """Work with another database from the next start on."""
        self.dsn = dsn
        self._write()

    async def start(self) -> None:
        """Start it and wait until it listens to the nodes."""
        await self.service.start()

    async def get(self, path: str, **parameters: str | int) -> Json:
        """One of its documents."""
        answer = await self.http.get(path, params=parameters)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    async def find(self, path: str) -> Json | None:
        """One of its documents, or None where it has none."""
        answer = await self.http.get(path)
        return answer.json() if answer.is_success else None

    async def end(self) -> None:
        """Kill it if it still runs, and let the connections go."""
        if self.service.child.running:
            self.service.kill()
        await self.http.aclose()

    async def pages(self, path: str, rows: str, **parameters: str | int) -> list[Json]:
        """Every row of a list, over all its pages."""
        found: list[Json] = []
        cursor: Json = {}
        while True:
            page = await self.get(path, **parameters, **cursor, limit=500)
            found += page[rows]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    async def have_done(self, path: str, body: Json) -> None:
        """Ask the centre for what a node is to do, and wait until the node says that it has done it."""
        asked = await self.http.post(path, json=body, headers=key())
        assert asked.status_code == 202, asked.text

        async def look() -> bool:
            found = await self.get(asked.headers["location"])
            assert found["state"] == "applied", found
            return True

        await eventually(look, 30)

    async def node(self, node_id: str = "store-0001") -> Json:
        """How the fleet view shows a node."""
        return await self.get(f"/v1/nodes/{node_id}")

    async def totals(self, node_id: str) -> dict[UUID, int]:
        """Every order of a node with its amount. An order that is listed twice is an error of the list."""
        rows = await self.pages("/v1/orders", "orders", node=node_id)
        found = {UUID(row["order_id"]): row["grand_total_minor"] for row in rows}
        assert len(found) == len(rows), "an order is listed twice"
        return found

    async def stock(self, node_id: str) -> dict[str, tuple[int, int]]:
        """What the centre believes that a node holds of each SKU: on hand and reserved."""
        found: dict[str, tuple[int, int]] = {}
        for row in await self.pages("/v1/stock", "positions", node=node_id):
            on_hand, reserved = found.get(row["sku"], (0, 0))
            found[row["sku"]] = (on_hand + row["on_hand_milli"], reserved + row["reserved_milli"])
        return found

    async def hashes(self, node_id: str) -> Hashes:
        """Every entry of a node in the database, by its place."""
        rows = await self.query("SELECT incarnation, lane, seq, hash FROM entry WHERE node_id = $1", node_id)
        return {(row[0].hex, row[1], row[2]): row[3] for row in rows}

    def verify(self) -> Json:
        """The verdict of `central-sync verify` on its database."""
        checked = run("central-sync", "verify", "--json", "--config", self._path)
        assert checked.stdout, checked.stderr
        found: Json = json.loads(checked.stdout)
        return found

    async def query(self, statement: str, *values: object) -> list[Any]:
        """Rows straight from the database."""
        connection = await asyncpg.connect(self.dsn)
        try:
            found: list[Any] = await connection.fetch(statement, *values)
        finally:
            await connection.close()
        return found

    def _write(self) -> Path:
        sections: dict[str, dict[str, str | int | float | bool]] = {
            "api": {"port": self._port},
            "database": {"dsn": self.dsn},
            "broker": {"url": self._broker_url},
            "ingest": {"admit": self._admit},
            "assignment": {"accept_seconds": self._accept_seconds},
            "rights": {"rebalance_seconds": self._rebalance_seconds},
        }
        return write_config(self._path, sections)


class House:
    """A broker, a centre and its stores."""

    def __init__(self, broker: Broker, centre: CentreProcess, stores: list[Store]) -> None:
        self.broker = broker
        self.centre = centre
        self.stores = stores

    @classmethod
    def of(cls, folder: Path, broker: Broker, dsn: str, stores: int = 1, *, centre_url: str | None = None) -> "House":
        """A house in which nothing runs yet but the broker; the centre may have a way of its own to it."""
        several = [Store(folder, broker.url, f"store-{number:04}") for number in range(1, stores + 1)]
        return cls(broker, CentreProcess(folder, centre_url or broker.url, dsn), several)

    @property
    def store(self) -> Store:
        """The first store."""
        return self.stores[0]

    async def audit(self, timeout_s: float = 90) -> None:
        """Demand everything of both ends, for each store."""
        for store in self.stores:
            await audit(store, self.centre, timeout_s)

    async def end(self) -> None:
        """End every process that still runs."""
        await self.centre.end()
        for store in self.stores:
            await store.end()


@asynccontextmanager
async def opened_house(folder: Path, broker: Broker, dsn: str, *, stores: int = 1) -> AsyncIterator[House]:
    """A running centre and running stores, all of them greeted; whatever still runs at the end is killed."""
    async with started(House.of(folder, broker, dsn, stores)) as house:
        yield house


@asynccontextmanager
async def started(house: House) -> AsyncIterator[House]:
    """The same with a house that was put together before."""
    try:
        await asyncio.gather(house.centre.start(), *(store.start() for store in house.stores))
        await asyncio.gather(*(store.online() for store in house.stores))
        yield house
    finally:
        await house.end()


async def arrived(centre: CentreProcess, order_id: UUID, timeout_s: float = 30) -> Json:
    """The centre's document of an order, once it has it."""

    async def look() -> Json | None:
        return await centre.find(f"/v1/orders/{order_id}")

    return await eventually(look, timeout_s)


async def audit(store: Store, centre: CentreProcess, timeout_s: float = 90) -> None:
    """Demand everything of both ends: nothing lost, nothing doubled, one history, books, money and stock equal."""
    await store.drained(timeout_s)
    mine, theirs = store.hashes(), await centre.hashes(store.node_id)
    assert mine == theirs, f"{len(mine)} entries at the store, {len(theirs)} at the centre"
    charged, totals = store.charged, store.totals()
    assert len(charged) == len(store.promised), "two answers named the same order"
    assert charged.keys() == totals.keys(), f"{len(charged.keys() ^ totals.keys())} orders lost, or made unanswered"
    assert charged == totals, "an order costs at the store what no till asked for it"
    assert await centre.totals(store.node_id) == totals
    assert await centre.stock(store.node_id) == store.stock()
    await _books_agree(store, centre)


async def _books_agree(store: Store, centre: CentreProcess) -> None:
    """`accepted = confirmed + pending + parked` at the store, and the centre holds exactly that (promise G8)."""
    lane = await store.lane()
    assert lane["accepted"] == lane["confirmed"] + lane["pending"] + lane["parked"], lane
    node = await centre.node(store.node_id)
    theirs = next(row for row in node["lanes"] if row["lane"] == "orders")
    assert (theirs["durable_seq"], theirs["parked"]) == (lane["accepted"], lane["parked"])
    assert node["conserved"], node["differences"]


async def reported(store: Store, centre: CentreProcess) -> None:
    """Wait until the fleet view shows the store's own books as they are, and finds no difference in them."""

    async def look() -> bool:
        lane, node = await store.lane(), await centre.node(store.node_id)
        theirs = next(row for row in node["lanes"] if row["lane"] == "orders")
        assert lane.items() <= (theirs["reported"] or {}).items(), node  # a heartbeat says more than the status page
        assert (node["conserved"], node["pending"]) == (True, 0), node
        assert theirs["durable_seq"] == lane["accepted"], node
        return True

    await eventually(look)

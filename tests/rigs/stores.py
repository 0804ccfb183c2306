"""Stores that sell: an agent and its tills, which remember what they were promised, so that an audit can demand it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from tests.rigs.agents import NODE_ID, Agent, key, receipt, sale
from tests.rigs.waiting import eventually

Json = dict[str, Any]
Hashes = dict[tuple[str, str, int], bytes]
"""The chain's hash at each (incarnation, lane, seq)."""

SKU: Final = "06901234567892"
_NOT_NOW: Final = frozenset({408, 503, 507})
_DELIVERY_MILLI: Final = 1_000_000_000  # more than any test sells


class NotNow(Exception):  # noqa: N818 - it names what happened
    """The agent recorded nothing, and the same request may be repeated: it stops, its disk fails, the till was slow."""


class Store:
    """One store: an agent, and what its tills were promised."""

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        node_id: str = NODE_ID,
        *,
        file: Path | None = None,
        centre_url: str = "",
        accept: str = "automatic",
    ) -> None:
        """`file` puts the agent's SQLite file somewhere else than into its folder."""
        sections = {
            "node": {"id": node_id, "name": f"Store {node_id}"},
            "broker": {"url": broker_url},
            "centre": {"url": centre_url},
            "assignment": {"accept": accept},
        }
        self.node_id = node_id
        self.agent = Agent(folder / node_id, sections, store=file)
        self.promised: dict[str, UUID] = {}
        self.till = self.agent.tills()

    async def start(self) -> None:
        """Start the agent; the first time, with a delivery of goods to sell."""
        await self.agent.service.start()
        if not self.promised:
            await self.receive(_DELIVERY_MILLI)

    def kill(self) -> None:
        """SIGKILL of the agent."""
        self.agent.service.kill()

    async def end(self) -> None:
        """Kill the agent if it still runs, and let the till's connections go."""
        if self.agent.service.child.running:
            self.kill()
        await self.till.aclose()

    async def sell(self, count: int = 1) -> list[UUID]:
        """Carry-out sales, one after the other; each must be taken."""
        return [await self.place(str(uuid4())) for _ in range(count)]

    async def place(self, key: str) -> UUID:
        """One sale, remembered once it is answered."""
        order = sale(SKU, charge(key) * 10, store_id=self.node_id)
        answer = await self.till.post("/v1/orders", json=order, headers={"idempotency-key": key})
        if answer.status_code in _NOT_NOW:
            raise NotNow(answer.text)
        assert answer.status_code == 201, answer.text
        self.promised[key] = UUID(answer.json()["order_id"])
        return self.promised[key]

    @property
    def charged(self) -> dict[UUID, int]:
        """What the tills' own paper says: every order that was answered, with the amount that was asked for it."""
        return {order_id: charge(key) for key, order_id in self.promised.items()}

    async def receive(self, quantity_milli: int, sku: str = SKU) -> None:
        """Book a delivery of goods."""
        answer = await self.till.post("/v1/stock/movements", json=receipt(sku, quantity_milli), headers=key())
        assert answer.is_success, answer.text

    async def get(self, path: str) -> Json:
        """One of the agent's documents."""
        answer = await self.till.get(path)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    async def lane(self) -> Json:
        """The agent's books of its orders."""
        found: Json = next(lane for lane in (await self.get("/v1/status"))["lanes"] if lane["lane"] == "orders")
        return found

    async def link(self) -> Json:
        """How the agent says its link is."""
        found: Json = (await self.get("/v1/status"))["link"]
        return found

    async def online(self, timeout_s: float = 60) -> None:
        """Wait until the centre has greeted the agent."""

        async def look() -> bool:
            link = await self.link()
            assert link["state"] == "online", link
            return True

        await eventually(look, timeout_s)

    async def drained(self, timeout_s: float = 90) -> None:
        """Wait until nothing waits for the centre."""

        async def look() -> bool:
            lane = await self.lane()
            assert lane["pending"] == 0, lane
            return True

        await eventually(look, timeout_s)

    async def confirmed(self, entries: int, timeout_s: float = 90) -> None:
        """Wait until the centre has confirmed so many entries."""

        async def look() -> bool:
            lane = await self.lane()
            assert lane["confirmed"] >= entries, lane
            return True

        await eventually(look, timeout_s)

    async def waiting_for(self, seconds: float, timeout_s: float = 60) -> None:
        """Wait until the oldest order that the centre has not confirmed is so old."""

        async def look() -> bool:
            age_ms = (await self.link())["oldest_unacked_age_ms"]
            assert age_ms >= seconds * 1000, f"the oldest has waited {age_ms} ms"
            return True

        await eventually(look, timeout_s)

    def hashes(self) -> Hashes:
        """Every entry of the file, by its place."""
        rows = self.agent.query(
            "SELECT incarnation, lane, entry_id & ((1 << 40) - 1), hash FROM entry"
            " JOIN stream ON stream_no = entry_id >> 40"
        )
        return {(row[0].hex(), row[1], row[2]): row[3] for row in rows}

    def totals(self) -> dict[UUID, int]:
        """Every order of the file with its amount."""
        rows = self.agent.query("SELECT order_id, grand_total_minor FROM order_head")
        return {UUID(bytes=order_id): total for order_id, total in rows}

    def stock(self) -> dict[str, tuple[int, int]]:
        """What the file holds of each SKU: on hand and reserved."""
        rows = self.agent.query("SELECT sku, sum(on_hand_milli), sum(reserved_milli) FROM stock GROUP BY sku")
        return {sku: (on_hand, reserved) for sku, on_hand, reserved in rows}


def charge(key: str) -> int:
    """What the order with this key costs, in minor units: one to nine pieces at 1.00, so that amounts differ."""
    return 100 * (1 + sum(key.encode()) % 9)


class Tills:
    """Several tills of a store that sell without a pause, and repeat with the same key what was not answered."""

    def __init__(self, store: Store, count: int = 3, *, rest_s: float = 0.01) -> None:
        self._store = store
        self._count = count
        self._rest_s = rest_s
        self._stop = asyncio.Event()
        self.answered = 0

    @asynccontextmanager
    async def selling(self) -> AsyncIterator["Tills"]:
        """Sell during the block; at its end every order that was begun has its answer."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._till())
            try:
                yield self
            finally:
                self._stop.set()

    async def sold(self, more: int, timeout_s: float = 60) -> None:
        """Wait until so many more orders were answered."""
        goal = self.answered + more

        async def look() -> bool:
            assert self.answered >= goal, f"{self.answered} of {goal} answered"
            return True

        await eventually(look, timeout_s)

    async def _till(self) -> None:
        while not self._stop.is_set():
            await self._order(str(uuid4()))
            await self._rest()

    async def _order(self, key: str) -> None:
        while True:
            try:
                await self._store.place(key)
            except (httpx.TransportError, NotNow):
                await self._rest(0.1)  # the agent is away, and the outcome may be unknown: the same key again
            else:
                self.answered += 1
                return

    async def _rest(self, seconds: float | None = None) -> None:
        """The time until the next customer."""
        await asyncio.sleep(self._rest_s if seconds is None else seconds)

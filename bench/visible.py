"""How soon an order that a till was told about can be seen at the centre: in its API and in its live stream.

Everything runs: agent, broker, PostgreSQL, centre. Orders come at a quiet pace; the clock starts at the 201 and stops
when both `GET /v1/orders/{id}` and the SSE stream of the centre have the order. One monotonic clock serves all.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.house import Agent, Centre, running_database
from bench.orders import orders_without_end
from bench.results import Row, percentile, say
from bench.wire import Answer, Client, get, post, post_head, server_sent_events
from central_sync.embedded import EmbeddedBroker

PACE_PER_S: Final = 20
_WARM_ORDERS: Final = 20
_POLL_INTERVAL_S: Final = 0.004
_SEEN_TIMEOUT_S: Final = 30.0
_POLLERS: Final = 8


class Placed(Struct, frozen=True):
    """What a till knows of its order; times are monotonic nanoseconds."""

    order_id: str
    sent_ns: int
    answered_ns: int


class _Receipt(Struct):
    order_id: str


class _Live(Struct):
    subject: str | None = None


class Till:
    """Posts orders one after the other."""

    def __init__(self, port: int, token: str) -> None:
        self._client = Client(port)
        self._head = post_head("/v1/orders", token)
        self._orders = orders_without_end()

    async def place(self) -> Placed:
        """Post the next order. It must be taken."""
        key = os.urandom(16).hex().encode()
        answer = await self._client.request(post(self._head, key, next(self._orders)))
        assert answer.status == 201, answer.body
        return Placed(msgspec.json.decode(answer.body, type=_Receipt).order_id, answer.sent_ns, answer.answered_ns)

    def close(self) -> None:
        """Leave."""
        self._client.close()


class Pollers:
    """Asks the centre for an order until it is there."""

    def __init__(self, port: int, interval_s: float = _POLL_INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._free: asyncio.Queue[Client] = asyncio.Queue()
        for _ in range(_POLLERS):
            self._free.put_nowait(Client(port))

    async def seen_ns(self, order_id: str, timeout_s: float = _SEEN_TIMEOUT_S) -> int:
        """When the order was first there. Raises `TimeoutError`."""
        request = get(f"/v1/orders/{order_id}")
        async with asyncio.timeout(timeout_s):
            while True:
                answer = await self._ask(request)
                if answer.status == 200:
                    return answer.answered_ns
                assert answer.status == 404, answer.body
                await asyncio.sleep(self._interval_s)

    def close(self) -> None:
        """Leave."""
        while not self._free.empty():
            self._free.get_nowait().close()

    async def _ask(self, request: bytes) -> Answer:
        client = await self._free.get()
        try:
            return await client.request(request)
        finally:
            self._free.put_nowait(client)


class LivePage:
    """Watches the centre's stream as an open page does, and notes when each order was placed in it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._seen_ns: dict[str, asyncio.Future[int]] = {}

    async def watch(self) -> None:
        """Read until cancelled."""
        async for arrived_ns, event in server_sent_events(self._port, "/v1/events"):
            if b"event: order.placed\n" not in event:
                continue
            document = event[event.index(b"data: ") + len(b"data: ") :]
            order_id = msgspec.json.decode(document, type=_Live).subject
            if order_id is not None:
                self._of(order_id).set_result(arrived_ns)

    async def seen_ns(self, order_id: str) -> int:
        """When the order came by. Raises `TimeoutError`."""
        async with asyncio.timeout(_SEEN_TIMEOUT_S):
            return await self._of(order_id)

    def _of(self, order_id: str) -> "asyncio.Future[int]":
        return self._seen_ns.setdefault(order_id, asyncio.get_running_loop().create_future())


async def measure_visibility(folder: Path, *, seconds: float) -> list[Row]:
    """Rows for the time from the 201 to the centre."""
    broker = EmbeddedBroker(folder / "visible-broker")
    with running_database(folder / "visible-postgres") as (dsn, _):
        centre = Centre(folder / "visible-centre", dsn, broker.start())
        agent = Agent(folder / "visible", broker_url=broker.url)
        try:
            await centre.service.start()
            await agent.service.start()
            await agent.receive_stock()
            rows = await _paced(agent, centre, int(seconds * PACE_PER_S))
            assert (await agent.service.terminate()) == 0
        finally:
            agent.service.child.stop()
            centre.service.child.stop()
            broker.stop()
    return rows


async def _paced(agent: Agent, centre: Centre, orders: int) -> list[Row]:
    till, pollers, page = Till(agent.port, agent.token), Pollers(centre.port), LivePage(centre.port)
    watching = asyncio.create_task(page.watch())
    asked: list[asyncio.Task[tuple[Placed, int, int]]] = []

    async def follow(placed: Placed) -> tuple[Placed, int, int]:
        in_api, in_stream = await asyncio.gather(pollers.seen_ns(placed.order_id), page.seen_ns(placed.order_id))
        return placed, in_api, in_stream

    begin = time.monotonic()
    for number in range(_WARM_ORDERS + orders):
        await asyncio.sleep(max(0.0, begin + number / PACE_PER_S - time.monotonic()))
        asked.append(asyncio.create_task(follow(await till.place())))
    found = (await asyncio.gather(*asked))[_WARM_ORDERS:]
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    till.close()
    pollers.close()
    return _rows(found)


def _rows(found: list[tuple[Placed, int, int]]) -> list[Row]:
    api = [(in_api - placed.answered_ns) / 1e6 for placed, in_api, _ in found]
    stream = [(in_stream - placed.answered_ns) / 1e6 for placed, _, in_stream in found]
    both = [max(pair) for pair in zip(api, stream, strict=True)]
    sent = [(max(in_api, in_stream) - placed.sent_ns) / 1e6 for placed, in_api, in_stream in found]
    for name, values in (("API", api), ("SSE", stream), ("both, from the send", sent)):
        say(f"  {name}: p50 {percentile(values, 50):.1f}, p99 {percentile(values, 99):.1f} ms of {len(values)} orders")
    return [
        Row("visible_p50_ms", percentile(both, 50), "ms"),
        Row("visible_p99_ms", percentile(both, 99), "ms"),
    ]

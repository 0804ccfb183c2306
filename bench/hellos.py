"""Thousands of nodes that come back within a second: when all are admitted, and what a fresh order feels meanwhile.

Broker, PostgreSQL, centre and one selling store are the real processes. The thousands are this program: each says the
product's hello over the product's MQTT client, says it again as the edge does while none answers, and reports with a
heartbeat. As many as the limit of open files allows have a connection of their own; the rest share some. The fresh
orders are placed and looked for by the same program: what they feel holds its own work for the thousands too.
"""

import asyncio
import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from msgspec import Struct

from bench.house import Agent, Centre, running_database
from bench.results import Row, percentile, say
from bench.visible import Placed, Pollers, Till
from central_sync.embedded import EmbeddedBroker
from edge_core import ids
from edge_core.errors import TransientFault
from edge_core.limits import HELLO_TIMEOUT_MS
from edge_core.sync.chain import genesis
from edge_core.sync.entry import ENTRY_VERSION, LANES
from edge_core.sync.messages import (
    Heartbeat,
    Hello,
    LaneLedger,
    LanePosition,
    Welcome,
    decode_down,
    encode_message,
)
from edge_core.sync.topics import topic
from holdfast_runtime.mqtt import MqttLink
from tests.rigs.brokers import Mosquitto

_BACKLOG_ENTRIES: Final = 100_000  # what each node says that it has; it sends none of it
_FILES_FOR_OTHERS: Final = 1_000
_CARRIED: Final = 250  # nodes on one shared connection: what it may have in flight, twice
_CONNECTING: Final = 20  # at once, before the clock starts
_TRIES: Final = 5
_WITHIN_S: Final = 1.0
_FRESH_INTERVAL_S: Final = 0.1
_QUIET_S: Final = 5.0  # of fresh orders after the last welcome
_GIVE_UP_S: Final = 120.0


class _Node(Struct):
    """One of the thousands; times are monotonic seconds."""

    node_id: str
    incarnation: UUID
    said_s: float = 0.0
    welcomed_s: float = 0.0
    start_after_ms: int = 0

    def hello(self) -> bytes:
        lanes = tuple(
            LanePosition("orders", 1, _BACKLOG_ENTRIES, bytes(32))
            if lane == "orders"
            else LanePosition("bulk", 1, 0, genesis(self.node_id, self.incarnation, lane))
            for lane in LANES
        )
        now_ms = time.time_ns() // 1_000_000
        return encode_message(Hello(self.node_id, self.incarnation, lanes, None, now_ms, "bench", ENTRY_VERSION))

    def heartbeat(self) -> bytes:
        books = LaneLedger("orders", _BACKLOG_ENTRIES, 0, _BACKLOG_ENTRIES, 0)
        now_ms = time.time_ns() // 1_000_000
        return encode_message(Heartbeat(self.node_id, self.incarnation, (books,), 1_000, 1 << 40, now_ms, "bench"))


async def measure_hellos(folder: Path, *, nodes: int) -> list[Row]:
    """Rows for the return of so many nodes within a second."""
    mosquitto = Mosquitto.program() is not None  # a QoS 1 subscription costs nats-server a consumer in its JetStream
    broker: Mosquitto | EmbeddedBroker = (Mosquitto if mosquitto else EmbeddedBroker)(folder / "hellos-broker")
    broker.start()
    with running_database(folder / "hellos-postgres") as (dsn, _):
        centre = Centre(folder / "hellos-centre", dsn, broker.url)
        store = Agent(folder / "hellos-store", broker_url=broker.url)
        try:
            await centre.service.start()
            await store.service.start()
            await store.receive_stock()
            return await _return(broker.url, nodes, store, centre)
        finally:
            store.service.child.stop()
            centre.service.child.stop()
            broker.stop()


async def _return(url: str, count: int, store: Agent, centre: Centre) -> list[Row]:
    now_ms = time.time_ns() // 1_000_000
    nodes = [_Node(f"back-{number:05}", ids.uuid7(now_ms, number)) for number in range(count)]
    own = min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES_FOR_OTHERS)
    groups = [[node] for node in nodes[:own]]
    groups += [nodes[at : at + _CARRIED] for at in range(own, count, _CARRIED)]
    say(f"  connecting {own:,} nodes by themselves and {count - own:,} on {len(groups) - own} shared connections")
    fresh = asyncio.create_task(_sell(store, centre))
    links = await _connect(url, groups)
    lives = asyncio.gather(*(_live(link, group, at / len(groups)) for at, (link, group) in enumerate(links)))
    began = time.monotonic()
    try:
        async with asyncio.timeout(_GIVE_UP_S):
            await lives
    except TimeoutError:
        say("  gave up waiting")
    admitted = [node for node in nodes if node.welcomed_s]
    await asyncio.sleep(_QUIET_S)
    fresh.cancel()
    felt = [value for at_s, value in await fresh if at_s >= began]
    for link, _ in links:
        await link.close()
    took_s = max(node.welcomed_s for node in admitted) - began
    waited = [(node.welcomed_s - node.said_s) * 1_000 for node in admitted]
    starts = [float(node.start_after_ms) for node in admitted]
    say(
        f"  {len(admitted):,} of {count:,} admitted {took_s:.1f} s after the first hello; each waited p50 "
        f"{percentile(waited, 50):.0f}, p99 {percentile(waited, 99):.0f} ms; told to begin after p50 "
        f"{percentile(starts, 50) / 1_000:.1f}, p99 {percentile(starts, 99) / 1_000:.1f} s"
    )
    say(f"  {len(felt)} fresh orders of another store visible within p50 {percentile(felt, 50):.0f} ms")
    return [
        Row("hellos_admitted", float(len(admitted)), ""),
        Row("hellos_admitted_s", took_s, "s"),
        Row("hellos_fresh_visible_p99_ms", percentile(felt, 99), "ms"),
    ]


async def _connect(url: str, groups: list[list[_Node]]) -> list[tuple[MqttLink, list[_Node]]]:
    """Connect and subscribe for every group, some at a time: reconnecting is not what is measured."""
    turn = asyncio.Semaphore(_CONNECTING)

    async def connect(group: list[_Node]) -> tuple[MqttLink, list[_Node]]:
        topics = [topic(node.node_id, "down") for node in group]
        link = MqttLink(url, f"bench-{group[0].node_id}", subscriptions=topics)
        async with turn:
            for _ in range(_TRIES):
                with suppress(TransientFault):
                    await link.connect()
                    break
        assert link.connected, link.reason
        return link, group

    return await asyncio.gather(*(connect(group) for group in groups))


async def _live(link: MqttLink, group: list[_Node], at: float) -> None:
    """Say hello at a moment of the second, and again as the edge does, until every node of the group is welcome."""
    await asyncio.sleep(at * _WITHIN_S)
    waiting = {topic(node.node_id, "down"): node for node in group}
    for node in group:
        node.said_s = time.monotonic()
    while waiting:
        for node in waiting.values():
            while not link.publish(topic(node.node_id, "up"), node.hello()):
                await link.room()
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_MS / 1_000):
                while waiting:
                    _hear(link, waiting, *await link.inbox.get())
        except TimeoutError:
            continue


def _hear(link: MqttLink, waiting: dict[str, _Node], name: str, payload: bytes) -> None:
    message = decode_down(payload)
    if isinstance(message, Welcome) and name in waiting:
        node = waiting.pop(name)
        assert message.decision == "resume", message.detail
        node.welcomed_s, node.start_after_ms = time.monotonic(), message.grant.start_after_ms
        link.publish(topic(node.node_id, "up"), node.heartbeat())


async def _sell(store: Agent, centre: Centre) -> list[tuple[float, float]]:
    """An order every 100 ms, until cancelled; then when each was placed and how long it took to be visible, in ms."""
    till, pollers = Till(store.port, store.token), Pollers(centre.port, 0.02)
    felt: list[tuple[float, float]] = []
    following: list[asyncio.Task[None]] = []

    async def follow(placed: Placed) -> None:
        seen_ns = await pollers.seen_ns(placed.order_id)
        felt.append((placed.answered_ns / 1e9, (seen_ns - placed.answered_ns) / 1e6))

    try:
        while True:
            following.append(asyncio.create_task(follow(await till.place())))
            await asyncio.sleep(_FRESH_INTERVAL_S)
    except asyncio.CancelledError:
        await asyncio.gather(*following)
        return felt
    finally:
        till.close()
        pollers.close()

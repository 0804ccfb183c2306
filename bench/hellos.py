"""Thousands of nodes that come back within a second: when all are admitted, and what a fresh order feels meanwhile.

Broker, PostgreSQL, centre and one selling store are the real processes. The thousands are this program: each says the
product's hello over the product's MQTT client, says it again as the edge does while none answers, and reports with a
heartbeat. As many as the limit of open files allows have a connection of their own; the rest share some. The fresh
orders are placed and looked for by another process (bench/fresh.py): what they feel is the machine, which all of these
share, but not the turns of this program's loop.
"""

import asyncio
import resource
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from msgspec import Struct

from bench.fresh import FreshOrders, Sample
from bench.house import Agent, Centre, cpu_s, running_database
from bench.results import Row, percentile, say
from bench.wire import Client, get
from central_sync.embedded import EmbeddedBroker
from edge_core import ids
from edge_core.errors import TransientFault
from edge_core.limits import HELLO_TIMEOUT_MS, HELLO_TIMEOUT_MS_MAX
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
_FRESH_PER_S: Final = 50
_WARM_S: Final = 3.0  # of fresh orders before the first hello
_QUIET_S: Final = 5.0  # of fresh orders after the last welcome
_GIVE_UP_S: Final = 120.0


class _Node(Struct):
    """One of the thousands; times are monotonic seconds."""

    node_id: str
    incarnation: UUID
    said: int = 0
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
    with running_database(folder / "hellos-postgres") as (dsn, server):
        centre = Centre(folder / "hellos-centre", dsn, broker.url)
        store = Agent(folder / "hellos-store", broker_url=broker.url)
        try:
            await centre.service.start()
            await store.service.start()
            await store.receive_stock()
            assert broker.child is not None
            pids = {"broker": broker.child.pid, "PostgreSQL": server, "centre": centre.pid, "store": store.pid}
            rows = await _measured(broker.url, nodes, FreshOrders(store, centre, _FRESH_PER_S), pids)
            say(f"  the centre's inbox dropped {await _dropped(centre)} messages")
            return rows
        finally:
            store.service.child.stop()
            centre.service.child.stop()
            broker.stop()


async def _dropped(centre: Centre) -> int:
    """What found the inbox full: a fresh order among it comes again only after `RESEND_AFTER_MS`."""
    client = Client(centre.port)
    answer = await client.request(get("/metrics"))
    client.close()
    (line,) = (line for line in answer.body.splitlines() if line.startswith(b"central_inbox_dropped "))
    return int(float(line.split()[1]))


async def _measured(url: str, count: int, fresh: FreshOrders, pids: dict[str, int]) -> list[Row]:
    nodes = _nodes(count)
    links = await _connect(url, _groups(nodes))
    own = sum(len(group) == 1 for _, group in links)
    say(f"  {len(links):,} MQTT connections: {own:,} nodes have one of their own, {count - own:,} share the others")
    fresh.start()
    await asyncio.sleep(_WARM_S)
    used_s = _used_s(pids)
    began_ns = time.monotonic_ns()
    await _return(links)
    ended_ns = time.monotonic_ns()
    costs = {name: now_s - used_s[name] for name, now_s in _used_s(pids).items()}
    await asyncio.sleep(_QUIET_S)
    samples = [sample for sample in await fresh.stop() if began_ns <= sample.due_ns]
    for link, _ in links:
        await link.close()
    say("  CPU until the last welcome: " + ", ".join(f"{name} {cost:.1f} s" for name, cost in costs.items()))
    stormy = [sample for sample in samples if sample.due_ns <= ended_ns]
    _say_fresh("until the last welcome", stormy)
    _say_fresh("and after it", [sample for sample in samples if sample.due_ns > ended_ns])
    visible_p99_ms = percentile([sample.visible_ms for sample in stormy], 99)
    return [*_admitted(nodes, began_ns / 1e9), Row("hellos_fresh_visible_p99_ms", visible_p99_ms, "ms")]


def _used_s(pids: dict[str, int]) -> dict[str, float]:
    return {name: cpu_s(pid) for name, pid in pids.items()} | {"these nodes": time.process_time()}


def _nodes(count: int) -> list[_Node]:
    now_ms = time.time_ns() // 1_000_000
    return [_Node(f"back-{number:05}", ids.uuid7(now_ms, number)) for number in range(count)]


def _groups(nodes: list[_Node]) -> list[list[_Node]]:
    """Which nodes share a connection."""
    own = min(len(nodes), resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES_FOR_OTHERS)
    groups = [[node] for node in nodes[:own]]
    return groups + [nodes[at : at + _CARRIED] for at in range(own, len(nodes), _CARRIED)]


async def _return(links: Sequence[tuple[MqttLink, list[_Node]]]) -> None:
    """All come back; ends when every one is welcome, or nobody believes in it any more."""
    try:
        async with asyncio.timeout(_GIVE_UP_S):
            await asyncio.gather(*(_live(link, group, at / len(links)) for at, (link, group) in enumerate(links)))
    except TimeoutError:
        say("  gave up waiting")


def _admitted(nodes: list[_Node], began_s: float) -> list[Row]:
    admitted = [node for node in nodes if node.welcomed_s]
    took_s = max(node.welcomed_s for node in admitted) - began_s
    waited = [(node.welcomed_s - node.said_s) * 1_000 for node in admitted]
    starts = [float(node.start_after_ms) for node in admitted]
    say(
        f"  {len(nodes):,} hellos, the last first said after {max(node.said_s for node in nodes) - began_s:.1f} s; "
        f"{sum(node.said > 1 for node in nodes):,} nodes said it again"
    )
    say(
        f"  {len(admitted):,} of {len(nodes):,} admitted {took_s:.1f} s after the first hello; each waited p50 "
        f"{percentile(waited, 50):.0f}, p99 {percentile(waited, 99):.0f} ms; told to begin after p50 "
        f"{percentile(starts, 50) / 1_000:.1f}, p99 {percentile(starts, 99) / 1_000:.1f} s"
    )
    return [Row("hellos_admitted", float(len(admitted)), ""), Row("hellos_admitted_s", took_s, "s")]


def _say_fresh(when: str, samples: Sequence[Sample]) -> None:
    if not samples:
        return
    answered, visible = [each.answered_ms for each in samples], [each.visible_ms for each in samples]
    after = [each.visible_ms - each.answered_ms for each in samples]
    say(
        f"  {len(samples)} fresh orders of another store {when}: 201 p50 {percentile(answered, 50):.1f}, "
        f"p99 {percentile(answered, 99):.1f} ms; visible p50 {percentile(visible, 50):.0f}, "
        f"p99 {percentile(visible, 99):.0f}, at most {max(visible):.0f} ms; of it after the 201 p50 "
        f"{percentile(after, 50):.0f}, p99 {percentile(after, 99):.0f} ms"
    )


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
    patience_ms = HELLO_TIMEOUT_MS
    for node in group:
        node.said_s = time.monotonic()
    while waiting:
        for node in waiting.values():
            node.said += 1
            while not link.publish(topic(node.node_id, "up"), node.hello()):
                await link.room()
        try:
            async with asyncio.timeout(patience_ms / 1_000):
                while waiting:
                    _hear(link, waiting, *await link.inbox.get())
        except TimeoutError:
            patience_ms = min(patience_ms * 2, HELLO_TIMEOUT_MS_MAX)


def _hear(link: MqttLink, waiting: dict[str, _Node], name: str, payload: bytes) -> None:
    message = decode_down(payload)
    if isinstance(message, Welcome) and name in waiting:
        node = waiting.pop(name)
        assert message.decision == "resume", message.detail
        node.welcomed_s, node.start_after_ms = time.monotonic(), message.grant.start_after_ms
        link.publish(topic(node.node_id, "up"), node.heartbeat())

"""A broker and the lines to it: QoS 1 at its worst. Messages are lost, doubled, late and out of order; links are cut.

A message that is on its way when the broker is wiped is gone, whoever was told that it was taken. Two machines of one
node have client ids of their own and hear everything that is said to the node.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from edge_core.errors import TransientFault
from edge_core.limits import CONNECT_TIMEOUT_MS, MQTT_INBOX_MAX
from edge_core.sync.topics import topic
from holdfast_runtime.mqtt import Inbox
from tests.simulation.loop import VirtualLoop


class Weather(Struct):
    """How the lines are at present: shares of the messages, and the delay of one in milliseconds."""

    loss: float = 0.0
    twice: float = 0.0
    delay_ms: tuple[int, int] = (1, 8)
    late: float = 0.0  # share that takes up to `late_ms`
    late_ms: int = 4_000


class Client(Protocol):
    """Whoever has a connection."""

    where: str

    def arrived(self, name: str, payload: bytes) -> None: ...
    def lost(self, reason: str) -> None: ...


class Broker:
    """Takes messages from clients and carries them to whoever subscribes."""

    def __init__(self, loop: VirtualLoop, chance: random.Random) -> None:
        self._loop = loop
        self._chance = chance
        self.weather = Weather()
        self.is_up = True
        self.cut_off: set[str] = set()
        self.generation = 0
        self._clients: defaultdict[str, list[Client]] = defaultdict(list)

    async def join(self, client: Client, name: str) -> None:
        """Connect and subscribe to one topic. Raises `TransientFault`."""
        await asyncio.sleep(self._delay_s())
        if self.is_silent(client):
            await asyncio.sleep(CONNECT_TIMEOUT_MS / 1000)
            raise TransientFault("no answer in time")
        if not self.is_up:
            raise TransientFault("connection refused")
        self._clients[name].append(client)

    def leave(self, client: Client) -> None:
        """The connection is gone."""
        for clients in self._clients.values():
            if client in clients:
                clients.remove(client)

    def is_silent(self, client: Client) -> bool:
        """Whether nothing goes through to this client, and nobody says so."""
        return client.where in self.cut_off

    def carry(self, sender: Client, name: str, payload: bytes) -> None:
        """A message has left its sender; what becomes of it, the weather decides."""
        if self.is_silent(sender):
            return
        for _ in range(2 if self._chance.random() < self.weather.twice else 1):
            if self._chance.random() >= self.weather.loss:
                self._loop.call_later(self._delay_s(), self._deliver, self.generation, name, payload)

    def wipe(self, reason: str) -> None:
        """Everything on its way is gone, and so are the connections."""
        self.generation += 1
        for clients in list(self._clients.values()):
            for client in list(clients):
                self.leave(client)
                client.lost(reason)

    def cut(self, where: str, reason: str) -> None:
        """The connections of one place end."""
        for clients in list(self._clients.values()):
            for client in [client for client in clients if client.where == where]:
                self.leave(client)
                client.lost(reason)

    def _deliver(self, generation: int, name: str, payload: bytes) -> None:
        if generation != self.generation or not self.is_up:
            return
        for client in list(self._clients[_subscription(name)]):
            if not self.is_silent(client):
                client.arrived(name, payload)

    def _delay_s(self) -> float:
        weather = self.weather
        if weather.late and self._chance.random() < weather.late:
            return self._chance.uniform(0, weather.late_ms) / 1000
        return self._chance.uniform(*weather.delay_ms) / 1000


CENTRE = "centre"


def _subscription(name: str) -> str:
    """The centre hears every node; a node hears its own topic."""
    return CENTRE if name.endswith("/up") else name


class Line:
    """Stands for `MqttLink` in `Session`: one client of the broker."""

    def __init__(self, broker: Broker, node_id: str, where: str) -> None:
        self._broker = broker
        self._name = topic(node_id, "down")
        self.where = where
        self.address = "broker:1883"
        self.inbox = Inbox(MQTT_INBOX_MAX)
        self.disconnected = asyncio.Event()
        self.disconnected.set()
        self.reason = "not connected yet"
        self.on_activity: Callable[[], None] = lambda: None
        self._is_dead = False

    @property
    def connected(self) -> bool:
        return not self.disconnected.is_set()

    async def connect(self) -> None:
        await self._broker.join(self, self._name)
        if self._is_dead:
            self._broker.leave(self)
        self.disconnected.clear()

    def publish(self, name: str, payload: bytes) -> bool:
        if not self.connected or self._is_dead:
            return False
        self._broker.carry(self, name, payload)
        return True

    async def close(self) -> None:
        if self.connected:
            self._broker.leave(self)
            self.lost("closed")

    def arrived(self, name: str, payload: bytes) -> None:
        self.inbox.offer(name, payload)
        self.on_activity()

    def lost(self, reason: str) -> None:
        self.reason = reason
        self.disconnected.set()
        self.on_activity()

    def die(self) -> None:
        """The process is gone; its socket with it."""
        self._is_dead = True
        self._broker.leave(self)

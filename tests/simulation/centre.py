"""The centre: the real ingester on tables in memory, which can die between its COMMIT and its answers, be slow, and be
put back from a copy that is older than what it has acknowledged.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

from prometheus_client import CollectorRegistry

from central_sync import parking
from central_sync.ingest.leases import ShardLeases
from central_sync.ingest.worker import Ingester
from central_sync.instructions import Issued, issue
from central_sync.store.database import Database
from central_sync.telemetry import Telemetry
from edge_core import ids
from edge_core.errors import Rejected
from edge_core.limits import SHARDS
from edge_core.sync.instruction import CancelTask
from edge_core.sync.messages import Ack, decode_down
from holdfast_runtime.mqtt import MqttLink
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import CENTRE, Broker, Line
from tests.simulation.promises import Broken
from tests.simulation.sqlite import OWNER, Process
from tests.simulation.story import Story
from tests.simulation.tables import Tables

_TELEMETRY = Telemetry(CollectorRegistry())  # nobody reads it


class CentreLine(Line):
    """Stands for the ingester's `MqttLink`: it hears the topics of every node, and watches what is acknowledged."""

    def __init__(self, centre: "Centre", broker: Broker) -> None:
        super().__init__(broker, CENTRE, CENTRE)
        self._name = CENTRE
        self._centre = centre

    def publish(self, name: str, payload: bytes) -> bool:
        message = decode_down(payload)
        if isinstance(message, Ack):
            self._watch(message)
        return super().publish(name, payload)

    def _watch(self, ack: Ack) -> None:
        """An ack says what is durable, and says it after the COMMIT (G1)."""
        rows = self._centre.tables.cursors
        durable = max((rows[k].durable_seq for k in rows if k[1:] == (ack.incarnation, ack.lane)), default=0)
        if ack.durable_seq > durable:
            raise Broken("G1", f"the centre acked {ack.durable_seq} and holds {durable}")

    async def room(self) -> None:
        """There always is."""


class _Leases:
    """All shards, always."""

    held = frozenset(range(SHARDS))

    def __init__(self) -> None:
        self.on_subscribed: Callable[[frozenset[int]], None] = lambda _shards: None

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def subscribe(self) -> None:
        """The connection brought its subscription."""
        self.on_subscribed(self.held)


class MemoryDatabase:
    """Stands for `Database`: one transaction at a time, on a copy."""

    def __init__(self, centre: "Centre", process: Process) -> None:
        self._centre = centre
        self._process = process
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tables]:
        async with self._turn:
            await self._process.pause("BEGIN")
            tables = self._centre.tables.copy()
            tables.is_widened = self._centre.is_widened
            yield tables
            await asyncio.sleep(self._centre.commit_s())
            await self._process.pause("COMMIT")
            if self._process.is_alive:
                self._centre.tables = tables
            await self._process.done("COMMIT")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tables]:
        await self._process.pause("BEGIN")
        yield self._centre.tables

    @asynccontextmanager
    async def listening(self, _channel: str, _wake: object, _lost: object) -> AsyncIterator[None]:
        """Nothing is announced: whoever looks, looks at intervals."""
        yield


class Centre:
    """What survives of the centre, and the process that runs on it."""

    def __init__(self, loop: VirtualLoop, broker: Broker, chance: random.Random, story: Story) -> None:
        self._loop = loop
        self._broker = broker
        self._chance = chance
        self._story = story
        self.is_slow = False
        self.is_widened = False  # its columns take every amount from then on
        self.tables = Tables(self._new_history())
        self.process: Process | None = None
        self.on_failure: Callable[[str, BaseException], None] = lambda _who, _error: None
        self.on_asked: Callable[[UUID], None] = lambda _instruction_id: None

    def start(self) -> None:
        """Start the process on what is durable."""
        self._story.tell(CENTRE, "starts", history=self.tables.history_id)
        process = self.process = Process(self._chance, self._loop)
        line = CentreLine(self, self._broker)
        process.on_death = line.die
        token = OWNER.set(process)
        self._database = MemoryDatabase(self, process)
        task = self._loop.create_task(self._ingester(line).run())
        OWNER.reset(token)
        task.add_done_callback(self._ended)

    def kill(self) -> None:
        """The end of the process, without a word."""
        if self.process is not None and self.process.is_alive:
            self._story.tell(CENTRE, "is killed")
            self.process.kill()

    def restore(self, copy: Tables, *, is_marked: bool) -> None:
        """Put an older copy in the place of the tables; marked, it becomes another history."""
        self.kill()
        self._story.tell(CENTRE, "is restored", is_marked=is_marked)
        self.tables = copy.copy()
        if is_marked:
            self.tables.history_id = self._new_history()

    def back_up(self) -> Tables:
        """A copy of the tables, and word in the tables of what it covers, as `central-sync backup` leaves it."""
        copy = self.tables.copy()
        covered = {key: row._replace(backed_up_seq=row.durable_seq) for key, row in copy.cursors.items()}
        self.tables = self.tables.copy()
        self.tables.cursors |= covered
        return copy

    def commit_s(self) -> float:
        """How long the next COMMIT takes."""
        return self._chance.uniform(0.5, 4) if self.is_slow else self._chance.uniform(0.001, 0.01)

    def _now_ms(self) -> int:
        return 1_795_000_000_000 + self._loop.now_ms

    def _new_history(self) -> UUID:
        return ids.uuid7(self._now_ms(), self._chance.getrandbits(74))

    async def cancel(self, node_id: str, order_id: UUID, key: str) -> None:
        """What `POST /v1/orders/{id}/cancel` does; `on_asked` hears of it after the COMMIT."""
        async with self._database.transaction() as tables:
            task = CancelTask(key)
            now_ms, bits = self._now_ms(), self._chance.getrandbits
            issued = await issue(
                tables,
                node_id,
                task,
                subject=order_id,
                key=key,
                now_ms=now_ms,
                random_bits=lambda: bits(74),
            )
        if isinstance(issued, Issued):
            self.on_asked(issued.instruction_id)

    async def replay(self, parked_id: int, *, is_trial: bool = False) -> None:
        """What `central-sync parked replay` does; a trial changes nothing (G7)."""
        database = cast("Database", self._database)
        verdicts = await parking.replay(database, parked_id, who="sim", is_trial=is_trial)
        outcomes = verdicts.slug if isinstance(verdicts, Rejected) else [verdict.outcome for verdict in verdicts]
        self._story.tell(CENTRE, "has tried" if is_trial else "has replayed", parked=parked_id, outcomes=outcomes)

    async def discard(self, parked_id: int) -> None:
        """What `central-sync parked discard` does."""
        await parking.discard(cast("Database", self._database), parked_id, who="sim", why="nobody wants it")
        self._story.tell(CENTRE, "has discarded", parked=parked_id)

    def _ingester(self, line: CentreLine) -> Ingester:
        return Ingester(
            link=cast("MqttLink", line),
            database=cast("Database", self._database),
            leases=cast("ShardLeases", _Leases()),
            history_id=self.tables.history_id,
            telemetry=_TELEMETRY,
            now_ms=self._now_ms,
            random_bits=lambda: self._chance.getrandbits(74),
        )

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_failure(CENTRE, error)

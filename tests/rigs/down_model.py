"""The downlink without a broker and without PostgreSQL: the real sender and the real rules against a model of a node.

The node is what matters of one: a cursor, a log of what it did, and the rule that it does nothing twice that its log
has. The network keeps messages until a test says what becomes of them. Either end can be put back to an older copy.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from prometheus_client import CollectorRegistry

from central_sync import instructions as rules
from central_sync.downlink import Downlink
from central_sync.instructions import Claim
from central_sync.store.instructions import AnswerRow
from central_sync.telemetry import Telemetry
from edge_core.limits import SHARDS
from edge_core.sync.chain import genesis
from edge_core.sync.entry import LANES
from edge_core.sync.instruction import CancelTask, decode_instruction
from edge_core.sync.messages import DOWN, Deliver, DownPosition, Hello, LanePosition, decode_down
from edge_core.sync.receive_stream import Applied, Cursor, prepare, receive
from tests.simulation.downlink_tables import answer_instructions
from tests.simulation.tables import Tables

NODE = "store-0001"
EDGE = UUID(int=1)
_TELEMETRY = Telemetry(CollectorRegistry())  # nobody reads it
_START_MS = 1_795_000_000_000


class Node:
    """What a node keeps in its file."""

    def __init__(self) -> None:
        self.position: DownPosition | None = None
        self.log: tuple[UUID, ...] = ()

    def take(self, deliver: Deliver) -> DownPosition:
        """One transaction: do what is new, move the cursor."""
        batch = prepare(deliver)
        here = self.position
        if here is None or here.incarnation != deliver.incarnation:
            here = DownPosition(deliver.incarnation, 0, genesis(NODE, deliver.incarnation, DOWN))
        found = receive(Cursor(here.seq, here.hash), batch)
        if isinstance(found, Applied):
            asked = [decode_instruction(body).instruction_id for body in batch.bodies[found.skip :]]
            self.log += tuple(each for each in asked if each not in self.log)
            here = DownPosition(deliver.incarnation, found.cursor.durable_seq, found.cursor.durable_hash)
            self.position = here
        return here


class DownModel:
    """One node, one centre, and what is on its way between them."""

    def __init__(self) -> None:
        self.tables = Tables(UUID(int=9))
        self.node = Node()
        self.welcomed: UUID | None = None
        self.down: list[Deliver] = []
        self.up: list[Claim] = []
        self._number = 0
        self._bits = 0
        self._copies: list[tuple[Tables, Node]] = []
        self._downlink = self._sender()

    # --- the centre --------------------------------------------------------------------------------------------------

    async def ask(self, key: int) -> None:
        """Somebody asks for something, perhaps again."""
        task = CancelTask("fraud")
        await rules.issue(
            self.tables, NODE, task, subject=UUID(int=key), key=f"{key}", now_ms=_START_MS, random_bits=self._random
        )

    async def send(self) -> None:
        """The sender looks, and sends what there is room for."""
        await self._downlink._turn()

    def restart_centre(self) -> None:
        """The process is another: it knows what the database knows."""
        self._downlink = self._sender()

    # --- the node ----------------------------------------------------------------------------------------------------

    async def greet(self, *, is_newcomer: bool = False) -> None:
        """Hello and welcome, as after each connection. What the node lost of its log comes back before all else."""
        lanes = tuple(LanePosition(lane, 1, 0, genesis(NODE, EDGE, lane)) for lane in LANES)
        hello = Hello(NODE, EDGE, lanes, None, 0, "", 1, downlink=self.node.position)
        newcomers = {NODE} if is_newcomer else set()
        found = await rules.greet(self.tables, [hello], newcomers, _START_MS, self._random)
        self.welcomed = found[NODE]
        known = [row.instruction_id for row in self.tables.instructions.values() if row.outcome is not None]
        self.node.log += tuple(each for each in known if each not in self.node.log)

    async def hear(self, at: int, *, stays: bool) -> None:
        """A delivery arrives; one that stays will arrive again."""
        if self.down:
            deliver = self.down[at % len(self.down)] if stays else self.down.pop(at % len(self.down))
            if deliver.incarnation != self.welcomed:
                await self.greet()
            else:
                self.up.append(Claim(NODE, EDGE, self.node.take(deliver)))

    async def answer(self) -> None:
        """The node's log reaches the centre."""
        rows = [AnswerRow(NODE, each, "order.cancel", None, "applied", None, None) for each in self.node.log]
        await answer_instructions(self.tables, rows)

    def report(self) -> None:
        """The heartbeat says how far the node is."""
        if self.node.position is not None and self.node.position.incarnation == self.welcomed:
            self.up.append(Claim(NODE, EDGE, self.node.position, is_report=True))

    async def acknowledge(self, at: int, *, stays: bool) -> None:
        """An acknowledgement arrives."""
        if self.up:
            claim = self.up[at % len(self.up)] if stays else self.up.pop(at % len(self.up))
            if await rules.acknowledge(self.tables, [claim]):
                await self.greet()

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def lose(self, at: int, *, is_up: bool) -> None:
        """A message is gone."""
        messages: list[Any] = cast("list[Any]", self.up if is_up else self.down)
        if messages:
            messages.pop(at % len(messages))

    async def lose_answers(self) -> None:
        """What the centre does not know yet is lost to both ends; the node goes on in another incarnation."""
        self.node.log = ()
        await self.greet(is_newcomer=True)

    def keep(self) -> None:
        """Both ends are copied."""
        self._copies.append((self.tables.copy(), copy(self.node)))

    async def restore(self, at: int, *, is_centre: bool) -> None:
        """One end becomes what it was at some copy; a node greets after that, a centre need not be noticed."""
        if self._copies:
            tables, node = self._copies[at % len(self._copies)]
            if is_centre:
                self.tables = tables.copy()
                self.restart_centre()
            else:
                self.node = copy(node)
                await self.greet()

    async def heal(self) -> None:
        """Nothing is lost any more, and a heartbeat says how far the node is."""
        await self.greet()
        for _ in range(200):
            await self.answer()
            await self.send()
            while self.down:
                await self.hear(0, stays=False)
            self.report()
            while self.up:
                await self.acknowledge(0, stays=False)
            if self.is_quiet():
                return
            self.restart_centre()  # patience is the streams' own, and tested there
        raise AssertionError("not quiet after 200 rounds")

    def is_quiet(self) -> bool:
        """Whether everything asked is answered and acked."""
        row = self.tables.downlinks[NODE]
        return row.tail_seq == row.durable_seq and all(r.outcome for r in self.tables.instructions.values())

    # --- parts -------------------------------------------------------------------------------------------------------

    def _random(self) -> int:
        self._bits += 1
        return self._bits

    def _sender(self) -> Downlink:
        link = SimpleNamespace(connected=True, publish=self._publish)
        database = SimpleNamespace(reading=self._reading)
        leases = SimpleNamespace(held=frozenset(range(SHARDS)))
        return Downlink(link=cast("Any", link), database=cast("Any", database), leases=cast("Any", leases),
                        telemetry=_TELEMETRY)  # fmt: skip

    def _publish(self, _name: str, payload: bytes) -> bool:
        message = decode_down(payload)
        assert isinstance(message, Deliver)
        self.down.append(message)
        return True

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Tables]:
        yield self.tables

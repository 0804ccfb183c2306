"""The centre's desk on a real PostgreSQL, with nodes that are nothing but logs: quick, and as many as a test wants."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry

from central_sync.assigning import Assigner
from central_sync.attempts import Desk, assignment_of
from central_sync.decisions import Decisions
from central_sync.ordering import Placed, place
from central_sync.store import assignments
from central_sync.store.database import Database
from central_sync.telemetry import Telemetry
from edge_core import ids
from edge_core.assignment.state import Assignment, Attempt
from edge_core.orders.document import TillOrder
from edge_core.orders.events import InstructionAnswered, StockMoved
from edge_core.stock.ledger import StockDelta
from edge_core.sync.instruction import instruction_id
from tests.rigs.centre import greet, migrated, push
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog

ACCEPT_MS = 60_000


class DeskHouse:
    """Nodes and a centre whose clock a test moves: `now_ms`."""

    def __init__(self, database: Database, nodes: Mapping[str, NodeLog]) -> None:
        self.database = database
        self.nodes = nodes
        self.now_ms = START_MS
        self.desk = Desk(lambda: self.now_ms, ACCEPT_MS)
        self.assigner = Assigner(database, Telemetry(CollectorRegistry()), self.desk)
        self.decisions = Decisions(self.desk)
        self._pushed = dict.fromkeys(nodes, 0)

    async def stock(self, node_id: str, sku: str, milli: int, unit: str = "H87") -> None:
        """Goods come in at a node."""
        self.nodes[node_id].record([StockMoved(uuid4(), "receipt", None, (StockDelta(sku, None, unit, milli),))])
        await self.hear(node_id)

    async def hear(self, node_id: str) -> None:
        """What a node has recorded comes to the centre."""
        log = self.nodes[node_id]
        await push(self.database, log.push(self._pushed[node_id] + 1))
        self._pushed[node_id] = log.tail_seq

    async def refuse(self, attempt: Attempt, code: str) -> None:
        """A node refuses what it was asked, and the centre hears that and acts."""
        name = instruction_id(f"order.assign/{attempt.assignment_id}")
        answered = InstructionAnswered(name, "order.assign", attempt.assignment_id, "refused", code, "no")
        self.nodes[attempt.node_id].record([answered])
        await self.hear(attempt.node_id)
        await self.assigner.look()

    async def post(self, order: TillOrder) -> UUID:
        """A shop posts an order, and the centre looks for a node."""
        async with self.database.transaction() as connection:
            placed = await place(connection, order, str(uuid4()), now_ms=self.now_ms)
        assert isinstance(placed, Placed), placed
        await self.assigner.look()
        return placed.order.order_id

    async def later(self, ms: int) -> None:
        """Time goes by, and the centre looks at what is due."""
        self.now_ms += ms
        await self.assigner.look()

    async def standing(self, order_id: UUID) -> Assignment:
        """How an order stands at the centre."""
        async with self.database.transaction() as connection:
            row = await assignments.lock(connection, order_id)
            assert row is not None
            return await assignment_of(connection, row)

    async def asked(self, order_id: UUID) -> Attempt:
        """The node that is asked now."""
        current = (await self.standing(order_id)).current
        assert current is not None
        return current


@asynccontextmanager
async def desk_house(dsn: str, *node_ids: str) -> AsyncIterator[DeskHouse]:
    """A centre with nodes that have said hello."""
    async with migrated(dsn) as database:
        nodes = {name: NodeLog(name, ids.uuid7(START_MS, number)) for number, name in enumerate(node_ids, 1)}
        await greet(database, *nodes.values())
        yield DeskHouse(database, nodes)

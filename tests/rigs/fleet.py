"""Many stores in one process: the real agent's parts on real files, without HTTP, on a real broker; and their centre,
put back to an earlier time while nobody runs a command.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from msgspec import Struct
from msgspec.structs import replace

from central_sync import dumps
from central_sync.dumps import Manifest
from edge_agent.app import Agent, build_agent
from edge_agent.config import AgentConfig, ApiSection, BrokerSection, NodeSection, StoreSection
from edge_agent.submission import Cancel
from edge_core.orders.commands import MovementLine, StockMovement
from edge_core.orders.document import Confirmations
from edge_core.orders.requests import CancelRequest
from tests.rigs.house import CentreProcess
from tests.rigs.orders import of_next_customer, till_order
from tests.rigs.processes import run
from tests.rigs.waiting import eventually

_LOOK_TIMEOUT_S: Final = 120
_STOCK: Final = "SELECT sku, sum(on_hand_milli), sum(reserved_milli) FROM stock GROUP BY sku"
_TAILS: Final = """
    SELECT node_id, max(durable_seq) FROM stream_cursor WHERE lane = 'orders' GROUP BY node_id
"""


class FleetNode:
    """One store: the file, the intake and the link that `edge-agent run` puts together."""

    def __init__(self, node_id: str, agent: Agent) -> None:
        self.node_id = node_id
        self.agent = agent
        self._tasks = [asyncio.create_task(agent.intake.run())]
        assert agent.session is not None
        self.session = agent.session
        self._tasks.append(asyncio.create_task(self.session.run()))

    @property
    def tail_seq(self) -> int:
        """The last entry of its log."""
        return self.agent.file.tails["orders"].seq

    async def sell(self, count: int) -> None:
        """The same carry-out sale as often as is meant; the first time, after a delivery of goods."""
        order = replace(till_order(store_id=self.node_id), confirmations=Confirmations(duplicate=True))
        if self.tail_seq == 0:
            lines = tuple(MovementLine(line.sku, 10**9, "H87") for line in order.lines)
            await self.agent.intake.submit(StockMovement("receipt", lines), str(uuid4()), None)
        answers = await asyncio.gather(*(self.agent.intake.submit(order, str(uuid4()), None) for _ in range(count)))
        assert {answer.status for answer in answers} == {201}

    async def ship(self) -> UUID:
        """An order that stays open."""
        order = of_next_customer(till_order(store_id=self.node_id, method="ship"))
        answer = await self.agent.intake.submit(order, str(uuid4()), None)
        assert answer.status == 201, answer.body
        return UUID(json.loads(answer.body)["order_id"])

    async def cancel(self, order_id: UUID) -> int:
        """Call an order off; the status of the answer."""
        request = Cancel(order_id, CancelRequest("changed-mind"))
        return (await self.agent.intake.submit(request, str(uuid4()), None)).status

    def stock(self) -> dict[str, tuple[int, int]]:
        """What its file holds of each SKU: on hand and reserved."""
        return {sku: (on_hand, reserved) for sku, on_hand, reserved in self.rows(_STOCK)}

    def rows(self, sql: str) -> list[Any]:
        """Rows of its file."""
        with closing(sqlite3.connect(f"file:{self.agent.file.path}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def hashes(self) -> dict[tuple[str, int], bytes]:
        """Every entry of its file: incarnation and seq, and the chain's hash there."""
        sql = (
            "SELECT incarnation, entry_id & ((1 << 40) - 1), hash FROM entry JOIN stream ON stream_no = entry_id >> 40"
        )
        return {(incarnation.hex(), seq): at for incarnation, seq, at in self.rows(sql)}

    def orders(self) -> set[UUID]:
        """Every order of its list."""
        return {UUID(bytes=order_id) for (order_id,) in self.rows("SELECT order_id FROM order_head")}

    async def end(self) -> None:
        """Stop as the service does."""
        self.session.stop()
        await self._tasks[1]
        self.agent.intake.close()
        await self._tasks[0]
        await self.agent.file.close()


@asynccontextmanager
async def opened_fleet(
    folder: Path, broker_url: str, count: int, *, shed_free_bytes: int = 0
) -> AsyncIterator[list[FleetNode]]:
    """So many running stores."""
    fleet: list[FleetNode] = []
    try:
        for number in range(1, count + 1):
            node_id = f"store-{number:04}"
            config = AgentConfig(
                node=NodeSection(id=node_id),
                api=ApiSection(tokens_file=folder / "tokens.json"),
                store=StoreSection(path=folder / f"{node_id}.db", reserve_bytes=0, shed_free_bytes=shed_free_bytes),
                broker=BrokerSection(url=broker_url),
            )
            fleet.append(FleetNode(node_id, await build_agent(config)))
        yield fleet
    finally:
        await asyncio.gather(*(node.end() for node in fleet))


class Return(Struct, frozen=True):
    """How the centre came back: entries that its backup had and had not, and the seconds from its start to the last."""

    nodes: int
    in_backup: int
    lost: int
    seconds: float
    histories: int
    reason: str


async def restore_an_older_centre(
    fleet: list[FleetNode],
    centre: CentreProcess,
    folder: Path,
    new_database: Callable[[], str],
    *,
    orders: int,
) -> Return:
    """Sell, back up, sell on, then put the centre's database back and only start the centre.

    The database comes back as a database administrator would bring it, by PostgreSQL's own tool: nothing of the
    product is told. Returns once the centre has every entry of every store again; checks that each is the same.
    """
    await centre.start()
    await _sold(fleet, centre, orders)
    in_backup = sum(node.tail_seq for node in fleet)
    made = run("central-sync", "backup", "--to", folder, "--json", "--config", centre.config)
    assert made.returncode == 0, made.stderr
    dump = Path(json.loads(made.stdout)["file"])
    await _sold(fleet, centre, orders)
    entries = sum(node.tail_seq for node in fleet)
    centre.service.kill()
    empty = new_database()
    manifest: Manifest = await dumps.verified(dump, lambda _: None)
    await dumps.restore(empty, dump, manifest.server_version)
    centre.use(empty)
    began = time.monotonic()
    await centre.start()
    await _has_everything(fleet, centre)
    seconds = time.monotonic() - began
    for node in fleet:
        theirs = {(at[0], at[2]): found for at, found in (await centre.hashes(node.node_id)).items()}
        assert theirs == node.hashes(), f"{node.node_id}: {len(theirs)} entries at the centre"
    histories = await centre.query("SELECT reason FROM history ORDER BY began_at")
    return Return(len(fleet), in_backup, entries - in_backup, seconds, len(histories), histories[-1][0])


async def _sold(fleet: list[FleetNode], centre: CentreProcess, orders: int) -> None:
    await asyncio.gather(*(node.sell(orders) for node in fleet))
    await _has_everything(fleet, centre)

    async def acked() -> bool:
        behind = [n.node_id for n in fleet if n.session.state.streams[0].durable_seq < n.tail_seq]
        assert behind == [], behind
        return True

    await eventually(acked, _LOOK_TIMEOUT_S)


async def _has_everything(fleet: list[FleetNode], centre: CentreProcess) -> None:
    wanted = {node.node_id: node.tail_seq for node in fleet}

    async def look() -> bool:
        found: dict[str, Any] = {row[0]: row[1] for row in await centre.query(_TAILS)}
        missing = {node_id: (found.get(node_id), seq) for node_id, seq in wanted.items() if found.get(node_id) != seq}
        assert not missing, missing
        return True

    await eventually(look, _LOOK_TIMEOUT_S)

"""A store's file with its intake in this process, and somebody at the desk who sells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.days import DayBooks
from edge_agent.intake import Intake
from edge_agent.store import stock
from edge_agent.store.file import StoreFile
from edge_agent.submission import Answer, Ask, Cancel, Request
from edge_agent.surroundings import real_surroundings
from edge_core import ids
from edge_core.orders.commands import MovementLine, StockMovement
from edge_core.orders.document import Method, TillOrder
from edge_core.orders.requests import CancelRequest, CloseRequest, OrderRequest
from tests.rigs.orders import of_next_customer, till_order

_SKUS = tuple(line.sku for line in till_order().lines)


class Desk:
    """An open file and a running intake. Every request must be taken."""

    def __init__(self, file: StoreFile, intake: Intake) -> None:
        self.file = file
        self.intake = intake
        self._sold: dict[str, TillOrder] = {}

    async def sell(self, count: int) -> None:
        """Carry-out sales of two pieces of each of two things, all of them at once."""
        await asyncio.gather(*(self.place(str(uuid4())) for _ in range(count)))

    async def place(self, key: str) -> Answer:
        """One sale."""
        self._sold[key] = self._order("carry_out")
        return await self._ask(self._sold[key], key)

    async def again(self, key: str) -> Answer:
        """The same sale under the same key; whatever the answer is."""
        return await self.intake.submit(self._sold[key], key, None)

    async def ship(self) -> UUID:
        """An order that stays open."""
        answer = await self._ask(self._order("ship"), str(uuid4()))
        return UUID(msgspec.json.decode(answer.body)["order_id"])

    async def sale(self) -> UUID:
        """A carry-out sale, by its order."""
        return UUID(msgspec.json.decode((await self.place(str(uuid4()))).body)["order_id"])

    async def ask(self, order_id: UUID, name: str, request: OrderRequest) -> None:
        """Any command on an order."""
        await self._ask(Ask(order_id, name, request), str(uuid4()))

    async def close_day(self, business_date: str) -> int:
        """Close a day; its Z number."""
        wish = await DayBooks(self.file, real_surroundings(ZoneInfo("UTC"))).close(business_date, CloseRequest("op-1"))
        return int(msgspec.json.decode((await self._ask(wish, str(uuid4()))).body)["z_number"])

    async def cancel(self, order_id: UUID) -> None:
        """Call an order off."""
        await self._ask(Cancel(order_id, CancelRequest("changed-mind")), str(uuid4()))

    async def receive(self, quantity_milli: int) -> None:
        """A delivery of what is sold."""
        lines = tuple(MovementLine(sku, quantity_milli, "H87") for sku in _SKUS)
        await self._ask(StockMovement("receipt", lines), str(uuid4()))

    async def on_hand(self) -> int:
        """What there is of the first thing."""
        (position,) = await stock.read_positions(self.file.reader, _SKUS[:1])
        return position.on_hand_milli

    def _order(self, method: Method) -> TillOrder:
        return of_next_customer(till_order(store_id=self.file.node_id, method=method))

    async def _ask(self, request: Request, key: str) -> Answer:
        answer = await self.intake.submit(request, key, None)
        assert answer.status < 300, answer.body
        return answer


@asynccontextmanager
async def opened_desk(path: Path, node_id: str = "store-0001") -> AsyncIterator[Desk]:
    """A new file with its intake."""
    here = real_surroundings(ZoneInfo("UTC"))
    file = StoreFile(path, node_id)
    await file.open(incarnation=ids.uuid7(here.now_ms(), here.random_bits()), now_ms=here.now_ms())
    intake = Intake(file, here, is_offline=lambda: True)
    writer = asyncio.create_task(intake.run())
    try:
        yield Desk(file, intake)
    finally:
        intake.close()
        await writer
        await file.close()

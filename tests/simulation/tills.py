"""Tills that sell, receive goods, call orders off, and repeat with the same key whatever they heard no answer to."""

import asyncio
import random
from uuid import UUID

import msgspec

from edge_agent.submission import Answer, Cancel, Request
from edge_core.orders.commands import MovementLine, StockMovement
from edge_core.orders.document import FulfillmentRequest, Line, Method, OrderType, Payment, TillOrder, Totals
from edge_core.orders.requests import CancelRequest
from tests.simulation.machine import Machine
from tests.simulation.promises import Promises
from tests.simulation.story import Story
from tests.simulation.tables import UNSTORABLE_TOTAL

SKUS = ("water", "bread", "candle")
_PLACED_AT = "2026-11-21T09:30:00.000Z"
_PRICE_MINOR = 250
_ACTIONS = ("carry_out", "ship", "pickup", "cancel", "receipt", "write_off", "again", "other_body", "unstorable")
_WEIGHTS = (40, 12, 8, 16, 8, 3, 10, 2, 2)


class Till:
    """One till of a machine. It is patient: a request ends with an answer, or when the shop closes."""

    def __init__(
        self, name: str, machine: Machine, *, seed: str, promises: Promises, story: Story, pause_s: float
    ) -> None:
        self.name = name
        self.machine = machine
        self._chance = random.Random(f"{seed}/{name}")
        self._promises = promises
        self._story = story
        self._pause_s = pause_s
        self._count = 0
        self._asked: list[tuple[str, Request]] = []
        self._open_orders: list[UUID] = []
        self.is_open = True
        self.is_busy = False

    async def run(self) -> None:
        """Serve customers until the shop closes."""
        for sku in SKUS[:2]:
            await self._insist(self._next_key(), _movement("receipt", sku, self._chance.randint(2, 12)))
        while self.is_open:
            await asyncio.sleep(self._chance.expovariate(1 / self._pause_s))
            if self.is_open:
                await self._serve(self._chance.choices(_ACTIONS, _WEIGHTS)[0])

    async def _serve(self, action: str) -> None:
        chance = self._chance
        if action in {"again", "other_body"}:
            if self._asked:
                key, request = chance.choice(self._asked)
                await self._insist(key, request if action == "again" else _another(request))
            return
        if action == "cancel":
            if self._open_orders:
                order_id = chance.choice(self._open_orders)
                await self._insist(self._next_key(), Cancel(order_id, CancelRequest("changed-mind")))
            return
        if action in {"receipt", "write_off"}:
            await self._insist(self._next_key(), _movement(action, chance.choice(SKUS[:2]), chance.randint(1, 8)))
            return
        await self._insist(self._next_key(), self._order(action))

    def _order(self, action: str) -> TillOrder:
        method: Method = "carry_out" if action == "unstorable" else action  # type: ignore[assignment]
        skus = self._chance.sample(SKUS, self._chance.randint(1, 2))
        return till_order(
            self.machine.node_id,
            self.name,
            {sku: self._chance.randint(1, 4) for sku in skus},
            method=method,
            is_unstorable=action == "unstorable",
        )

    def _next_key(self) -> str:
        self._count += 1
        return f"{self.name}-{self._count}"

    async def _insist(self, key: str, request: Request) -> None:
        """Ask until there is an answer that says yes or no."""
        self._asked = [*self._asked[-20:], (key, request)]
        self.is_busy = True
        while self.is_open:
            answer = await self.machine.ask(
                request, key, lambda answer: self._promises.hear(self.machine, key, request, answer)
            )
            self._story.tell(self.name, "asks", key=key, heard=None if answer is None else answer.status)
            if answer is not None and answer.status < 500:
                self._note(request, answer)
                break
            await asyncio.sleep(self._chance.uniform(0.3, 2))
        self.is_busy = False

    def _note(self, request: Request, answer: Answer) -> None:
        if isinstance(request, TillOrder) and answer.status == 201 and request.fulfillment.method != "carry_out":
            self._open_orders = [*self._open_orders[-5:], UUID(msgspec.json.decode(answer.body)["order_id"])]


def till_order(
    store_id: str,
    terminal_id: str,
    basket: dict[str, int],
    *,
    method: Method = "carry_out",
    is_unstorable: bool = False,
) -> TillOrder:
    """A paid order of some pieces of each SKU."""
    lines = tuple(
        Line(
            line_id=str(number),
            sku=sku,
            quantity_milli=pieces * 1_000,
            unit="H87",
            unit_price_minor=_PRICE_MINOR,
            gross_minor=pieces * _PRICE_MINOR,
            discount_minor=0,
            net_minor=pieces * _PRICE_MINOR,
            tax_minor=0,
        )
        for number, (sku, pieces) in enumerate(basket.items(), 1)
    )
    total = sum(line.net_minor for line in lines)
    if is_unstorable:
        total = UNSTORABLE_TOTAL
    order_type: OrderType = "sale" if method == "carry_out" else method
    return TillOrder(
        order_type=order_type,
        channel="pos",
        store_id=store_id,
        terminal_id=terminal_id,
        placed_at=_PLACED_AT,
        currency="CNY",
        prices_include_tax=True,
        lines=lines,
        totals=Totals(total, 0, total, 0, 0, total),
        fulfillment=FulfillmentRequest(method=method),
        payments=(Payment("p1", "cash", total, "captured", "offline"),),
    )


def _movement(movement: str, sku: str, pieces: int) -> StockMovement:
    return StockMovement(movement, (MovementLine(sku, pieces * 1_000, "H87"),))  # type: ignore[arg-type]


def _another(request: Request) -> Request:
    if isinstance(request, Cancel):
        return Cancel(request.order_id, CancelRequest("something-else"))
    if isinstance(request, StockMovement):
        return _movement("receipt", "candle", 99)
    assert isinstance(request, TillOrder)  # the only other thing that these tills send
    return till_order(request.store_id, request.terminal_id, {"candle": 99})

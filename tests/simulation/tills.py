"""Tills that sell, receive goods, take orders through every flow, and repeat with the same key what had no answer."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from edge_agent.submission import Answer, Ask, Cancel, Close, Request
from edge_core.orders.commands import MovementLine, StockMovement
from edge_core.orders.document import (
    FulfillmentRequest,
    Line,
    Method,
    OrderType,
    Payment,
    PaymentPosted,
    TillOrder,
    Totals,
)
from edge_core.orders.requests import CancelRequest, UnreceiptedReturn, VoidRequest
from tests.simulation import errands
from tests.simulation.machine import Machine
from tests.simulation.promises import Promises
from tests.simulation.story import Story
from tests.simulation.tables import UNSTORABLE_TOTAL

SKUS = ("water", "bread", "candle")
_PLACED_AT = "2026-11-18T06:30:00.000Z"  # some hours before the machines begin
_PRICE_MINOR = 250
_METHODS: Final[dict[str, Method]] = {"ship": "ship", "pickup": "pickup", "preorder": "ship"}
_WEIGHTS: Final = {
    "carry_out": 26,
    "ship": 13,
    "pickup": 13,
    "preorder": 6,
    "step": 40,
    "exchange": 5,
    "unreceipted": 2,
    "cancel": 6,
    "close": 3,
    "receipt": 12,
    "write_off": 3,
    "again": 12,
    "other_body": 2,
    "unstorable": 2,
}
_ORDERS_IN_MIND: Final = 4  # so few that some come to their end
_STEPS_MAX: Final = 8


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
        self._orders: list[UUID] = []
        self._sales: list[UUID] = []
        self._codes: dict[UUID, str] = {}
        self.is_open = True
        self.is_busy = False

    async def run(self) -> None:
        """Serve customers until the shop closes."""
        for sku in SKUS[:2]:
            await self._insist(self._next_key(), _movement("receipt", sku, self._chance.randint(2, 12)))
        while self.is_open:
            await asyncio.sleep(self._chance.expovariate(1 / self._pause_s))
            if self.is_open:
                await self._serve(self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0])

    async def _serve(self, action: str) -> None:
        if action in {"again", "other_body"}:
            if self._asked:
                key, request = self._chance.choice(self._asked)
                await self._insist(key, request if action == "again" else _another(request))
            return
        if action == "step":
            await self._take_on()
            return
        if action == "close":
            await self._close()
            return
        request_ = self._request(action)
        if request_ is not None:
            await self._insist(self._next_key(), request_)

    async def _close(self) -> None:
        """Close the day that the clock shows, or the one of which all orders are."""
        wish = await self.machine.wish_to_close(self._chance.choice((self.machine.today(), _PLACED_AT[:10])))
        if wish is not None:
            await self._insist(self._next_key(), wish)

    async def _take_on(self) -> None:
        """Take an order some steps further."""
        in_mind = self._orders if self._chance.random() < 0.8 else self._sales
        if not in_mind:
            return
        order_id = self._chance.choice(in_mind)
        for _ in range(self._chance.randint(1, _STEPS_MAX)):
            state = errands.read_state(self.machine, order_id)
            if state is None or not self.is_open:
                return
            code = self._codes.get(order_id, "NONE")
            await self._insist(self._next_key(), errands.next_step(self._chance, state, code))
            await asyncio.sleep(self._chance.uniform(0, 0.4))

    def _request(self, action: str) -> Request | None:
        """What is asked for next; None where there is nothing to ask it of."""
        chance = self._chance
        match action:
            case "exchange":
                return self._exchange()
            case "cancel":
                return Cancel(chance.choice(self._orders), CancelRequest("changed-mind")) if self._orders else None
            case "receipt" | "write_off":
                return _movement(action, chance.choice(SKUS[:2]), chance.randint(1, 8))
            case "unreceipted":
                return errands.unreceipted(chance, self.name, chance.choice(SKUS), _PLACED_AT)
            case _:
                return self._order(action)

    def _exchange(self) -> Request | None:
        """A piece of an order that everybody remembers, for something else."""
        order_id = self._chance.choice([*self._orders, *self._sales]) if self._orders or self._sales else None
        state = None if order_id is None else errands.read_state(self.machine, order_id)
        return None if state is None else errands.exchange(state, self._order("carry_out"))

    def _order(self, action: str) -> TillOrder:
        method: Method = _METHODS.get(action, "carry_out")
        skus = self._chance.sample(SKUS, self._chance.randint(1, 2))
        posted = till_order(
            self.machine.node_id,
            self.name,
            {sku: self._chance.randint(1, 4) for sku in skus},
            method=method,
            is_unstorable=action == "unstorable",
            status="authorized" if method != "carry_out" and self._chance.random() < 0.5 else "captured",
            placed_at=self._stamp(),
        )
        return errands.ahead(posted) if action == "preorder" else posted

    def _stamp(self) -> str:
        """The time that the till prints: a quarter of a minute later for each request."""
        placed = datetime.fromisoformat(_PLACED_AT) + timedelta(seconds=15 * self._count)
        return placed.strftime("%Y-%m-%dT%H:%M:%S.000Z")

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
        if answer.is_problem:
            return
        said = msgspec.json.decode(answer.body)
        if isinstance(request, TillOrder) and not answer.is_replay:
            is_sale = request.fulfillment.method == "carry_out"
            kept = self._sales if is_sale else self._orders
            kept[:] = [*kept[1 - _ORDERS_IN_MIND :], UUID(said["order_id"])]
        if "pickup_code" in said:
            self._codes[UUID(said["order_id"])] = said["pickup_code"]


def till_order(
    store_id: str,
    terminal_id: str,
    basket: dict[str, int],
    *,
    method: Method = "carry_out",
    is_unstorable: bool = False,
    status: PaymentPosted = "captured",
    placed_at: str = _PLACED_AT,
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
        placed_at=placed_at,
        currency="CNY",
        prices_include_tax=True,
        lines=lines,
        totals=Totals(total, 0, total, 0, 0, total),
        fulfillment=FulfillmentRequest(method=method),
        payments=(Payment("p1", "cash", total, status, "offline"),),
    )


def _movement(movement: str, sku: str, pieces: int) -> StockMovement:
    return StockMovement(movement, (MovementLine(sku, pieces * 1_000, "H87"),))  # type: ignore[arg-type]


def _another(request: Request) -> Request:
    if isinstance(request, Cancel):
        return Cancel(request.order_id, CancelRequest("something-else"))
    if isinstance(request, Ask):
        return Ask(request.order_id, "void", VoidRequest("something-else"))
    if isinstance(request, Close):
        return Close("2026-11-01", request.request, request.incarnation, request.up_to_seq, ())
    if isinstance(request, StockMovement | UnreceiptedReturn):
        return _movement("receipt", "candle", 99)
    assert isinstance(request, TillOrder)  # the only other thing that these tills send
    return till_order(request.store_id, request.terminal_id, {"candle": 99})

"""Brings the steps to one store's agent: orders in batches, what comes back after the order that it is from.

Steps are taken in portions, in the ledger's own order. In a portion the orders go first, in one request; then all else,
some requests at once, since each is about another order or about none.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any, Final, Self

import httpx
import msgspec
from msgspec import Raw, Struct

from deploy.house.posting import AGAIN, ask, till_client
from deploy.house.stage import BACK_OFFICE, TILL, Store
from deploy.replay.bodies import order_body, return_body, unreceipted_body, write_off_body
from deploy.replay.journal import Journal, lines_of
from deploy.replay.mapping import ReturnWithoutReceipt, ReturnWithReceipt, Sale, Step, WriteOff
from edge_core.errors import TYPE_PREFIX, TransientFault
from edge_core.limits import BATCH_BODY_BYTES_MAX, BATCH_ORDERS_MAX

_AT_ONCE: Final = 8  # requests of one store that wait for an answer: as many tills
_ANSWER_TIMEOUT_S: Final = 30  # a batch of the largest orders on a busy machine takes a second or two
_BATCH_TRIES_MAX: Final = 20  # of orders that a busy agent did not look at
_HEAD_BYTES: Final = 100  # of an order in a batch beside its document: key and names


class _Problem(Struct, frozen=True):
    type: str
    detail: str = ""


class _Receipt(Struct, frozen=True):
    order_id: str


class _Result(Struct, frozen=True):
    status: int
    receipt: _Receipt | None = None
    problem: _Problem | None = None


class _BatchReceipt(Struct, frozen=True):
    results: tuple[_Result, ...]


class Portion:
    """Steps of one store that are sent together: as many orders as a batch takes, and what came among them."""

    def __init__(self, store_id: str) -> None:
        self._store_id = store_id
        self._bytes = 0
        self.sales: list[tuple[Sale, Raw]] = []
        self.others: list[ReturnWithReceipt | ReturnWithoutReceipt | WriteOff] = []

    def add(self, step: Step) -> Self | None:
        """Take a step in; one that has no room is the first of another portion, which is returned."""
        if not isinstance(step, Sale):
            self.others.append(step)
            return None
        body = msgspec.json.encode(order_body(step, self._store_id))
        size = len(body) + _HEAD_BYTES
        if len(self.sales) == BATCH_ORDERS_MAX or self._bytes + size > BATCH_BODY_BYTES_MAX:
            following = type(self)(self._store_id)
            following.add(step)
            return following
        self._bytes += size
        self.sales.append((step, Raw(body)))
        return None


class Courier:
    """Posts portions to one agent, and notes every answer in the journal."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._clients = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the connections: the tills' and the back office's."""
        enter = self._clients.enter_async_context
        self._till = await enter(till_client(self._store, TILL, _ANSWER_TIMEOUT_S))
        self._back_office = await enter(till_client(self._store, BACK_OFFICE, _ANSWER_TIMEOUT_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        await self._clients.aclose()

    async def send(self, portion: Portion) -> None:
        """Send it all and wait for the answers. Raises `TransientFault` when the agent stays away."""
        await self._sell(portion.sales)
        async with asyncio.TaskGroup() as group:
            for step in portion.others:
                group.create_task(self._take(step))

    async def _sell(self, sales: Sequence[tuple[Sale, Raw]]) -> None:
        waiting = list(sales)
        for _ in range(_BATCH_TRIES_MAX):
            if not waiting:
                return
            batch = [{"idempotency_key": sale.key, "order": body} for sale, body in waiting]
            answer = await self._ask(self._till, "/v1/orders", batch, None)
            if answer.status_code != HTTPStatus.OK:
                raise TransientFault(f"{self._store.url} refuses a whole batch: {answer.status_code} {answer.text}")
            results = msgspec.json.decode(answer.content, type=_BatchReceipt).results
            again = []
            for (sale, body), result in zip(waiting, results, strict=True):
                if result.status in AGAIN:
                    again.append((sale, body))
                else:
                    self._note(sale, result)
            self._journal.asked_again += len(again)
            waiting = again
        raise TransientFault(f"{self._store.url} is busy and takes no orders")

    async def _take(self, step: ReturnWithReceipt | ReturnWithoutReceipt | WriteOff) -> None:
        async with self._room:
            match step:
                case ReturnWithReceipt():
                    order_id = self._journal.order_ids.get(step.sale_key)
                    if order_id is None:
                        self._journal.refuse(step.invoice, lines_of(step), "order-refused")
                        return
                    client, path, body = self._till, f"/v1/orders/{order_id}/return", return_body(step)
                case ReturnWithoutReceipt():
                    client, path, body = self._till, "/v1/returns", unreceipted_body(step)
                case WriteOff():
                    client, path, body = self._back_office, "/v1/stock/movements", write_off_body(step)
            answer = await self._ask(client, path, body, step.key)
        self._note(step, _result_of(answer))

    def _note(self, step: Step, result: _Result) -> None:
        if result.problem is None:
            self._journal.accept(step, result.receipt.order_id if result.receipt else None)
            return
        slug = result.problem.type.removeprefix(TYPE_PREFIX)
        self._journal.reject(step, slug)
        if not isinstance(step, WriteOff):
            self._journal.surprises.append(f"{step.key}: {slug}: {result.problem.detail}")

    async def _ask(self, client: httpx.AsyncClient, path: str, body: Any, key: str | None) -> httpx.Response:
        def count() -> None:
            self._journal.asked_again += 1

        return await ask(client, path, body, key, count)


def _result_of(answer: httpx.Response) -> _Result:
    if answer.is_success:
        return _Result(answer.status_code)
    return _Result(answer.status_code, problem=msgspec.json.decode(answer.content, type=_Problem))

"""Several orders in one request: each is decided, committed and answered as if it had come alone (docs/api.md).

A batch is a way to send, and nothing that is kept: an order in it has its own key, under which it may be sent again, in
another batch or by itself.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from edge_agent.intake import Intake
from edge_agent.submission import Answer, rejected_answer
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import BATCH_ORDERS_MAX, BODY_BYTES_MAX
from edge_core.orders.document import TillOrder
from edge_core.orders.validation import check_order
from holdfast_runtime.problems import ProblemRaised, problem_body
from holdfast_runtime.requests import required_key, undecodable


class BatchOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An order of a batch, and the key under which it is known: `order` is what is posted alone otherwise."""

    idempotency_key: str
    order: Raw


class BatchResult(Struct, frozen=True, omit_defaults=True):
    """What became of one order: the status and the body that it would have been answered with alone."""

    idempotency_key: str
    status: int
    replayed: bool = False
    receipt: Any = None
    problem: Any = None


class BatchReceipt(Struct, frozen=True):
    """The answer to a batch: one result for each order, in their order, and how many were accepted."""

    accepted: int
    results: tuple[BatchResult, ...]


_BATCH: Final = msgspec.json.Decoder(list[BatchOrder])


def is_batch(body: bytes) -> bool:
    """Whether a body is an array."""
    return body.lstrip()[:1] == b"["


def read_batch(body: bytes) -> list[BatchOrder]:
    """The orders of a batch, each still to be read. Raises `ProblemRaised`: then none of them was looked at."""
    try:
        batch = _BATCH.decode(body)
    except UNREADABLE as error:
        raise ProblemRaised(undecodable(error)) from error
    if len(batch) > BATCH_ORDERS_MAX:
        raise ProblemRaised(Rejected("batch-too-large", f"{len(batch)} orders, at most {BATCH_ORDERS_MAX}"))
    return batch


class Batches:
    """Places the orders of a batch."""

    def __init__(self, intake: Intake, read_order: Callable[[bytes], TillOrder], stores: frozenset[str]) -> None:
        self._intake = intake
        self._read_order = read_order
        self._stores = stores

    async def place(self, batch: Sequence[BatchOrder], traceparent: str | None) -> BatchReceipt:
        """Have each decided, in their order; they wait for their commit together."""
        answers = await asyncio.gather(*(self._place(item, index, traceparent) for index, item in enumerate(batch)))
        results = tuple(_result(item, answer) for item, answer in zip(batch, answers, strict=True))
        return BatchReceipt(sum(not answer.is_problem for answer in answers), results)

    async def _place(self, item: BatchOrder, index: int, traceparent: str | None) -> Answer:
        try:
            key = required_key(item.idempotency_key.encode("utf-8", "replace"))
            order = self._read(bytes(item.order))
        except ProblemRaised as problem:
            return rejected_answer(problem.rejected, problem_body(problem.rejected, instance=f"/v1/orders#/{index}"))
        return await self._intake.submit(order, key, traceparent)

    def _read(self, body: bytes) -> TillOrder:
        if len(body) > BODY_BYTES_MAX:
            raise ProblemRaised(Rejected("body-too-large", f"at most {BODY_BYTES_MAX} bytes for an order"))
        try:
            order = self._read_order(body)
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        found = check_order(order, self._stores)
        if found is not None:
            raise ProblemRaised(found)
        return order


def _result(item: BatchOrder, answer: Answer) -> BatchResult:
    body = Raw(answer.body)
    return BatchResult(
        item.idempotency_key,
        answer.status,
        answer.is_replay,
        receipt=None if answer.is_problem else body,
        problem=body if answer.is_problem else None,
    )

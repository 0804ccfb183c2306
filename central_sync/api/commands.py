"""What people and systems ask of the stores, and what became of it: `POST .../cancel` and `/v1/instructions`.

A request is answered `202` once it is in the centre's log for the node, which decides by itself when it hears it.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync.api.handlers import answer, parse_limit, parse_number, parse_query, parse_uuid
from central_sync.instructions import Issued, issue
from central_sync.store import instructions, nodes, orders
from central_sync.store.database import Connection, Database
from central_sync.store.instructions import InstructionRow
from central_sync.times import rfc3339
from edge_core.errors import UNREADABLE, PeerFault, Rejected
from edge_core.orders.requests import ApproveRequest, CancelRequest, HoldRequest, RefuseRequest
from edge_core.shapes import json_object, json_reader
from edge_core.stock.quota_book import check_plan
from edge_core.stock.requests import QuotaRequest
from edge_core.sync.hold_tasks import ApproveTask, HoldTask, RefuseTask
from edge_core.sync.instruction import CancelTask, QuotaTask, Task, decode_instruction
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.requests import require_json, required_key, trace_of, undecodable

A = TypeVar("A")


class InstructionStatus(Struct, frozen=True):
    """Something that was asked of a node.

    `state` is `sent` until the node's answer is here, then `applied`, `refused` (`code` and `detail` say why) or
    `parked`: it waits for people at the store. `is_taken` is whether the node has it. `task` is what was asked, or
    null where only the node's answer is known.
    """

    instruction_id: UUID
    node_id: str
    kind: str
    order_id: UUID | None
    state: str
    is_taken: bool
    requested_at: str
    answered_at: str | None
    code: str | None
    detail: str | None
    task: Any


class InstructionPage(Struct, frozen=True):
    """A page of instructions, the newest first. `next_cursor` is the `cursor` of the next page, or null at the end."""

    instructions: tuple[InstructionStatus, ...]
    next_cursor: str | None


read_cancel: Final = json_reader(CancelRequest)
"""A cancel's body, read strictly."""

_READ_HOLD: Final = json_reader(HoldRequest)
_READ_APPROVE: Final = json_reader(ApproveRequest)
_READ_REFUSE: Final = json_reader(RefuseRequest)
read_quota: Final = json_reader(QuotaRequest)
"""The body of a plan, read strictly."""


class Commands:
    """The endpoints that ask something of a store."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def cancel_order(self, request: Request) -> Response:
        """POST /v1/orders/{order_id}/cancel."""
        return await self._ask_about(request, read_cancel, _cancel_task)

    async def hold_order(self, request: Request) -> Response:
        """POST /v1/orders/{order_id}/hold."""
        return await self._ask_about(request, _READ_HOLD, _hold_task)

    async def approve_order(self, request: Request) -> Response:
        """POST /v1/orders/{order_id}/approve."""
        return await self._ask_about(request, _READ_APPROVE, _approve_task)

    async def refuse_order(self, request: Request) -> Response:
        """POST /v1/orders/{order_id}/refuse."""
        return await self._ask_about(request, _READ_REFUSE, _refuse_task)

    async def _ask_about(self, request: Request, read: Callable[[bytes], A], task_of: Callable[[A], Task]) -> Response:
        """Ask the node of the order that the path names, once for each key."""
        order_id = parse_uuid(request.path_params["order_id"], "order_id")
        require_json(header(request, "content-type"))
        body = await read_body(request.scope, request.receive)
        try:
            asked = read(body)
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        key, trace = required_key(header(request, "idempotency-key")), trace_of(header(request, "traceparent"))
        async with self._database.transaction() as connection:
            issued = await ask_about(
                connection, order_id, task_of(asked), key=key, now_ms=self._now_ms(), traceparent=trace
            )
            row = await instructions.one(connection, issued.instruction_id)
        return issued_answer(issued, row)

    async def set_quota(self, request: Request) -> Response:
        """POST /v1/nodes/{node_id}/quotas."""
        node_id = request.path_params["node_id"]
        require_json(header(request, "content-type"))
        try:
            asked = read_quota(await read_body(request.scope, request.receive))
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        refused = check_plan(asked.plan)
        if refused is not None:
            raise ProblemRaised(refused)
        key, trace = required_key(header(request, "idempotency-key")), trace_of(header(request, "traceparent"))
        task = QuotaTask(asked.sku, asked.plan)
        async with self._database.transaction() as connection:
            if not await nodes.page(connection, node_id):
                raise ProblemRaised(Rejected("node-not-found", f"no node {node_id!r} ever said hello here"))
            issued = await issue(
                connection, node_id, task, subject=None, key=key, now_ms=self._now_ms(), traceparent=trace
            )
            if isinstance(issued, Rejected):
                raise ProblemRaised(issued)
            row = await instructions.one(connection, issued.instruction_id)
        return issued_answer(issued, row)

    async def instruction(self, request: Request) -> Response:
        """GET /v1/instructions/{instruction_id}."""
        asked = parse_uuid(request.path_params["instruction_id"], "instruction_id")
        async with self._database.reading() as connection:
            row = await instructions.one(connection, asked)
        if row is None:
            raise ProblemRaised(Rejected("instruction-not-found", f"nothing was asked as {asked}"))
        return answer(instruction_status(row))

    async def instructions(self, request: Request) -> Response:
        """GET /v1/instructions."""
        limit, order, cursor = parse_limit(request), parse_query(request, "order"), parse_query(request, "cursor")
        async with self._database.reading() as connection:
            rows = await instructions.page(
                connection,
                node_id=parse_query(request, "node"),
                subject=None if order is None else parse_uuid(order, "order"),
                before=None if cursor is None else parse_number(cursor, "cursor", 1, (1 << 63) - 1),
                rows_max=limit,
            )
        following = str(rows[-1].number) if len(rows) == limit else None
        return answer(InstructionPage(tuple(map(instruction_status, rows)), following))


async def cancel(
    connection: Connection,
    order_id: UUID,
    asked: CancelRequest,
    *,
    key: str,
    now_ms: int,
    traceparent: str | None = None,
) -> Issued:
    """Ask the node of an order to cancel it. Raises `ProblemRaised` where the order or the key does not allow that."""
    return await ask_about(connection, order_id, _cancel_task(asked), key=key, now_ms=now_ms, traceparent=traceparent)


async def ask_about(
    connection: Connection, order_id: UUID, task: Task, *, key: str, now_ms: int, traceparent: str | None = None
) -> Issued:
    """Ask something of the node of an order. Raises `ProblemRaised` where the order or the key does not allow that."""
    order = await orders.one(connection, order_id)
    if order is None:
        raise ProblemRaised(Rejected("order-not-found", f"no entry of order {order_id} has arrived here"))
    issued = await issue(
        connection, order.node_id, task, subject=order_id, key=key, now_ms=now_ms, traceparent=traceparent
    )
    if isinstance(issued, Rejected):
        raise ProblemRaised(issued)
    return issued


def issued_answer(issued: Issued, row: InstructionRow | None) -> Response:
    """What is in the log for a node, and where to read what becomes of it."""
    if row is None:
        raise ProblemRaised(Rejected("instruction-not-found", "it is gone"))
    response = answer(instruction_status(row), 202)
    response.headers["location"] = f"/v1/instructions/{row.instruction_id}"
    if issued.is_repeated:
        response.headers["idempotency-replayed"] = "true"
    return response


def _cancel_task(asked: CancelRequest) -> Task:
    return CancelTask(asked.reason, asked.operator_id, asked.expected_revision)


def _hold_task(asked: HoldRequest) -> Task:
    return HoldTask(asked.reason, asked.owner, asked.operator_id, asked.expected_revision)


def _approve_task(asked: ApproveRequest) -> Task:
    return ApproveTask(asked.hold_id, asked.reason, asked.operator_id, asked.expected_revision)


def _refuse_task(asked: RefuseRequest) -> Task:
    return RefuseTask(asked.reason, asked.hold_id, asked.operator_id, asked.expected_revision)


def instruction_status(row: InstructionRow) -> InstructionStatus:
    """A row as the API shows it."""
    return InstructionStatus(
        row.instruction_id,
        row.node_id,
        row.kind,
        row.subject,
        row.outcome or "sent",
        row.is_taken,
        rfc3339(row.requested_at),
        rfc3339(row.answered_at) if row.answered_at is not None else None,
        row.code,
        row.detail,
        _task(row.body),
    )


def _task(body: bytes | None) -> Any:
    try:
        return None if body is None else json_object(decode_instruction(body).task)
    except PeerFault:
        return None  # asked by a later version of this software, which shares the database during an upgrade


def header(request: Request, name: str) -> bytes | None:
    """A header as it came."""
    value = request.headers.get(name)
    return None if value is None else value.encode("latin-1")

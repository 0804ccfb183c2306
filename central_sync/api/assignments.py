"""The orders of the centre itself: `POST /v1/orders`, and what becomes of them at nodes.

An order is answered `201` once it is committed here. Which node fulfils it is found afterwards (docs/assignment.md).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync.api.handlers import answer, parse_limit, parse_query, parse_uuid
from central_sync.attempts import assignment_in
from central_sync.decisions import Decisions
from central_sync.ordering import Placed, number_of, place, posted_of
from central_sync.store import assignments, decided_keys
from central_sync.store.assignments import CentralOrder
from central_sync.store.database import Connection, Database
from central_sync.store.decided_keys import Decided
from central_sync.times import rfc3339
from edge_core.assignment.state import Assignment, Attempt
from edge_core.errors import UNREADABLE, Rejected
from edge_core.orders.document import Identifier, TillOrder
from edge_core.orders.rendering import rfc3339 as rfc3339_of_ms
from edge_core.orders.requests import CancelRequest
from edge_core.shapes import json_reader
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.requests import require_json, required_key, trace_of, undecodable

Act = Callable[[Connection], Awaitable[Rejected | None]]
"""What people decide, in the transaction of the caller."""
_HASH_BYTES: Final = 32
_ENCODER: Final = msgspec.json.Encoder()
_READ: Final = json_reader(TillOrder)
_READ_CANCEL: Final = json_reader(CancelRequest)


class CentralReceipt(Struct, frozen=True):
    """The answer to an order: the centre owns it, durably. The same for every repetition. Amounts are minor units."""

    order_id: UUID
    display_number: str
    channel: str
    currency: str
    grand_total_minor: int
    placed_at: str
    received_at: str


class AttemptStatus(Struct, frozen=True):
    """One try with one node. `assignment_id` is the order's id at the node: `GET /v1/orders/{assignment_id}`."""

    assignment_id: UUID
    node_id: str
    number: int
    status: str
    reason: str | None


class PartStatus(Struct, frozen=True):
    """A part of an order that was divided: an order of the centre with a life of its own. `node_id` is who has it."""

    order_id: UUID
    number: int
    status: str
    node_id: str | None
    line_ids: tuple[str, ...]
    grand_total_minor: int


class AssignmentStatus(Struct, frozen=True):
    """An order of the centre and where it is. `owner` is the attempt that has it, or null while the centre does.

    `reason` is why people have to look, `due_at` when the centre does something if nothing is heard. `is_doubled`
    where two nodes have sent the goods: that is for people to settle. `parts` are those of an order that is `divided`,
    `parent_id` is the order that this is a part of.
    """

    order_id: UUID
    display_number: str
    channel: str
    method: str
    status: str
    reason: str | None
    due_at: str | None
    owner: AttemptStatus | None
    is_doubled: bool
    attempts: tuple[AttemptStatus, ...]
    currency: str
    grand_total_minor: int
    placed_at: str
    received_at: str
    parent_id: UUID | None
    parts: tuple[PartStatus, ...]


class AssignmentPage(Struct, frozen=True):
    """A page of orders of the centre, the newest first."""

    assignments: tuple[AssignmentStatus, ...]
    next_cursor: str | None


class AssignRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which node is to be asked, by people's choice."""

    node_id: Identifier


class Assignments:
    """The endpoints of the centre's own orders."""

    def __init__(self, database: Database, decisions: Decisions, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._decisions = decisions
        self._now_ms = now_ms

    async def place_order(self, request: Request) -> Response:
        """POST /v1/orders."""
        require_json(_header(request, "content-type"))
        body = await read_body(request.scope, request.receive)
        key = required_key(_header(request, "idempotency-key"))
        try:
            posted = _READ(body)
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        placed = await self._place(posted, key, trace_of(_header(request, "traceparent")))
        if isinstance(placed, Rejected):
            raise ProblemRaised(placed)
        return _placed_answer(placed)

    async def assignments(self, request: Request) -> Response:
        """GET /v1/assignments."""
        limit, cursor = parse_limit(request), parse_query(request, "cursor")
        async with self._database.reading() as connection:
            rows = await assignments.page(
                connection,
                status=parse_query(request, "status"),
                before=None if cursor is None else parse_uuid(cursor, "cursor"),
                rows_max=limit,
            )
            shown = await statuses(connection, rows)
        return answer(AssignmentPage(shown, str(rows[-1].order_id) if len(rows) == limit else None))

    async def assignment(self, request: Request) -> Response:
        """GET /v1/assignments/{order_id}, where the id may be an attempt's too."""
        return answer(await self._status(parse_uuid(request.path_params["order_id"], "order_id")))

    async def assign(self, request: Request) -> Response:
        """POST /v1/assignments/{order_id}/assign."""
        order_id = parse_uuid(request.path_params["order_id"], "order_id")
        require_json(_header(request, "content-type"))
        try:
            asked = msgspec.json.decode(await read_body(request.scope, request.receive), type=AssignRequest)
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        key = required_key(_header(request, "idempotency-key"))
        act = partial(self._decisions.assign, order_id=order_id, node_id=asked.node_id)
        return await self._decide(key, order_id, asked, act)

    async def cancel(self, request: Request) -> Response:
        """POST /v1/assignments/{order_id}/cancel."""
        order_id = parse_uuid(request.path_params["order_id"], "order_id")
        require_json(_header(request, "content-type"))
        try:
            asked = _READ_CANCEL(await read_body(request.scope, request.receive))
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        key = required_key(_header(request, "idempotency-key"))
        act = partial(self._decisions.cancel, order_id=order_id, request=asked, key=key)
        return await self._decide(key, order_id, asked, act)

    async def _place(self, posted: TillOrder, key: str, trace: str | None) -> Placed | Rejected:
        async with self._database.transaction() as connection:
            return await place(connection, posted, key, now_ms=self._now_ms(), traceparent=trace)

    async def _decide(self, key: str, order_id: UUID, asked: AssignRequest | CancelRequest, act: Act) -> Response:
        """Decide once for each key; the same key and request hear the same answer again. A refusal is not kept."""
        payload = type(asked).__name__.encode() + order_id.bytes + _ENCODER.encode(asked)
        payload_hash = blake2b(payload, digest_size=_HASH_BYTES).digest()
        async with self._database.transaction() as connection:
            known = await decided_keys.find(connection, key)
            if known is None:
                refused = await act(connection)
                if refused is not None:
                    raise ProblemRaised(refused)
                body = msgspec.json.encode(await _read_status(connection, order_id))
                await decided_keys.keep(connection, key, Decided(payload_hash, body))
                return _json(body)
        if known.payload_hash != payload_hash:
            raise ProblemRaised(Rejected("idempotency-key-reused", "this key was sent before with another request"))
        response = _json(known.answer)
        response.headers["idempotency-replayed"] = "true"
        return response

    async def _status(self, order_id: UUID) -> AssignmentStatus:
        async with self._database.reading() as connection:
            return await _read_status(connection, order_id)


async def _read_status(connection: Connection, order_id: UUID) -> AssignmentStatus:
    row = await assignments.one(connection, order_id)
    if row is None:
        raise ProblemRaised(Rejected("order-not-found", f"order {order_id} was not posted to the centre"))
    return (await statuses(connection, [row]))[0]


def _json(body: bytes) -> Response:
    """A document that is encoded already."""
    return Response(body, headers={"cache-control": "no-store"}, media_type="application/json")


def receipt(placed: Placed) -> CentralReceipt:
    """The answer to an order."""
    row, posted = placed.order, posted_of(placed.order)
    return CentralReceipt(
        row.order_id,
        row.display_number,
        posted.channel,
        posted.currency,
        posted.totals.grand_total_minor,
        posted.placed_at,
        rfc3339(row.received_at),
    )


async def statuses(connection: Connection, rows: Sequence[CentralOrder]) -> tuple[AssignmentStatus, ...]:
    """Orders of the centre as the API shows them."""
    divided = [row.order_id for row in rows if row.status == "divided"]
    parts = sorted(await assignments.parts(connection, divided), key=number_of) if divided else []
    found = await assignments.attempts(connection, [row.order_id for row in (*rows, *parts)])
    return tuple(_status_of(row, found, [part for part in parts if part.parent_id == row.order_id]) for row in rows)


def _state_of(row: CentralOrder, found: Mapping[UUID, tuple[Attempt, ...]]) -> tuple[Assignment, Attempt | None]:
    """The order as it stands, and the attempt that has it, or had it to its end."""
    state = assignment_in(row, found[row.order_id])
    ended = next((attempt for attempt in state.attempts if attempt.status == "closed"), None)
    return state, state.current if row.status == "accepted" else ended


def _part_of(row: CentralOrder, found: Mapping[UUID, tuple[Attempt, ...]]) -> PartStatus:
    posted, (_, owner) = posted_of(row), _state_of(row, found)
    return PartStatus(
        row.order_id,
        number_of(row),
        row.status,
        None if owner is None else owner.node_id,
        tuple(line.line_id for line in posted.lines),
        posted.totals.grand_total_minor,
    )


def _status_of(
    row: CentralOrder, found: Mapping[UUID, tuple[Attempt, ...]], parts: Sequence[CentralOrder]
) -> AssignmentStatus:
    posted, (state, owner) = posted_of(row), _state_of(row, found)
    return AssignmentStatus(
        order_id=row.order_id,
        display_number=row.display_number,
        channel=posted.channel,
        method=posted.fulfillment.method,
        status=row.status,
        reason=row.reason,
        due_at=None if row.due_at_ms is None else rfc3339_of_ms(row.due_at_ms),
        owner=None if owner is None else _attempt(owner),
        is_doubled=state.is_doubled,
        attempts=tuple(map(_attempt, state.attempts)),
        currency=posted.currency,
        grand_total_minor=posted.totals.grand_total_minor,
        placed_at=posted.placed_at,
        received_at=rfc3339(row.received_at),
        parent_id=row.parent_id,
        parts=tuple(_part_of(part, found) for part in parts),
    )


def _attempt(attempt: Attempt) -> AttemptStatus:
    return AttemptStatus(attempt.assignment_id, attempt.node_id, attempt.number, attempt.status, attempt.reason)


def _placed_answer(placed: Placed) -> Response:
    response = answer(receipt(placed), 201)
    response.headers["location"] = f"/v1/assignments/{placed.order.order_id}"
    if placed.is_repeated:
        response.headers["idempotency-replayed"] = "true"
    return response


def _header(request: Request, name: str) -> bytes | None:
    value = request.headers.get(name)
    return None if value is None else value.encode("latin-1")

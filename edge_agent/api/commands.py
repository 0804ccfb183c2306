"""The requests that change something: bytes in, a submission to the intake, status and bytes out.

They are plain ASGI callables, because the one for orders is the hot path: no framework stands between a till and its
answer. Each is: authorize, read, decode, check, submit, answer.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from edge_agent.api.batches import Batches, is_batch, read_batch
from edge_agent.days import DayBooks
from edge_agent.intake import Intake
from edge_agent.submission import Answer, Ask, AskHold, Cancel, OrderHold, Request
from edge_core.errors import UNREADABLE, Rejected, StorageFault
from edge_core.limits import BATCH_BODY_BYTES_MAX
from edge_core.orders.commands import StockMovement
from edge_core.orders.document import TillOrder
from edge_core.orders.requests import (
    REQUESTS,
    CancelRequest,
    CloseRequest,
    ExchangeRequest,
    OrderRequest,
    UnreceiptedReturn,
)
from edge_core.orders.validation import check_order, check_store, is_date
from edge_core.shapes import json_reader
from edge_core.stock.requests import (
    ExtendRequest,
    GrantRights,
    MoveRights,
    QuotaRequest,
    ReleaseRequest,
    ReservationRequest,
    ReturnRights,
    RightsRequest,
    StockCount,
    UseRights,
)
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised, problem_headers
from holdfast_runtime.requests import require_json, required_key, trace_of, undecodable
from holdfast_runtime.tokens import Scope as TokenScope
from holdfast_runtime.tokens import TokenCheck

R = TypeVar("R")

_DATE: Final = re.compile(r"^\d{4}-\d\d-\d\d$(?!\n)")  # Python would read the other forms of ISO 8601 too
ORDER_COMMANDS: Final = tuple(sorted(REQUESTS))
ANSWERS: Final = frozenset({"approve", "refuse"})
"""Commands that the back office may give where people at the tills may not: its tokens have the scope `approve`."""


class Head(Struct, frozen=True):
    """The headers that matter, as they came."""

    authorization: bytes | None = None
    content_type: bytes | None = None
    idempotency_key: bytes | None = None
    traceparent: bytes | None = None


class Commands:
    """The handlers of `POST`."""

    def __init__(self, intake: Intake, tokens: TokenCheck, stores: frozenset[str], days: DayBooks) -> None:
        self._intake = intake
        self._tokens = tokens
        self._stores = stores
        self._days = days
        self._read_order = json_reader(TillOrder)
        self._readers: dict[str, Callable[[bytes], OrderRequest]] = {n: json_reader(REQUESTS[n]) for n in REQUESTS}
        self._read_return = json_reader(UnreceiptedReturn)
        self._read_movement = json_reader(StockMovement)
        self._batches = Batches(intake, self._read_order, stores)
        self._read_close = json_reader(CloseRequest)
        self._read_count = json_reader(StockCount)
        self._read_hold = json_reader(ReservationRequest)
        self._rights_readers: dict[str, Callable[[bytes], RightsRequest]] = {
            "grants": json_reader(GrantRights),
            "uses": json_reader(UseRights),
            "moves": json_reader(MoveRights),
            "returns": json_reader(ReturnRights),
        }
        self._read_quota = json_reader(QuotaRequest)
        self._read_extend = json_reader(ExtendRequest)
        self._read_release = json_reader(ReleaseRequest)

    async def place_order(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/orders`: an order under the key in the header, or without one an array of orders with their own."""
        head = _head(scope)
        if head.idempotency_key is None:
            await self._place_without_key(head, scope, receive, send)
            return
        order = await self._body(head, "order", scope, receive, self._read_order)
        key = required_key(head.idempotency_key)
        found = check_order(order, self._stores)
        if found is not None:
            raise ProblemRaised(found)
        await self._submit(order, key, head, send)

    async def _place_without_key(self, head: Head, scope: Scope, receive: Receive, send: Send) -> None:
        """A batch; an order that comes so is told that it needs a key, or what else is wrong with it."""
        self._tokens.authorize(head.authorization, "order")
        require_json(head.content_type)
        body = await read_body(scope, receive, bytes_max=BATCH_BODY_BYTES_MAX)
        if is_batch(body):
            done = await self._batches.place(read_batch(body), trace_of(head.traceparent))
            await _answer(Answer(200, msgspec.json.encode(done)), send)
            return
        try:
            self._read_order(body)
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        required_key(None)

    async def command_order(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/orders/{order_id}/{command}`."""
        head = _head(scope)
        order_id, name = (scope["path_params"][part] for part in ("order_id", "command"))
        read = self._readers.get(name)
        if read is None:
            detail = f"an order has no command {name!r}"
            raise ProblemRaised(Rejected("not-found", detail, allowed=ORDER_COMMANDS))
        body = await self._body(head, "order", scope, receive, read)
        if isinstance(body, ExchangeRequest):
            found = check_store(body.order, self._stores, "/order/store_id")
            if found is not None:
                raise ProblemRaised(found)
        subject = order_id_of(order_id)
        if isinstance(body, CancelRequest):
            request: Request = Cancel(subject, body)
        else:
            is_office = name in ANSWERS and self._tokens.allows(head.authorization, "approve")
            request = Ask(subject, name, body, "back_office" if is_office else "store")
        await self._submit(request, required_key(head.idempotency_key), head, send)

    async def take_back(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/returns`: goods without a receipt."""
        head = _head(scope)
        request = await self._body(head, "order", scope, receive, self._read_return)
        await self._submit(request, required_key(head.idempotency_key), head, send)

    async def move_stock(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/stock/movements`: without a key of its own, a movement is known by its reference."""
        head = _head(scope)
        movement = await self._body(head, "stock", scope, receive, self._read_movement)
        if head.idempotency_key is not None or movement.reference is None:
            key = required_key(head.idempotency_key)
        else:
            key = f"movement {movement.movement} {movement.reference}"
        await self._submit(movement, key, head, send)

    async def close_day(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/days/{business_date}/close`: its Z report."""
        head = _head(scope)
        request = await self._body(head, "order", scope, receive, self._read_close)
        key = required_key(head.idempotency_key)
        business_date = date_of(scope["path_params"]["business_date"])
        try:
            if not await self._days.is_whole(business_date):
                detail = f"entries of {business_date} are gone from the file, or still to come"
                raise ProblemRaised(Rejected("day-incomplete", detail))
            wish = await self._days.close(business_date, request)
        except StorageFault as fault:
            raise ProblemRaised(Rejected(fault.slug, str(fault))) from fault
        await self._submit(wish, key, head, send)

    async def count_stock(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/stock/counts`."""
        head = _head(scope)
        count = await self._body(head, "stock", scope, receive, self._read_count)
        await self._submit(count, required_key(head.idempotency_key), head, send)

    async def hold_stock(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/stock/reservations`."""
        head = _head(scope)
        hold = await self._body(head, "order", scope, receive, self._read_hold)
        await self._submit(hold, required_key(head.idempotency_key), head, send)

    async def set_quota(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/stock/quotas`."""
        head = _head(scope)
        quota = await self._body(head, "stock", scope, receive, self._read_quota)
        await self._submit(quota, required_key(head.idempotency_key), head, send)

    async def share_rights(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/stock/rights/{grants,uses,moves,returns}`: the address says which."""
        head = _head(scope)
        read = self._rights_readers[scope["path"].rpartition("/")[2]]
        request = await self._body(head, "stock", scope, receive, read)
        await self._submit(request, required_key(head.idempotency_key), head, send)

    async def order_hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/stock/reservations/{reservation_id}/order`."""
        head = _head(scope)
        order = await self._body(head, "order", scope, receive, self._read_order)
        found = check_order(order, self._stores)
        if found is not None:
            raise ProblemRaised(found)
        await self._submit(OrderHold(_reservation(scope), order), required_key(head.idempotency_key), head, send)

    async def extend_hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/stock/reservations/{reservation_id}/extend`."""
        head = _head(scope)
        extend = await self._body(head, "order", scope, receive, self._read_extend)
        request = AskHold(_reservation(scope), "extend", extend.ttl_ms)
        await self._submit(request, required_key(head.idempotency_key), head, send)

    async def release_hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/stock/reservations/{reservation_id}/release`."""
        head = _head(scope)
        await self._body(head, "order", scope, receive, self._read_release)
        await self._submit(AskHold(_reservation(scope), "release"), required_key(head.idempotency_key), head, send)

    async def _body(
        self, head: Head, needed: TokenScope, scope: Scope, receive: Receive, read: Callable[[bytes], R]
    ) -> R:
        self._tokens.authorize(head.authorization, needed)
        require_json(head.content_type)
        body = await read_body(scope, receive)
        try:
            return read(body)
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error

    async def _submit(self, request: Request, key: str, head: Head, send: Send) -> None:
        answer = await self._intake.submit(request, key, trace_of(head.traceparent))
        await _answer(answer, send)


def order_id_of(text: str) -> UUID:
    """The order that a path names. Raises `ProblemRaised` for a text that names none."""
    try:
        return UUID(text)
    except ValueError:
        raise ProblemRaised(Rejected("invalid-parameter", "an order is named by its UUID")) from None


def is_day(text: str) -> bool:
    """Whether a text is a date of the calendar, in the one form that is taken."""
    return _DATE.match(text) is not None and is_date(text)


def date_of(text: str) -> str:
    """The business date that a path names. Raises `ProblemRaised` for a text that names none."""
    if not is_day(text):
        raise ProblemRaised(Rejected("invalid-parameter", "a day is named by its date, such as 2026-11-21"))
    return text


def reservation_id_of(text: str) -> UUID:
    """The reservation that a path names. Raises `ProblemRaised` for a text that names none."""
    try:
        return UUID(text)
    except ValueError:
        raise ProblemRaised(Rejected("invalid-parameter", "a reservation is named by its UUID")) from None


def _reservation(scope: Scope) -> UUID:
    return reservation_id_of(scope["path_params"]["reservation_id"])


def _head(scope: Scope) -> Head:
    find = dict(scope["headers"]).get
    return Head(find(b"authorization"), find(b"content-type"), find(b"idempotency-key"), find(b"traceparent"))


async def _answer(answer: Answer, send: Send) -> None:
    headers = [(b"content-length", str(len(answer.body)).encode())]
    if answer.is_problem:
        fields = problem_headers(answer.status)
        headers += [(name.encode(), value.encode()) for name, value in fields.items()]
    else:
        headers.append((b"content-type", b"application/json"))
    if answer.location is not None:
        headers.append((b"location", answer.location.encode()))
    if answer.is_replay:
        headers.append((b"idempotency-replayed", b"true"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})

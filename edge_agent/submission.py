"""What a client asks of the intake, and what it is answered: plain values between the HTTP layer and the writer."""

import asyncio
from hashlib import blake2b
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from edge_agent.stock_answers import stock_receipt
from edge_core.errors import Rejected
from edge_core.ids import close_code, digest16
from edge_core.orders.commands import Role, StockMovement
from edge_core.orders.day_events import CurrencySums, DayClosed
from edge_core.orders.document import TillOrder, hashed_fields
from edge_core.orders.events import Movement
from edge_core.orders.fold import OrderState
from edge_core.orders.further_events import GoodsTakenBack
from edge_core.orders.rendering import Origin, Receipt, Recorded, receipt, rfc3339, state_of
from edge_core.orders.requests import CancelRequest, CloseRequest, OrderRequest, UnreceiptedReturn
from edge_core.shapes import json_object
from edge_core.stock.requests import QuotaRequest, ReservationRequest, RightsRequest, StockCount
from edge_core.stock.stock_events import HoldEnded, HoldExtended, StockEvent

PAYLOAD_HASH_BYTES: Final = 32
_PROBLEM: Final = 400  # this status and those above it are answered with a problem document
_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")


class Cancel(Struct, frozen=True, array_like=True):
    """A cancel request and the order that it names."""

    order_id: UUID
    request: CancelRequest


class Ask(Struct, frozen=True, array_like=True):
    """Any other command on an order: `name` is one of `edge_core.orders.requests.REQUESTS`, which has its body."""

    order_id: UUID
    name: str
    request: OrderRequest
    role: Role = "store"


class Close(Struct, frozen=True, array_like=True):
    """The wish to close a business day, with the day's books as they stood up to `up_to_seq`."""

    business_date: str
    request: CloseRequest
    incarnation: UUID
    up_to_seq: int
    sums: tuple[CurrencySums, ...]


class AskHold(Struct, frozen=True, array_like=True):
    """A change of the hold that it names. Only the agent's own clock asks for `expire`."""

    reservation_id: UUID
    name: Literal["extend", "release", "expire"]
    ttl_ms: int = 0


class OrderHold(Struct, frozen=True, array_like=True):
    """An order for the goods of the hold that it names."""

    reservation_id: UUID
    order: TillOrder


OnHold = AskHold | OrderHold
OnStock = StockMovement | StockCount | ReservationRequest | QuotaRequest | RightsRequest
Request = TillOrder | Cancel | Ask | UnreceiptedReturn | OnStock | OnHold | Close


class Submission(Struct, frozen=True):
    """A request with its key. `payload_hash` covers what is asked of what, so that a key serves one request alone."""

    request: Request
    key: str
    key_digest: bytes
    payload_hash: bytes
    traceparent: str | None
    answer: "asyncio.Future[Answer]"


class Answer(Struct, frozen=True):
    """Status and body; a problem document where `is_problem` is set. `is_replay` marks an answer given before."""

    status: int
    body: bytes
    location: str | None = None
    is_problem: bool = False
    is_replay: bool = False


class MovementReceipt(Struct, frozen=True):
    """The answer to a stock movement."""

    movement_id: UUID
    movement: str
    reference: str | None
    recorded_at: str
    lines: int
    origin: Origin


class ReturnReceipt(Struct, frozen=True):
    """The answer to a return without a receipt: what was given back."""

    movement_id: UUID
    currency: str
    refund_minor: int
    tender: str
    recorded_at: str
    lines: int
    origin: Origin


class ZReport(Struct, frozen=True):
    """The answer to the close of a day: its books, under the next number, and a code that no other report ever has."""

    business_date: str
    z_number: int
    z_code: str
    closed_at: str
    operator_id: str
    currencies: tuple[CurrencySums, ...]
    origin: Origin


class PickupReceipt(Receipt, frozen=True, kw_only=True):
    """The answer to `ready` and `renew`: the only place where the pickup code is ever said."""

    pickup_code: str


class _About(Struct, frozen=True):
    """What a receipt is about: an order, or something else."""

    order_id: UUID | None = None


def submission(request: Request, key: str, traceparent: str | None, answer: "asyncio.Future[Answer]") -> Submission:
    """Make a submission: the hash is of the request's canonical bytes, so that white space and key order are free."""
    # The books of a day go on while its close is repeated: what was asked for is the day.
    asked = (request.business_date, request.request) if isinstance(request, Close) else _as_hashed(request)
    payload = _ENCODER.encode((type(request).__name__, asked))
    payload_hash = blake2b(payload, digest_size=PAYLOAD_HASH_BYTES).digest()
    return Submission(request, key, digest16(key), payload_hash, traceparent, answer)


def _as_hashed(request: Request) -> Any:
    """An order that asks for nothing new is hashed as it was before orders could: a key of then still fits its body."""
    if not isinstance(request, TillOrder):
        return request
    fields = hashed_fields(request)
    return fields[:-1] if request.confirmations is None else fields


def accepted_answer(entries: list[Recorded]) -> Answer:
    """The answer to the command that led to the last of these entries; the ones before are of the same order."""
    recorded = entries[-1]
    if recorded.entry.order_id is None:
        return Answer(_status_without_order(recorded), msgspec.json.encode(_receipt_without_order(recorded)))
    return order_answer(state_of(entries), recorded, is_new=len(entries) == 1)


def order_answer(state: OrderState, recorded: Recorded, *, is_new: bool) -> Answer:
    """The answer to a command on an order: `state` is the order right after the entry."""
    body = msgspec.json.encode(receipt(state, recorded))
    return Answer(201 if is_new else 200, body, _location(state.order.order_id))


def pickup_answer(state: OrderState, recorded: Recorded, code: str) -> Answer:
    """The answer that gives a pickup code out. It is written down as it is: nothing else knows the code."""
    short = receipt(state, recorded)
    body = msgspec.json.encode(PickupReceipt(**asdict(short), pickup_code=code))
    return Answer(200, body, _location(state.order.order_id))


def bytes_to_keep(answer: Answer) -> bytes:
    """An answer as it is written down: its status and its body."""
    return str(answer.status).encode() + answer.body


def answer_kept(kept: bytes) -> Answer:
    """An answer that was written down."""
    status, body = int(kept[:3]), kept[3:]
    is_problem = status >= _PROBLEM
    order_id = None if is_problem else msgspec.json.decode(body, type=_About).order_id
    return Answer(status, body, None if order_id is None else _location(order_id), is_problem)


def rejected_answer(rejected: Rejected, body: bytes) -> Answer:
    """The answer to a business "no"; `body` is its problem document."""
    return Answer(rejected.code.status, body, is_problem=True)


def _location(order_id: UUID) -> str:
    return f"/v1/orders/{msgspec.to_builtins(order_id)}"  # the same text as `str`, in a quarter of its time


def z_report(recorded: Recorded) -> ZReport:
    """The Z report that an entry which closes a day holds."""
    (closed,) = (event for event in recorded.entry.events if isinstance(event, DayClosed))
    return ZReport(
        business_date=closed.business_date,
        z_number=closed.z_number,
        z_code=close_code(closed.z_number, closed.close_id),
        closed_at=rfc3339(recorded.entry.recorded_at_ms),
        operator_id=closed.operator_id,
        currencies=closed.sums,
        origin=recorded.origin,
    )


def _status_without_order(recorded: Recorded) -> int:
    """What is changed was there before; everything else begins."""
    return 200 if isinstance(recorded.entry.events[0], HoldExtended | HoldEnded) else 201


def _receipt_without_order(recorded: Recorded) -> Struct:
    if isinstance(recorded.entry.events[0], DayClosed):
        return json_object(z_report(recorded))
    moved = next(event for event in recorded.entry.events if isinstance(event, Movement))
    if isinstance(moved, StockEvent):
        return stock_receipt(moved, recorded)
    recorded_at = rfc3339(recorded.entry.recorded_at_ms)
    if isinstance(moved, GoodsTakenBack):
        return ReturnReceipt(
            movement_id=moved.movement_id,
            currency=moved.currency,
            refund_minor=moved.refund_minor,
            tender=moved.tender,
            recorded_at=recorded_at,
            lines=len(moved.lines) or len(moved.deltas) + len(moved.damaged),
            origin=recorded.origin,
        )
    return MovementReceipt(
        movement_id=moved.movement_id,
        movement=moved.cause,
        reference=moved.reference,
        recorded_at=recorded_at,
        lines=len(moved.deltas),
        origin=recorded.origin,
    )

"""From a client's request to the command that is decided: here is added what only the agent can give."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from edge_agent.store.log import Stream
from edge_agent.submission import Ask, AskHold, Cancel, Close, OnStock, OrderHold, Request, Submission
from edge_core import ids
from edge_core.orders.commands import (
    AdvanceOrder,
    CancelOrder,
    ChangeHold,
    CloseDay,
    Command,
    CountStock,
    ExchangeOrder,
    HoldStock,
    MoveStock,
    OrderHeldGoods,
    PlaceOrder,
    SetQuota,
    ShareRights,
    StockMovement,
    TakeAssignment,
    TakeBack,
)
from edge_core.orders.document import TillOrder
from edge_core.orders.requests import ExchangeRequest, OrderRequest, UnreceiptedReturn
from edge_core.stock.requests import (
    GrantRights,
    HearRights,
    MoveRights,
    QuotaRequest,
    ReservationRequest,
    ReturnRights,
    SettleRights,
    SpendRights,
    StockCount,
    UseRights,
)
from edge_core.stock.rights import Life
from edge_core.sync.instruction import AssignTask

_TO_THE_DAY: Final = len("2026-11-21")
_TO_THE_MINUTE: Final = len("2026-11-21T09:30")


class Circumstances(Struct, frozen=True):
    """What a batch needs of the world outside: the stream, the wall clock (Unix ms), randomness, the store's zone."""

    stream: Stream
    now_ms: int
    random_bits: Callable[[], int]
    zone: ZoneInfo
    is_offline: bool
    life: bytes
    is_confirmed: bool = False

    @property
    def today(self) -> str:
        """The store's calendar date now."""
        return datetime.fromtimestamp(self.now_ms / 1000, UTC).astimezone(self.zone).date().isoformat()

    @property
    def own_life(self) -> Life:
        """As whom this node holds rights: another one after each restore, copy and loss (ADR 13)."""
        return Life(self.stream.node_id, self.stream.incarnation)

    def new_id(self) -> UUID:
        """A new UUIDv7."""
        return ids.uuid7(self.now_ms, self.random_bits())


def command_of(submission: Submission, here: Circumstances, seq: int) -> Command:
    """The command of a request whose entry will stand at `seq`."""
    request = submission.request
    match request:
        case TillOrder():
            return _place(request, submission, here, seq)
        case Cancel():
            return CancelOrder(request.order_id, request.request, "store")
        case Ask():
            return _ask(request, submission, here, seq)
        case UnreceiptedReturn():
            date = request.business_date or business_date(request.returned_at, here.zone)
            return TakeBack(here.new_id(), request, date)
        case Close():
            return CloseDay(
                close_id=here.new_id(),
                business_date=request.business_date,
                today=here.today,
                incarnation=request.incarnation,
                up_to_seq=request.up_to_seq,
                sums=request.sums,
                request=request.request,
            )
        case AskHold():
            return ChangeHold(request.reservation_id, request.name, here.new_id(), here.now_ms, request.ttl_ms)
        case OrderHold():
            place = _place(request.order, submission, here, seq + 1)  # the hold's end is the first of the two entries
            return OrderHeldGoods(request.reservation_id, place, here.now_ms)
        case _:
            return _about_stock(request, here)


def _about_stock(request: OnStock, here: Circumstances) -> Command:
    match request:
        case StockMovement():
            return MoveStock(here.new_id(), request)
        case StockCount():
            return CountStock(here.new_id(), request)
        case ReservationRequest():
            return HoldStock(here.new_id(), request, here.today, here.now_ms)
        case (
            GrantRights() | SpendRights() | UseRights() | MoveRights() | HearRights() | ReturnRights() | SettleRights()
        ):
            return ShareRights(here.new_id(), request, here.own_life, here.today, here.is_confirmed)
        case QuotaRequest():
            return SetQuota(here.new_id(), request, here.today, here.now_ms)


def skus_asked(request: Request) -> Iterable[str]:
    """The SKUs that a request itself names; those of the order that it is about are in the order."""
    match request:
        case TillOrder() | StockMovement() | UnreceiptedReturn() | StockCount() | ReservationRequest():
            return [line.sku for line in request.lines]  # first: most are orders, and each case that fails costs 0.3 us
        case Cancel() | AskHold() | Close():
            return ()
        case QuotaRequest() | GrantRights() | SpendRights() | SettleRights():
            return (request.sku,)
        case UseRights() | MoveRights() | ReturnRights():
            return ()
        case HearRights():
            return (request.book.rights.sku,)
        case OrderHold():
            return (line.sku for line in request.order.lines)
        case Ask():
            asked = request.request
            return (line.sku for line in asked.order.lines) if isinstance(asked, ExchangeRequest) else ()


def order_in(request: Request) -> TillOrder | None:
    """The order that a request wants to place, if it does."""
    if isinstance(request, TillOrder):
        return request
    if isinstance(request, OrderHold):
        return request.order
    asked = request.request if isinstance(request, Ask) else None
    return asked.order if isinstance(asked, ExchangeRequest) else None


def _place(posted: TillOrder, submission: Submission, here: Circumstances, seq: int) -> PlaceOrder:
    code = ids.life_code(here.stream.incarnation, here.life)
    return PlaceOrder(
        posted=posted,
        order_id=here.new_id(),
        display_number=ids.display_number(posted.store_id, posted.terminal_id, code, seq),
        idempotency_key=submission.key,
        payload_hash=submission.payload_hash,
        location_id=here.stream.node_id,
        business_date=posted.business_date or business_date(posted.placed_at, here.zone),
        offline=here.is_offline,
        now_ms=here.now_ms,
    )


def _ask(asked: Ask, submission: Submission, here: Circumstances, seq: int) -> Command:
    if isinstance(asked.request, ExchangeRequest):
        place = _place(asked.request.order, submission, here, seq + 1)  # the return's entry is the first of the two
        return ExchangeOrder(asked.order_id, asked.request, here.new_id(), place)
    return AdvanceOrder(
        order_id=asked.order_id,
        name=asked.name,
        request=asked.request,
        new_id=here.new_id(),
        secret=ids.pickup_code(here.random_bits()),
        location_id=here.stream.node_id,
        business_date=here.today,
        now_ms=here.now_ms,
        role=asked.role,
    )


def assigned(task: AssignTask, order_id: UUID, here: Circumstances, *, is_accepted: bool) -> TakeAssignment:
    """The command of an order that the centre has assigned to this store."""
    posted = task.order
    place = PlaceOrder(
        posted=posted,
        order_id=order_id,
        display_number=task.display_number,
        idempotency_key=task.key,
        payload_hash=task.payload_hash,
        location_id=here.stream.node_id,
        business_date=posted.business_date or business_date(posted.placed_at, here.zone),
        offline=False,
        now_ms=here.now_ms,
    )
    terms = (task.central_order_id, task.attempt, task.accept_by_ms)
    return TakeAssignment(place, *terms, is_accepted, here.own_life, task.spent, task.part_of)


def centre_command(order_id: UUID, name: str, request: OrderRequest, here: Circumstances) -> AdvanceOrder:
    """A command on an order that the centre gives by an instruction."""
    return AdvanceOrder(
        order_id=order_id,
        name=name,
        request=request,
        new_id=here.new_id(),
        secret=ids.pickup_code(here.random_bits()),
        location_id=here.stream.node_id,
        business_date=here.today,
        now_ms=here.now_ms,
        role="centre",
    )


def business_date(moment: str, zone: ZoneInfo) -> str:
    """The store's own calendar date at a moment of a document: the same for a whole minute, since clocks differ by
    whole minutes."""
    return _date_in_minute(moment[:_TO_THE_MINUTE], zone)


@lru_cache(maxsize=64)  # tills say when they took an order, so those of one commit share their minute
def _date_in_minute(minute: str, zone: ZoneInfo) -> str:
    try:
        return datetime.fromisoformat(f"{minute}Z").astimezone(zone).date().isoformat()
    except ValueError:  # no such day: the decision refuses the moment by its own checks, and takes no date of it
        return minute[:_TO_THE_DAY]

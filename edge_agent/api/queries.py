"""The requests that only look: orders, stock, status. Each reads the file on the readers' connection."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.api.commands import date_of, is_day, order_id_of, reservation_id_of
from edge_agent.days import DayBooks
from edge_agent.status import Reporter
from edge_agent.stock_answers import KeptGoods, kept_goods, quota_view, rights_view
from edge_agent.store import holds, orders, quotas, rights, stock
from edge_agent.store.file import StoreFile
from edge_agent.store.orders import OrderFilter, OrderHead
from edge_agent.surroundings import Surroundings
from edge_core.errors import RecordDamaged, Rejected, StorageFault
from edge_core.limits import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from edge_core.orders.merge import merge
from edge_core.orders.quoting import sellable_milli, step_milli
from edge_core.orders.rendering import document, rfc3339
from edge_core.orders.routing_report import decisions_in
from edge_core.orders.world import World
from edge_core.shapes import json_object
from edge_core.stock.ledger import Position
from edge_core.stock.quota_book import fitted
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.routing import language_of, routing_answer
from holdfast_runtime.tokens import TokenCheck

R = TypeVar("R")

_FILTERS: Final = frozenset({"status", "business_date", "terminal_id", "before", "limit"})
_WORD: Final = re.compile(r"^[ -~]{1,64}$(?!\n)")


class OrderSummary(Struct, frozen=True):
    """An order as a list shows it."""

    order_id: UUID
    order_type: str
    status: str
    revision: int
    terminal_id: str
    business_date: str
    currency: str
    grand_total_minor: int


class OrderPage(Struct, frozen=True):
    """A page of orders, newest first; `next` asks for the following one."""

    orders: tuple[OrderSummary, ...]
    next: str | None


class LotView(Struct, frozen=True):
    """One lot of a SKU, in thousandths of the unit: on_hand = safety + free + rights + reserved."""

    lot: str | None
    expires_on: str | None
    on_hand_milli: int
    safety_milli: int
    rights_milli: int
    reserved_milli: int
    free_milli: int


class StockView(Struct, frozen=True):
    """A SKU at this location: its sums and its lots."""

    sku: str
    unit: str
    on_hand_milli: int
    rights_milli: int
    reserved_milli: int
    free_milli: int
    lots: tuple[LotView, ...]


class ReservationView(Struct, frozen=True):
    """A hold that lives: goods that are kept until a time."""

    reservation_id: UUID
    status: str
    expires_at: str
    lines: tuple[KeptGoods, ...]


class Queries:
    """The handlers of `GET`."""

    def __init__(
        self, file: StoreFile, tokens: TokenCheck, reporter: Reporter, days: DayBooks, here: Surroundings
    ) -> None:
        self._file = file
        self._tokens = tokens
        self._reporter = reporter
        self._days = days
        self._here = here
        self.on_damage: Callable[[], None] = lambda: None

    async def get_order(self, request: Request) -> Response:
        """`GET /v1/orders/{order_id}`."""
        self._authorize(request)
        order_id = order_id_of(request.path_params["order_id"])
        merged = merge(await self._read(orders.read_order(self._file.reader, order_id)))
        if merged.state is None:
            raise ProblemRaised(Rejected("order-not-found", f"there is no order {order_id} here"))
        return _json(document(merged.accepted))

    async def get_routing(self, request: Request) -> Response:
        """`GET /v1/orders/{order_id}/routing?lang=`: why the goods go as they go."""
        self._authorize(request)
        order_id = order_id_of(request.path_params["order_id"])
        lang = language_of(request)
        decisions = decisions_in(merge(await self._read(orders.read_order(self._file.reader, order_id))).accepted)
        return routing_answer(order_id, decisions, lang, self._here.zone)

    async def list_orders(self, request: Request) -> Response:
        """`GET /v1/orders?status=&business_date=&terminal_id=&before=&limit=`."""
        self._authorize(request)
        chosen, limit = _filter_of(request)
        heads = await self._read(orders.list_heads(self._file.reader, chosen, limit + 1))
        page = heads[:limit]
        following = None
        if len(heads) > limit:
            following = str(
                request.url.include_query_params(before=str(page[-1].order_id)).replace(scheme="", netloc="")
            )
        return _json(OrderPage(tuple(_summary(head) for head in page), following))

    async def get_stock(self, request: Request) -> Response:
        """`GET /v1/stock/{sku}`."""
        self._authorize(request)
        sku = request.path_params["sku"]
        positions = await self._read(stock.read_positions(self._file.reader, [sku])) if _WORD.match(sku) else []
        if not positions:
            raise ProblemRaised(Rejected("sku-not-found", f"no stock of {sku!r} was ever recorded here"))
        key = self._file.node_id, sku
        book = (await self._read(rights.read_books(self._file.reader, [key]))).get(key)
        return _json(_stock(sku, positions, {} if book is None else book.lots))

    async def get_reservation(self, request: Request) -> Response:
        """`GET /v1/stock/reservations/{reservation_id}`: one that lives."""
        self._authorize(request)
        subject = reservation_id_of(request.path_params["reservation_id"])
        hold = (await self._read(holds.read_holds(self._file.reader, [subject]))).get(subject)
        if hold is None:
            detail = f"there is no reservation {subject} here, or it has ended"
            raise ProblemRaised(Rejected("reservation-not-found", detail))
        lines = kept_goods(hold.allocations)
        return _json(ReservationView(subject, hold.status, rfc3339(hold.expires_at_ms), lines))

    async def get_quota(self, request: Request) -> Response:
        """`GET /v1/stock/quotas/{sku}`: as they are now, fitted to what is free."""
        self._authorize(request)
        sku = request.path_params["sku"]
        known = _WORD.match(sku) is not None
        found = (await self._read(quotas.read_quotas(self._file.reader, [sku]))).get(sku) if known else None
        if found is None:
            raise ProblemRaised(Rejected("sku-not-found", f"{sku!r} has no quotas here"))
        world = World(None, {sku: await self._read(stock.read_positions(self._file.reader, [sku]))})
        budgets = fitted(
            found, free_milli=sellable_milli(world, sku, self._here.today), step_milli=step_milli(world, sku)
        )
        return _json(quota_view(sku, found.plan, budgets))

    async def get_rights(self, request: Request) -> Response:
        """`GET /v1/stock/rights/{owner_id}/{sku}`: what is known here of the rights to a location's goods."""
        self._authorize(request)
        key = request.path_params["owner_id"], request.path_params["sku"]
        book = (await self._read(rights.read_books(self._file.reader, [key]))).get(key)
        if book is None:
            raise ProblemRaised(Rejected("sku-not-found", f"nothing is known of rights to {key[1]!r} of {key[0]!r}"))
        return _json(rights_view(book, self._file.streams["orders"].incarnation, self._file.node_id))

    async def get_day(self, request: Request) -> Response:
        """`GET /v1/days/{business_date}`: the X report of a day, or its Z report."""
        self._authorize(request)
        business_date = date_of(request.path_params["business_date"])
        return _json(json_object(await self._read(self._days.report(business_date))))

    async def get_status(self, request: Request) -> Response:
        """`GET /v1/status`."""
        self._authorize(request)
        return _json(await self._reporter.status())

    async def healthz(self, _: Request) -> Response:
        """`GET /healthz`: the process answers."""
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def readyz(self, _: Request) -> Response:
        """`GET /readyz`: an order would be taken."""
        ready = self._reporter.is_ready
        body = b'{"status":"ready"}' if ready else b'{"status":"not accepting"}'
        return Response(body, 200 if ready else 503, media_type="application/json")

    def _authorize(self, request: Request) -> None:
        header = request.headers.get("authorization")
        self._tokens.authorize(header.encode("latin-1") if header is not None else None, "read")

    async def _read(self, work: Awaitable[R]) -> R:
        """What a client asks of the file. Where a page of it cannot be read, the whole file is looked through."""
        try:
            return await work
        except StorageFault as fault:
            if isinstance(fault, RecordDamaged):
                self.on_damage()
            raise ProblemRaised(Rejected(fault.slug, str(fault))) from fault


def _filter_of(request: Request) -> tuple[OrderFilter, int]:
    query = request.query_params
    for name, value in query.multi_items():
        if name not in _FILTERS:
            raise _bad(name, "there is no such parameter")
        if not _WORD.match(value):
            raise _bad(name, "expected 1 to 64 printable ASCII characters")
    date = query.get("business_date")
    if date is not None and not is_day(date):
        raise _bad("business_date", "expected a date such as 2026-11-21")
    before = query.get("before")
    chosen = OrderFilter(
        status=query.get("status"),
        business_date=date,
        terminal_id=query.get("terminal_id"),
        before=order_id_of(before) if before is not None else None,
    )
    return chosen, _limit(query.get("limit"))


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE_ROWS_DEFAULT
    if not text.isdecimal() or not 1 <= int(text) <= PAGE_ROWS_MAX:
        raise _bad("limit", f"expected a whole number from 1 to {PAGE_ROWS_MAX}")
    return int(text)


def _bad(name: str, expected: str) -> ProblemRaised:
    return ProblemRaised(Rejected("invalid-parameter", f"{name}: {expected}", allowed=tuple(sorted(_FILTERS))))


def _summary(head: OrderHead) -> OrderSummary:
    return OrderSummary(
        head.order_id,
        head.order_type,
        head.status,
        head.revision,
        head.terminal_id,
        head.business_date,
        head.currency,
        head.grand_total_minor,
    )


def _stock(sku: str, positions: list[Position], aside: Mapping[str | None, int]) -> StockView:
    """What is set aside for rights is reserved in the ledger, and shown apart."""
    return StockView(
        sku=sku,
        unit=positions[0].unit,
        on_hand_milli=sum(p.on_hand_milli for p in positions),
        rights_milli=sum(aside.values()),
        reserved_milli=sum(p.reserved_milli for p in positions) - sum(aside.values()),
        free_milli=sum(p.free_milli for p in positions),
        lots=tuple(_lot(position, aside.get(position.lot, 0)) for position in positions),
    )


def _lot(p: Position, aside_milli: int) -> LotView:
    reserved_milli = p.reserved_milli - aside_milli
    return LotView(p.lot, p.expires_on, p.on_hand_milli, p.safety_milli, aside_milli, reserved_milli, p.free_milli)


def _json(value: Struct) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")

"""The questions that the API answers, each from one read-only transaction."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync.api.documents import (
    DayPage,
    NodeList,
    OrderPage,
    ParkedPage,
    ProposalPage,
    StockPage,
    backup_status,
    centre_order,
    closed_day,
    history_status,
    order_summary,
    parked_item,
    proposal_share,
    stock_position,
)
from central_sync.fleet import NodeStatus, status_of
from central_sync.ingest.projection import recorded
from central_sync.reasons import decisions_about
from central_sync.store import (
    backups,
    breakers,
    days,
    early,
    histories,
    nodes,
    orders,
    parked,
    proposals,
    stock,
    streams,
)
from central_sync.store.breakers import Breaker
from central_sync.store.database import Connection, Database
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, TEXT_CHARS_MAX
from edge_core.orders.merge import merge
from edge_core.orders.rendering import document
from edge_core.shapes import json_object
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.requests import require_json, undecodable
from holdfast_runtime.routing import language_of, routing_answer

S = TypeVar("S", bound=Struct)
_encoder: Final = msgspec.json.Encoder()


class Handlers:
    """The endpoints under /v1 but the live feed."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def nodes(self, _: Request) -> Response:
        """GET /v1/nodes."""
        async with self._database.reading() as connection:
            found = await fleet(connection, self._now())
        return answer(found)

    async def node(self, request: Request) -> Response:
        """GET /v1/nodes/{node_id}."""
        node_id = _text(request.path_params["node_id"], "node_id")
        async with self._database.reading() as connection:
            found = await fleet_status(connection, self._now(), node_id)
        if not found:
            raise ProblemRaised(Rejected("node-not-found", f"no node {node_id!r} ever said hello here"))
        return answer(found[0])

    async def orders(self, request: Request) -> Response:
        """GET /v1/orders."""
        limit = parse_limit(request)
        cursor = parse_query(request, "cursor")
        async with self._database.reading() as connection:
            rows = await orders.page(
                connection,
                node_id=parse_query(request, "node"),
                status=parse_query(request, "status"),
                before=None if cursor is None else parse_uuid(cursor, "cursor"),
                rows_max=limit,
            )
        following = str(rows[-1][0].order_id) if len(rows) == limit else None
        return answer(OrderPage(tuple(map(order_summary, rows)), following))

    async def order(self, request: Request) -> Response:
        """GET /v1/orders/{order_id}."""
        order_id = parse_uuid(request.path_params["order_id"], "order_id")
        async with self._database.reading() as connection:
            stored = await streams.of_orders(connection, [order_id])
            copies = [] if stored else await early.of_orders(connection, [order_id])
        merged = merge(recorded(entry) for entry in stored or copies if not entry.is_parked)
        if merged.state is None:
            detail = f"order {order_id} is parked" if stored else f"no entry of order {order_id} has arrived here"
            raise ProblemRaised(Rejected("order-not-found", detail))
        return answer(centre_order(document(merged.accepted), provisional=bool(copies)))

    async def routing(self, request: Request) -> Response:
        """GET /v1/orders/{order_id}/routing."""
        order_id, lang = parse_uuid(request.path_params["order_id"], "order_id"), language_of(request)
        async with self._database.reading() as connection:
            decisions = await decisions_about(connection, order_id)
        # Asking again with what others lacked takes some tenths of a second for a large order: others go on meanwhile.
        return await asyncio.to_thread(routing_answer, order_id, decisions, lang, UTC)

    async def proposals(self, request: Request) -> Response:
        """GET /v1/proposals."""
        async with self._database.reading() as connection:
            rows = await proposals.shares(connection, parse_query(request, "node"))
        return answer(ProposalPage(tuple(map(proposal_share, rows))))

    async def stock(self, request: Request) -> Response:
        """GET /v1/stock."""
        limit = parse_limit(request)
        async with self._database.reading() as connection:
            rows = await stock.page(
                connection,
                node_id=parse_query(request, "node"),
                sku=parse_query(request, "sku"),
                after=_stock_place(parse_query(request, "cursor")),
                rows_max=limit,
            )
        following = None
        if len(rows) == limit:
            following = _encoder.encode([rows[-1].node_id, rows[-1].sku, rows[-1].lot]).decode()
        return answer(StockPage(tuple(map(stock_position, rows)), following))

    async def days(self, request: Request) -> Response:
        """GET /v1/days: what stores have closed, and what came late."""
        limit = parse_limit(request)
        async with self._database.reading() as connection:
            rows = await days.page(
                connection,
                node_id=parse_query(request, "node"),
                before=_day_place(parse_query(request, "cursor")),
                rows_max=limit,
            )
            page = tuple([closed_day(row, await days.late(connection, row)) for row in rows])
        following = None
        if len(rows) == limit:
            following = _encoder.encode([rows[-1].business_date, rows[-1].node_id]).decode()
        return answer(json_object(DayPage(page, following)))

    async def parked(self, request: Request) -> Response:
        """GET /v1/parked."""
        limit = parse_limit(request)
        cursor = parse_query(request, "cursor")
        async with self._database.reading() as connection:
            rows = await parked.page(
                connection,
                node_id=parse_query(request, "node"),
                parked_id=None,
                before=None if cursor is None else parse_number(cursor, "cursor", 1, (1 << 63) - 1),
                rows_max=limit,
            )
        following = str(rows[-1].id) if len(rows) == limit else None
        return answer(ParkedPage(tuple(map(parked_item, rows)), following))


async def fleet_status(connection: Connection, now: datetime, node_id: str | None = None) -> list[NodeStatus]:
    """Every node as the fleet view shows it, or the one named."""
    rows = await nodes.page(connection, node_id)
    cursors = await streams.of_incarnations(connection, [(row.node_id, row.incarnation) for row in rows])
    losses = await backups.losses(connection, [row.node_id for row in rows])
    held: dict[str, list[Breaker]] = {}
    for breaker in await breakers.page(connection, None if node_id is None else [node_id]):
        if breaker.state == "open":
            held.setdefault(breaker.node_id, []).append(breaker)
    return [status_of(row, cursors, now, losses, held.get(row.node_id, ())) for row in rows]


async def fleet(connection: Connection, now: datetime) -> NodeList:
    """Every node, this centre's history, and its newest backup."""
    backup = await backups.newest(connection)
    return NodeList(
        tuple(await fleet_status(connection, now)),
        history_status(await histories.present(connection)),
        None if backup is None else backup_status(backup),
    )


async def read_json(request: Request, read: Callable[[bytes], S]) -> S:
    """The body as `json_reader` reads it. Raises `ProblemRaised` for one that is not JSON, or not of its shape."""
    require_json(request.headers.get("content-type", "").encode("latin-1"))
    try:
        return read(await read_body(request.scope, request.receive))
    except UNREADABLE as error:
        raise ProblemRaised(undecodable(error)) from error


def answer(document: Struct, status: int = 200) -> Response:
    """A document as JSON. Nothing here may be kept by a cache."""
    headers = {"cache-control": "no-store"}
    return Response(_encoder.encode(document), status, headers=headers, media_type="application/json")


def parse_limit(request: Request) -> int:
    """How many rows a page may have. Raises `ProblemRaised`."""
    text = parse_query(request, "limit")
    return PAGE_ROWS_DEFAULT if text is None else parse_number(text, "limit", 1, PAGE_ROWS_MAX)


def parse_query(request: Request, name: str) -> str | None:
    """A query parameter, where it is given. Raises `ProblemRaised`."""
    text = request.query_params.get(name)
    return None if text is None else _text(text, name)


def _text(text: str, name: str) -> str:
    if len(text) > 3 * TEXT_CHARS_MAX or "\x00" in text:
        raise _invalid(name, f"expected at most {3 * TEXT_CHARS_MAX} characters, none of them zero")
    return text


def parse_number(text: str, name: str, low: int, high: int) -> int:
    """A whole number within bounds. Raises `ProblemRaised`."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
        raise _invalid(name, f"expected a whole number from {low} to {high}")
    return int(text)


def parse_uuid(text: str, name: str) -> UUID:
    """An identifier. Raises `ProblemRaised`."""
    try:
        return UUID(text)
    except ValueError:
        raise _invalid(name, "expected a UUID") from None


def _stock_place(cursor: str | None) -> tuple[str, str, str] | None:
    try:
        return None if cursor is None else msgspec.json.decode(cursor, type=tuple[str, str, str])
    except msgspec.DecodeError:
        raise _invalid("cursor", "expected the next_cursor of a page") from None


def _day_place(cursor: str | None) -> tuple[date, str] | None:
    try:
        return None if cursor is None else msgspec.json.decode(cursor, type=tuple[date, str])
    except msgspec.DecodeError:
        raise _invalid("cursor", "expected the next_cursor of a page") from None


def _invalid(name: str, detail: str) -> ProblemRaised:
    return ProblemRaised(Rejected("invalid-parameter", f"{name}: {detail}", pointer=name))


def problem(slug: str, detail: str, **members: Any) -> ProblemRaised:
    """A business "no" to raise."""
    return ProblemRaised(Rejected(slug, detail, **members))

"""Rights as people and systems see them, and how they are asked for: `/v1/rights`, `POST /v1/nodes/{node}/rights`."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync.api.commands import header, issued_answer
from central_sync.api.handlers import answer, parse_limit, parse_query
from central_sync.instructions import issue
from central_sync.rights import centre_life
from central_sync.store import instructions, nodes, rights
from central_sync.store.database import Connection, Database
from central_sync.store.rights import RightsKey
from edge_core.errors import UNREADABLE, Rejected
from edge_core.orders.document import Identifier, Part, Quantity
from edge_core.shapes import json_reader
from edge_core.stock.requests import GrantRights
from edge_core.stock.rights import Life, balance_milli, lives, row_of
from edge_core.stock.rights_book import RightsBook
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.requests import require_json, required_key, trace_of, undecodable

_decoder: Final = msgspec.json.Decoder(tuple[str, str])


class RightsAsked(Part, frozen=True):
    """The body of `POST /v1/nodes/{node_id}/rights`: for another node, or for the centre where none is named."""

    sku: Identifier
    quantity_milli: Quantity
    to_node: Identifier | None = None


class Holder(Struct, frozen=True):
    """What one life holds by what has arrived here, in thousandths. `is_present`: its node, or the centre, lives it."""

    node_id: str
    incarnation: UUID
    held_milli: int
    used_milli: int
    is_present: bool


class RightsStatus(Struct, frozen=True):
    """The rights to one SKU of a node. What lives hold that are not present is stranded: nobody can promise it."""

    owner_id: str
    sku: str
    set_aside_milli: int
    holders: tuple[Holder, ...]


class RightsPage(Struct, frozen=True):
    """A page of rights by owner and SKU."""

    rights: tuple[RightsStatus, ...]
    next_cursor: str | None


class RightsDesk:
    """The endpoints about rights."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._read = json_reader(RightsAsked)

    async def ask(self, request: Request) -> Response:
        """POST /v1/nodes/{node_id}/rights."""
        node_id = request.path_params["node_id"]
        require_json(header(request, "content-type"))
        try:
            asked = self._read(await read_body(request.scope, request.receive))
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        key, trace = required_key(header(request, "idempotency-key")), trace_of(header(request, "traceparent"))
        async with self._database.transaction() as connection:
            await _present(connection, node_id)
            to = await centre_life(connection) if asked.to_node is None else await _present(connection, asked.to_node)
            task = GrantRights(asked.sku, asked.quantity_milli, to)
            issued = await issue(
                connection, node_id, task, subject=None, key=key, now_ms=self._now_ms(), traceparent=trace
            )
            if isinstance(issued, Rejected):
                raise ProblemRaised(issued)
            row = await instructions.one(connection, issued.instruction_id)
        return issued_answer(issued, row)

    async def page(self, request: Request) -> Response:
        """GET /v1/rights."""
        limit, cursor = parse_limit(request), parse_query(request, "cursor")
        async with self._database.reading() as connection:
            books = await rights.page(
                connection,
                owner_id=parse_query(request, "node"),
                sku=parse_query(request, "sku"),
                after=None if cursor is None else _place(cursor),
                rows_max=limit,
            )
            present = {Life(row.node_id, row.incarnation) for row in await nodes.page(connection)}
            present.add(await centre_life(connection))
        last = books[-1].rights if len(books) == limit else None
        following = None if last is None else msgspec.json.encode((last.owner_id, last.sku)).decode()
        return answer(RightsPage(tuple(_status(book, present) for book in books), following))


async def _present(connection: Connection, node_id: str) -> Life:
    """The life of a node that is known. Raises `ProblemRaised` for one that is not."""
    found = await nodes.page(connection, node_id)
    if not found:
        raise ProblemRaised(Rejected("node-not-found", f"no node {node_id!r} ever said hello here"))
    return Life(node_id, found[0].incarnation)


def _status(book: RightsBook, present: set[Life]) -> RightsStatus:
    known = book.rights
    holders = []
    for life in lives(known):
        row = row_of(known, life)
        held_milli = max(0, balance_milli(known, life))
        used_milli = row.used_milli - row.returned_milli
        holders.append(Holder(life.node_id, life.incarnation, held_milli, used_milli, life in present))
    return RightsStatus(known.owner_id, known.sku, book.set_aside_milli, tuple(holders))


def _place(cursor: str) -> RightsKey:
    try:
        return RightsKey(*_decoder.decode(cursor))
    except UNREADABLE as error:
        raise ProblemRaised(Rejected("invalid-parameter", "cursor: not one that was given out")) from error

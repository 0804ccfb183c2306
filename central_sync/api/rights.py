"""Rights as people and systems see them, and how they are asked for: `/v1/rights`, `POST /v1/nodes/{node}/rights`."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync.api.commands import header, issued_answer
from central_sync.api.handlers import answer, parse_limit, parse_number, parse_query
from central_sync.instructions import issue
from central_sync.rights import centre_life
from central_sync.settling_rights import Settled, settle_life
from central_sync.store import instructions, nodes, rights, rights_moves
from central_sync.store.database import Connection, Database
from central_sync.store.rights import RightsKey
from central_sync.store.rights_moves import MoveRow
from central_sync.times import rfc3339
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


class MoveStatus(Struct, frozen=True):
    """Rights that the centre had moved, in thousandths, and why: by `rate`, to a `new-life`, or `settled`.

    `figures` are what it was decided by; `state` is what became of it at the giver: `asked`, `applied`, `refused`.
    """

    moved_at: str
    owner_id: str
    sku: str
    giver: str
    taker: str
    quantity_milli: int
    why: str
    state: str
    code: str | None
    figures: Any


class MovePage(Struct, frozen=True):
    """A page of moves, the newest first."""

    moves: tuple[MoveStatus, ...]
    next_cursor: str | None


class SettleAsked(Part, frozen=True):
    """The body of `POST /v1/nodes/{node_id}/rights/settlements`: which life of the node is gone for good, and why."""

    incarnation: UUID
    reason: Identifier


class SettledPart(Struct, frozen=True):
    """What came back to a location, in thousandths."""

    owner_id: str
    sku: str
    quantity_milli: int


class Settlement(Struct, frozen=True):
    """What a life had left, and who has it now: nothing where it was settled before."""

    node_id: str
    incarnation: UUID
    settled: tuple[SettledPart, ...]


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
        self._read_settle = json_reader(SettleAsked)

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
        return answer(RightsPage(tuple(rights_status(book, present) for book in books), following))

    async def moves(self, request: Request) -> Response:
        """GET /v1/rights/moves."""
        limit, cursor = parse_limit(request), parse_query(request, "cursor")
        async with self._database.reading() as connection:
            rows = await rights_moves.page(
                connection,
                owner_id=parse_query(request, "node"),
                sku=parse_query(request, "sku"),
                before=None if cursor is None else parse_number(cursor, "cursor", 1, (1 << 63) - 1),
                rows_max=limit,
            )
        shown = tuple(map(move_status, rows))
        return answer(MovePage(shown, str(rows[-1].number) if len(rows) == limit else None))

    async def settle(self, request: Request) -> Response:
        """POST /v1/nodes/{node_id}/rights/settlements."""
        node_id = request.path_params["node_id"]
        require_json(header(request, "content-type"))
        try:
            asked = self._read_settle(await read_body(request.scope, request.receive))
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        async with self._database.transaction() as connection:
            settled = await settle_life(connection, node_id, asked.incarnation, asked.reason, now_ms=self._now_ms())
        if isinstance(settled, Rejected):
            raise ProblemRaised(settled)
        return answer(settlement(node_id, asked.incarnation, settled))


def settlement(node_id: str, incarnation: UUID, settled: Sequence[Settled]) -> Settlement:
    """A settlement as the API shows it."""
    return Settlement(node_id, incarnation, tuple(SettledPart(*each) for each in settled))


def move_status(row: MoveRow) -> MoveStatus:
    """A move as the API shows it."""
    state = row.outcome or "asked"
    return MoveStatus(
        rfc3339(row.moved_at),
        row.owner_id,
        row.sku,
        row.giver,
        row.taker,
        row.quantity_milli,
        row.why,
        state,
        row.code,
        msgspec.json.decode(row.figures),
    )


async def _present(connection: Connection, node_id: str) -> Life:
    """The life of a node that is known. Raises `ProblemRaised` for one that is not."""
    found = await nodes.page(connection, node_id)
    if not found:
        raise ProblemRaised(Rejected("node-not-found", f"no node {node_id!r} ever said hello here"))
    return Life(node_id, found[0].incarnation)


def rights_status(book: RightsBook, present: set[Life]) -> RightsStatus:
    """A book as the API shows it; `present` are the lives that are lived now."""
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

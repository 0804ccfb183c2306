"""What people do about what is parked: look at one, replay it, discard it."""

from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync import parking
from central_sync.api.access import Access
from central_sync.api.documents import ParkedItem, parked_item
from central_sync.api.handlers import answer, parse_number
from central_sync.foreign import outline
from central_sync.parking import Verdict
from central_sync.store import parked
from central_sync.store.database import Database
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import ERROR_TEXT_CHARS_MAX
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.requests import require_json

B = TypeVar("B")
_ID_MAX: Final = (1 << 63) - 1


class ParkedDetail(Struct, frozen=True):
    """Something parked, with its bytes in hex as far as they were kept, and what can be read of them."""

    item: ParkedItem
    reads: str
    payload_hex: str


class ReplayRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How to replay. With `dry_run` nothing is changed, and the answer says what would become of it."""

    why: Annotated[str, Meta(max_length=ERROR_TEXT_CHARS_MAX)] = ""
    dry_run: bool = False


class DiscardRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is discarded; kept with the name of the token."""

    why: Annotated[str, Meta(min_length=1, max_length=ERROR_TEXT_CHARS_MAX)]


class Verdicts(Struct, frozen=True):
    """What became of it, and of what waited with it in the same order."""

    verdicts: tuple[Verdict, ...]


class Settling:
    """The endpoints under /v1/parked/{id}."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    async def show(self, request: Request) -> Response:
        """GET /v1/parked/{id}."""
        parked_id = _id(request)
        async with self._database.reading() as connection:
            rows = await parked.page(connection, node_id=None, parked_id=parked_id, before=None, rows_max=1)
        if not rows:
            raise ProblemRaised(Rejected("parked-not-found", f"nothing is parked as {parked_id}, or no longer"))
        return answer(ParkedDetail(parked_item(rows[0]), outline(rows[0].payload), rows[0].payload.hex()))

    async def replay(self, request: Request) -> Response:
        """POST /v1/parked/{id}/replay."""
        who = self._access.who(request, "operate")
        asked = await _body(request, ReplayRequest)
        return _answer(
            await parking.replay(self._database, _id(request), who=who, why=asked.why, is_trial=asked.dry_run)
        )

    async def discard(self, request: Request) -> Response:
        """POST /v1/parked/{id}/discard."""
        who = self._access.who(request, "operate")
        asked = await _body(request, DiscardRequest)
        return _answer(await parking.discard(self._database, _id(request), who=who, why=asked.why))


def _id(request: Request) -> int:
    return parse_number(request.path_params["parked_id"], "parked_id", 1, _ID_MAX)


async def _body(request: Request, kind: type[B]) -> B:
    content_type = request.headers.get("content-type")
    require_json(None if content_type is None else content_type.encode("latin-1"))
    try:
        return msgspec.json.decode(await read_body(request.scope, request.receive) or b"{}", type=kind)
    except UNREADABLE as error:
        raise ProblemRaised(Rejected("invalid-document", str(error))) from None


def _answer(found: list[Verdict] | Rejected) -> Response:
    if isinstance(found, Rejected):
        raise ProblemRaised(found)
    return answer(Verdicts(tuple(found)))

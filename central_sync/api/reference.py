"""Reference data over HTTP: publish a version, list what is kept, send a snapshot or a delta so that a cut can go on.

Ranges and their conditions are those of RFC 9110 sections 13 and 14, as far as one range to the end of a file goes.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from central_sync.api.access import Access
from central_sync.api.handlers import answer, parse_number, parse_query
from central_sync.reference import PublishedVersion, fault_in, publish, read_scope
from central_sync.store import reference
from central_sync.store.database import Database
from central_sync.store.reference import ALL, FileRow, VersionRow
from central_sync.times import rfc3339
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import (
    REFERENCE_BODY_BYTES_MAX,
    REFERENCE_BODY_TIMEOUT_MS,
    REFERENCE_GROUP_NODES_MAX,
    REFERENCE_PIECE_BYTES,
)
from edge_core.orders.document import Identifier
from edge_core.reference.datasets import KINDS
from edge_core.reference.publication import Form, Publication, read_publication
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised, problem_response
from holdfast_runtime.requests import require_json, undecodable

MEDIA_TYPE: Final = "application/vnd.holdfast.reference"
_FORMS: Final[dict[str, Form]] = {"application/json": "json", "text/csv": "csv"}
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")
_VERSION_MAX: Final = (1 << 40) - 1


class ReferenceVersion(Struct, frozen=True):
    """A version of a dataset that is kept: its content's hash, how many rows it has, and the size of its snapshot.

    `scope` is whom it is for: `all`, `region/NAME` or `group/NAME`. Without rows it was withdrawn.
    """

    dataset: str
    version: int
    hash: str
    rows: int
    made_at: str
    who: str
    size_bytes: int
    deltas_from: tuple[int, ...] = ()
    scope: str = ALL


class ReferenceGroup(Struct, frozen=True):
    """The nodes that have reference data of their own together."""

    group: str
    nodes: tuple[str, ...]


class ReferenceGroups(Struct, frozen=True):
    """Every group, by its name."""

    groups: tuple[ReferenceGroup, ...]


class GroupRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to be in a group: these, and nobody else."""

    nodes: Annotated[tuple[Identifier, ...], Meta(max_length=REFERENCE_GROUP_NODES_MAX)]


class ReferenceList(Struct, frozen=True):
    """Every version that is kept, the newest first, by dataset."""

    versions: tuple[ReferenceVersion, ...]


_READ_GROUP: Final = msgspec.json.Decoder(GroupRequest)


class ReferenceFiles:
    """The endpoints under /v1/reference."""

    def __init__(self, database: Database, access: Access, now: Callable[[], datetime]) -> None:
        self._database = database
        self._access = access
        self._now = now

    async def list(self, _: Request) -> Response:
        """GET /v1/reference."""
        async with self._database.reading() as connection:
            rows = await reference.kept(connection)
        return answer(ReferenceList(tuple(map(shown_version, rows))))

    async def publish(self, request: Request) -> Response:
        """PUT /v1/reference/{dataset}: all of the rows, or none."""
        who = self._access.who(request, "operate")
        dataset = _dataset(request)
        form = _FORMS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
        if form is None:
            raise ProblemRaised(Rejected("unsupported-media-type", f"send one of {', '.join(_FORMS)}"))
        body = await read_body(
            request.scope, request.receive, bytes_max=REFERENCE_BODY_BYTES_MAX, timeout_ms=REFERENCE_BODY_TIMEOUT_MS
        )
        found = await asyncio.to_thread(read_publication, dataset, body, form, fault_in)
        if found.mistakes:
            raise ProblemRaised(Rejected("reference-invalid", told(found)))
        return await self._publish(request, dataset, found.rows, who)

    async def withdraw(self, request: Request) -> Response:
        """DELETE /v1/reference/{dataset}: a version without rows, which stores take as if they had never had any."""
        who = self._access.who(request, "operate")
        return await self._publish(request, _dataset(request), {}, who)

    async def groups(self, _: Request) -> Response:
        """GET /v1/reference/groups."""
        async with self._database.reading() as connection:
            found = await reference.members(connection)
        return answer(ReferenceGroups(tuple(ReferenceGroup(group, tuple(nodes)) for group, nodes in found.items())))

    async def set_group(self, request: Request) -> Response:
        """PUT /v1/reference/groups/{group}: its nodes, and no others; none ends it."""
        self._access.who(request, "operate")
        group = request.path_params["group"]
        scope = read_scope(f"group/{group}")
        if isinstance(scope, Rejected):
            raise ProblemRaised(scope)
        require_json(request.headers.get("content-type", "").encode("latin-1"))
        try:
            asked = _READ_GROUP.decode(await read_body(request.scope, request.receive))
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        nodes = sorted(set(asked.nodes))
        async with self._database.transaction() as connection:
            await reference.set_members(connection, group, nodes)
        return answer(ReferenceGroup(group, tuple(nodes)))

    async def _publish(self, request: Request, dataset: str, rows: Mapping[str, bytes], who: str) -> Response:
        scope = read_scope(parse_query(request, "for"))
        if isinstance(scope, Rejected):
            raise ProblemRaised(scope)
        made = await publish(self._database, dataset, rows, who=who, now=self._now(), scope=scope)
        if isinstance(made, Rejected):
            raise ProblemRaised(made)
        response = answer(shown(made), 201)
        response.headers["location"] = f"/v1/reference/{dataset}/{made.row.version}"
        return response

    async def file(self, request: Request) -> Response:
        """GET /v1/reference/{dataset}/{version}: the snapshot, or with `from` the delta from another version."""
        dataset = _dataset(request)
        version = parse_number(request.path_params["version"], "version", 1, _VERSION_MAX)
        text = parse_query(request, "from")
        from_version = 0 if text is None else parse_number(text, "from", 1, _VERSION_MAX)
        async with self._database.reading() as connection:
            file = await reference.file_of(connection, dataset, version, from_version)
        if file is None and from_version:
            raise ProblemRaised(Rejected("delta-not-available", f"{dataset}: none from {from_version} to {version}"))
        if file is None:
            raise ProblemRaised(Rejected("reference-not-found", f"{dataset} has no version {version}, or no longer"))
        headers = {"etag": file.etag, "accept-ranges": "bytes", "cache-control": "private, no-cache"}
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        start, end = asked_range(request, file)
        if start >= file.size_bytes:
            detail = f"the file has {file.size_bytes} bytes"
            headers["content-range"] = f"bytes */{file.size_bytes}"
            return problem_response(Rejected("range-not-satisfiable", detail), headers=headers)
        headers["content-length"] = str(end - start)
        is_part = (start, end) != (0, file.size_bytes)
        if is_part:
            headers["content-range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
        pieces = self._pieces(dataset, version, from_version, file, (start, end))
        return StreamingResponse(pieces, 206 if is_part else 200, headers, MEDIA_TYPE)

    async def _pieces(
        self, dataset: str, version: int, from_version: int, file: FileRow, span: tuple[int, int]
    ) -> AsyncIterator[bytes]:
        """Each piece in a transaction of its own. A version that is let go of meanwhile ends the answer short."""
        at, end = span
        while at < end:
            size = min(REFERENCE_PIECE_BYTES, end - at)
            async with self._database.reading() as connection:
                piece = await reference.piece(
                    connection, dataset, version, from_version, at=at, size=size, etag=file.etag
                )
            if not piece:
                return
            yield piece
            at += len(piece)


def asked_range(request: Request, file: FileRow) -> tuple[int, int]:
    """From which byte to before which one: all of them where no range is asked for, or of another file."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or request.headers.get("if-range", file.etag) != file.etag:
        return 0, file.size_bytes
    last = file.size_bytes - 1 if found[2] is None else min(int(found[2]), file.size_bytes - 1)
    start = int(found[1])
    return (start, last + 1) if found[2] is None or start <= int(found[2]) else (0, file.size_bytes)


def told(found: Publication) -> str:
    """The mistakes of a publication in one text."""
    lines = [f"line {mistake.line}: {mistake.what}" for mistake in found.mistakes]
    if found.mistaken > len(lines):
        lines.append(f"and {found.mistaken - len(lines)} more")
    return "; ".join(lines)


def shown(made: PublishedVersion) -> ReferenceVersion:
    """A version that was just published."""
    return shown_version(made.row, made.deltas_from)


def shown_version(row: VersionRow, deltas_from: tuple[int, ...] = ()) -> ReferenceVersion:
    """A row as the API shows it."""
    return ReferenceVersion(
        dataset=row.dataset,
        version=row.version,
        hash=row.hash.hex(),
        rows=row.row_count,
        made_at=rfc3339(row.made_at),
        who=row.who,
        size_bytes=row.size_bytes,
        deltas_from=deltas_from,
        scope=row.scope,
    )


def _dataset(request: Request) -> str:
    name: str = request.path_params["dataset"]
    if name not in KINDS:
        raise ProblemRaised(Rejected("reference-not-found", f"no dataset {name[:64]!r}", allowed=tuple(KINDS)))
    return name

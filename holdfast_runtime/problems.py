"""The business "no" on HTTP: problem+json of RFC 9457, made from the one table of `edge_core.errors`.

A handler raises `ProblemRaised` or answers `problem_response`. A bug is answered with 500 and still raised: the server
sees it, and stops on `InvariantViolated`.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from edge_core.errors import Rejected
from edge_core.limits import ERROR_TEXT_CHARS_MAX

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1  # "shortly": the queue holds a third of a second of work

_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<where>.*)`)?$", re.DOTALL)
_FIELD: Final = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<name>[^`]+)`$")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members of the document; those that say nothing are left out. `code` is `HF` and four digits, for support."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    pointer: str | None = None
    instance: str | None = None
    state: str | None = None
    allowed: tuple[str, ...] = ()


class ProblemRaised(Exception):  # noqa: N818 - it carries a business "no", not an error of the program
    """Ends a request with the answer that `rejected` describes."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(f"{rejected.slug}: {rejected.detail}")
        self.rejected = rejected


_encoder: Final = msgspec.json.Encoder()


def problem_body(rejected: Rejected, *, instance: str | None = None) -> bytes:
    """The JSON document for a rejection. `instance` is the path of the request, where one is known."""
    code = rejected.code
    return _encoder.encode(
        Problem(
            type=code.type_uri,
            title=code.title,
            status=code.status,
            detail=rejected.detail,
            code=f"HF{code.number}",
            pointer=rejected.pointer,
            instance=instance,
            state=rejected.state,
            allowed=rejected.allowed,
        )
    )


def problem_headers(status: int) -> Mapping[str, str]:
    """The headers that belong to a status, `content-type` included; for raw ASGI callables too."""
    return _HEADERS.get(status, _PLAIN)


def problem_response(
    rejected: Rejected, *, instance: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The whole answer for Starlette: status, media type, `Retry-After` or `WWW-Authenticate` where they belong."""
    body = problem_body(rejected, instance=instance)
    return Response(body, rejected.code.status, headers={**problem_headers(rejected.code.status), **(headers or {})})


def validation_rejection(error: msgspec.DecodeError) -> Rejected:
    """Why a body could not be decoded: `malformed-json`, or `invalid-document` with a JSON pointer (RFC 6901).

    msgspec names the place as `$.lines[0].quantity_milli`; an element of a mapping is `[...]`: the pointer ends there.
    """
    if not isinstance(error, msgspec.ValidationError):
        return Rejected("malformed-json", _cut(str(error)))
    parts = _AT.match(str(error))
    what, where = (parts["what"], parts["where"] or "") if parts else (str(error), "")
    steps: list[str] = []
    for name, index in _STEP.findall(where):
        if index == "...":
            break
        steps.append(name or index)
    field = _FIELD.match(what)
    if field and "[...]" not in where:
        steps.append(field["name"])
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return Rejected("invalid-document", _cut(what), pointer=pointer)


async def on_problem(request: Request, error: Exception) -> Response:
    """Starlette's handler of `ProblemRaised`."""
    if not isinstance(error, ProblemRaised):
        raise error
    return problem_response(error.rejected, instance=request.url.path)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's handler of its own 404 and 405; any other status that it raises becomes `malformed-request`."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        methods = tuple(sorted(part.strip() for part in allowed.split(",") if part.strip()))
        rejected = Rejected("method-not-allowed", f"{request.method} is not possible here", allowed=methods)
        return problem_response(rejected, instance=request.url.path, headers={"Allow": ", ".join(methods)})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(Rejected("not-found", "no such path"), instance=request.url.path)
    return problem_response(Rejected("malformed-request", _cut(error.detail)), instance=request.url.path)


async def on_defect(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the text of a bug is not for clients
    """Starlette's last handler: answers 500, after which Starlette raises the error again for the server to see."""
    return problem_response(INTERNAL_ERROR, instance=request.url.path)


INTERNAL_ERROR: Final = Rejected("internal-error", "see the log of the service")

EXCEPTION_HANDLERS: Final[dict[Any, ExceptionHandler]] = {
    ProblemRaised: on_problem,
    HTTPException: on_http_exception,
    Exception: on_defect,
}
"""For `Starlette(exception_handlers=...)`."""

_PLAIN: Final = MappingProxyType({"content-type": MEDIA_TYPE})
_HEADERS: Final = MappingProxyType(
    {
        401: MappingProxyType({"content-type": MEDIA_TYPE, "www-authenticate": "Bearer"}),  # RFC 9110 section 11.6.1
        503: MappingProxyType({"content-type": MEDIA_TYPE, "retry-after": str(RETRY_AFTER_S)}),
    }
)


def _cut(text: str) -> str:
    return text if len(text) <= ERROR_TEXT_CHARS_MAX else text[: ERROR_TEXT_CHARS_MAX - 3] + "..."

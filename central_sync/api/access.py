"""Who may ask what: bearer tokens for programs, and a session for the page, which has no token in every request.

`EventSource` sends no headers of the page's choosing, so the page shows its token once (`POST /v1/session`) and gets a
cookie: a random name of a session in this process, never the token. The browser keeps it from scripts (HttpOnly) and
from requests that other sites begin (SameSite=Strict), and it opens nothing but reading: what changes something takes a
token and a JSON body, which no form of another site can send.
"""

import secrets
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from edge_core.errors import InvariantViolated
from edge_core.limits import SESSION_TTL_MS, SESSIONS_MAX
from holdfast_runtime.tokens import Scope, TokenCheck

_COOKIE: Final = "holdfast_session"
_RANDOM_BYTES: Final = 32
_LOCAL: Final = "local"


class Access:
    """Lets requests in. Without tokens everyone on this machine is `local`; `now` is a monotonic clock in seconds."""

    def __init__(self, tokens: TokenCheck | None, now: Callable[[], float] = time.monotonic) -> None:
        self._tokens = tokens
        self._now = now
        self._sessions: dict[str, tuple[bytes, float]] = {}  # the token's header, and when the session ends

    def who(self, request: Request, scope: Scope) -> str:
        """The name of whoever asks. Raises `ProblemRaised` where that is nobody, or where the scope is missing."""
        if self._tokens is None:
            return _LOCAL
        header = _header(request)
        if header is None and scope == "read" and request.method in {"GET", "HEAD"}:
            header = self._of_session(request.cookies.get(_COOKIE))
        return self._tokens.authorize(header, scope)

    async def begin(self, request: Request) -> Response:
        """POST /v1/session: a cookie for a token that may read."""
        answer = Response(status_code=204, headers={"cache-control": "no-store"})
        if self._tokens is None:
            return answer
        header = _header(request)
        self._tokens.authorize(header, "read")
        if header is None:
            raise InvariantViolated("a request without a token was let in")
        name = secrets.token_urlsafe(_RANDOM_BYTES)
        while len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]  # the oldest: its page asks for the token again
        self._sessions[name] = header, self._now() + SESSION_TTL_MS / 1000
        answer.set_cookie(
            _COOKIE,
            name,
            max_age=SESSION_TTL_MS // 1000,
            httponly=True,
            samesite="strict",
            secure="https" in {request.url.scheme, request.headers.get("x-forwarded-proto")},
        )
        return answer

    async def end(self, request: Request) -> Response:
        """DELETE /v1/session: the cookie opens nothing any more."""
        self._sessions.pop(request.cookies.get(_COOKIE, ""), None)
        answer = Response(status_code=204, headers={"cache-control": "no-store"})
        answer.delete_cookie(_COOKIE, httponly=True, samesite="strict")
        return answer

    def _of_session(self, name: str | None) -> bytes | None:
        """The header that the session stands for: a token that is removed ends its sessions too."""
        header, ends_at = self._sessions.get(name or "", (None, 0.0))
        if header is not None and self._now() >= ends_at:
            del self._sessions[name or ""]
            return None
        return header


def _header(request: Request) -> bytes | None:
    header = request.headers.get("authorization")
    return None if header is None else header.encode("latin-1")

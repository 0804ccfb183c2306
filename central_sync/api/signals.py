"""Signals over HTTP: what somebody outside has seen, until when, and what it is to change (docs/policies.md)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync import signals
from central_sync.api.access import Access
from central_sync.api.handlers import answer
from central_sync.store.database import Database
from central_sync.times import rfc3339
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import TEXT_CHARS_MAX
from edge_core.orders.document import Identifier
from edge_core.policy.documents import Scope, Signal
from edge_core.shapes import json_reader
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.requests import require_json, undecodable


class SignalAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that somebody outside has seen. `until` is RFC 3339 with an offset; `effect` is what follows from it:

    `fallback` turns the orders within the scope to the fallback policies, `stop` says that a carrier, a service or a
    store does not work, `note` changes nothing.
    """

    signal_id: Identifier
    source: Identifier
    scope: Scope
    until: Annotated[datetime, Meta(tz=True)]
    severity: Literal["notice", "warning", "severe"] = "warning"
    effect: Literal["fallback", "stop", "note"] = "fallback"
    text: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] = ""


class SignalShown(Struct, frozen=True):
    """A signal that is not over."""

    signal_id: str
    source: str
    scope: str
    from_: str = msgspec.field(name="from")
    until: str
    severity: str
    effect: str
    text: str


class SignalList(Struct, frozen=True):
    """The signals that are not over, the one that ends first at the top."""

    signals: tuple[SignalShown, ...]


class Signals:
    """The endpoints under /v1/signals."""

    def __init__(self, database: Database, access: Access, now: Callable[[], datetime]) -> None:
        self._database = database
        self._access = access
        self._now = now

    async def list(self, _: Request) -> Response:
        """GET /v1/signals."""
        async with self._database.reading() as connection:
            found = await signals.current(connection, self._now())
        ordered = sorted(found.values(), key=lambda signal: (signal.until_ms, signal.signal_id))
        return answer(SignalList(tuple(map(signal_shown, ordered))))

    async def post(self, request: Request) -> Response:
        """POST /v1/signals."""
        who = self._access.who(request, "operate")
        require_json(request.headers.get("content-type", "").encode("latin-1"))
        try:
            asked = _READ(await read_body(request.scope, request.receive))
        except UNREADABLE as error:
            raise ProblemRaised(undecodable(error)) from error
        signal = signal_in(asked, self._now())
        async with self._database.transaction() as connection:
            _raise(await signals.tell(connection, signal, who=who, now=self._now()))
        return answer(signal_shown(signal), 201)

    async def end(self, request: Request) -> Response:
        """DELETE /v1/signals/{signal_id}."""
        who = self._access.who(request, "operate")
        async with self._database.transaction() as connection:
            _raise(await signals.end(connection, request.path_params["signal_id"], who=who, now=self._now()))
        return Response(status_code=204)


_READ: Final = json_reader(SignalAsked)


def signal_in(asked: SignalAsked, now: datetime) -> Signal:
    """A signal as stores are told it, from now on."""
    return Signal(
        asked.signal_id,
        asked.source,
        asked.scope,
        int(asked.until.timestamp() * 1000),
        asked.severity,
        asked.effect,
        asked.text,
        int(now.timestamp() * 1000),
    )


def signal_shown(signal: Signal) -> SignalShown:
    """A signal as the API shows it."""
    return SignalShown(
        signal_id=signal.signal_id,
        source=signal.source,
        scope=signal.scope,
        from_=_rfc3339(signal.from_ms),
        until=_rfc3339(signal.until_ms),
        severity=signal.severity,
        effect=signal.effect,
        text=signal.text,
    )


def _rfc3339(at_ms: int) -> str:
    return rfc3339(datetime.fromtimestamp(at_ms / 1000, UTC))


def _raise(refused: Rejected | None) -> None:
    """A refusal leaves the transaction by the exception, so that nothing of it stays."""
    if refused is not None:
        raise ProblemRaised(refused)

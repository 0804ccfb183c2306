"""Orders as channels send them: webhooks that are signed, and programs with a token (docs/channels.md).

A shop switches a webhook off that is answered with errors, and with it all the orders after a wrong one. So what a shop
signed is answered `200` also where an order is refused; the refusal is kept, and stands at `GET /v1/channels/refused`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import structlog
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync.api.access import Access
from central_sync.api.assignments import CentralReceipt, receipt
from central_sync.api.handlers import answer, parse_limit, parse_query
from central_sync.channels import Channel, is_ping
from central_sync.ordering import Placed, place
from central_sync.store import refusals
from central_sync.store.database import Database
from central_sync.telemetry import Telemetry
from central_sync.times import rfc3339
from edge_core.channels.adapt import Adapted, Refused, adapt, pointed
from edge_core.errors import Rejected, code
from edge_core.limits import CHANNEL_ORDERS_SENT_MAX, CHANNEL_SENT_BYTES_MAX
from holdfast_runtime.http_server import read_body
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.requests import trace_of

_LOG: Final = structlog.get_logger("channels")


class RefusedByChannel(Struct, frozen=True):
    """An order of a channel that was not taken: `key` is its name there, where that much could be read.

    `pointer` leads to the field of what the channel sent; to the place in the order where no field was read for it.
    """

    key: str | None
    type: str
    detail: str
    pointer: str | None


class ChannelOrders(Struct, frozen=True):
    """What became of the orders that a channel sent."""

    taken: tuple[CentralReceipt, ...]
    refused: tuple[RefusedByChannel, ...]


class KeptRefusal(Struct, frozen=True):
    """An order that a shop sent by itself and that was not taken, how often, and when last."""

    channel: str
    key: str | None
    type: str
    detail: str
    pointer: str | None
    times: int
    refused_at: str


class RefusalPage(Struct, frozen=True):
    """Orders of shops that were refused and have not been taken since, the newest first."""

    refused: tuple[KeptRefusal, ...]


class _Sent(NamedTuple):
    """What somebody sent: the values that the mapping is given, and whether the shop itself signed it."""

    channel: Channel
    body: bytes
    given: Mapping[str, str]
    is_signed: bool


class _Outcome(NamedTuple):
    taken: list[Placed]
    refused: list[tuple[str | None, Rejected]]


class ChannelDesk:
    """The endpoints under /v1/channels."""

    def __init__(
        self,
        database: Database,
        access: Access,
        channels: Mapping[str, Channel],
        now_ms: Callable[[], int],
        telemetry: Telemetry,
    ) -> None:
        self._database = database
        self._access = access
        self._channels = channels
        self._now_ms = now_ms
        self._telemetry = telemetry

    async def place(self, request: Request) -> Response:
        """POST /v1/channels/{channel}/orders: the order's name at the channel is its key."""
        sent = await self._read(request)
        if sent is None:
            return Response(status_code=200)
        outcomes = await asyncio.to_thread(adapt, sent.channel.mapping, sent.body, sent.given)
        if len(outcomes) > CHANNEL_ORDERS_SENT_MAX:
            raise ProblemRaised(Rejected("body-too-large", f"at most {CHANNEL_ORDERS_SENT_MAX} orders at once"))
        found = await self._take(sent, outcomes, trace_of(_latin(request.headers.get("traceparent"))))
        if sent.is_signed:
            await self._note(sent.channel.name, found)
        elif not found.taken and len(found.refused) == 1:
            raise ProblemRaised(found.refused[0][1])
        shown = tuple(RefusedByChannel(k, r.code.type_uri, r.detail, r.pointer) for k, r in found.refused)
        return answer(ChannelOrders(tuple(map(receipt, found.taken)), shown), 200 if found.refused else 201)

    async def refused(self, request: Request) -> Response:
        """GET /v1/channels/refused."""
        limit, channel = parse_limit(request), parse_query(request, "channel")
        async with self._database.reading() as connection:
            rows = await refusals.page(connection, channel, limit)
        return answer(
            RefusalPage(
                tuple(
                    KeptRefusal(
                        row.channel,
                        row.key or None,
                        code(row.slug).type_uri,
                        row.detail,
                        row.pointer,
                        row.times,
                        rfc3339(row.refused_at),
                    )
                    for row in rows
                )
            )
        )

    async def _read(self, request: Request) -> _Sent | None:
        """What was sent by whom; None for a shop that only asks whether somebody is here. Raises `ProblemRaised`."""
        name = request.path_params["channel"]
        channel = self._channels.get(name)
        is_unsigned = channel is None or channel.secret is None or "authorization" in request.headers
        if is_unsigned:
            self._access.who(request, "order")
        if channel is None:
            raise ProblemRaised(Rejected("channel-not-found", f"there is no channel {name[:64]!r} here"))
        given = dict(channel.given) if not is_unsigned else _given(channel, request)
        body = await read_body(request.scope, request.receive, bytes_max=CHANNEL_SENT_BYTES_MAX)
        if not is_unsigned:
            header = channel.mapping.signature or ""
            if header not in request.headers and is_ping(body):
                return None
            if not channel.is_signed(body, request.headers.get(header)):
                detail = f"{header} is not the signature of this body with the secret that is kept for {name}"
                raise ProblemRaised(Rejected("signature-wrong", detail))
        return _Sent(channel, body, given, not is_unsigned)

    async def _take(self, sent: _Sent, outcomes: Sequence[Adapted | Refused], trace: str | None) -> _Outcome:
        """Each order in a transaction of its own, so that one that is refused holds up no other."""
        found = _Outcome([], [])
        for outcome in outcomes:
            placed: Placed | Rejected
            if isinstance(outcome, Refused):
                placed = outcome.rejected
            else:
                async with self._database.transaction() as connection:
                    placed = await place(
                        connection, outcome.order, outcome.key, now_ms=self._now_ms(), traceparent=trace
                    )
            if isinstance(placed, Rejected):
                refused = pointed(sent.channel.mapping, outcome, placed, sent.given)
                found.refused.append((outcome.key, refused))
                self._count("refused")
            else:
                found.taken.append(placed)
                self._count("repeated" if placed.is_repeated else "taken")
        return found

    async def _note(self, channel: str, found: _Outcome) -> None:
        """Keep what was refused, where people look, and forget what has been taken since."""
        async with self._database.transaction() as connection:
            await refusals.settle(connection, channel, [placed.order.key for placed in found.taken])
            for key, rejected in found.refused:
                await refusals.note(
                    connection,
                    channel,
                    key or "",
                    slug=rejected.slug,
                    detail=rejected.detail,
                    pointer=rejected.pointer,
                )
        for key, rejected in found.refused:
            _LOG.warning("channels.refused", channel=channel, key=key, slug=rejected.slug, pointer=rejected.pointer)

    def _count(self, outcome: str) -> None:
        self._telemetry.channel_orders.labels(outcome).inc()


def _given(channel: Channel, request: Request) -> dict[str, str]:
    """The values of the file, and of the query for what the file leaves open. Raises `ProblemRaised`."""
    given = dict(channel.given)
    for name in channel.mapping.given:
        value = parse_query(request, name)
        if name not in given and value is not None:
            given[name] = value
    missing = [name for name in channel.mapping.given if name not in given]
    if missing:
        detail = f"the mapping of {channel.name} asks for the query parameters {', '.join(missing)}"
        raise ProblemRaised(Rejected("invalid-parameter", detail, missing[0]))
    return given


def _latin(value: str | None) -> bytes | None:
    return None if value is None else value.encode("latin-1")

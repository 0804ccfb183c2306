"""GET /v1/events: what happens, as it happens, as server-sent events that a viewer can resume."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from central_sync.api.live import LiveFeed
from central_sync.api.rendering import parse_event_id
from edge_core.errors import Rejected, TransientFault
from edge_core.limits import SSE_PING_INTERVAL_MS, SSE_RETRY_MS
from holdfast_runtime.problems import ProblemRaised

_log = structlog.get_logger("live")
_HELLO: Final = f": holdfast\nretry: {SSE_RETRY_MS}\n\n".encode()
_PING: Final = b": ping\n\n"


class Events:
    """The endpoint of the live feed."""

    def __init__(self, feed: LiveFeed) -> None:
        self._feed = feed

    async def events(self, request: Request) -> Response:
        """Stream from now on, or from after the event that `Last-Event-ID` (or `?last_event_id=`) names."""
        if self._feed.is_full:
            raise ProblemRaised(Rejected("busy", "as many live pages are open as this process serves"))
        text = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        seen = parse_event_id(text) if text else None
        if text and seen is None:
            raise ProblemRaised(Rejected("invalid-parameter", "Last-Event-ID: expected the id of an event"))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        body = _with_pings(self._feed.watch(seen))
        return StreamingResponse(body, media_type="text/event-stream", headers=headers)


async def _with_pings(pieces: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """The stream with a comment in each quiet interval, and a first piece at once: the page sees that it is open."""
    yield _HELLO
    following: asyncio.Future[bytes] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(_next(pieces))
            done, _ = await asyncio.wait({following}, timeout=SSE_PING_INTERVAL_MS / 1000)
            if not done:
                yield _PING
                continue
            piece, following = following.result(), None
            yield piece
    except StopAsyncIteration:
        return
    except TransientFault as fault:
        _log.warning("live.viewer_interrupted", error=str(fault))  # it reconnects by itself
    finally:
        if following is not None:
            following.cancel()
            await asyncio.wait({following})
        await pieces.aclose()


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    return await anext(pieces)

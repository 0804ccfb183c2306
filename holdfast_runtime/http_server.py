"""The HTTP server of both shells: uvicorn on uvloop and httptools, started and stopped by us, bounded on every side."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import BODY_BYTES_MAX, BODY_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS, SHUTDOWN_TIMEOUT_MS
from holdfast_runtime.config import ConfigError
from holdfast_runtime.http_protocol import EXTEND, WHOLE, GuardedProtocol
from holdfast_runtime.problems import INTERNAL_ERROR, ProblemRaised, problem_body, problem_headers

T = TypeVar("T")

_DATE_INTERVAL_S: Final = 1  # uvicorn renews its `date` header when it is ticked
_BACKLOG: Final = 1024

_log = structlog.get_logger("http")


class ClientGone(Exception):  # noqa: N818 - it names what happened
    """The client closed the connection before its body was complete: there is nobody to answer."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(
    app: ASGIApp, host: str, port: int, *, stop: asyncio.Event, on_listening: Callable[[int], None] = lambda _: None
) -> None:
    """Serve until `stop` is set; then accept no more, finish what is being answered, and return.

    `on_listening` is called with the bound port (`port` may be 0). No signal handler is touched and no lifespan is run.
    Ends within `SHUTDOWN_TIMEOUT_MS` of the stop. Raises `ConfigError` when the address cannot be bound, and
    `InvariantViolated` again when a request ran into one: the server stops for it as for `stop`.
    """
    guard = _DefectGuard(app)
    server = uvicorn.Server(_config(guard))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    listener = _bound(host, port)
    await server.startup(sockets=[listener])
    try:
        on_listening(listener.getsockname()[1])
        while not (stop.is_set() or guard.found.done()):
            await server.on_tick(0)
            await _first_of(stop, guard.found)
    finally:
        await server.shutdown(sockets=[listener])
    if guard.found.done():
        raise guard.found.result()


async def read_body(
    scope: Scope, receive: Receive, *, bytes_max: int = BODY_BYTES_MAX, timeout_ms: int = BODY_TIMEOUT_MS
) -> bytes:
    """The whole body of a request.

    Raises `ProblemRaised` with `body-too-large` (at once when Content-Length says so) or `request-timeout`, and
    `ClientGone`.
    """
    if WHOLE in scope:
        return await _collect(receive, bytes_max)
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > bytes_max:  # the parser let only digits pass
            raise _too_large(bytes_max)
    if timeout_ms > BODY_TIMEOUT_MS:
        scope[EXTEND](timeout_ms)
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await _collect(receive, bytes_max)
    except TimeoutError:
        raise ProblemRaised(Rejected("request-timeout", f"the body took longer than {timeout_ms} ms")) from None


async def _collect(receive: Receive, bytes_max: int) -> bytes:
    body = b""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body = message.get("body", b"")
        size += len(body)
        if size > bytes_max:
            raise _too_large(bytes_max)
        if not message.get("more_body", False):
            return b"".join([*pieces, body]) if pieces else body
        pieces.append(body)


def _too_large(bytes_max: int) -> ProblemRaised:
    return ProblemRaised(Rejected("body-too-large", f"at most {bytes_max} bytes"))


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_TIMEOUT_MS // 1000,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_MS // 1000,
    )


def _bound(host: str, port: int) -> socket.socket:
    """A listening address of our own making, because uvicorn ends the process when it cannot bind."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError("api.host", f"address {host}:{port}", f"expected a usable address, found: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigError("api.port", f"address {host}:{port}", f"expected a free address, found: {error}") from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listener


async def _first_of(stop: asyncio.Event, found: asyncio.Future[InvariantViolated]) -> None:
    stopping = asyncio.ensure_future(stop.wait())
    either: list[asyncio.Future[Any]] = [stopping, found]
    try:
        await asyncio.wait(either, timeout=_DATE_INTERVAL_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()


class _DefectGuard:
    """The outermost ASGI layer: uvicorn would log a bug and go on; here it is answered, kept and raised by `serve`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.found: asyncio.Future[InvariantViolated] = asyncio.get_running_loop().create_future()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientGone:
            return
        except ProblemRaised as error:
            await _send_problem(error.rejected, scope, send)
        except InvariantViolated as error:
            if not self.found.done():
                self.found.set_result(error)
            if not started:
                await _send_problem(INTERNAL_ERROR, scope, send)
        except Exception:  # noqa: BLE001 - the outermost layer of a request: one that fails must not end the others
            _log.exception("request_failed", method=scope.get("method"), path=scope.get("path"))
            if not started:
                await _send_problem(INTERNAL_ERROR, scope, send)


async def _send_problem(rejected: Rejected, scope: Scope, send: Send) -> None:
    body = problem_body(rejected, instance=scope.get("path"))
    headers = {**problem_headers(rejected.code.status), "content-length": str(len(body))}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": rejected.code.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})

"""The routes of the centre, and who may use them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from central_sync.api.documents import Health
from central_sync.api.enrolments import Enrolments
from central_sync.api.events import Events
from central_sync.api.handlers import Handlers, answer
from edge_core.errors import Rejected, TransientFault
from holdfast_runtime.problems import EXCEPTION_HANDLERS, problem_response
from holdfast_runtime.tokens import TokenCheck

Endpoint = Callable[[Request], Awaitable[Response]]
Readiness = Callable[[], Awaitable[tuple[str, ...]]]
"""What the process still waits for before it takes work; empty when it does."""

# Without tokens only this machine may ask. A page of elsewhere, to which a browser on this machine was led by a name
# that resolves to the loopback ("DNS rebinding"), is not this machine: it gives itself away by the name.
_LOOPBACK_NAMES: Final = ["localhost", "127.0.0.1", "[::1]"]


def application(
    *,
    handlers: Handlers,
    events: Events,
    enrolments: Enrolments,
    readiness: Readiness,
    tokens: TokenCheck | None,
    extra: Sequence[BaseRoute],
) -> Starlette:
    """The ASGI application. `extra` are routes that need no token: metrics, contract, page."""

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def check(request: Request) -> Response:
            if tokens is not None:
                header = request.headers.get("authorization")
                tokens.authorize(None if header is None else header.encode("latin-1"), "read")
            return await endpoint(request)

        return check

    async def healthz(_: Request) -> Response:
        return answer(Health("ok"))

    async def readyz(_: Request) -> Response:
        waiting_for = await readiness()
        return answer(Health("waiting", waiting_for), 503) if waiting_for else answer(Health("ready"))

    routes = [
        Route("/v1/nodes", guarded(handlers.nodes)),
        Route("/v1/nodes/{node_id}", guarded(handlers.node)),
        Route("/v1/orders", guarded(handlers.orders)),
        Route("/v1/orders/{order_id}", guarded(handlers.order)),
        Route("/v1/stock", guarded(handlers.stock)),
        Route("/v1/parked", guarded(handlers.parked)),
        Route("/v1/events", guarded(events.events)),
        Route("/v1/enrolments", enrolments.enrol, methods=["POST"]),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        *extra,
    ]
    names = Middleware(TrustedHostMiddleware, allowed_hosts=_LOOPBACK_NAMES, www_redirect=False)
    return Starlette(
        routes=routes,
        middleware=[] if tokens is not None else [names],
        exception_handlers={**EXCEPTION_HANDLERS, TransientFault: _on_database_away},
    )


async def _on_database_away(request: Request, error: Exception) -> Response:
    rejected = Rejected("database-unavailable", str(error))
    return problem_response(rejected, instance=request.url.path)

"""The addresses of the agent. Placing an order is looked at first; everything else is Starlette's to find."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.api.commands import Commands
from edge_agent.api.queries import Queries
from holdfast_runtime.problems import EXCEPTION_HANDLERS

_ORDERS: Final = "/v1/orders"


class _Plain:
    """A plain ASGI callable as an object, which is how Starlette tells it from a function of a request."""

    def __init__(self, call: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._call(scope, receive, send)


def agent_app(commands: Commands, queries: Queries, extra: Sequence[BaseRoute]) -> ASGIApp:
    """The whole API as one ASGI application; `extra` are the documentation and the metrics."""
    rest = Starlette(
        routes=[
            Route(_ORDERS, queries.list_orders, methods=["GET"]),
            Route(_ORDERS, _Plain(commands.place_order), methods=["POST"]),
            Route("/v1/orders/{order_id}", queries.get_order, methods=["GET"]),
            Route("/v1/orders/{order_id}/routing", queries.get_routing, methods=["GET"]),
            Route("/v1/orders/{order_id}/{command}", _Plain(commands.command_order), methods=["POST"]),
            Route("/v1/returns", _Plain(commands.take_back), methods=["POST"]),
            Route("/v1/stock/movements", _Plain(commands.move_stock), methods=["POST"]),
            Route("/v1/stock/counts", _Plain(commands.count_stock), methods=["POST"]),
            Route("/v1/stock/rights/grants", _Plain(commands.share_rights), methods=["POST"]),
            Route("/v1/stock/rights/uses", _Plain(commands.share_rights), methods=["POST"]),
            Route("/v1/stock/rights/moves", _Plain(commands.share_rights), methods=["POST"]),
            Route("/v1/stock/rights/returns", _Plain(commands.share_rights), methods=["POST"]),
            Route("/v1/stock/rights/{owner_id}/{sku:path}", queries.get_rights, methods=["GET"]),
            Route("/v1/stock/quotas", _Plain(commands.set_quota), methods=["POST"]),
            Route("/v1/stock/quotas/{sku:path}", queries.get_quota, methods=["GET"]),
            Route("/v1/stock/reservations", _Plain(commands.hold_stock), methods=["POST"]),
            Route("/v1/stock/reservations/{reservation_id}", queries.get_reservation, methods=["GET"]),
            Route("/v1/stock/reservations/{reservation_id}/order", _Plain(commands.order_hold), methods=["POST"]),
            Route("/v1/stock/reservations/{reservation_id}/extend", _Plain(commands.extend_hold), methods=["POST"]),
            Route("/v1/stock/reservations/{reservation_id}/release", _Plain(commands.release_hold), methods=["POST"]),
            Route("/v1/stock/{sku:path}", queries.get_stock, methods=["GET"]),
            Route("/v1/days/{business_date}", queries.get_day, methods=["GET"]),
            Route("/v1/days/{business_date}/close", _Plain(commands.close_day), methods=["POST"]),
            Route("/v1/status", queries.get_status, methods=["GET"]),
            Route("/healthz", queries.healthz, methods=["GET"]),
            Route("/readyz", queries.readyz, methods=["GET"]),
            *extra,
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    rest.router.redirect_slashes = False  # an address is right or wrong; a redirect would name the client's own Host

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == _ORDERS and scope["method"] == "POST":
            await commands.place_order(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return app

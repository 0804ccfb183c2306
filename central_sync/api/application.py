"""The routes of the centre, and who may use them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from central_sync.api.access import Access
from central_sync.api.assignments import Assignments
from central_sync.api.channels import ChannelDesk
from central_sync.api.commands import Commands
from central_sync.api.documents import Health
from central_sync.api.enrolments import Enrolments
from central_sync.api.events import Events
from central_sync.api.handlers import Handlers, answer
from central_sync.api.holds import Holds
from central_sync.api.policies import PolicyFiles
from central_sync.api.reference import ReferenceFiles
from central_sync.api.rights import RightsDesk
from central_sync.api.rules import RuleDesk
from central_sync.api.settling import Settling
from central_sync.api.signals import Signals
from edge_core.errors import Rejected, TransientFault
from holdfast_runtime.problems import EXCEPTION_HANDLERS, problem_response
from holdfast_runtime.tokens import Scope

Endpoint = Callable[[Request], Awaitable[Response]]
Readiness = Callable[[], Awaitable[tuple[str, ...]]]
"""What the process still waits for before it takes work; empty when it does."""


class Guard(Protocol):
    """What puts a scope before an endpoint."""

    def __call__(self, endpoint: Endpoint, scope: Scope = "read") -> Endpoint:
        """The endpoint, for those who have the scope."""
        ...


# Without tokens only this machine may ask. A page of elsewhere, to which a browser on this machine was led by a name
# that resolves to the loopback ("DNS rebinding"), is not this machine: it gives itself away by the name.
_LOOPBACK_NAMES: Final = ["localhost", "127.0.0.1", "[::1]"]


def application(  # noqa: PLR0913 - the composition root gives each part by its name
    *,
    handlers: Handlers,
    commands: Commands,
    assignments: Assignments,
    channels: ChannelDesk,
    rights: RightsDesk,
    holds: Holds,
    settling: Settling,
    events: Events,
    enrolments: Enrolments,
    reference: ReferenceFiles,
    policies: PolicyFiles,
    signals: Signals,
    rules: RuleDesk,
    readiness: Readiness,
    access: Access,
    is_open: bool,
    extra: Sequence[BaseRoute],
) -> Starlette:
    """The ASGI application. `is_open` where no token is needed; `extra` are routes that never need one."""

    guarded = _guard(access)
    routes = [
        Route("/v1/nodes", guarded(handlers.nodes)),
        Route("/v1/nodes/{node_id}", guarded(handlers.node)),
        Route("/v1/nodes/{node_id}/rights", guarded(rights.ask, "stock"), methods=["POST"]),
        Route("/v1/nodes/{node_id}/rights/settlements", guarded(rights.settle, "operate"), methods=["POST"]),
        Route("/v1/rights", guarded(rights.page)),
        Route("/v1/rights/moves", guarded(rights.moves)),
        Route("/v1/nodes/{node_id}/quotas", guarded(commands.set_quota, "stock"), methods=["POST"]),
        Route("/v1/orders", guarded(handlers.orders)),
        Route("/v1/orders", guarded(assignments.place_order, "order"), methods=["POST"]),
        Route("/v1/channels/refused", guarded(channels.refused)),
        Route("/v1/channels/{channel}/orders", channels.place, methods=["POST"]),
        Route("/v1/assignments", guarded(assignments.assignments)),
        Route("/v1/assignments/{order_id}", guarded(assignments.assignment)),
        Route("/v1/assignments/{order_id}/assign", guarded(assignments.assign, "operate"), methods=["POST"]),
        Route("/v1/assignments/{order_id}/cancel", guarded(assignments.cancel, "order"), methods=["POST"]),
        Route("/v1/orders/{order_id}", guarded(handlers.order)),
        Route("/v1/orders/{order_id}/routing", guarded(handlers.routing)),
        Route("/v1/orders/{order_id}/cancel", guarded(commands.cancel_order, "order"), methods=["POST"]),
        Route("/v1/orders/{order_id}/hold", guarded(commands.hold_order, "order"), methods=["POST"]),
        Route("/v1/orders/{order_id}/approve", guarded(commands.approve_order, "approve"), methods=["POST"]),
        Route("/v1/orders/{order_id}/refuse", guarded(commands.refuse_order, "approve"), methods=["POST"]),
        Route("/v1/holds", guarded(holds.page)),
        Route("/v1/proposals", guarded(handlers.proposals)),
        Route("/v1/instructions", guarded(commands.instructions)),
        Route("/v1/instructions/{instruction_id}", guarded(commands.instruction)),
        Route("/v1/stock", guarded(handlers.stock)),
        Route("/v1/days", guarded(handlers.days)),
        *_parked(handlers, settling, guarded),
        Route("/v1/session", access.begin, methods=["POST"]),
        Route("/v1/session", access.end, methods=["DELETE"]),
        Route("/v1/events", guarded(events.events)),
        Route("/v1/enrolments", enrolments.enrol, methods=["POST"]),
        *_reference(reference, guarded),
        *_policies(policies, signals, guarded),
        *_rules(rules, guarded),
        *_probes(readiness),
        *extra,
    ]
    names = Middleware(TrustedHostMiddleware, allowed_hosts=_LOOPBACK_NAMES, www_redirect=False)
    return Starlette(
        routes=routes,
        middleware=[names] if is_open else [],
        exception_handlers={**EXCEPTION_HANDLERS, TransientFault: _on_database_away},
    )


def _guard(access: Access) -> Guard:
    """Endpoints that only those with a scope may reach."""

    def guarded(endpoint: Endpoint, scope: Scope = "read") -> Endpoint:
        async def check(request: Request) -> Response:
            access.who(request, scope)
            return await endpoint(request)

        return check

    return guarded


def _parked(handlers: Handlers, settling: Settling, guarded: Guard) -> list[Route]:
    """What could not be taken, and what people do about it."""
    return [
        Route("/v1/parked", guarded(handlers.parked)),
        Route("/v1/parked/{parked_id}", guarded(settling.show)),
        Route("/v1/parked/{parked_id}/replay", settling.replay, methods=["POST"]),
        Route("/v1/parked/{parked_id}/discard", settling.discard, methods=["POST"]),
    ]


def _policies(policies: PolicyFiles, signals: Signals, guarded: Guard) -> list[Route]:
    """What routing goes by. What changes something looks at the scope itself: it keeps the name of who did."""
    one = "/v1/policies/{policy_id}/{revision}"
    return [
        Route("/v1/policies", guarded(policies.list)),
        Route("/v1/policies", policies.draft, methods=["POST"]),
        Route("/v1/policies/audit", guarded(policies.audit)),
        Route("/v1/policies/plan", policies.arrange, methods=["PUT"]),
        Route(one, guarded(policies.one)),
        Route(f"{one}/try", policies.try_on_orders, methods=["POST"]),
        Route(f"{one}/compare", policies.compare, methods=["POST"]),
        Route(f"{one}/rollback", policies.roll_back, methods=["POST"]),
        Route(f"{one}/stop", policies.step("stop"), methods=["POST"]),
        Route(f"{one}/promote", policies.step("promote"), methods=["POST"]),
        Route(f"{one}/discard", policies.step("discard"), methods=["POST"]),
        Route("/v1/signals", guarded(signals.list)),
        Route("/v1/signals", signals.post, methods=["POST"]),
        Route("/v1/signals/{signal_id}", signals.end, methods=["DELETE"]),
    ]


def _reference(reference: ReferenceFiles, guarded: Guard) -> list[Route]:
    """What is published for the stores. Publishing looks at the scope itself: it keeps the name of who did."""
    return [
        Route("/v1/reference", guarded(reference.list)),
        Route("/v1/reference/groups", guarded(reference.groups)),
        Route("/v1/reference/groups/{group}", reference.set_group, methods=["PUT"]),
        Route("/v1/reference/{dataset}", reference.publish, methods=["PUT"]),
        Route("/v1/reference/{dataset}", reference.withdraw, methods=["DELETE"]),
        Route("/v1/reference/{dataset}/{version}", guarded(reference.file)),
    ]


def _rules(rules: RuleDesk, guarded: Guard) -> list[Route]:
    """Rules in plain words; accepting them keeps the name of who did."""
    return [
        Route("/v1/rules/say", guarded(rules.say), methods=["POST"]),
        Route("/v1/rules/tell", guarded(rules.tell), methods=["POST"]),
        Route("/v1/rules/accept", rules.accept, methods=["POST"]),
    ]


def _probes(readiness: Readiness) -> list[Route]:
    """What a supervisor asks: whether the process lives, and whether it takes work."""

    async def healthz(_: Request) -> Response:
        return answer(Health("ok"))

    async def readyz(_: Request) -> Response:
        waiting_for = await readiness()
        return answer(Health("waiting", waiting_for), 503) if waiting_for else answer(Health("ready"))

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def _on_database_away(request: Request, error: Exception) -> Response:
    rejected = Rejected("database-unavailable", str(error))
    return problem_response(rejected, instance=request.url.path)

"""Policies over HTTP: draft, compare, promote, take back, and look at what came of them (docs/policies.md)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from central_sync import policy_trial
from central_sync.api.access import Access
from central_sync.api.handlers import answer, parse_limit, parse_number, parse_query, read_json
from central_sync.api.policy_documents import (
    REVISION_MAX,
    ArrangeRequest,
    CompareRequest,
    ComparisonShown,
    PolicyAudit,
    PolicyDetail,
    PolicyDraft,
    PolicyList,
    PolicyMoved,
    RollBackRequest,
    TryRequest,
    action_shown,
    linted_shown,
    plan_shown,
    policy_in,
    revision_named,
    revision_shown,
    running_in,
)
from central_sync.policy_desk import PolicyDesk
from central_sync.policy_watch import figures_of
from central_sync.store import policies
from central_sync.store.database import Connection, Database
from edge_core.errors import Rejected
from edge_core.limits import PAGE_ROWS_MAX
from edge_core.policy.figures import compare
from edge_core.policy.life import Plan, Revision, Running
from edge_core.shapes import json_reader
from holdfast_runtime.problems import ProblemRaised

_CURSOR_MAX: Final = 2**53
_DRAFTS: Final = json_reader(PolicyDraft)
_TRIES: Final = json_reader(TryRequest)
_COMPARES: Final = json_reader(CompareRequest)
_ROLL_BACKS: Final = json_reader(RollBackRequest)
_ARRANGES: Final = json_reader(ArrangeRequest)

T = TypeVar("T")
Step = Callable[[Connection, Revision, str], Awaitable[str | Rejected]]


class PolicyFiles:
    """The endpoints under /v1/policies. Those that change something keep the name of who did."""

    def __init__(self, database: Database, access: Access, desk: PolicyDesk) -> None:
        self._database = database
        self._access = access
        self._desk = desk
        self._trying = asyncio.Lock()

    async def list(self, _: Request) -> Response:
        """GET /v1/policies."""
        async with self._database.reading() as connection:
            rows = await policies.page(connection, rows_max=PAGE_ROWS_MAX)
            plan = await policies.read_plan(connection)
        return answer(PolicyList(plan_shown(plan), tuple(map(revision_shown, rows))))

    async def one(self, request: Request) -> Response:
        """GET /v1/policies/{policy_id}/{revision}."""
        async with self._database.reading() as connection:
            return answer(await detail_of(connection, _revision(request)))

    async def audit(self, request: Request) -> Response:
        """GET /v1/policies/audit."""
        limit = parse_limit(request)
        text = parse_query(request, "cursor")
        before = None if text is None else parse_number(text, "cursor", 1, _CURSOR_MAX)
        async with self._database.reading() as connection:
            rows = await policies.audit(
                connection, policy_id=parse_query(request, "policy"), before=before, rows_max=limit
            )
        cursor = str(rows[-1].number) if len(rows) == limit else None
        return answer(PolicyAudit(tuple(map(action_shown, rows)), cursor))

    async def draft(self, request: Request) -> Response:
        """POST /v1/policies: a new revision, linted at once."""
        who = self._access.who(request, "operate")
        asked = await read_json(request, _DRAFTS)
        async with self._database.transaction() as connection:
            linted = _done(await self._desk.draft(connection, policy_in(asked), note=asked.note, who=who))
        return answer(linted_shown(linted), 201)

    async def try_on_orders(self, request: Request) -> Response:
        """POST /v1/policies/{policy_id}/{revision}/try: one at a time, so that the centre does its other work."""
        who, revision = self._access.who(request, "operate"), _revision(request)
        asked = await read_json(request, _TRIES)
        async with self._trying:
            async with self._database.reading() as connection:
                prepared = _done(await policy_trial.prepare(connection, revision, asked.orders))
            trial = await policy_trial.run(prepared)
            async with self._database.transaction() as connection:
                told = msgspec.json.encode(trial).decode()
                _done(await self._desk.tried(connection, revision, told, who))
        return answer(trial)

    async def compare(self, request: Request) -> Response:
        """POST /v1/policies/{policy_id}/{revision}/compare."""
        who, revision = self._access.who(request, "operate"), _revision(request)
        running = running_in(revision, await read_json(request, _COMPARES))
        async with self._database.transaction() as connection:
            return _moved(revision, await self._desk.compare(connection, running, who))

    async def roll_back(self, request: Request) -> Response:
        """POST /v1/policies/{policy_id}/{revision}/rollback."""
        who, revision = self._access.who(request, "operate"), _revision(request)
        asked = await read_json(request, _ROLL_BACKS)
        async with self._database.transaction() as connection:
            return _moved(revision, await self._desk.roll_back(connection, revision, who=who, why=asked.reason))

    def step(self, name: Literal["stop", "promote", "discard"]) -> Callable[[Request], Awaitable[Response]]:
        """POST /v1/policies/{policy_id}/{revision}/{name}: what needs no body."""
        steps: dict[str, Step] = {
            "stop": self._desk.stop,
            "promote": self._desk.promote,
            "discard": self._desk.discard,
        }

        async def take(request: Request) -> Response:
            who, revision = self._access.who(request, "operate"), _revision(request)
            async with self._database.transaction() as connection:
                return _moved(revision, await steps[name](connection, revision, who))

        return take

    async def arrange(self, request: Request) -> Response:
        """PUT /v1/policies/plan."""
        who = self._access.who(request, "operate")
        asked = await read_json(request, _ARRANGES)
        layers, fallback = (tuple(map(revision_named, some)) for some in (asked.layers, asked.fallback))
        async with self._database.transaction() as connection:
            plan = _done(await self._desk.arrange(connection, layers, fallback, who))
        return answer(plan_shown(plan))


async def detail_of(connection: Connection, revision: Revision) -> PolicyDetail:
    """Everything about one revision. Raises `ProblemRaised` where there is none."""
    row = await policies.one(connection, revision)
    if row is None:
        raise ProblemRaised(Rejected("policy-not-found", f"there is no {revision.name}"))
    plan = await policies.read_plan(connection)
    running = plan.running_of(revision)
    comparison = None if running is None else await comparison_of(connection, plan, running)
    graph = msgspec.json.decode(row.policy.graph, type=dict[str, Any])
    trial = None if row.trial is None else msgspec.json.decode(row.trial)
    return PolicyDetail(revision_shown(row), graph, trial, comparison)


async def comparison_of(connection: Connection, plan: Plan, running: Running) -> ComparisonShown:
    """How a revision compares, as of now."""
    _, control, treated = await figures_of(connection, running)
    return ComparisonShown(
        name=running.revision.name,
        mode=running.mode,
        percent=running.percent,
        regions=running.regions,
        stores=running.stores,
        layers=tuple(each.name for each in plan.layers_of(running)),
        guards=running.guards,
        since_ms=running.since_ms,
        orders_control=control.orders,
        orders_treated=treated.orders,
        figures=compare(control, treated),
    )


def _revision(request: Request) -> Revision:
    number = parse_number(request.path_params["revision"], "revision", 1, REVISION_MAX)
    policy_id = request.path_params["policy_id"]
    if "\x00" in policy_id:  # no column can be asked for it
        raise ProblemRaised(Rejected("policy-not-found", "no policy has a zero character in its id"))
    return Revision(policy_id, number)


def _done(done: T | Rejected) -> T:
    """What was done. A refusal leaves the transaction by the exception, so that nothing of it stays."""
    if isinstance(done, Rejected):
        raise ProblemRaised(done)
    return done


def _moved(revision: Revision, done: str | Rejected) -> Response:
    return answer(PolicyMoved(revision.name, _done(done)))

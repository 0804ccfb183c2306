"""A revision tried on what was routed last (docs/policies.md): the difference that it would have made."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from central_sync import times
from central_sync.policy_watch import loaded_policies, records_in
from central_sync.store import outcomes, policies
from central_sync.store.database import Connection
from central_sync.store.outcomes import Among
from edge_core.errors import Rejected
from edge_core.limits import POLICY_FINDINGS_MAX, POLICY_OUTCOME_DAYS
from edge_core.policy.life import Revision, Running
from edge_core.policy.pricing import Policies
from edge_core.policy.trying import Trial, report_of, try_on
from edge_core.routing.deciding import Decision
from edge_core.routing.question import Question

Progress = Callable[[int, int], None]
"""Hears how many orders are done, and of how many."""


class Prepared(NamedTuple):
    """What a trial needs, so that it holds no connection while it runs."""

    records: Sequence[tuple[Question, Decision]]
    policies: Policies
    layers: tuple[str, ...]


async def prepare(connection: Connection, revision: Revision, orders_max: int) -> Prepared | Rejected:
    """Read the orders that were routed last, and the revision in its place among the layers in use."""
    row = await policies.one(connection, revision)
    if row is None:
        return Rejected("policy-not-found", f"there is no {revision.name}")
    if row.status == "draft":
        return Rejected("policy-not-possible", f"{revision.name} has errors: lint it", state=row.status)
    plan = await policies.read_plan(connection)
    loaded = await loaded_policies(connection, plan, policies.as_released(row))
    if loaded is None:
        return Rejected("policy-invalid", f"{revision.name} cannot be loaded with what is in use")
    since = times.now() - timedelta(days=POLICY_OUTCOME_DAYS)
    found = await outcomes.newest(connection, orders_max, Among(since))
    layers = tuple(each.name for each in plan.layers_of(Running(revision, "shadow", 100)))
    return Prepared([(question, decision) for _, question, decision in records_in(found)], loaded, layers)


async def run(prepared: Prepared, on_progress: Progress = lambda _, __: None) -> Trial:
    """Route the recorded orders anew, some milliseconds each; others get their turn after every one."""
    tried = []
    for each in try_on(prepared.records, prepared.policies, prepared.layers):
        tried.append(each)
        on_progress(len(tried), len(prepared.records))
        await asyncio.sleep(0)
    return report_of(tried, faults_max=POLICY_FINDINGS_MAX)

"""A revision tried on what was routed last (docs/policies.md): the difference that it would have made."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

from central_sync import times
from central_sync.policy_watch import loaded_policies, records_in
from central_sync.store import outcomes, policies
from central_sync.store.database import Connection
from central_sync.store.outcomes import RecordedQuestion
from edge_core.errors import Rejected
from edge_core.limits import POLICY_FINDINGS_MAX, POLICY_OUTCOME_DAYS, POLICY_TRIAL_STEP_ORDERS
from edge_core.policy.life import Revision, Running
from edge_core.policy.trying import Trial, Tried, report_of, try_on
from holdfast_runtime.problems import ProblemRaised


async def recorded(connection: Connection, orders_max: int) -> list[RecordedQuestion]:
    """The orders that were routed last."""
    since = times.now() - timedelta(days=POLICY_OUTCOME_DAYS)
    return await outcomes.newest(connection, orders_max, since=since)


async def try_revision(connection: Connection, revision: Revision, found: Sequence[RecordedQuestion]) -> Trial:
    """Route recorded orders anew with a revision in its place among the layers in use. Raises `ProblemRaised`.

    It shows how far it is where somebody looks: some milliseconds an order.
    """
    row = await policies.one(connection, revision)
    if row is None:
        raise ProblemRaised(Rejected("policy-not-found", f"there is no {revision.name}"))
    if row.status == "draft":
        raise ProblemRaised(Rejected("policy-not-possible", f"{revision.name} has errors: lint it", state=row.status))
    plan = await policies.read_plan(connection)
    loaded = await loaded_policies(connection, plan, policies.as_released(row))
    if loaded is None:
        raise ProblemRaised(Rejected("policy-invalid", f"{revision.name} cannot be loaded with what is in use"))
    layers = tuple(each.name for each in plan.layers_of(Running(revision, "shadow", 100)))
    tried: list[Tried] = []
    records = [(question, decision) for _, question, decision in records_in(found)]
    for each in try_on(records, loaded, layers):
        tried.append(each)
        if len(tried) % POLICY_TRIAL_STEP_ORDERS == 0:
            _show(len(tried), len(records))
            await asyncio.sleep(0)
    _show(len(records), len(records), is_last=True)
    return report_of(tried, faults_max=POLICY_FINDINGS_MAX)


def _show(done: int, of: int, *, is_last: bool = False) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {of} orders{chr(10) if is_last else ''}")
        sys.stderr.flush()

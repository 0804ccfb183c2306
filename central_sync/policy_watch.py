"""Minds policies that are compared: tries those in the shade on what was routed, and takes back what its guards refuse.

    every POLICY_LOOK_INTERVAL_MS: the plan -> orders that a shadow was not tried on yet -> route them as it would
    -> the figures of each comparison -> a guard that is surely exceeded -> roll back, in the audit as `guard`

A shadow is tried here, on the recorded question of every order: the answer is the one that the store would have had,
and the store does no work for it. Any number of processes may do this: outcomes have keys, and a change takes the lock.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from central_sync.policy_desk import PolicyDesk
from central_sync.store import outcomes, policies
from central_sync.store.database import Connection, Database
from central_sync.store.outcomes import Among, RecordedQuestion, ShadowRow
from edge_core.errors import PermanentFault, Rejected, TransientFault
from edge_core.limits import POLICY_LOOK_INTERVAL_MS, POLICY_SHADOWS_PER_LOOK
from edge_core.orders.routing_events import RoutingDecided
from edge_core.policy.choosing import DEFAULT
from edge_core.policy.documents import Policy, Release
from edge_core.policy.faults import PolicyFault
from edge_core.policy.figures import Difference, Group, breached
from edge_core.policy.life import Plan, Running, release_of
from edge_core.policy.pricing import Policies
from edge_core.policy.trying import try_on
from edge_core.routing.deciding import Decision
from edge_core.routing.question import Question
from edge_core.routing.record import Record, decision_in, question_in
from edge_core.sync.entry import decode_entry

_log = structlog.get_logger("policy")


class Compared(NamedTuple):
    """A comparison and the figures of both sides: what is in use first."""

    running: Running
    control: Group
    treated: Group


class PolicyWatch:
    """Each process of the centre has one."""

    def __init__(self, database: Database, desk: PolicyDesk) -> None:
        self._database = database
        self._desk = desk

    async def run(self) -> None:
        """Look for ever. While the database is away it is left for later."""
        while True:
            await asyncio.sleep(POLICY_LOOK_INTERVAL_MS / 1000)
            try:
                await self.look()
            except TransientFault as fault:
                _log.warning("policy.database_unreachable", error=str(fault))

    async def look(self) -> None:
        """See to every comparison once. Raises `TransientFault`."""
        async with self._database.reading() as connection:
            plan = await policies.read_plan(connection)
        for running in plan.running:
            if running.mode == "shadow":
                await self._shade(plan, running)
            await self.guard(running)

    async def _shade(self, plan: Plan, running: Running) -> None:
        """Try a shadow on the next orders that it was not tried on."""
        name = running.revision.name
        async with self._database.reading() as connection:
            # As they were routed is as good from a store that has not heard of the shadow yet.
            among = among_of(running)._replace(release=0)
            found = await outcomes.newest(connection, POLICY_SHADOWS_PER_LOOK, among, without_shadow=name)
            loaded = await loaded_policies(connection, plan) if found else None
        if loaded is None:
            return
        layers = tuple(each.name for each in plan.layers_of(running))
        rows = await _tried(found, loaded, layers, name)
        if not rows:
            return
        async with self._database.transaction() as connection:
            await outcomes.add_shadows(connection, rows)

    async def guard(self, running: Running) -> None:
        """Take a revision back that its guards refuse, if it is still compared so. Raises `TransientFault`."""
        if not running.guards:
            return
        async with self._database.reading() as connection:
            compared = await figures_of(connection, running)
        for guard in running.guards:
            worse = breached(guard, compared.control, compared.treated)
            if worse is not None:
                await self._take_back(running, worse, compared)
                return

    async def _take_back(self, running: Running, worse: Difference, compared: Compared) -> None:
        name, more = running.revision.name, worse.more
        why = (
            f"{worse.figure}: {worse.treated.estimate:g} instead of {worse.control.estimate:g} "
            f"({more.low:+g} to {more.high:+g}), of {compared.treated.orders} and {compared.control.orders} orders"
        )
        refused: str | Rejected = Rejected("policy-not-possible", "it is not compared so any more")
        async with self._database.transaction() as connection:
            if running in (await policies.lock_plan(connection)).running:  # people may have been quicker
                refused = await self._desk.roll_back(connection, running.revision, who="guard", why=why)
        if isinstance(refused, Rejected):
            _log.info("policy.guard_came_late", policy=name, error=refused.detail)
        else:
            _log.warning("policy.guard_spoke", policy=name, why=why)


async def figures_of(connection: Connection, running: Running) -> Compared:
    """The figures of a comparison: of two groups of orders, or of the same ones routed in two ways."""
    name = running.revision.name
    if running.mode == "shadow":
        lit, shade = await outcomes.shadow_groups(connection, name, since_of(running))
        return Compared(running, lit, shade)
    groups = await outcomes.groups(connection, [DEFAULT, name], among_of(running))
    return Compared(running, groups[DEFAULT], groups[name])


async def loaded_policies(connection: Connection, plan: Plan, *others: Policy) -> Policies | None:
    """The policies that a plan names, as stores load them, and others beside; None where they cannot be loaded."""
    documents = list(others)
    for revision in plan.named:
        row = await policies.one(connection, revision)
        if row is not None:
            documents.append(policies.as_released(row))
    release: Release = release_of(plan, number=max(plan.number, 1), made_at_ms=0)
    try:
        return Policies(release, documents)
    except PolicyFault as fault:
        _log.error("policy.not_loaded", error=str(fault))
        return None


def records_in(found: Sequence[RecordedQuestion]) -> list[tuple[RecordedQuestion, Question, Decision]]:
    """The question and the answer of each order that was routed; without those that this software cannot read."""
    read = []
    for each in found:
        for record in _records(each):
            try:
                read.append((each, question_in(record), decision_in(record)))
            except PermanentFault as fault:
                _log.warning("policy.record_unreadable", order_id=str(each.order_id), error=str(fault))
    return read


def _records(found: RecordedQuestion) -> list[Record]:
    """The centre's own record, or that in the entry of a store."""
    if found.record is not None or found.body is None:
        return [] if found.record is None else [found.record]
    decided = [event for event in decode_entry(found.body).events if isinstance(event, RoutingDecided)]
    return [Record(e.version, e.hash, e.question, e.decision) for e in decided if e.hash == found.hash]


def since_of(running: Running) -> datetime:
    """Since when a comparison is on."""
    return datetime.fromtimestamp(running.since_ms / 1000, UTC)


def among_of(running: Running) -> Among:
    """The orders that a comparison is about: both sides of it within its scope, by who has heard of it."""
    return Among(since_of(running), running.since_release, running.stores, running.regions)


async def _tried(
    found: Sequence[RecordedQuestion], loaded: Policies, layers: tuple[str, ...], name: str
) -> list[ShadowRow]:
    """Route each order as the shadow would. Others get their turn in between: one takes some milliseconds."""
    rows: list[ShadowRow] = []
    for row, question, decision in records_in(found):
        (tried,) = try_on([(question, decision)], loaded, layers)
        rows.append(ShadowRow(name, row.order_id, row.hash, row.decided_at, tried.after))
        await asyncio.sleep(0)
    return rows

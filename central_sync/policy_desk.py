"""What people do with policies: draft, lint, compare, promote, take back. Each in one transaction with its release.

Every change takes the lock of the plan, is written to the audit, and is published to the stores with it or not at all.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from central_sync.reference import publish_in
from central_sync.store import policies
from central_sync.store.database import Connection
from central_sync.store.policies import RevisionRow
from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import POLICY_ID_CHARS_MAX
from edge_core.policy import life
from edge_core.policy.bundle import Bundle
from edge_core.policy.documents import RELEASE_KEY, Policy
from edge_core.policy.faults import Finding
from edge_core.policy.life import LIFE, Plan, Revision, Running
from edge_core.policy.signing import signed
from edge_core.reference.datasets import encode_row

_log = structlog.get_logger("policy")

_SEED_BYTES: Final = 32


class Linted(Struct, frozen=True):
    """A revision, where it is in its life, and what the linter says of it."""

    revision: Revision
    status: str
    findings: tuple[Finding, ...]


class PolicyDesk(Struct, frozen=True):
    """For the API, the command line and the guards; every function works in the caller's transaction."""

    now: Callable[[], datetime]
    random_bytes: Callable[[int], bytes] = secrets.token_bytes

    async def draft(self, connection: Connection, policy: Policy, *, note: str, who: str) -> Linted | Rejected:
        """A new revision; the number that `policy` has is not looked at. It is linted at once, and kept even so."""
        if len(policy.policy_id) > POLICY_ID_CHARS_MAX:
            return Rejected("policy-invalid", f"an id has {POLICY_ID_CHARS_MAX} characters at most", "/policy_id")
        await policies.lock_plan(connection)
        number = await policies.newest_number(connection, policy.policy_id) + 1
        kept = replace(policy, revision=number)
        await policies.add(connection, kept, status=LIFE.initial, note=note, who=who)
        revision = Revision(kept.policy_id, number)
        await policies.note(connection, who, "drafted", revision, note)
        findings = tuple(findings_in(kept))
        status = LIFE.initial
        if all(finding.severity != "error" for finding in findings):
            status = await self._move(connection, revision, status, "linted", who, "")
        return Linted(revision, status, findings)

    async def tried(self, connection: Connection, revision: Revision, trial: str, who: str) -> str | Rejected:
        """Keep what came of a revision on recorded orders (JSON). The state it is in now."""
        row = await self._found(connection, revision)
        if isinstance(row, Rejected):
            return row
        await policies.put_trial(connection, revision, trial)
        if not LIFE.is_legal(row.status, "tried"):
            return row.status  # it is compared already, and tried once more
        return await self._move(connection, revision, row.status, "tried", who, "")

    async def compare(self, connection: Connection, running: Running, who: str) -> str | Rejected:
        """Compare a revision with what is in use, in the shade or by a share of the orders; or in another way now."""
        plan = await policies.lock_plan(connection)
        on = "shadowed" if running.mode == "shadow" else "shared"
        row = await self._found(connection, running.revision, on)
        if isinstance(row, Rejected):
            return row
        before = plan.running_of(running.revision)
        is_same_mode = before is not None and before.mode == running.mode
        since_ms = before.since_ms if before is not None and is_same_mode else self._now_ms()
        after = life.started(plan, replace(running, since_ms=since_ms))
        detail = f"{running.mode} {running.percent}%" + "".join(
            f" {name}" for name in (*running.regions, *running.stores)
        )
        return await self._publish(connection, after, row, on, who, detail)

    async def stop(self, connection: Connection, revision: Revision, who: str) -> str | Rejected:
        """End a comparison without a verdict."""
        plan = await policies.lock_plan(connection)
        row = await self._found(connection, revision, "stopped")
        if isinstance(row, Rejected):
            return row
        return await self._publish(connection, life.stopped(plan, revision), row, "stopped", who, "")

    async def promote(self, connection: Connection, revision: Revision, who: str) -> str | Rejected:
        """Use a revision for every order. One that nothing can be compared with need not have been shared."""
        plan = await policies.lock_plan(connection)
        before = plan.used(revision.policy_id)
        row = await self._found(connection, revision)
        if isinstance(row, Rejected):
            return row
        is_first = before is None and LIFE.is_legal(row.status, "promoted:first")
        on = "promoted:first" if is_first else "promoted"
        refused = _legal(row, on)
        if refused is not None:
            return refused
        status = await self._publish(connection, life.promoted(plan, revision), row, on, who, "")
        if isinstance(status, Rejected):
            return status
        if before is not None:
            await policies.move(connection, revision, status, replaces=before.number)
            await self._move(connection, before, "promoted", "replaced", who, f"by {revision.name}")
        return status

    async def roll_back(self, connection: Connection, revision: Revision, *, who: str, why: str) -> str | Rejected:
        """Take a revision back from every store. Where it was promoted, the one that it replaced is in use again."""
        plan = await policies.lock_plan(connection)
        row = await self._found(connection, revision, "rolled_back")
        if isinstance(row, Rejected):
            return row
        before = None if row.replaces is None else Revision(revision.policy_id, row.replaces)
        is_used = plan.used(revision.policy_id) == revision
        after = life.taken_back(plan, revision, before if is_used else None)
        status = await self._publish(connection, after, row, "rolled_back", who, why)
        if not isinstance(status, Rejected) and is_used and before is not None:
            await self._move(connection, before, "retired", "restored", who, f"after {revision.name}")
        return status

    async def install(self, connection: Connection, bundle: Bundle, who: str) -> Plan | Rejected:
        """Promote the policies of a bundle and arrange them as its release does, where nothing was ever released."""
        plan = await policies.lock_plan(connection)
        if plan.number:
            return Rejected("policy-not-possible", f"release {plan.number} is in use: draft policies, and compare them")
        names: dict[str, Revision] = {}
        for policy in bundle.policies:
            linted = await self.draft(connection, policy, note="shipped with the software", who=who)
            if isinstance(linted, Rejected):
                return linted
            names[policy.policy_id] = linted.revision
        release = bundle.release
        for policy_id in dict.fromkeys((*release.layers, *release.fallback)):
            await self._move(connection, names[policy_id], "linted", "promoted:first", who, "shipped with the software")
        layers, fallback = ([names[each] for each in some] for some in (release.layers, release.fallback))
        return await self.arrange(connection, layers, fallback, who)

    async def discard(self, connection: Connection, revision: Revision, who: str) -> str | Rejected:
        """Put a draft away that nobody wants."""
        await policies.lock_plan(connection)
        row = await self._found(connection, revision, "discarded")
        if isinstance(row, Rejected):
            return row
        return await self._move(connection, revision, row.status, "discarded", who, "")

    async def arrange(
        self, connection: Connection, layers: Sequence[Revision], fallback: Sequence[Revision], who: str
    ) -> Plan | Rejected:
        """Say which promoted policies are asked, in which order, and which ones while a signal is active."""
        plan = await policies.lock_plan(connection)
        for revision in (*layers, *fallback):
            row = await self._found(connection, revision)
            if isinstance(row, Rejected):
                return row
            if row.status != "promoted":
                return Rejected("policy-not-possible", f"{revision.name} is {row.status}: promote it", state=row.status)
        arranged = life.arranged(plan, tuple(layers), tuple(fallback))
        published = arranged if isinstance(arranged, Rejected) else await self._release(connection, arranged, who)
        if not isinstance(published, Rejected):
            names = ", ".join(each.name for each in layers)
            beside = ", ".join(each.name for each in fallback) or "none"
            await policies.note(connection, who, "arranged", None, f"{names}; fallback: {beside}")
        return published

    async def seed(self, connection: Connection) -> bytes:
        """The key that releases are signed with, made where there was none."""
        return await policies.signing_seed(connection, self.random_bytes(_SEED_BYTES))

    # --- what they have in common ------------------------------------------------------------------------------------

    async def _found(self, connection: Connection, revision: Revision, on: str | None = None) -> RevisionRow | Rejected:
        row = await policies.one(connection, revision)
        if row is None:
            return Rejected("policy-not-found", f"there is no {revision.policy_id} of revision {revision.number}")
        return (None if on is None else _legal(row, on)) or row

    async def _move(
        self, connection: Connection, revision: Revision, status: str, on: str, who: str, detail: str
    ) -> str:
        after = LIFE.next_state(status, on)
        await policies.move(connection, revision, after)
        await policies.note(connection, who, on.partition(":")[0], revision, detail)
        _log.info("policy.moved", policy=revision.name, status=after, who=who)
        return after

    async def _publish(
        self, connection: Connection, plan: Plan | Rejected, row: RevisionRow, on: str, who: str, detail: str
    ) -> str | Rejected:
        """Tell the stores, and write down where the revision is now."""
        published = plan if isinstance(plan, Rejected) else await self._release(connection, plan, who)
        if isinstance(published, Rejected):
            return published
        return await self._move(connection, row.revision, row.status, on, who, detail)

    async def _release(self, connection: Connection, plan: Plan, who: str) -> Plan | Rejected:
        """Publish what follows from a plan, with the policies that it names."""
        # A clock that was set back must not make a release that stores take for an older one.
        made_at_ms = max(self._now_ms(), plan.made_at_ms + 1)
        after = replace(plan, number=plan.number + 1, made_at_ms=made_at_ms)
        documents = [await self._document(connection, revision) for revision in after.named]
        rows = {each.policy_id: encode_row(each) for each in documents}
        unsigned = life.release_of(after, number=after.number, made_at_ms=made_at_ms)
        release = signed(unsigned, documents, await self.seed(connection))
        from edge_core.policy.lint import lint_bundle  # noqa: PLC0415 - as in `findings_in`

        report = lint_bundle(release, documents)
        if not report.is_clean:
            return Rejected("policy-invalid", "; ".join(map(str, report.errors)))
        for dataset, content in (("policies", rows), ("release", {RELEASE_KEY: encode_row(release)})):
            made = await publish_in(connection, dataset, content, who=who, now=self.now())
            if isinstance(made, Rejected):
                return made
        await policies.put_plan(connection, after)
        return after

    async def _document(self, connection: Connection, revision: Revision) -> Policy:
        """A revision as stores know it."""
        row = await policies.one(connection, revision)
        if row is None:
            raise InvariantViolated(f"{revision.name} is in the plan and was never drafted")
        return policies.as_released(row)

    def _now_ms(self) -> int:
        return int(self.now().timestamp() * 1000)


def findings_in(policy: Policy) -> list[Finding]:
    """What is wrong with one policy. The parser of its cells is loaded with the first one: most commands need none."""
    from edge_core.policy.lint import lint  # noqa: PLC0415

    return lint(policy)


def _legal(row: RevisionRow, on: str) -> Rejected | None:
    if LIFE.is_legal(row.status, on):
        return None
    allowed = tuple(each for each in LIFE.allowed(row.status) if ":" not in each)
    detail = f"{row.revision.name} is {row.status}"
    return Rejected("policy-not-possible", detail, state=row.status, allowed=allowed)

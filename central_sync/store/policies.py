"""`policy_revision`, `policy_plan`, `policy_audit`: policies in every state of their lives, and who did what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from central_sync.store.database import Connection
from edge_core.policy.documents import Policy
from edge_core.policy.life import Plan, Revision


class RevisionRow(NamedTuple):
    """One revision: what it says, where it is in its life, and what came of it on recorded orders (JSON)."""

    policy: Policy
    status: str
    note: str
    replaces: int | None
    trial: str | None
    made_at: datetime
    made_by: str
    changed_at: datetime

    @property
    def revision(self) -> Revision:
        """Its name."""
        return Revision(self.policy.policy_id, self.policy.revision)


def as_released(row: RevisionRow) -> Policy:
    """A revision as stores know it: its name is its id."""
    return replace(row.policy, policy_id=row.revision.name)


class AuditRow(NamedTuple):
    """Something that somebody did to a policy, or to all of them."""

    number: int
    at: datetime
    who: str
    action: str
    policy_id: str | None
    revision: int | None
    detail: str


_ENCODER: Final = msgspec.msgpack.Encoder()
_POLICIES: Final = msgspec.msgpack.Decoder(Policy)
_PLANS: Final = msgspec.msgpack.Decoder(Plan)
_COLUMNS: Final = "document, status, note, replaces, trial, made_at, made_by, changed_at"
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM policy_revision
    WHERE ($1::text IS NULL OR policy_id = $1) AND ($2::integer IS NULL OR revision = $2)
    ORDER BY policy_id, revision DESC LIMIT $3
"""  # noqa: S608
_AUDIT: Final = """
    SELECT number, at, who, action, policy_id, revision, detail FROM policy_audit
    WHERE ($1::text IS NULL OR policy_id = $1) AND ($2::bigint IS NULL OR number < $2) ORDER BY number DESC LIMIT $3
"""


async def lock_plan(connection: Connection) -> Plan:
    """The plan, and the lock that every change of a policy's life takes first."""
    await connection.execute(
        "INSERT INTO policy_plan (plan) VALUES ($1) ON CONFLICT DO NOTHING", _ENCODER.encode(Plan())
    )
    return _PLANS.decode(await connection.fetchval("SELECT plan FROM policy_plan FOR UPDATE"))


async def read_plan(connection: Connection) -> Plan:
    """The plan, not locked."""
    body = await connection.fetchval("SELECT plan FROM policy_plan")
    return Plan() if body is None else _PLANS.decode(body)


async def put_plan(connection: Connection, plan: Plan) -> None:
    """Write the locked plan as it stands now."""
    await connection.execute("UPDATE policy_plan SET plan = $1, changed_at = now()", _ENCODER.encode(plan))


async def signing_seed(connection: Connection, new: bytes) -> bytes:
    """The seed that releases are signed with; `new` where there was none."""
    await connection.execute("INSERT INTO policy_key (seed) VALUES ($1) ON CONFLICT DO NOTHING", new)
    found: bytes = await connection.fetchval("SELECT seed FROM policy_key")
    return found


async def page(
    connection: Connection, *, policy_id: str | None = None, revision: int | None = None, rows_max: int
) -> list[RevisionRow]:
    """Revisions by policy, the newest first."""
    rows = await connection.fetch(_PAGE, policy_id, revision, rows_max)
    return [RevisionRow(_POLICIES.decode(row[0]), *row[1:]) for row in rows]


async def one(connection: Connection, revision: Revision) -> RevisionRow | None:
    """One revision."""
    found = await page(connection, policy_id=revision.policy_id, revision=revision.number, rows_max=1)
    return found[0] if found else None


async def newest_number(connection: Connection, policy_id: str) -> int:
    """The number of a policy's newest revision, 0 where it has none."""
    statement = "SELECT max(revision) FROM policy_revision WHERE policy_id = $1"
    return int(await connection.fetchval(statement, policy_id) or 0)


async def add(connection: Connection, policy: Policy, *, status: str, note: str, who: str) -> None:
    """Write a new revision."""
    await connection.execute(
        "INSERT INTO policy_revision (policy_id, revision, document, status, note, made_by)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        policy.policy_id,
        policy.revision,
        _ENCODER.encode(policy),
        status,
        note,
        who,
    )


async def move(connection: Connection, revision: Revision, status: str, *, replaces: int | None = None) -> None:
    """Write where a revision is in its life now; `replaces` stays what it was where it is None."""
    await connection.execute(
        "UPDATE policy_revision SET status = $3, replaces = coalesce($4, replaces), changed_at = now()"
        " WHERE policy_id = $1 AND revision = $2",
        revision.policy_id,
        revision.number,
        status,
        replaces,
    )


async def put_trial(connection: Connection, revision: Revision, trial: str) -> None:
    """Keep what came of a revision on recorded orders, as JSON, in the place of what came of it before."""
    await connection.execute(
        "UPDATE policy_revision SET trial = $3 WHERE policy_id = $1 AND revision = $2",
        revision.policy_id,
        revision.number,
        trial,
    )


async def note(connection: Connection, who: str, action: str, revision: Revision | None, detail: str) -> None:
    """Write down what somebody did."""
    await connection.execute(
        "INSERT INTO policy_audit (who, action, policy_id, revision, detail) VALUES ($1, $2, $3, $4, $5)",
        who,
        action,
        None if revision is None else revision.policy_id,
        None if revision is None else revision.number,
        detail,
    )


async def audit(
    connection: Connection, *, policy_id: str | None, before: int | None, rows_max: int
) -> Sequence[AuditRow]:
    """What was done, the last first, from before a number on."""
    return [AuditRow(*row) for row in await connection.fetch(_AUDIT, policy_id, before, rows_max)]

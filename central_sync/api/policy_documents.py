"""What the API shows of policies, and what it is asked: shapes, and how they follow from what is kept."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from central_sync.policy_desk import Linted
from central_sync.store.policies import AuditRow, RevisionRow
from central_sync.times import rfc3339
from edge_core.errors import Rejected
from edge_core.limits import (
    POLICY_DESCRIPTION_CHARS_MAX,
    POLICY_GUARDS_MAX,
    POLICY_LAYERS_MAX,
    POLICY_NOTE_CHARS_MAX,
    POLICY_SCOPES_MAX,
    POLICY_TRIAL_ORDERS_DEFAULT,
    TEXT_CHARS_MAX,
)
from edge_core.orders.document import Identifier
from edge_core.policy.documents import Policy, PolicyId, Region
from edge_core.policy.faults import Finding
from edge_core.policy.figures import Difference, FigureName, Guard
from edge_core.policy.life import LIFE, Plan, Revision, Running
from edge_core.shapes import Written
from holdfast_runtime.problems import ProblemRaised

REVISION_MAX: Final = 2**31 - 1
Title = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
Note = Annotated[str, Meta(max_length=POLICY_NOTE_CHARS_MAX), Written(r"^[^\x00]*$")]


class PolicyDraft(Struct, frozen=True, forbid_unknown_fields=True):
    """A policy as somebody drafts it: the graph is JDM, as its editor writes it."""

    policy_id: PolicyId
    title_en: Title
    title_zh: Title
    graph: msgspec.Raw
    description: Annotated[str, Meta(max_length=POLICY_DESCRIPTION_CHARS_MAX)] = ""
    note: Note = ""


class GuardAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """A figure that may not become worse by more than so much, surely: then the policy is taken back by itself."""

    figure: FigureName
    more_permille_max: Annotated[int, Meta(ge=0, le=100_000)]
    confidence_permille: Annotated[int, Meta(ge=500, le=999)] = 990


class CompareRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How a revision is to be compared with what is in use, for which regions and stores; none named: all."""

    mode: Literal["shadow", "share"]
    percent: Annotated[int, Meta(ge=1, le=100)] = 100
    regions: Annotated[tuple[Region, ...], Meta(max_length=POLICY_SCOPES_MAX)] = ()
    stores: Annotated[tuple[Identifier, ...], Meta(max_length=POLICY_SCOPES_MAX)] = ()
    guards: Annotated[tuple[GuardAsked, ...], Meta(max_length=POLICY_GUARDS_MAX)] = ()
    layers: Annotated[tuple[str, ...], Meta(max_length=POLICY_LAYERS_MAX)] = ()


class TryRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """On how many of the orders that were routed last a revision is tried."""

    orders: Annotated[int, Meta(ge=1, le=POLICY_TRIAL_ORDERS_DEFAULT)] = POLICY_TRIAL_ORDERS_DEFAULT


class RollBackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a revision is taken back."""

    reason: Annotated[Note, Meta(min_length=1)]


class ArrangeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """In which order the policies in use are asked, and which ones while a signal is active."""

    layers: Annotated[tuple[str, ...], Meta(min_length=1, max_length=POLICY_LAYERS_MAX)]
    fallback: Annotated[tuple[str, ...], Meta(max_length=POLICY_LAYERS_MAX)] = ()


class FindingShown(Struct, frozen=True):
    """Something that the linter says of a cell."""

    severity: str
    where: str
    what: str
    allowed: tuple[str, ...]


class PolicyRevision(Struct, frozen=True):
    """A revision and where it is in its life; `may` is what can follow."""

    name: str
    policy_id: str
    revision: int
    status: str
    title_en: str
    title_zh: str
    description: str
    note: str
    made_at: str
    made_by: str
    changed_at: str
    replaces: int | None
    may: tuple[str, ...]


class PolicyLinted(Struct, frozen=True):
    """A new revision with what the linter says of it."""

    name: str
    status: str
    findings: tuple[FindingShown, ...]


class PolicyMoved(Struct, frozen=True):
    """Where a revision is now."""

    name: str
    status: str


class ComparisonShown(Struct, frozen=True):
    """A comparison: of which orders, and the figures, once there are enough of both."""

    name: str
    mode: str
    percent: int
    regions: tuple[str, ...]
    stores: tuple[str, ...]
    layers: tuple[str, ...]
    guards: tuple[Guard, ...]
    since_ms: int
    orders_control: int
    orders_treated: int
    figures: tuple[Difference, ...]


class PolicyDetail(Struct, frozen=True):
    """A revision with its graph, what came of it on recorded orders, and how it compares."""

    policy: PolicyRevision
    graph: dict[str, Any]
    trial: Any
    comparison: ComparisonShown | None


class PlanShown(Struct, frozen=True):
    """What is in use: a release's number, its layers, those for the time of a signal, and what is compared."""

    number: int
    layers: tuple[str, ...]
    fallback: tuple[str, ...]
    comparing: tuple[str, ...]


class PolicyList(Struct, frozen=True):
    """Every revision by policy, the newest first, and what is in use."""

    plan: PlanShown
    policies: tuple[PolicyRevision, ...]


class PolicyAction(Struct, frozen=True):
    """Something that somebody did, or a guard."""

    number: int
    at: str
    who: str
    action: str
    policy_id: str | None
    revision: int | None
    detail: str


class PolicyAudit(Struct, frozen=True):
    """What was done, the last first."""

    actions: tuple[PolicyAction, ...]
    next_cursor: str | None


def policy_in(asked: PolicyDraft) -> Policy:
    """A draft as a policy; its number is given by the desk."""
    graph = bytes(asked.graph).decode()  # as it was written: the linter looks for keys that stand twice
    return Policy(asked.policy_id, 1, asked.title_en, asked.title_zh, graph, asked.description)


def running_in(revision: Revision, asked: CompareRequest) -> Running:
    """A comparison as somebody asks for it. Raises `ProblemRaised` for a layer that is no name."""
    guards = tuple(Guard(each.figure, each.more_permille_max, each.confidence_permille) for each in asked.guards)
    layers = tuple(map(revision_named, asked.layers))
    return Running(revision, asked.mode, asked.percent, asked.regions, asked.stores, guards, layers)


def revision_named(name: str) -> Revision:
    """A revision by the name that stores know it by, `cheapest-r3`. Raises `ProblemRaised` for what is none."""
    policy_id, _, number = name.rpartition("-r")
    is_number = number.isascii() and number.isdecimal() and len(number) <= len(str(REVISION_MAX))
    if not policy_id or not is_number or not 1 <= int(number) <= REVISION_MAX:
        raise ProblemRaised(
            Rejected("policy-not-found", f"{name[:64]!r} is no name of a revision, such as cheapest-r3")
        )
    return Revision(policy_id, int(number))


def linted_shown(linted: Linted) -> PolicyLinted:
    """A new revision as the API shows it."""
    return PolicyLinted(linted.revision.name, linted.status, tuple(map(finding_shown, linted.findings)))


def finding_shown(finding: Finding) -> FindingShown:
    """A finding as the API shows it."""
    return FindingShown(finding.severity, str(finding.cell), finding.what, finding.allowed)


def revision_shown(row: RevisionRow) -> PolicyRevision:
    """A revision as the API shows it."""
    policy, revision = row.policy, row.revision
    return PolicyRevision(
        name=revision.name,
        policy_id=policy.policy_id,
        revision=policy.revision,
        status=row.status,
        title_en=policy.title_en,
        title_zh=policy.title_zh,
        description=policy.description,
        note=row.note,
        made_at=rfc3339(row.made_at),
        made_by=row.made_by,
        changed_at=rfc3339(row.changed_at),
        replaces=row.replaces,
        may=tuple(dict.fromkeys(on.partition(":")[0] for on in LIFE.allowed(row.status))),
    )


def plan_shown(plan: Plan) -> PlanShown:
    """What is in use as the API shows it."""
    layers, fallback = (tuple(each.name for each in some) for some in (plan.layers, plan.fallback))
    return PlanShown(plan.number, layers, fallback, tuple(each.revision.name for each in plan.running))


def action_shown(row: AuditRow) -> PolicyAction:
    """A line of the audit as the API shows it."""
    return PolicyAction(row.number, rfc3339(row.at), row.who, row.action, row.policy_id, row.revision, row.detail)

"""Judgements and holds as people and programs read them."""

from collections.abc import Iterable

from msgspec import Struct

from edge_core.orders.judgment import Basis, Finding
from edge_core.orders.state import HoldState


class ProposalView(Struct, frozen=True):
    """What should be done about a hold, and why."""

    answer: str
    because: str


class FindingView(Struct, frozen=True, omit_defaults=True):
    """What a rule found; the dataset that it asked, its version, and its age in milliseconds at that time."""

    rule: str
    says: str
    dataset: str | None = None
    version: int | None = None
    age_ms: int | None = None


class HoldView(Struct, frozen=True, omit_defaults=True):
    """A hold that stands: who has to answer it until when, why it is there, what is proposed."""

    hold_id: str
    owner: str
    due_at: str
    level: int
    reasons: tuple[str, ...]
    findings: tuple[FindingView, ...] = ()
    proposal: ProposalView | None = None


class EditionView(Struct, frozen=True):
    """An edition of a dataset, and its age in milliseconds when it was asked."""

    dataset: str
    version: int
    age_ms: int


class JudgmentView(Struct, frozen=True):
    """What an order was judged by: the rules, whose prices, which editions of which age, and what is worth knowing."""

    rules_id: str
    priced_by: str
    editions: tuple[EditionView, ...]
    notes: tuple[FindingView, ...]


def hold_view(hold: HoldState, due_at: str) -> HoldView:
    """A hold that stands; `due_at` is its time in RFC 3339."""
    return HoldView(
        hold_id=hold.hold_id,
        owner=hold.owner,
        due_at=due_at,
        level=hold.level,
        reasons=hold.reasons,
        findings=_findings(hold.findings),
        proposal=None if hold.proposal is None else ProposalView(hold.proposal.answer, hold.proposal.because),
    )


def judgment_view(basis: Basis) -> JudgmentView:
    """What an order was judged by."""
    editions = tuple(EditionView(each.dataset, each.version, each.age_ms) for each in basis.editions)
    return JudgmentView(basis.rules_id, basis.priced_by, editions, _findings(basis.notes))


def _findings(findings: Iterable[Finding]) -> tuple[FindingView, ...]:
    return tuple(FindingView(f.rule, f.says, f.dataset, f.version, f.age_ms) for f in findings)

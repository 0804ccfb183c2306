"""The judgement on a posted order: every rule in turn, what they say put together, what is proposed. Pure.

nothing was received -> taken by the till's prices, and that is said (`BUILT_IN`), unless it was sent just before
a rule says no       -> `Rejected`: nothing is recorded, the till hears what to do
a rule doubts        -> a hold with its findings, its owner, its ladder, a proposal
else                 -> straight through, with what it was judged by
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from edge_core.checks.crediting import look_at_credit
from edge_core.checks.goods import look_at_compliance, look_at_items
from edge_core.checks.known import placed_ms_of
from edge_core.checks.pricing import look_at_prices
from edge_core.checks.promoting import look_at_discounts, look_at_promotions
from edge_core.checks.question import Doubt, Evidence, Look, Question
from edge_core.checks.risk import look_at_day_amount, look_at_insurance, look_at_velocity, look_for_duplicate
from edge_core.errors import Rejected
from edge_core.orders.document import TillOrder
from edge_core.orders.events import OrderHeld
from edge_core.orders.judgment import Basis, EditionUsed, Finding, Owner, Proposal, Rung
from edge_core.reference.documents import Level, Rules

OWNERS: Final[tuple[Owner, ...]] = ("store", "back_office", "centre")
"""Who answers holds, the lowest first."""

BUILT_IN: Final = Basis(Rules().rules_id, "till")
"""What an order is judged by at a store that never received anything."""

FIRST_HOLD: Final = "h1"
"""The hold of the checks; one that people ask for later has the number of its event."""


class Rule(Struct, frozen=True):
    """A check: its name in findings, the datasets that it asks, and the function that looks."""

    name: str
    asks: tuple[str, ...]
    look: Look


RULES: Final = (
    Rule("duplicate", (), look_for_duplicate),
    Rule("item", ("catalogue",), look_at_items),
    Rule("compliance", ("compliance", "customers"), look_at_compliance),
    Rule("price", ("prices", "customers"), look_at_prices),
    Rule("promotion", ("promotions",), look_at_promotions),
    Rule("discount", (), look_at_discounts),
    Rule("credit", ("customers",), look_at_credit),
    Rule("insurance", (), look_at_insurance),
    Rule("day-amount", ("customers",), look_at_day_amount),
    Rule("velocity", (), look_at_velocity),
)
"""Every check, in the order in which they are asked; the first no is the answer."""


class Judgment(Struct, frozen=True):
    """What an order was judged by, and the hold that it needs, if any."""

    basis: Basis
    hold: OrderHeld | None = None


NO_DOUBT: Final = Judgment(BUILT_IN)


def judge(evidence: Evidence | None, posted: TillOrder, *, business_date: str, now_ms: int) -> Judgment | Rejected:
    """Judge an order. Without evidence there is nothing to judge by."""
    if evidence is None:
        return NO_DOUBT
    question = Question(posted, evidence.reference, evidence.known, business_date, placed_ms_of(posted), now_ms)
    if not evidence.reference.editions:
        refused = next(look_for_duplicate(question), None)
        return refused if isinstance(refused, Rejected) else NO_DOUBT
    notes: list[Finding] = []
    doubts: list[Doubt] = []
    for rule in RULES:
        for said in rule.look(question):
            if isinstance(said, Rejected):
                return said
            if isinstance(said, Doubt):
                doubts.append(said)
            else:
                notes.append(said)
    hold = hold_of(question.rules, doubts, hold_id=FIRST_HOLD, now_ms=now_ms) if doubts else None
    return Judgment(_basis(question, notes), hold)


def ladder_from(levels: Sequence[Level], owner: str) -> tuple[Rung, ...]:
    """The rungs from an owner on; where the rules have none so high, the last one takes it."""
    rank = rank_of(owner)
    rungs = tuple(Rung(level.owner, level.within_ms) for level in levels if rank_of(level.owner) >= rank)
    return rungs or (Rung(owner, levels[-1].within_ms),)


def rank_of(owner: str) -> int:
    """How high somebody stands; a name that is not known may be answered by anybody."""
    return OWNERS.index(owner) if owner in OWNERS else 0


def propose(proposals: Sequence[Proposal]) -> Proposal:
    """What to do about several doubts at once: one reason to refuse is enough."""
    refusing = [proposal for proposal in proposals if proposal.answer == "refuse"]
    chosen = refusing or list(proposals)
    return Proposal(chosen[0].answer, "; ".join(dict.fromkeys(proposal.because for proposal in chosen)))


def hold_of(rules: Rules, doubts: Sequence[Doubt], *, hold_id: str, now_ms: int) -> OrderHeld:
    """The hold of some doubts, of which there is at least one: for the highest of their owners, with his ladder."""
    owner = max((doubt.owner for doubt in doubts), key=rank_of)
    ladder = ladder_from(rules.ladder, owner)
    return OrderHeld(
        hold_id=hold_id,
        reasons=tuple(dict.fromkeys(doubt.finding.rule for doubt in doubts)),
        owner=ladder[0].owner,
        due_at_ms=now_ms + ladder[0].within_ms,
        ladder=ladder[1:],
        rules_id=rules.rules_id,
        findings=tuple(doubt.finding for doubt in doubts),
        proposal=propose([doubt.proposal for doubt in doubts]),
    )


def _basis(question: Question, notes: list[Finding]) -> Basis:
    reference = question.reference
    editions = tuple(
        [
            EditionUsed(edition.dataset, edition.version, max(0, question.now_ms - edition.made_at_ms))
            for edition in reference.editions.values()
        ]
    )
    stale_after_ms = question.rules.stale_after_ms
    stale = [
        question.found("stale", f"{each.dataset} is older than it should be", each.dataset)
        for each in editions
        if each.age_ms > stale_after_ms
    ]
    return Basis(question.rules.rules_id, "book" if reference.has("prices") else "till", editions, (*stale, *notes))

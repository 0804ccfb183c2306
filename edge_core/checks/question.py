"""What a rule is asked, and what it may say: nothing, a note, a doubt that somebody has to look into, or no."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from edge_core.checks.known import Known
from edge_core.errors import Rejected
from edge_core.orders.document import Confirmations, TillOrder
from edge_core.orders.judgment import Answer, Finding, Owner, Proposal
from edge_core.reference.documents import Account, Rules
from edge_core.reference.lookup import Reference


class Evidence(Struct, frozen=True):
    """What a judgement may look at besides the order: rows of reference data, and what this store has seen."""

    reference: Reference
    known: Known


class Question(Struct, frozen=True):
    """A posted order and what it is judged by. Moments are Unix ms: `placed_ms` the till's, `now_ms` the store's."""

    posted: TillOrder
    reference: Reference
    known: Known
    business_date: str
    placed_ms: int
    now_ms: int

    @property
    def apart_ms(self) -> int:
        """How far the till's time of the order is from the store's clock, before or after it."""
        return abs(self.now_ms - self.placed_ms)

    @property
    def came_late(self) -> bool:
        """Whether that is so far that what was good at the till's time is worth a look, if it is not good now."""
        return self.apart_ms > self.rules.price_grace_ms

    @property
    def rules(self) -> Rules:
        """The thresholds."""
        return self.reference.rules

    @property
    def account(self) -> Account | None:
        """The customer's account, where the order names a customer who is known."""
        customer = self.posted.customer
        return None if customer is None else self.reference.account(customer.ref)

    @property
    def tier(self) -> str | None:
        """The tier whose prices are good: the account's; the till's word where no account can be known."""
        account, customer = self.account, self.posted.customer
        if account is not None:
            return account.tier
        return customer.tier if customer is not None and not self.reference.has("customers") else None

    @property
    def confirmations(self) -> Confirmations:
        """What the till has seen to already."""
        return self.posted.confirmations or _NOTHING_CONFIRMED

    def is_stale(self, dataset: str) -> bool:
        """Whether a dataset is older than the rules like it to be. It is used all the same."""
        age_ms = self.reference.age_ms(dataset, self.now_ms)
        return age_ms is not None and age_ms > self.rules.stale_after_ms

    def found(self, rule: str, says: str, dataset: str | None = None) -> Finding:
        """A finding, with the version and the age of the dataset that was asked."""
        edition = self.reference.editions.get(dataset) if dataset is not None else None
        if edition is None:
            return Finding(rule, says, dataset)
        return Finding(rule, says, dataset, edition.version, self.reference.age_ms(edition.dataset, self.now_ms))


class Doubt(Struct, frozen=True):
    """Somebody of at least the rank of `owner` has to look at the order; what they might do, and why."""

    finding: Finding
    owner: Owner
    proposal: Proposal


Said = Finding | Doubt | Rejected
Look = Callable[[Question], Iterator[Said]]


def doubt(finding: Finding, owner: Owner, answer: Answer, because: str) -> Doubt:
    """A doubt with its proposal."""
    return Doubt(finding, owner, Proposal(answer, because))


TILL_WAS_AWAY = "a till that was away sends late, and one whose clock is wrong, or was set, looks the same: compare"
"""What somebody has to look at where an order was placed long before it came."""

_NOTHING_CONFIRMED = Confirmations()

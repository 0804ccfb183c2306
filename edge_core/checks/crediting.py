"""Whether a customer may owe that much."""

from collections.abc import Iterator

from edge_core.checks.known import on_account_minor
from edge_core.checks.question import Question, Said, doubt
from edge_core.errors import Rejected
from edge_core.reference.documents import PPM, Account, Rules

_SET = "customers"


def look_at_credit(q: Question) -> Iterator[Said]:
    """What is owed, here and elsewhere, and what this order adds has to stay within the limit; orders that this store
    took since the data was made count. Who is blocked is refused; on account without an account is held, and what is
    more than the store's share of what is free."""
    account = q.account
    if account is not None and account.is_blocked:
        yield _blocked(account)
    wanted_minor = on_account_minor(q.posted)
    if not wanted_minor or not q.reference.has(_SET):
        return
    if account is None or account.credit_limit_minor is None:
        who = "an order without a customer" if q.posted.customer is None else f"customer {q.posted.customer.ref!r}"
        finding = q.found("credit", f"{who} has no credit limit, {wanted_minor} are on account", _SET)
        yield doubt(finding, "back_office", "refuse", "nobody has granted this customer credit")
        return
    if account.currency is not None and account.currency != q.posted.currency:
        finding = q.found("credit", f"the limit is in {account.currency}, the order in {q.posted.currency}", _SET)
        yield doubt(finding, "back_office", "refuse", "a limit in one currency says nothing about another")
        return
    here_minor = q.known.use(account.customer_ref, q.business_date).credit_minor
    refused = why_not_owe(account, here_minor, wanted_minor, "/payments")
    if refused is not None:
        yield refused
    elif here_minor + wanted_minor > share_minor(account, q.rules):
        told = (
            f"{here_minor + wanted_minor} are this store's, which may grant {share_minor(account, q.rules)} by itself"
        )
        finding = q.found("credit", told, _SET)
        yield doubt(finding, "centre", "approve", "ask what the other stores took on account since the data was made")


def share_minor(account: Account, rules: Rules) -> int:
    """How much of what is free of a limit a store may grant by itself until the next edition of the data.

    With as many stores as shares, all of them together never exceed the limit, whatever they cannot tell each other.
    """
    free_minor = max(0, (account.credit_limit_minor or 0) - account.owed_minor)
    return free_minor * rules.credit_share_ppm // PPM


def why_not_owe(account: Account, here_minor: int, wanted_minor: int, pointer: str) -> Rejected | None:
    """Why a customer who has a limit may not owe `wanted_minor` more; `here_minor` is what this store knows to add to
    what the data says. None where they may."""
    if account.is_blocked:
        return _blocked(account)
    limit_minor, owed_minor = account.credit_limit_minor or 0, account.owed_minor + here_minor
    if owed_minor + wanted_minor <= limit_minor:
        return None
    detail = f"{owed_minor} of {limit_minor} are owed, {wanted_minor} more are on account"
    return Rejected("credit-exceeded", detail, pointer)


def _blocked(account: Account) -> Rejected:
    return Rejected("customer-blocked", f"customer {account.customer_ref!r} is blocked", "/customer/ref")

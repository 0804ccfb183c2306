"""The checks of changes to an order after it was placed: another way or address, and a payment on account.

What would have been refused when the order was placed is refused here too, so that nothing is had by a detour. Without
evidence (a command of the centre, which stands above the store's data) nothing is asked.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from msgspec import Struct

from edge_core.checks.crediting import share_minor, why_not_owe
from edge_core.checks.goods import place_denied, place_unknown
from edge_core.checks.judge import hold_of
from edge_core.checks.question import Doubt, Evidence, doubt
from edge_core.checks.risk import uninsured
from edge_core.errors import Rejected
from edge_core.orders.commands import AdvanceOrder
from edge_core.orders.document import Address, Line
from edge_core.orders.events import OrderHeld
from edge_core.orders.judgment import Finding
from edge_core.orders.requests import OrderRequest, RedirectRequest
from edge_core.people import as_read

_RULE: Final = "address-edits"


class Debt(Struct, frozen=True):
    """What a customer is to owe more, of an order of which business date."""

    customer_ref: str | None
    currency: str
    business_date: str
    amount_minor: int


def check_sending(
    evidence: Evidence | None, address: Address | None, sent: Iterable[tuple[Line, int]], worth_minor: int
) -> Rejected | None:
    """Whether goods may be sent to an address. `sent` are lines with their thousandths, `worth_minor` is of those that
    are not insured, of everything that is sent of the order."""
    if evidence is None:
        return None
    for line, _ in sent:
        law = evidence.reference.compliance(line.sku)
        if law is None:
            continue
        denied, vague = place_denied(address, law.places_denied), place_unknown(address, law.places_denied)
        if denied is not None:
            return Rejected("place-denied", f"{line.sku} may not go to {denied}", "/ship_to")
        if vague is not None:
            return Rejected("place-denied", f"{line.sku} may not go everywhere, and {vague}", "/ship_to")
    return uninsured(evidence.reference.rules, worth_minor, "/method")


def check_debt(evidence: Evidence | None, debt: Debt) -> Rejected | None:
    """Whether a customer may owe that much more; who has no account, or one in another currency, may not."""
    if evidence is None or not evidence.reference.has("customers"):
        return None
    account = evidence.reference.account(debt.customer_ref) if debt.customer_ref is not None else None
    if account is None or account.credit_limit_minor is None:
        return Rejected("credit-exceeded", "nobody has granted this customer credit", "/payment/tender")
    if account.currency not in {None, debt.currency}:
        detail = f"the limit is in {account.currency}, the order in {debt.currency}"
        return Rejected("credit-exceeded", detail, "/payment/tender")
    here_minor = evidence.known.use(account.customer_ref, debt.business_date).credit_minor
    refused = why_not_owe(account, here_minor, debt.amount_minor, "/payment/amount_minor")
    may_minor = share_minor(account, evidence.reference.rules)
    if refused is None and here_minor + debt.amount_minor > may_minor:
        detail = f"{here_minor + debt.amount_minor} are this store's, which may grant {may_minor} by itself"
        return Rejected("credit-exceeded", detail, "/payment/amount_minor")
    return refused


def sources_in(order_id: UUID, request: OrderRequest, role: str) -> tuple[str, ...]:
    """The sources for which a request counts as an edit of an address: its order, and who asks; none where it is none.

    Everybody who gives no name is one source.
    """
    if not isinstance(request, RedirectRequest) or request.ship_to is None:
        return ()
    operator_id = request.operator_id
    return f"order {order_id}", f"unnamed {role}" if operator_id is None else f"operator {as_read(operator_id)}"


def is_edit(known: Address | None, wanted: Address | None) -> bool:
    """Whether an address takes the place of another one; the first address of what was to be fetched does not."""
    return known is not None and wanted not in {None, known}


def review_edits(evidence: Evidence | None, command: AdvanceOrder, *, hold_id: str) -> tuple[OrderHeld, ...]:
    """More edits of addresses from one source in the window than people make are held for the back office."""
    most = evidence.reference.rules.address_edits_max if evidence is not None else None
    if evidence is None or most is None:
        return ()
    doubts = [
        _edited(source, times, most, evidence.reference.rules.address_edits_window_ms)
        for source in sources_in(command.order_id, command.request, command.role)
        if (times := evidence.known.edits(source) + 1) > most
    ]
    return (hold_of(evidence.reference.rules, doubts, hold_id=hold_id, now_ms=command.now_ms),) if doubts else ()


def _edited(source: str, times: int, most: int, window_ms: int) -> Doubt:
    told = f"{times} addresses were edited by one source ({source}) within {window_ms} ms, {most} are usual at most"
    because = "parcels that are sent elsewhere again and again are how goods are stolen: ask the customer"
    return doubt(Finding(_RULE, told), "back_office", "refuse", because)

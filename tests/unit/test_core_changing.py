"""Changes of an order after it was placed are judged as the placing is: no detour around a check."""

import pytest
from msgspec.structs import replace

from edge_core.checks.known import Known, Use
from edge_core.checks.question import Evidence
from edge_core.limits import ADDRESS_EDITS_MAX_DEFAULT
from edge_core.orders.document import Address, Customer, FulfillmentRequest, Payment
from edge_core.orders.events import OrderHeld
from edge_core.orders.requests import ApproveRequest, LineQuantity, PayRequest, RedirectRequest, SplitRequest
from edge_core.reference.documents import Account, Compliance, Rules
from edge_core.reference.lookup import Reference
from tests.rigs.counter import Counter, names, slug
from tests.rigs.judged import SKU, reference
from tests.rigs.orders import BUSINESS_DATE, till_order, with_line

HOME = Address("A. Receiver", "DE", region="DE-BY")
OFFICE = Address("Office", "DE")
DEAR = till_order(lines=1, method="pickup")
TOTAL = DEAR.totals.grand_total_minor
SENT = replace(DEAR, order_type="ship", fulfillment=FulfillmentRequest("ship", ship_to=HOME))
INSURED_FROM = replace(Rules(), insured_from_minor=TOTAL)


def shop(by: Reference, known: Known | None = None) -> Counter:
    at = Counter()
    at.receive(SKU, 100_000)
    at.evidence = Evidence(by, known or Known())
    return at


def home(
    ship_to: Address | None = HOME, *, group_id: str | None = None, operator_id: str | None = None
) -> RedirectRequest:
    return RedirectRequest("ship", ship_to, group_id, operator_id)


def test_goods_that_may_not_go_to_a_place_are_not_redirected_to_it() -> None:
    at = shop(reference(compliances=[Compliance(SKU, places_denied=("DE-BY",))], rules=Rules()))
    placed = at.place(DEAR)
    assert slug(at.ask(placed, "redirect", home())) == "place-denied"
    assert slug(at.ask(placed, "redirect", home(OFFICE))) == "place-denied"  # it names no region
    assert names(at.ask(placed, "redirect", home(replace(OFFICE, region="DE-BE")))) == ["group.redirected"]
    assert slug(at.ask(placed, "redirect", home())) == "place-denied"


def test_what_is_dear_and_not_insured_is_not_sent_by_a_detour() -> None:
    at = shop(reference(rules=INSURED_FROM))
    assert slug(at.ask(at.place(DEAR), "redirect", home())) == "insurance-missing"
    insured = at.place(with_line(DEAR, traits=("insured",)))
    assert names(at.ask(insured, "redirect", home())) == ["group.redirected"]


def test_a_dear_order_is_not_sent_in_cheap_parts() -> None:
    at = shop(reference(rules=INSURED_FROM))
    placed = at.place(DEAR)
    names(at.ask(placed, "split", SplitRequest((LineQuantity("1", 1_000),))))
    assert names(at.ask(placed, "redirect", home(group_id="g1"))) == ["group.redirected"]
    assert slug(at.ask(placed, "redirect", home(group_id="g2"))) == "insurance-missing"


def test_the_address_of_a_parcel_can_be_edited_and_not_to_what_it_is() -> None:
    at = shop(reference(rules=Rules()))
    placed = at.place(SENT)
    assert slug(at.ask(placed, "redirect", home())) == "method-mismatch"
    assert names(at.ask(placed, "redirect", home(OFFICE, operator_id="op-1"))) == ["group.redirected"]
    assert at.states[placed].groups[0].ship_to == OFFICE
    assert slug(at.ask(placed, "redirect", home(OFFICE))) == "method-mismatch"


@pytest.mark.parametrize("source", ["operator op-1", "order", "unnamed store"])
def test_more_edits_from_one_source_than_people_make_are_taken_and_held(source: str) -> None:
    at = shop(reference(rules=Rules()))
    placed = at.place(SENT)
    operator = None if source == "unnamed store" else "op-1" if source != "order" else "op-2"
    counted = f"order {placed}" if source == "order" else source
    at.evidence = Evidence(reference(rules=Rules()), Known(edits={counted: ADDRESS_EDITS_MAX_DEFAULT - 1}))
    assert names(at.ask(placed, "redirect", home(OFFICE, operator_id=operator))) == ["group.redirected"]
    at.evidence = Evidence(reference(rules=Rules()), Known(edits={counted: ADDRESS_EDITS_MAX_DEFAULT}))
    found = at.ask(placed, "redirect", home(operator_id=operator))
    assert names(found) == ["group.redirected", "order.held"]
    assert isinstance(found, tuple)
    held = found[1]
    assert isinstance(held, OrderHeld)
    assert (held.reasons, held.owner) == (("address-edits",), "back_office")
    assert counted in held.findings[0].says
    assert slug(at.ask(placed, "redirect", home(OFFICE))) == "order-held"
    assert names(at.ask(placed, "approve", ApproveRequest(operator_id="boss"), "back_office")) == ["order.approved"]


def test_an_operator_id_in_other_letters_is_the_same_source() -> None:
    at = shop(reference(rules=Rules()))
    placed = at.place(SENT)
    at.evidence = Evidence(reference(rules=Rules()), Known(edits={"operator op-1": ADDRESS_EDITS_MAX_DEFAULT}))
    assert names(at.ask(placed, "redirect", home(OFFICE, operator_id="OP-1"))) == ["group.redirected", "order.held"]


def test_where_the_rules_say_so_edits_are_not_counted() -> None:
    rules = replace(Rules(), address_edits_max=None)
    at = shop(reference(rules=rules), Known(edits={"unnamed store": 1_000}))
    assert names(at.ask(at.place(SENT), "redirect", home(OFFICE))) == ["group.redirected"]


def test_the_first_address_of_what_was_to_be_fetched_is_no_edit() -> None:
    at = shop(reference(rules=Rules()), Known(edits={"unnamed store": 1_000}))
    placed = at.place(DEAR)
    assert names(at.ask(placed, "redirect", home())) == ["group.redirected"]
    assert names(at.ask(placed, "redirect", RedirectRequest("pickup"))) == ["group.redirected"]
    assert names(at.ask(placed, "redirect", home(OFFICE))) == ["group.redirected", "order.held"]


# --- on account ------------------------------------------------------------------------------------------------------

UNPAID = replace(DEAR, payments=(), customer=Customer("c1"))


def pay(minor: int = TOTAL, tender: str = "on_account") -> PayRequest:
    return PayRequest(Payment("p2", tender, minor, "captured", "offline"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("account", "here_minor", "refused"),
    [
        (Account("c1", credit_limit_minor=TOTAL), 0, None),
        (Account("c1", credit_limit_minor=TOTAL), 1, "credit-exceeded"),
        (Account("c1", credit_limit_minor=TOTAL, owed_minor=1), 0, "credit-exceeded"),
        (Account("c1", credit_limit_minor=TOTAL, currency="EUR"), 0, "credit-exceeded"),
        (Account("c1"), 0, "credit-exceeded"),
        (None, 0, "credit-exceeded"),
    ],
)
def test_a_payment_on_account_stays_within_the_limit(
    account: Account | None, here_minor: int, refused: str | None
) -> None:
    accounts = [account] if account is not None else []
    known = Known(uses={("c1", BUSINESS_DATE): Use(credit_minor=here_minor)})
    at = shop(reference(accounts=accounts, rules=Rules()), known)
    placed = at.place(UNPAID)
    found = at.ask(placed, "pay", pay())
    assert (slug(found) if refused else names(found)) == (refused or ["payment.captured"])
    if refused:
        assert names(at.ask(placed, "pay", pay(tender="cash"))) == ["payment.captured"]


def test_a_customer_who_was_blocked_meanwhile_pays_nothing_on_account() -> None:
    at = shop(reference(accounts=[Account("c1", credit_limit_minor=10**9)], rules=Rules()))
    placed = at.place(UNPAID)
    at.evidence = Evidence(
        reference(accounts=[Account("c1", credit_limit_minor=10**9, is_blocked=True)], rules=Rules()), Known()
    )
    assert slug(at.ask(placed, "pay", pay())) == "customer-blocked"


def test_what_is_more_than_the_stores_share_is_not_paid_on_account() -> None:
    rules = replace(Rules(), credit_share_ppm=500_000)
    at = shop(reference(accounts=[Account("c1", credit_limit_minor=2 * TOTAL - 1)], rules=rules))
    assert slug(at.ask(at.place(UNPAID), "pay", pay())) == "credit-exceeded"


def test_without_customers_data_a_payment_on_account_is_taken() -> None:
    at = shop(reference(without=["customers"], rules=Rules()))
    assert names(at.ask(at.place(UNPAID), "pay", pay())) == ["payment.captured"]

"""Each rule of the checks: what it lets pass, what it refuses, what it holds and for whom."""

import pytest
from msgspec.structs import replace

from edge_core.checks.judge import BUILT_IN, NO_DOUBT, RULES, judge, ladder_from, propose
from edge_core.checks.known import Earlier, Known, Use, basket_mark
from edge_core.errors import Rejected
from edge_core.limits import DUPLICATE_WINDOW_MS_DEFAULT
from edge_core.orders.document import Confirmations, Customer, FulfillmentRequest
from edge_core.orders.judgment import Proposal, Rung
from edge_core.reference.documents import Account, Compliance, Item, Level, Offer, Price, Rules
from edge_core.reference.lookup import NOTHING
from tests.rigs.judged import (
    DAY_MS,
    HOUR_MS,
    PLACED_MS,
    SKU,
    STRICT,
    UNIT_PRICE,
    basket,
    book,
    judged,
    on_account,
    reasons,
    reference,
    refusal,
    sent,
)
from tests.rigs.orders import BUSINESS_DATE, order_id, placed, with_line

TOTAL = basket().totals.grand_total_minor


def test_a_store_that_never_received_anything_sells_by_the_tills_prices_and_says_so() -> None:
    found = judge(None, basket(), business_date=BUSINESS_DATE, now_ms=PLACED_MS)
    assert found is NO_DOUBT
    assert (BUILT_IN.rules_id, BUILT_IN.priced_by, BUILT_IN.editions) == ("built-in-1", "till", ())


def test_an_order_without_doubt_names_the_rules_and_the_age_of_everything_it_was_judged_by() -> None:
    found = judged(basket())
    assert not isinstance(found, Rejected)
    assert (found.hold, found.basis.rules_id, found.basis.priced_by) == (None, "strict-7", "book")
    ages = {edition.dataset: (edition.version, edition.age_ms) for edition in found.basis.editions}
    assert ages["prices"] == (4, HOUR_MS)
    assert set(ages) == {"catalogue", "compliance", "prices", "promotions", "customers", "rules"}


def test_old_data_is_used_and_said() -> None:
    found = judged(basket(), reference(age_ms=30 * DAY_MS, items=[Item(SKU, "water", "H87")]))
    assert not isinstance(found, Rejected)
    stale = {note.dataset: note.age_ms for note in found.basis.notes if note.rule == "stale"}
    assert stale["prices"] == 30 * DAY_MS


# --- goods -----------------------------------------------------------------------------------------------------------


def test_an_item_that_is_not_listed_any_more_is_refused_and_one_that_is_not_known_is_noted() -> None:
    gone = reference(items=[Item(SKU, "water", "H87", is_listed=False, replaced_by="new-water")])
    found = judged(basket(), gone)
    assert isinstance(found, Rejected)
    assert (found.slug, found.pointer) == ("item-not-sold", "/lines/0/sku")
    assert "new-water is sold instead" in found.detail
    unknown = judged(basket(), reference(items=[Item("other", "bread", "H87")]))
    assert not isinstance(unknown, Rejected)
    assert [note.rule for note in unknown.basis.notes] == ["item"]


def test_the_buyers_age_is_asked_for_and_confirmed() -> None:
    law = reference(compliances=[Compliance(SKU, age_years_min=18)])
    assert refusal(judged(basket(), law)) == "age-unconfirmed"
    assert refusal(judged(basket(confirmations=Confirmations(17)), law)) == "age-unconfirmed"
    assert reasons(judged(basket(confirmations=Confirmations(18)), law)) == ()


@pytest.mark.parametrize(("country", "region"), [("SA", None), ("US", "US-UT")])
def test_goods_do_not_go_where_they_may_not(country: str, region: str | None) -> None:
    law = reference(compliances=[Compliance(SKU, places_denied=("SA", "US-UT"))])
    assert refusal(judged(sent(basket(), country, region, ("insured",)), law)) == "place-denied"
    assert reasons(judged(sent(basket(), "US", "US-CA", ("insured",)), law)) == ()


def test_goods_that_may_not_go_everywhere_are_not_sent_to_a_place_that_is_left_open() -> None:
    law = reference(compliances=[Compliance(SKU, places_denied=("US-UT",))])
    assert reasons(judged(sent(basket(), "US", None, ("insured",)), law)) == ("compliance",)
    assert reasons(judged(sent(basket(), "US", "DE-BY", ("insured",)), law)) == ("compliance",), "of another country"
    assert reasons(judged(sent(basket(), "DE", None, ("insured",)), law)) == ()
    nowhere = replace(basket(), order_type="ship", fulfillment=FulfillmentRequest("ship"))
    assert reasons(judged(nowhere, law)) == ("compliance",)
    fetched = replace(nowhere, order_type="pickup", fulfillment=FulfillmentRequest("pickup"))
    assert reasons(judged(fetched, law)) == ()


def test_a_license_is_the_accounts_or_one_that_the_till_has_seen() -> None:
    law = [Compliance(SKU, license="spirits")]
    assert refusal(judged(basket(of="c1"), reference(compliances=law, accounts=[Account("c1")]))) == "license-missing"
    holder = reference(compliances=law, accounts=[Account("c1", licenses=("spirits",))])
    assert reasons(judged(basket(of="c1"), holder)) == ()
    assert reasons(judged(basket(confirmations=Confirmations(licenses=("spirits",))), holder)) == ()


# --- prices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("booked", "held"), [(250, False), (251, False), (252, False), (253, True), (247, True)])
def test_a_price_may_be_off_by_the_tolerance_and_no_minor_unit_more(booked: int, held: bool) -> None:
    found = judged(basket(), reference(prices=[book(SKU, Offer("CNY", booked))]))
    assert reasons(found) == (("price",) if held else ())


def test_a_wrong_price_is_held_for_the_store_with_a_proposal_to_refuse_it() -> None:
    found = judged(basket(), reference(prices=[book(SKU, Offer("CNY", 999))]))
    assert not isinstance(found, Rejected)
    hold = found.hold
    assert hold is not None
    assert (hold.owner, hold.rules_id, hold.due_at_ms) == ("store", "strict-7", PLACED_MS + 15 * 60_000)
    assert hold.proposal is not None
    assert hold.proposal.answer == "refuse"
    (finding,) = hold.findings
    assert (finding.dataset, finding.version, finding.age_ms) == ("prices", 4, HOUR_MS)
    assert "costs 999 by the book, the till took 250" in finding.says


def test_a_wrong_price_by_an_old_book_is_held_with_a_proposal_to_approve_it() -> None:
    found = judged(basket(), reference(prices=[book(SKU, Offer("CNY", 999))], age_ms=9 * DAY_MS))
    assert not isinstance(found, Rejected)
    assert found.hold is not None
    assert found.hold.proposal is not None
    assert found.hold.proposal.answer == "approve"


@pytest.mark.parametrize(("ended", "slug"), [(HOUR_MS, None), (DAY_MS, None), (DAY_MS + 1, "price-outdated")])
def test_a_price_that_has_ended_is_taken_for_a_while_and_then_refused(ended: int, slug: str | None) -> None:
    began = PLACED_MS - ended
    prices = [book(SKU, Offer("CNY", UNIT_PRICE, 0), Offer("CNY", 400, began))]
    found = judged(basket(), reference(prices=prices))
    assert refusal(found) == slug
    if slug is None:
        assert not isinstance(found, Rejected)
        assert found.hold is None
        assert "ended" in found.basis.notes[-1].says


def test_an_old_book_refuses_no_price() -> None:
    prices = [book(SKU, Offer("CNY", UNIT_PRICE, 0), Offer("CNY", 400, PLACED_MS - 9 * DAY_MS))]
    assert reasons(judged(basket(), reference(prices=prices, age_ms=4 * DAY_MS))) == ("price",)


def test_the_tier_is_the_accounts_and_not_the_tills_word() -> None:
    prices = [book(SKU, Offer("CNY", 400), Offer("CNY", UNIT_PRICE, tier="gold"))]
    gold = reference(prices=prices, accounts=[Account("c1", tier="gold")])
    assert reasons(judged(basket(of="c1"), gold)) == ()
    assert reasons(judged(basket(), gold)) == ("price",)
    general = reference(prices=[book(SKU, Offer("CNY", UNIT_PRICE), Offer("CNY", 400, tier="gold"))], accounts=[])
    assert reasons(judged(basket(of="c1"), general)) == ()


def test_a_price_that_the_book_does_not_have_is_the_tills_where_the_rules_allow_it() -> None:
    prices = [Price(SKU, (Offer("EUR", 1),))]
    noted = judged(basket(), reference(prices=prices))
    assert reasons(noted) == ()
    assert not isinstance(noted, Rejected)
    assert [note.rule for note in noted.basis.notes] == ["item", "price"]
    closed = replace(STRICT, till_price_allowed=False)
    assert reasons(judged(basket(), reference(prices=prices, rules=closed))) == ("price",)
    assert reasons(judged(basket(), reference(without=["prices"], rules=closed))) == ("price",)
    by_till = judged(basket(), reference(without=["prices"]))
    assert not isinstance(by_till, Rejected)
    assert by_till.basis.priced_by == "till"


# --- credit ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "slug"), [(TOTAL + 300, None), (TOTAL + 299, "credit-exceeded")])
def test_what_is_owed_elsewhere_and_here_and_this_order_stay_within_the_limit(limit: int, slug: str | None) -> None:
    by = reference(accounts=[Account("c1", currency="CNY", credit_limit_minor=limit, owed_minor=100)])
    known = Known(uses={("c1", BUSINESS_DATE): Use(credit_minor=200)})
    assert refusal(judged(on_account(basket(of="c1")), by, known)) == slug
    assert refusal(judged(basket(of="c1"), by, known)) is None  # paid at once: no credit is asked for


@pytest.mark.parametrize("account", [None, Account("c1"), Account("c1", currency="EUR", credit_limit_minor=10**9)])
def test_on_account_without_a_limit_that_counts_is_held_for_the_back_office(account: Account | None) -> None:
    found = judged(on_account(basket(of="c1")), reference(accounts=[account] if account else []))
    assert reasons(found) == ("credit",)
    assert not isinstance(found, Rejected)
    assert found.hold is not None
    assert found.hold.owner == "back_office"


def test_who_is_blocked_is_refused() -> None:
    by = reference(accounts=[Account("c1", is_blocked=True)])
    assert refusal(judged(basket(of="c1"), by)) == "customer-blocked"


def test_a_store_grants_no_more_than_its_share_of_what_is_free_without_the_centre() -> None:
    rules = replace(STRICT, credit_share_ppm=250_000)
    limit = 4 * TOTAL + 100  # 100 are owed, so a quarter of what is free is one order
    by = reference(accounts=[Account("c1", credit_limit_minor=limit, owed_minor=100)], rules=rules)
    assert reasons(judged(on_account(basket(of="c1")), by)) == ()
    found = judged(on_account(basket(of="c1")), by, Known(uses={("c1", BUSINESS_DATE): Use(credit_minor=1)}))
    assert reasons(found) == ("credit",)
    assert not isinstance(found, Rejected)
    assert found.hold is not None
    assert found.hold.owner == "centre"


# --- risk ------------------------------------------------------------------------------------------------------------


def test_the_same_basket_of_a_till_moments_later_is_asked_back_unless_it_is_meant() -> None:
    order = basket(lines=2)
    known = Known({basket_mark(order): [Earlier(order_id(1), PLACED_MS - 5_000)]})
    found = judged(order, known=known)
    assert isinstance(found, Rejected)
    assert (found.slug, found.pointer) == ("duplicate-suspected", "/confirmations/duplicate")
    assert str(order_id(1)) in found.detail
    assert refusal(judged(replace(order, lines=order.lines[::-1]), known=known)) == "duplicate-suspected"
    assert refusal(judged(replace(order, confirmations=Confirmations(duplicate=True)), known=known)) is None
    assert refusal(judged(basket(lines=1), known=known)) is None
    assert refusal(judged(replace(order, terminal_id="till-2"), known=known)) is None
    assert refusal(judged(replace(order, customer=Customer("c1")), known=known)) is None


def test_of_a_repeated_basket_counts_when_the_till_placed_it_and_not_when_it_came() -> None:
    order = basket()
    window_ms = STRICT.duplicate_window_ms
    for apart_ms, found in ((window_ms, "duplicate-suspected"), (window_ms + 1, None)):
        for placed_ms in (PLACED_MS - apart_ms, PLACED_MS + apart_ms):
            known = Known({basket_mark(order): [Earlier(order_id(1), placed_ms)]})
            assert refusal(judged(order, known=known, now_ms=PLACED_MS + DAY_MS)) == found


def test_a_store_that_never_received_anything_asks_back_what_was_sent_twice() -> None:
    order = basket()
    known = Known({basket_mark(order): [Earlier(order_id(1), PLACED_MS - DUPLICATE_WINDOW_MS_DEFAULT)]})
    assert refusal(judged(order, NOTHING, known)) == "duplicate-suspected"
    meant = judged(replace(order, confirmations=Confirmations(duplicate=True)), NOTHING, known)
    assert meant == judged(order, NOTHING) == NO_DOUBT


@pytest.mark.parametrize(("before", "held"), [(4_000 - TOTAL, False), (4_001 - TOTAL, True)])
def test_a_day_amount_up_by_300_percent_freezes(before: int, held: bool) -> None:
    by = reference(accounts=[Account("c1", day_amount_minor=1_000)])
    known = Known(uses={("c1", BUSINESS_DATE): Use(day_minor=before)})
    found = judged(basket(of="c1"), by, known)
    assert reasons(found) == (("day-amount",) if held else ())
    if held:
        assert not isinstance(found, Rejected)
        assert found.hold is not None
        assert found.hold.owner == "back_office"


def test_more_orders_than_people_place_are_held() -> None:
    assert reasons(judged(basket(of="c1"), known=Known(uses={("c1", BUSINESS_DATE): Use(orders=2)}))) == ()
    assert reasons(judged(basket(of="c1"), known=Known(uses={("c1", BUSINESS_DATE): Use(orders=3)}))) == ("velocity",)


def test_goods_of_high_value_are_not_sent_without_insurance() -> None:
    dear = with_line(basket(), net_minor=50_000)
    assert refusal(judged(sent(dear))) == "insurance-missing"
    assert refusal(judged(sent(dear, traits=("insured",)))) is None
    assert refusal(judged(sent(with_line(basket(), net_minor=49_999)))) is None
    assert refusal(judged(dear)) is None


# --- together --------------------------------------------------------------------------------------------------------


def test_several_doubts_are_one_hold_for_the_highest_owner_with_one_proposal() -> None:
    by = reference(prices=[book(SKU, Offer("CNY", 999))], age_ms=9 * DAY_MS)
    found = judged(on_account(basket(of="c1")), by)
    assert not isinstance(found, Rejected)
    hold = found.hold
    assert hold is not None
    assert (hold.reasons, hold.owner) == (("price", "credit"), "back_office")
    assert hold.ladder == (Rung("centre", 24 * HOUR_MS),)
    assert hold.proposal == Proposal("refuse", "nobody has granted this customer credit")


def test_the_ladder_begins_at_the_owner_and_has_a_rung_for_whoever_the_rules_forgot() -> None:
    levels = (Level("store", 1), Level("centre", 2))
    assert ladder_from(levels, "store") == (Rung("store", 1), Rung("centre", 2))
    assert ladder_from(levels, "back_office") == (Rung("centre", 2),)
    assert ladder_from(levels[:1], "back_office") == (Rung("back_office", 1),)


def test_one_reason_to_refuse_is_enough() -> None:
    assert propose([Proposal("approve", "a"), Proposal("refuse", "b")]) == Proposal("refuse", "b")
    assert propose([Proposal("approve", "a"), Proposal("approve", "c"), Proposal("approve", "a")]).because == "a; c"


def test_an_order_of_the_same_batch_counts_for_the_next() -> None:
    known = Known(uses={("c1", BUSINESS_DATE): Use(100, 200, 1)})
    event = placed(1, on_account(basket(of="c1")))[0]
    known.take(event.order)  # type: ignore[union-attr]
    assert known.use("c1", BUSINESS_DATE) == Use(100 + TOTAL, 200 + TOTAL, 2)
    assert known.use("c1", "2026-11-22") == Use()
    assert refusal(judged(on_account(basket(of="c1")), known=known)) == "duplicate-suspected"


def test_built_in_rules_stop_nobody_on_a_guess_but_for_what_looks_sent_twice() -> None:
    rules = Rules()
    assert (rules.velocity_orders_max, rules.insured_from_minor) == (None, None)
    assert rules.duplicate_window_ms == DUPLICATE_WINDOW_MS_DEFAULT
    assert rules.till_price_allowed
    assert len({rule.name for rule in RULES}) == len(RULES)

"""An order that is sent asks routing in its decision: which service, when, in how many parcels, or people decide."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from edge_core.limits import ROUTING_COOL_DOWN_MS
from edge_core.orders.commands import TakeAssignment
from edge_core.orders.document import FulfillmentRequest, Method, Promise, TillOrder, Trait
from edge_core.orders.events import FulfillmentRouted, OrderHeld, OrderPlaced, StockReserved
from edge_core.orders.rendering import Origin, Recorded, receipt, rfc3339
from edge_core.orders.requests import ApproveRequest, RedirectRequest, RejectRequest, ShipRequest, StepRequest
from edge_core.orders.routing_events import RoutedGroup, RoutingDecided
from edge_core.orders.sending import Router, Sending
from edge_core.routing.deciding import route
from edge_core.routing.question import Bar, Prices, Question
from edge_core.routing.record import Record, decision_in, question_in
from edge_core.routing.tariffs import Band
from edge_core.stock.rights import Life
from edge_core.sync.entry import ENTRY_VERSION, Entry
from tests.rigs.counter import Counter, names
from tests.rigs.orders import order_id, till_order, with_line
from tests.rigs.routing import CENT, HOUR_MS, NOW_MS, service
from tests.rigs.sending import BERLIN, store_router

HAMBURG = replace(BERLIN, region="DE-HH")
STEP = StepRequest()
VAN = service()
PLANE = service("plane", mode="air", tariff=1, transit_ms=6 * HOUR_MS)
COOLED = service("cooled", carries=("cold",))
GUARDED = service("guarded", carries=("hazardous",))
ARRIVES_MS = NOW_MS + 26 * HOUR_MS


def counter(router: Router | None, *, free: int = 10_000) -> Counter:
    at = Counter()
    at.router = router
    for line in till_order().lines:
        at.receive(line.sku, free)
    return at


def order(method: Method = "ship", promise: Promise | None = None, traits: Sequence[Trait] = ()) -> TillOrder:
    """Two lines of two pieces each; the last ones have a trait each."""
    posted = till_order(method=method)
    for number, trait in enumerate(reversed(traits), 1):
        posted = with_line(posted, len(posted.lines) - number, traits=(trait,))
    return replace(posted, fulfillment=FulfillmentRequest(method, ship_to=BERLIN, promise=promise))


def only(at: Counter, kind: type[Any]) -> Any:
    (event,) = (event for event in at.log if isinstance(event, kind))
    return event


def record_in(decided: RoutingDecided) -> Record:
    return Record(decided.version, decided.hash, decided.question, decided.decision)


def test_an_order_that_is_sent_gets_its_service_and_its_arrival_in_the_entry_that_places_it() -> None:
    at = counter(store_router(VAN))
    placed = at.place(order())
    assert names(at.entries[-1][1]) == [
        *("order.placed", "order.validated", "payment.captured"),
        *("fulfillment.routed", "stock.reserved", "routing.decided"),
    ]
    decided = only(at, RoutingDecided)
    assert decided.groups == (RoutedGroup("g1", "van", ARRIVES_MS),)
    assert decided.policy == "nearest@1"
    (group,) = at.states[placed].groups
    assert (group.status, group.service_id, group.arrives_at_ms) == ("reserved", "van", ARRIVES_MS)
    assert group.decision_id == decided.hash


def test_the_record_in_the_log_gives_the_same_decision_again() -> None:
    at = counter(store_router(VAN, PLANE))
    at.place(order())
    record = record_in(only(at, RoutingDecided))
    assert route(question_in(record)) == decision_in(record)


@pytest.mark.parametrize("method", ["carry_out", "pickup"])
def test_what_is_no_choice_is_not_asked_and_records_nothing(method: Method) -> None:
    def never(_: Any) -> Question:
        raise AssertionError

    at, without = counter(never), counter(None)
    for each in (at, without):
        each.place(order(method))
    assert at.entries == without.entries


def test_what_the_carrier_is_to_do_besides_is_asked_when_the_order_is_placed_and_when_it_is_routed_again() -> None:
    heard = []

    def listening(sending: Sending) -> Question | None:
        heard.append(sending.extras)
        return store_router(VAN)(sending)

    at = counter(listening)
    posted = order()
    placed = at.place(replace(posted, fulfillment=replace(posted.fulfillment, services=("take_back",))))
    names(at.ask(placed, "redirect", RedirectRequest("ship", HAMBURG)))
    assert heard == [("take_back",), ("take_back",)]


def test_goods_that_the_ledger_never_saw_wait_as_before_and_are_not_asked_about() -> None:
    at = Counter()
    at.router = store_router(VAN)
    placed = at.place(order())
    assert at.states[placed].groups[0].status == "backordered"
    assert not [event for event in at.log if isinstance(event, RoutingDecided)]


def test_a_store_that_knows_no_carriers_sends_as_before() -> None:
    at, without = counter(lambda _: None), counter(None)
    for each in (at, without):
        each.place(order())
    assert at.entries == without.entries


def test_the_arrival_is_the_promise_where_none_was_given() -> None:
    at = counter(store_router(VAN))
    at.place(order())
    assert only(at, OrderPlaced).order.promise == Promise(rfc3339(ARRIVES_MS), rfc3339(ARRIVES_MS))


def test_a_promise_that_was_given_stays_and_lateness_is_priced_in_the_record() -> None:
    given = Promise(rfc3339(NOW_MS), rfc3339(ARRIVES_MS - HOUR_MS))
    at = counter(store_router(VAN, promise_at_ms=ARRIVES_MS - HOUR_MS))
    at.place(order(promise=given))
    assert only(at, OrderPlaced).order.promise == given
    assert decision_in(record_in(only(at, RoutingDecided))).parts.lateness_milli == 10 * CENT


def test_lines_that_no_one_service_carries_together_leave_as_two_groups_with_a_service_each() -> None:
    at = counter(store_router(COOLED, GUARDED))
    placed = at.place(order(traits=("hazardous", "cold")))
    first, second = at.states[placed].groups
    assert (first.service_id, second.service_id) == ("guarded", "cooled")
    assert [[line.line_id for line in group.lines] for group in (first, second)] == [["1"], ["2"]]
    assert [[goods.line_id for goods in group.allocations] for group in (first, second)] == [["1"], ["2"]]
    assert at.states[placed].status == "in_fulfillment"
    assert len(only(at, OrderPlaced).order.fulfillment_groups) == 2


def test_what_nothing_carries_is_promised_all_the_same_and_held_for_people() -> None:
    at = counter(store_router(VAN))
    placed = at.place(order(traits=("hazardous",)))
    assert only(at, FulfillmentRouted).decision == "manual"
    assert only(at, StockReserved).group_id == "g1"
    held = only(at, OrderHeld)
    assert (held.reasons, held.owner, held.proposal.answer) == (("routing",), "store", "approve")
    assert held.findings[0].says == (
        "nothing sends line 1, 2: van is not equipped for hazardous, which 06901234500002 needs"
    )
    assert at.states[placed].status == "held"
    names(at.ask(placed, "approve", ApproveRequest(operator_id="manager-1")))
    for name in ("pick", "pack"):
        names(at.ask(placed, name, STEP))
    names(at.ask(placed, "ship", ShipRequest("a-carrier-of-their-own", "T-1")))
    assert at.states[placed].groups[0].carrier == "a-carrier-of-their-own"


def test_a_law_against_the_place_is_for_the_back_office_and_it_should_say_no() -> None:
    at = counter(store_router(VAN, bars=(Bar("liquid", None, "DE-BE", "the law"),)))
    at.place(order())
    held = only(at, OrderHeld)
    assert (held.owner, held.proposal.answer) == ("back_office", "refuse")


def test_a_line_that_the_policy_lets_wait_is_promised_its_goods_and_looked_at_while_the_rest_has_its_service() -> None:
    at = counter(store_router(VAN, prices=Prices(backorder_milli=9_999 * CENT)))
    placed = at.place(order(traits=("cold",)))
    first, second = at.states[placed].groups
    assert (first.service_id, second.service_id) == ("van", None)
    assert [goods.line_id for goods in second.allocations] == ["2"]
    assert only(at, OrderHeld).findings[0].says == (
        "nothing sends line 2: van is not equipped for cold, which 06901234500002 needs"
    )
    assert only(at, OrderPlaced).order.promise is None


def test_a_service_that_did_not_come_is_left_alone_until_the_cool_down_is_over() -> None:
    at = counter(store_router(VAN, PLANE))
    placed = at.place(order())
    names(at.ask(placed, "reject", RejectRequest("no_carrier")))
    names(at.ask(placed, "route", STEP))
    (group,) = at.states[placed].groups
    assert (group.service_id, group.rejections, group.status) == ("plane", 1, "reserved")
    names(at.ask(placed, "reject", RejectRequest("no_capacity")))
    at.now_ms += ROUTING_COOL_DOWN_MS
    names(at.ask(placed, "route", STEP))
    assert at.states[placed].groups[0].service_id == "van"


def test_a_place_that_said_no_is_asked_again_by_people_alone_until_the_cool_down_is_over() -> None:
    at = counter(store_router(VAN))
    placed = at.place(order())
    names(at.ask(placed, "reject", RejectRequest("no_capacity")))
    assert names(at.ask(placed, "route", STEP)) == [
        *("fulfillment.routed", "stock.reserved", "routing.decided", "order.held"),
    ]
    assert at.states[placed].held[0].findings[0].says == (
        "nothing sends line 1, 2: it said no or had not enough a moment ago, and is left alone for a while"
    )


def test_a_carrier_that_people_had_chosen_leaves_neither_the_place_nor_a_service_alone() -> None:
    at = counter(store_router(VAN))
    placed = at.place(order(traits=("hazardous",)))
    names(at.ask(placed, "approve", ApproveRequest(operator_id="manager-1")))
    names(at.ask(placed, "reject", RejectRequest("no_carrier")))
    assert at.states[placed].groups[0].avoided == ()


def test_what_is_routed_again_is_split_where_its_parcels_go_apart_now() -> None:
    at = counter(store_router(service("all", carries=("cold", "hazardous"))))
    placed = at.place(order(traits=("hazardous", "cold")))
    names(at.ask(placed, "reject", RejectRequest("no_carrier")))
    at.router = store_router(COOLED, GUARDED)
    assert names(at.ask(placed, "route", STEP)) == [
        *("group.split", "fulfillment.routed", "stock.reserved", "fulfillment.routed", "stock.reserved"),
        "routing.decided",
    ]
    assert [group.service_id for group in at.states[placed].groups] == ["guarded", "cooled"]
    assert [group.status for group in at.states[placed].groups] == ["reserved", "reserved"]


@pytest.mark.parametrize(("traits", "last"), [((), "fulfillment.accepted"), (("hazardous",), "order.held")])
def test_an_order_that_the_centre_assigned_asks_too_and_people_accept_what_nothing_carries(
    traits: Sequence[Trait], last: str
) -> None:
    at = counter(store_router(VAN))
    life = Life("store-0001", order_id(7))
    command = TakeAssignment(at.placing(order(traits=traits)), order_id(8), 1, NOW_MS, is_accepted=True, life=life)
    assert names(at.submit(command))[-1] == last
    assert only(at, RoutingDecided).groups[0].service_id == (None if traits else "van")


def test_a_question_too_large_to_record_is_not_asked() -> None:
    bands = tuple(Band(weight, 10**11, 10**11, 10**11) for weight in range(100))
    services = tuple(service(f"s{at:060}", tariff=at) for at in range(16))
    bars = tuple(Bar(None, None, f"R{at:061}", "s" * 60) for at in range(900))
    at = counter(store_router(*services, tariffs=(bands,) * 16, bars=bars))
    placed = at.place(order())
    assert not [event for event in at.log if isinstance(event, RoutingDecided)]
    assert at.states[placed].groups[0].status == "reserved"


def test_goods_that_are_sent_to_another_address_are_asked_about_again() -> None:
    at = counter(store_router(VAN), free=4_000)
    placed = at.place(order())
    at.router = store_router(PLANE)
    assert names(at.ask(placed, "redirect", RedirectRequest("ship", HAMBURG))) == [
        "group.redirected",
        "routing.decided",
    ]
    (group,) = at.states[placed].groups
    assert (group.service_id, group.status) == ("plane", "reserved")


def test_goods_that_nothing_brings_to_the_other_address_are_held() -> None:
    at = counter(store_router(VAN))
    placed = at.place(order())
    at.router = store_router(VAN, bars=(Bar(None, None, "DE-BE", "the law"),))
    assert names(at.ask(placed, "redirect", RedirectRequest("ship", HAMBURG)))[-1] == "order.held"
    assert at.states[placed].groups[0].service_id is None


def test_goods_that_are_fetched_after_all_have_no_service_any_more() -> None:
    at = counter(store_router(VAN))
    placed = at.place(order())
    assert names(at.ask(placed, "redirect", RedirectRequest("pickup"))) == ["group.redirected"]
    assert (at.states[placed].groups[0].service_id, at.states[placed].groups[0].decision_id) == (None, None)


def test_the_receipt_says_by_which_service_and_how_late_the_goods_come() -> None:
    given = Promise(rfc3339(NOW_MS), rfc3339(ARRIVES_MS - HOUR_MS))
    at = counter(store_router(VAN))
    placed = at.place(order(promise=given))
    entry = Entry(ENTRY_VERSION, 1, 1, 1, placed, at.entries[-1][1])
    shown = receipt(at.states[placed], Recorded(Origin("store-0001", placed, "orders", 1), entry)).groups[0]
    assert (shown.service_id, shown.arrives_at, shown.late_ms) == ("van", rfc3339(ARRIVES_MS), HOUR_MS)
    assert shown.decision_id == only(at, RoutingDecided).hash.hex()

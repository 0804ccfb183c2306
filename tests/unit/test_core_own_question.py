"""What a store asks about itself: its own stock and carriers, as the network's rows, signals and policies have it."""

from typing import Any

from msgspec.structs import replace

from edge_core.limits import ROUTING_ATTEMPTS_MAX
from edge_core.orders.document import FulfillmentRequest
from edge_core.orders.events import OrderPlaced
from edge_core.orders.own_question import Setting, router_here
from edge_core.orders.sending import Sending
from edge_core.policy.documents import Signal
from edge_core.reference.documents import Account
from edge_core.reference.lookup import Reference
from edge_core.routing.deciding import route
from edge_core.routing.network import NO_NETWORK
from edge_core.routing.question import Question, Stamp
from edge_core.stock.ledger import Position
from tests.rigs import network as rig
from tests.rigs.orders import placed, till_order

POSTED = replace(till_order(method="ship"), fulfillment=FulfillmentRequest("ship", "fastest", rig.HOME), currency="EUR")
SKUS = [line.sku for line in POSTED.lines]
STOCK = {sku: (Position(sku, None, "H87", None, on_hand_milli=9_000, reserved_milli=1_000),) for sku in SKUS}


def sending(**changes: Any) -> Sending:
    first = placed(1, POSTED)[0]
    assert isinstance(first, OrderPlaced)
    lines = first.order.fulfillment_groups[0].lines
    return Sending(
        **{
            "order": first.order,
            "lines": lines,
            "ship_to": rig.HOME,
            "location_id": "berlin",
            "now_ms": rig.NOW_MS,
            "stock": STOCK,
            **changes,
        }
    )


def setting(reference: Reference | None = None, **changes: Any) -> Setting:
    given = {"location_id": "berlin", "zone": rig.BERLIN, "zones": lambda _: rig.BERLIN, **changes}
    return Setting(reference=reference or rig.known(), **given)


def asked(reference: Reference | None = None, *, of: Sending | None = None, **changes: Any) -> Question:
    router = router_here(setting(reference, **changes))
    assert router is not None
    question = router(of or sending())
    assert question is not None
    return question


def test_a_store_asks_about_itself_with_what_is_free_there_and_the_carriers_that_call() -> None:
    (place,) = asked().places
    assert (place.location_id, place.stock) == ("berlin", Stamp("ledger", rig.NOW_MS))
    assert [(supply.sku, supply.free_milli) for supply in place.supplies] == [(sku, 8_000) for sku in SKUS]
    assert [service.service_id for service in place.services] == ["courier", "parcel"]
    assert route(asked()).kind == "fulfil_here"


def test_what_the_carrier_is_to_do_besides_is_asked() -> None:
    posted = replace(POSTED, fulfillment=replace(POSTED.fulfillment, services=("install",)))
    events = placed(1, posted)
    asked_for = events[0].services if isinstance(events[0], OrderPlaced) else ()
    question = asked(of=sending(extras=asked_for))
    assert question.extras == ("install",)
    assert [each.service_id for each in route(question).allocations] == ["courier"]


def test_a_store_without_carriers_has_nothing_to_ask() -> None:
    assert router_here(setting(Reference({}, network=NO_NETWORK))) is None
    assert router_here(setting(location_id="elsewhere")) is None
    assert router_here(setting(rig.known(locations=[rig.location(services=())]))) is None
    assert router_here(setting(rig.known(services=[]))) is None


def test_where_no_carrier_goes_the_question_is_asked_all_the_same_and_a_person_decides() -> None:
    question = asked(rig.known(tariffs=[]))
    assert question.places[0].services == ()
    assert route(question).kind == "manual"


def test_what_the_store_has_still_to_pick_leaves_less_room() -> None:
    crowded = rig.known(locations=[rig.location(day_milli_max=10_000)])
    assert asked(crowded, backlog_milli=7_000).places[0].units_left_milli == 3_000


def test_only_what_is_left_is_asked_about_and_attempts_run_out() -> None:
    whole = sending()
    rest = asked(of=replace(whole, lines=whole.lines[1:], attempts=2))
    assert [need.line_id for need in rest.needs] == ["2"]
    assert (rest.facts.attempts, rest.attempts_left) == (2, ROUTING_ATTEMPTS_MAX - 2)
    assert route(asked(of=replace(whole, attempts=ROUTING_ATTEMPTS_MAX))).refusal == "attempts_left"


def test_the_customers_tier_is_that_of_the_account_and_the_preference_is_the_orders() -> None:
    reference = replace(rig.known(), accounts={"c-1": Account("c-1", "black")})
    order = replace(sending().order, customer_ref="c-1", customer_tier="plain")
    facts = asked(reference, of=replace(sending(), order=order)).facts
    assert (facts.tier, facts.preference, facts.region) == ("black", "fastest", "DE-BE")


def test_a_signal_stops_a_service_a_carrier_or_the_store_until_it_ends() -> None:
    def signalled(scope: str, until_ms: int = rig.NOW_MS + 1) -> Question:
        signal = Signal("s-1", "weather", scope, until_ms, effect="stop")
        return asked(replace(rig.known(), signals=(signal,)))

    def running(question: Question) -> list[bool]:
        return [service.is_running for service in question.places[0].services]

    assert running(signalled("service/courier")) == [False, True]
    assert running(signalled("carrier/A carrier")) == [True, False]
    assert not signalled("store/berlin").places[0].is_accepting
    assert signalled("service/courier", until_ms=rig.NOW_MS) == asked()


def test_the_policies_in_use_give_the_prices() -> None:
    def pricing(question: Question, _: Any) -> Question:
        return replace(question, policy=Stamp("mine@1", 7))

    assert asked(pricing=pricing).policy == Stamp("mine@1", 7)

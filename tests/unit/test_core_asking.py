"""Making the question: from an order, what places have, and the rows of the network."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from edge_core.limits import ROUTING_PLACES_MAX
from edge_core.orders.document import Address, Line, Preference
from edge_core.reference.documents import Barred, Compliance, Item, Rules
from edge_core.reference.lookup import Reference
from edge_core.reference.network_documents import CarbonFactor, Supplier, Tariff
from edge_core.routing.asking import BUILT_IN, default_prices
from edge_core.routing.deciding import Decision, route
from edge_core.routing.network import ANYWHERE_M, SAME_COUNTRY_M, SAME_REGION_M, great_circle_m
from edge_core.routing.question import Place, Question, Service
from edge_core.routing.wishes import Lot, left_of, lots_of, wish_of
from edge_core.stock.ledger import Position
from tests.rigs import network as rig
from tests.rigs.network import BANDS, CUP, HOUR_MS, NOW_MS, TEA, asked, at, known, location, site, wish
from tests.rigs.orders import till_order


def place(question: Question, location_id: str = "berlin") -> Place:
    return next(each for each in question.places if each.location_id == location_id)


def services(question: Question, location_id: str = "berlin") -> dict[str, Service]:
    return {each.service_id: each for each in place(question, location_id).services}


def refusals(decision: Decision) -> dict[str, str]:
    return {each.location_id: each.refusal.constraint for each in decision.candidates if each.refusal is not None}


def only(**changes: Any) -> Reference:
    """Reference data with a network of one place, changed."""
    return known(locations=[location(**changes)])


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_an_order_is_routed_by_the_rows_of_the_network_alone() -> None:
    question = asked()
    assert question.policy == BUILT_IN
    assert question.sources == (rig.MADE,)
    decision = route(question)
    assert [(each.location_id, each.service_id) for each in decision.allocations] == [("berlin", "parcel")]
    assert decision.promise_at_ms == at(24, 12)


def test_a_question_is_read_back_as_it_was_written() -> None:
    question = asked()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(question), type=Question) == question


def test_places_come_by_their_distance_and_those_without_the_goods_last() -> None:
    question = asked(wish(), site("berlin", Lot("other", "H87", 1_000)), site("hamburg"), site("leipzig"))
    assert [each.location_id for each in question.places] == ["leipzig", "hamburg", "berlin"]


def test_no_more_places_are_weighed_than_the_bound() -> None:
    sites = [site(f"s{number:03}") for number in range(ROUTING_PLACES_MAX + 5)]
    assert len(asked(wish(), *sites).places) == ROUTING_PLACES_MAX


def test_a_service_goes_where_its_first_fitting_zone_says() -> None:
    assert services(asked())["parcel"].transit_ms == 24 * HOUR_MS
    abroad = asked(wish(ship_to=Address("A. Receiver", "AT", region="AT-9")))
    assert services(abroad)["parcel"].transit_ms == 72 * HOUR_MS
    elsewhere = asked(wish(ship_to=Address("A. Receiver", "AT", region="AT-1")))
    assert "parcel" not in services(elsewhere), "a region is not its country"
    assert services(asked(wish(ship_to=Address("A. Receiver", "FR"))))["parcel"].transit_ms == 72 * HOUR_MS


def test_a_courier_goes_no_further_than_its_zone() -> None:
    question = asked()
    assert "courier" in services(question)
    assert "courier" not in services(question, "hamburg")


def test_a_zone_without_a_tariff_is_not_served() -> None:
    assert services(asked(reference=known(tariffs=rig.TARIFFS[1:]))).keys() == {"courier"}


def test_tariffs_in_another_currency_than_the_place_that_asks_are_left_out() -> None:
    pounds = known(tariffs=(Tariff("parcel", "home", "GBP", BANDS), *rig.TARIFFS[2:]))
    question = asked(wish(currency="GBP"), reference=pounds)
    assert question.currency == "EUR", "what a parcel costs is the operator's money, whatever the customer pays in"
    assert services(question).keys() == {"courier"}


def test_who_asks_from_no_place_compares_in_the_currency_of_most() -> None:
    pounds = [location("berlin"), *(location(each, currency="GBP") for each in ("hamburg", "leipzig"))]
    assert asked(reference=known(locations=pounds), here="centre").currency == "GBP"
    assert asked(wish(currency="CHF"), reference=known(locations=[]), here="centre").currency == "CHF"


def test_a_tariff_stands_once_in_a_question_however_many_places_have_it() -> None:
    question = asked()
    assert len(question.tariffs) == 2
    assert services(question)["parcel"].tariff == services(question, "hamburg")["parcel"].tariff


def test_goods_leave_once_they_are_prepared() -> None:
    question = asked(reference=only(prepares_ms=4 * HOUR_MS))
    assert services(question)["parcel"].leaves_at_ms == at(23, 17)


def test_nothing_is_prepared_before_somebody_is_there() -> None:
    question = asked(now_ms=at(22, 11), reference=only(prepares_ms=3 * HOUR_MS))
    assert services(question)["courier"].leaves_at_ms == at(23, 19), "on Sunday nobody is"


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"is_active": False}, "active"),
        ({"is_accepting": False}, "accepting"),
        ({"day_milli_max": 2_000}, "capacity"),
        ({"services": ()}, "service"),
        ({"services": ("nobody",)}, "service"),
    ],
)
def test_what_the_row_of_a_place_says_keeps_it_out(changes: dict[str, Any], constraint: str) -> None:
    decision = route(asked(wish(), site("berlin"), reference=only(**changes)))
    assert (decision.kind, refusals(decision)) == ("manual", {"berlin": constraint})


def test_what_a_place_has_still_to_pick_is_taken_off_its_day() -> None:
    question = asked(wish(), site("berlin", backlog_milli=4_000), reference=only(day_milli_max=10_000))
    assert place(question).units_left_milli == 6_000
    behind = asked(wish(), site("berlin", backlog_milli=40_000), reference=only(day_milli_max=10_000))
    assert place(behind).units_left_milli == 0


def test_a_carrier_that_does_not_run_is_named() -> None:
    stopped = known(services=[replace(rig.PARCEL, is_running=False)])
    assert refusals(route(asked(wish(), site("berlin"), reference=stopped))) == {"berlin": "carrier_running"}


def test_carbon_is_that_of_the_service_or_of_its_mode_or_none() -> None:
    assert {name: each.carbon_mg_per_tkm for name, each in services(asked()).items()} == {
        "courier": 0,
        "parcel": 120_000,
    }
    feet = known(factors=[CarbonFactor("feet", "bicycle", 3_000, "made up", "1")])
    assert {name: each.carbon_mg_per_tkm for name, each in services(asked(reference=feet)).items()} == {
        "courier": 3_000,
        "parcel": 0,
    }


# --- the goods --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "item", "weight_g"),
    [
        (replace(TEA, weight_grams=301), Item("tea", "Tea", "H87", weight_grams=400), 301),
        (TEA, Item("tea", "Tea", "H87", weight_grams=400), 800),
        (TEA, Item("tea", "Tea", "H87"), 1_000),
        (replace(TEA, unit="KGM", quantity_milli=1_250), None, 1_250),
        (replace(TEA, unit="LTR", quantity_milli=700), None, 700),
    ],
)
def test_a_line_weighs_what_somebody_said_or_a_stated_guess(line: Line, item: Item | None, weight_g: int) -> None:
    question = asked(wish(line), reference=known(*([item] if item else [])))
    assert question.needs[0].weight_g == question.facts.weight_g == weight_g


def test_of_a_line_that_is_met_in_part_the_rest_is_asked() -> None:
    rest = replace(wish(), left=left_of((replace(TEA, weight_grams=301), CUP), {"1": 1_000}))
    (need,) = asked(rest).needs
    assert (need.line_id, need.quantity_milli, need.weight_g) == ("1", 1_000, 151)


def test_traits_are_those_of_the_line_and_those_of_the_item() -> None:
    question = asked(
        wish(replace(TEA, traits=("fragile",))), reference=known(Item("tea", "Tea", "H87", ("cold", "fragile")))
    )
    assert question.needs[0].traits == ("fragile", "cold")
    assert (question.facts.cold_lines, question.facts.cold_units_milli) == (1, 2_000)


def test_lots_that_would_not_keep_are_left_alone_while_the_others_suffice() -> None:
    lots = (Lot("tea", "H87", 5_000, expires_on="2026-11-25"), Lot("tea", "H87", 2_000, expires_on="2026-12-20"))
    fresh = known(Item("tea", "Tea", "H87", fresh_for_ms=7 * 24 * HOUR_MS))
    (supply,) = place(asked(wish(TEA), site("berlin", *lots), reference=fresh)).supplies
    assert (supply.free_milli, supply.expires_at_ms) == (2_000, at(20, 0) + 31 * 24 * HOUR_MS)
    more = asked(wish(replace(TEA, quantity_milli=3_000)), site("berlin", *lots), reference=fresh)
    (supply,) = place(more).supplies
    assert (supply.free_milli, supply.expires_at_ms) == (7_000, at(26, 0))
    assert refusals(route(more)) == {"berlin": "shelf_life"}


def test_goods_past_their_date_in_another_unit_or_of_another_lot_are_not_there() -> None:
    past = site("berlin", Lot("tea", "H87", 9_000, expires_on="2026-11-22"), Lot("tea", "KGM", 9_000))
    assert place(asked(wish(TEA), past)).supplies == ()
    lots = (Lot("tea", "H87", 9_000, lot="a"), Lot("tea", "H87", 1_000, lot="b"))
    assert place(asked(wish(replace(TEA, lot="b")), site("berlin", *lots))).supplies[0].free_milli == 1_000


def test_a_supplier_says_where_from_and_of_its_own_places_how_little_and_how_late() -> None:
    rules = Supplier("mill", ("warehouse", "supplier"), order_milli_min=12_000, lead_ms=HOUR_MS)
    item = Item("tea", "Tea", "H87", supplier_id="mill")
    places = [location("berlin"), location("leipzig", kind="supplier")]
    question = asked(
        wish(TEA), site("berlin"), site("leipzig"), reference=known(item, locations=places, suppliers=[rules])
    )
    assert refusals(route(question)) == {"berlin": "supplier_place", "leipzig": "supplier_minimum"}
    assert place(question, "leipzig").supplies[0].lead_ms == HOUR_MS
    assert place(question, "berlin").supplies[0].order_milli_min == 0


def test_the_margin_is_of_the_net_price_and_only_where_every_cost_is_known() -> None:
    tea = Item("tea", "Tea", "H87", cost_minor=250, cost_currency="EUR")
    cup = Item("cup", "Cup", "H87", cost_minor=450, cost_currency="EUR")
    assert asked(reference=known(tea, cup)).facts.margin_ppm == 500_000
    assert asked(reference=known(tea)).facts.margin_ppm is None
    assert asked(reference=known(tea, replace(cup, cost_currency="GBP"))).facts.margin_ppm is None
    taxed = wish(replace(TEA, tax_minor=500), prices_include_tax=True)
    assert asked(taxed, reference=known(tea)).facts.margin_ppm == 0, "tax is nobody's margin"


# --- laws -------------------------------------------------------------------------------------------------------------


def test_goods_that_may_not_go_to_a_place_are_barred_by_themselves() -> None:
    law = Compliance("tea", places_denied=("DE-BE",))
    question = asked(wish(), site("berlin"), reference=known(compliances=(law,)))
    assert [(bar.sku, bar.region) for bar in question.bars] == [("tea", "DE-BE")]
    refusal = route(question).candidates[0].refusal
    assert refusal is not None
    assert (refusal.constraint, refusal.line_id) == ("regional_policy", "1")
    assert route(replace(question, needs=question.needs[1:])).kind == "fulfil_here"


def test_a_law_that_names_a_country_holds_in_all_of_its_regions() -> None:
    assert asked(reference=known(compliances=(Compliance("tea", places_denied=("DE",)),))).bars
    assert not asked(reference=known(compliances=(Compliance("tea", places_denied=("FR",)),))).bars


def test_the_rules_bar_goods_of_a_trait_from_a_mode() -> None:
    rules = Rules("law-3", bars=(Barred("hazardous", "air"), Barred("liquid", None, "DE"), Barred(None, None, "FR")))
    bars = asked(reference=known(rules=rules)).bars
    assert [(bar.trait, bar.mode, bar.region, bar.source) for bar in bars] == [
        ("hazardous", "air", None, "law-3"),
        ("liquid", None, "DE-BE", "law-3"),
    ]


# --- what is not known ------------------------------------------------------------------------------------------------


def test_a_place_that_the_network_does_not_know_has_no_carrier() -> None:
    decision = route(asked(wish(), site("nowhere"), site("berlin")))
    assert refusals(decision) == {"nowhere": "service"}
    assert decision.kind == "fulfil_here"


@pytest.mark.parametrize(
    ("ship_to", "away_m"),
    [
        (Address("A", "DE", region="DE-BE"), SAME_REGION_M),
        (Address("A", "DE"), SAME_COUNTRY_M),
        (Address("A", "FR"), ANYWHERE_M),
        (None, SAME_REGION_M),
    ],
)
def test_without_coordinates_the_distance_is_a_stated_guess(ship_to: Address | None, away_m: int) -> None:
    assert place(asked(wish(ship_to=ship_to))).distance_m == away_m


def test_an_order_without_address_promise_or_weights_is_asked_all_the_same() -> None:
    question = asked(wish(ship_to=None))
    assert question.region == "ZZ"
    assert question.promise_at_ms == NOW_MS + 72 * HOUR_MS
    assert set(refusals(route(question)).values()) == {"service"}, "no carrier goes where nobody knows"


def test_distances_are_great_circles_in_metres() -> None:
    assert great_circle_m(52.52, 13.405, 53.551, 9.994) == pytest.approx(255_300, rel=0.005)
    assert great_circle_m(0, 0, 0, 180) == pytest.approx(20_015_115, abs=1)
    assert great_circle_m(90, 0, -90, 0) == pytest.approx(20_015_115, abs=1)
    assert great_circle_m(1, 2, 1, 2) == 0


# --- the order --------------------------------------------------------------------------------------------------------


def test_a_wish_is_read_from_what_a_till_posted() -> None:
    posted = till_order()
    found = wish_of(posted, is_offline=True)
    assert [each.quantity_milli for each in found.left] == [line.quantity_milli for line in posted.lines]
    assert (found.currency, found.channel, found.is_offline) == (posted.currency, posted.channel, True)
    assert wish_of(posted, left_milli={}).left == ()


def test_what_a_ledger_has_free_is_what_a_site_has() -> None:
    (lot,) = lots_of([Position("tea", "a", "H87", "2026-12-01", 9_000, 1_000, 2_000, 3_000)])
    assert lot == Lot("tea", "H87", 3_000, 1_000, "2026-12-01", "a")


def test_the_facts_are_what_a_policy_asks() -> None:
    question = asked(
        wish(
            channel="pos",
            tier="gold",
            preference="greenest",
            extras=("install",),
            promise=rig.promised(at(25, 9)),
            attempts=2,
        )
    )
    facts = question.facts
    assert (facts.channel, facts.tier, facts.preference, facts.country, facts.region) == (
        "pos",
        "gold",
        "greenest",
        "DE",
        "DE-BE",
    )
    assert (facts.value_minor, facts.lines, facts.units_milli, facts.hour, facts.weekday) == (1_900, 2, 3_000, 9, 1)
    assert (facts.promise_hours, facts.attempts, facts.wants_install, facts.wants_take_back) == (48, 2, True, False)


def test_who_wants_something_installed_gets_a_carrier_that_does_it() -> None:
    assert [each.service_id for each in route(asked(wish(extras=("install",)))).allocations] == ["courier"]


def test_who_fetches_the_goods_needs_no_carrier() -> None:
    decision = route(asked(wish(replace(TEA, traits=("cold",)), method="pickup", ship_to=None, pickup_at="hamburg")))
    assert (decision.kind, [each.location_id for each in decision.allocations]) == ("pickup", ["hamburg"])
    assert decision.parts.shipping_milli == 0


def test_places_that_are_left_alone_are_named_once_each() -> None:
    question = asked(wish(excluded=("berlin", "berlin", "elsewhere"), attempts_left=3, is_held=True))
    assert (question.excluded, question.attempts_left, question.is_held) == (("berlin",), 3, True)


@pytest.mark.parametrize(
    ("preference", "service_id"), [("fastest", "courier"), ("cheapest", "parcel"), (None, "parcel")]
)
def test_the_built_in_prices_follow_the_preference(preference: Preference | None, service_id: str) -> None:
    assert [each.service_id for each in route(asked(wish(preference=preference))).allocations] == [service_id]


def test_the_greenest_goes_by_what_is_worth_its_carbon() -> None:
    heavy = replace(TEA, weight_grams=9_000)
    dirty = known(factors=[CarbonFactor("road", "road", 5_000_000, "made up", "1")])
    assert [e.service_id for e in route(asked(wish(heavy, preference="cheapest"), reference=dirty)).allocations] == [
        "courier"
    ]


def test_the_built_in_prices_are_in_whole_units_of_the_currency() -> None:
    assert default_prices(None, "EUR").parcel_milli == 100_000
    assert default_prices(None, "JPY").parcel_milli == 1_000
    assert default_prices(None, "KWD").parcel_milli == 1_000_000
    assert default_prices("greenest", "EUR").carbon_kg_milli == 50 * default_prices(None, "EUR").carbon_kg_milli

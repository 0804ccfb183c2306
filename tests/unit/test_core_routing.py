"""Where an order goes: the best place wins, each constraint keeps a place out by its name and its numbers."""

from typing import Any

import pytest
from msgspec.structs import replace

from edge_core.routing.changing import what_would_change
from edge_core.routing.constraints import Refusal
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Bar, Need, Prices, Question, Supply
from tests.rigs.routing import CENT, HOUR_MS, NOW_MS, place, question, service, with_place

TEA = Supply("tea", 10_000)
CUP = Supply("cup", 10_000)


def taken_from(decision: Decision) -> list[tuple[str | None, tuple[str, ...]]]:
    return [(allocation.location_id, allocation.line_ids) for allocation in decision.allocations]


def refusal_of(decision: Decision, location_id: str) -> Refusal | None:
    return next(each.refusal for each in decision.candidates if each.location_id == location_id)


def test_of_places_that_cost_the_same_the_nearest_sends() -> None:
    decision = route(question())
    assert taken_from(decision) == [("s1", ("1", "2"))]
    assert decision.kind == "fulfil_here"
    assert decision.promise_at_ms == NOW_MS + 26 * HOUR_MS
    assert [each.location_id for each in decision.candidates] == ["s1", "s2", "w1"]


def test_of_places_as_near_the_first_by_its_id_sends_whatever_order_they_are_named_in() -> None:
    places = place("s3", 2_000), place("s2", 2_000)
    one = route(question(places=places))
    assert taken_from(one) == taken_from(route(question(places=places[::-1]))) == [("s2", ("1", "2"))]


def test_a_decision_says_what_it_costs_part_by_part() -> None:
    asked = with_place(question(), "s1", parcel_milli=30 * CENT, unit_milli=5 * CENT, reject_permille=100)
    decision = route(replace(asked, places=asked.places[:1], prices=Prices(reject_milli=200 * CENT, hour_milli=CENT)))
    parts = decision.parts
    assert parts.shipping_milli == 400 * CENT
    assert parts.handling_milli == 30 * CENT + 3 * 5 * CENT
    assert parts.reject_milli == 20 * CENT
    assert parts.time_milli == 26 * CENT
    assert parts.lateness_milli == 0
    assert parts.total_milli == (400 + 45 + 20 + 26) * CENT


def test_an_hour_after_the_promise_costs_what_the_policy_says() -> None:
    decision = route(question(promise_at_ms=NOW_MS + 20 * HOUR_MS))
    assert decision.parts.lateness_milli == 6 * 10 * CENT


def test_carbon_is_weight_times_road_times_the_carriers_factor() -> None:
    van = service(carbon_mg_per_tkm=150_000)
    asked = with_place(question(), "s1", services=(van,))
    decision = route(replace(asked, places=asked.places[:1], needs=(Need("1", "tea", 1_000, 10_000),)))
    # 10 kg over 2 km of straight line, 1.3 times as far by road, at 150 g for a tonne-kilometre.
    assert decision.allocations[0].carbon_g == round(0.010 * 2 * 1.3 * 150)
    assert decision.parts.carbon_milli == round(0.010 * 2 * 1.3 * 0.150 * 10 * CENT)


def test_goods_are_divided_where_nobody_has_all_of_them_and_the_runner_up_is_the_next_best_division() -> None:
    asked = with_place(with_place(question(), "s1", supplies=(TEA,)), "s2", supplies=(CUP,))
    asked = with_place(asked, "w1", parcel_milli=500 * CENT)
    decision = route(asked)
    assert taken_from(decision) == [("s1", ("1",)), ("s2", ("2",))]
    assert decision.kind == "other_store"
    assert decision.runner_up is not None
    assert [each.location_id for each in decision.runner_up.allocations] == ["w1"]
    assert decision.runner_up.margin_milli == 0 + (400 + 100 + 500) * CENT - 2 * (400 + 100) * CENT


def test_one_parcel_is_preferred_to_two_by_what_a_parcel_costs() -> None:
    asked = with_place(with_place(question(), "s1", supplies=(TEA,)), "s2", supplies=(CUP,))
    assert taken_from(route(asked)) == [("w1", ("1", "2"))]


def test_two_lines_of_the_same_goods_do_not_take_more_than_there_is() -> None:
    needs = Need("1", "tea", 6_000, 500), Need("2", "tea", 6_000, 500)
    decision = route(with_place(question(needs=needs), "w1", supplies=(TEA,), parcel_milli=900 * CENT))
    assert sorted(place for place, _ in taken_from(decision) if place) == ["s1", "s2"]
    assert refusal_of(decision, "s1") == Refusal("rights", 10_000, 12_000, "thousandths", "1")


PLACES = [
    ({"is_active": False}, Refusal("active")),
    ({"is_open": False}, Refusal("open")),
    ({"is_accepting": False}, Refusal("accepting")),
    ({"units_left_milli": 2_500}, Refusal("capacity", 2_500, 3_000, "thousandths")),
    ({"units_left_milli": 500}, Refusal("capacity", 500, 2_000, "thousandths", "1")),
    ({"supplies": (Supply("tea", 1_999), CUP)}, Refusal("rights", 1_999, 2_000, "thousandths", "1")),
    ({"supplies": (TEA,)}, Refusal("rights", 0, 1_000, "thousandths", "2")),
    (
        {"supplies": (Supply("tea", 10_000, order_milli_min=3_000), CUP)},
        Refusal("supplier_minimum", 2_000, 3_000, "thousandths", "1"),
    ),
    ({"services": (service(is_running=False),)}, Refusal("carrier_running", service_id="van")),
    ({"services": ()}, Refusal("service")),
    (
        {"supplies": (Supply("tea", 10_000, expires_at_ms=NOW_MS), CUP)},
        Refusal("shelf_life", NOW_MS, NOW_MS + 26 * HOUR_MS, "ms", "1", "van"),
    ),
]


@pytest.mark.parametrize(("facts", "expected"), PLACES, ids=lambda each: getattr(each, "constraint", ""))
def test_a_constraint_keeps_a_place_out_and_says_what_it_compared(facts: dict[str, Any], expected: Refusal) -> None:
    decision = route(with_place(question(), "s1", **facts))
    assert refusal_of(decision, "s1") == expected
    assert taken_from(decision) == [("s2", ("1", "2"))]


QUESTIONS = [
    ({"excluded": ("s1",)}, Refusal("not_excluded")),
    ({"method": "pickup", "pickup_at": "s2"}, Refusal("pickup_place")),
]


@pytest.mark.parametrize(("facts", "expected"), QUESTIONS, ids=lambda each: getattr(each, "constraint", ""))
def test_a_place_is_left_alone_that_said_no_or_was_not_chosen(facts: dict[str, Any], expected: Refusal) -> None:
    decision = route(question(**facts))
    assert refusal_of(decision, "s1") == expected
    assert taken_from(decision) == [("s2", ("1", "2"))]


NEEDS = [
    (Need("1", "tea", 1_000, 100, traits=("cold",)), Refusal("handling", line_id="1", service_id="van")),
    (Need("1", "tea", 1_000, 100, kinds=("warehouse",)), Refusal("supplier_place", line_id="1")),
]


@pytest.mark.parametrize(("need", "expected"), NEEDS, ids=lambda each: getattr(each, "constraint", ""))
def test_goods_go_only_from_where_they_may_and_by_who_can(need: Need, expected: Refusal) -> None:
    asked = with_place(question(needs=(need,)), "w1", services=(service("cold-van", carries=("cold",)),))
    decision = route(asked)
    assert refusal_of(decision, "s1") == expected
    assert taken_from(decision) == [("w1", ("1",))]
    assert decision.kind == "warehouse"


@pytest.mark.parametrize("bar", [Bar("fragile", "air", None, "policy"), Bar(None, "air", "DE-BE", "law")])
def test_goods_do_not_go_by_what_a_law_or_the_policy_bars(bar: Bar) -> None:
    both = service(), service("plane", mode="air", tariff=1, transit_ms=HOUR_MS)
    asked = question(needs=(Need("1", "tea", 1_000, 100, traits=("fragile",)),), prices=Prices(hour_milli=100 * CENT))
    asked = with_place(asked, "s1", services=both)
    assert route(asked).allocations[0].service_id == "plane"
    assert route(replace(asked, bars=(bar,))).allocations[0].service_id == "van"
    elsewhere = replace(bar, region="DE-BY")
    assert route(replace(asked, bars=(elsewhere,))).allocations[0].service_id == "plane"


def test_a_promise_that_must_be_kept_is_a_cut_off() -> None:
    asked = question(promise_at_ms=NOW_MS + 26 * HOUR_MS, prices=Prices(keeps_promise=True))
    missed = with_place(asked, "s1", services=(service(leaves_at_ms=NOW_MS + 3 * HOUR_MS),))
    decision = route(missed)
    expected = Refusal("cut_off", NOW_MS + 27 * HOUR_MS, NOW_MS + 26 * HOUR_MS, "ms", "1", "van")
    assert refusal_of(decision, "s1") == expected
    assert taken_from(route(asked)) == [("s1", ("1", "2"))]


def test_goods_that_are_there_do_not_wait_for_others_unless_one_parcel_is_cheaper() -> None:
    late = Supply("cup", 10_000, lead_ms=48 * HOUR_MS)
    only = replace(with_place(question(), "s1", supplies=(TEA, late)), promise_at_ms=NOW_MS + 26 * HOUR_MS)
    only = replace(only, places=only.places[:1])
    together, apart = route(only), route(replace(only, prices=replace(only.prices, late_hour_milli=11 * CENT)))
    assert taken_from(together) == [("s1", ("1", "2"))]
    assert together.parts.lateness_milli == 48 * 10 * CENT
    assert taken_from(apart) == taken_from(together), "the second parcel would be as late as the only one"


@pytest.mark.parametrize(
    ("facts", "refusal"), [({"is_held": True}, "no_active_hold"), ({"attempts_left": 0}, "attempts_left")]
)
def test_an_order_that_is_held_or_was_refused_too_often_is_for_a_person(facts: dict[str, Any], refusal: str) -> None:
    decision = route(question(**facts))
    assert (decision.kind, decision.allocations, decision.refusal) == ("manual", (), refusal)


def test_a_line_that_nobody_has_waits_where_the_policy_lets_it() -> None:
    needs = Need("1", "tea", 2_000, 500), Need("2", "hat", 1_000, 300)
    assert route(question(needs=needs)).kind == "manual"
    decision = route(question(needs=needs, prices=Prices(backorder_milli=900 * CENT)))
    assert taken_from(decision) == [("s1", ("1",)), (None, ("2",))]
    assert [each.decision for each in decision.allocations] == ["fulfil_here", "backorder"]
    assert decision.promise_at_ms is None
    assert decision.parts.backorder_milli == 900 * CENT


def test_the_same_question_has_the_same_hash_and_the_same_answer() -> None:
    assert route(question()) == route(question())
    assert route(question()).question_hash != route(question(attempts_left=2)).question_hash


def lacking() -> Question:
    asked = with_place(question(), "s1", supplies=(Supply("tea", 1_500), CUP), is_open=False)
    return with_place(asked, "s2", supplies=(Supply("tea", 1_900), CUP))


def test_what_would_have_changed_a_decision_is_the_least_that_was_missing() -> None:
    asked = lacking()
    decision = route(with_place(asked, "w1", parcel_milli=100 * CENT))
    assert taken_from(decision) == [("w1", ("1", "2"))]
    first, second = what_would_change(with_place(asked, "w1", parcel_milli=100 * CENT), decision)
    assert (first.location_id, first.saves_milli) == ("s2", 100 * CENT)
    assert first.lacked == (Refusal("rights", 1_900, 2_000, "thousandths", "1"),)
    assert (second.location_id, [each.constraint for each in second.lacked]) == ("s1", ["open", "rights"])


def test_what_no_one_could_have_given_is_not_told_as_a_change() -> None:
    asked = question(needs=(Need("1", "tea", 1_000, 100, kinds=("warehouse",)),))
    assert what_would_change(asked, route(asked)) == ()

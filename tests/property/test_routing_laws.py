"""Whole questions: what a decision adds up to, what it may not do, and what it does not depend on."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core.routing.costs import added
from edge_core.routing.deciding import Decision, route
from edge_core.routing.grouping import solve_any
from edge_core.routing.question import Place, Prices, Question
from edge_core.routing.weighing import weigh
from tests.rigs.questions import random_question
from tests.rigs.routing import CENT, HOUR_MS, NOW_MS

SEEDS = st.randoms(use_true_random=False)
DAY_MS = 24 * HOUR_MS


def asked(random: Random, lines: int) -> Question:
    """A random question, and prices for what those of the bench have none for."""
    question = random_question(random, lines=lines, places=random.randint(1, 5), carriers=random.randint(1, 2))
    prices = replace(
        question.prices,
        km_milli=random.randint(0, 2_000),
        store_milli=random.randint(-500, 500) * CENT,
        warehouse_milli=random.randint(-500, 500) * CENT,
        expiry_day_milli=random.randint(0, 50) * CENT,
        transit_ms_max=random.choice([None, 48 * HOUR_MS]),
        keeps_promise=random.random() < 0.2,
        backorder_milli=random.choice([None, 900 * CENT]),
        parcels_max=random.randint(1, 4),
    )
    needs = tuple(replace(need, sku=f"sku-{random.randrange(lines)}") for need in question.needs)
    places = tuple(_with_lots(random, place) for place in question.places)
    return replace(question, prices=prices, needs=needs, places=places)


def _with_lots(random: Random, place: Place) -> Place:
    supplies = (
        replace(
            supply,
            free_milli=random.randint(0, 6) * 1_000,
            expires_at_ms=random.choice([None, NOW_MS + random.randint(0, 40) * DAY_MS]),
            lead_ms=random.choice([0, 0, DAY_MS]),
        )
        for supply in place.supplies
    )
    return replace(place, supplies=tuple(supplies))


@given(SEEDS, st.integers(1, 5))
def test_what_was_weighed_is_what_the_parts_of_the_answer_add_up_to(random: Random, lines: int) -> None:
    question = asked(random, lines)
    decision, found = route(question), solve_any(weigh(question).problem)
    if found is None:
        assert decision.allocations == ()
        return
    assert decision.parts.total_milli == found.plan.cost_milli
    assert decision.parts == added(*(each.parts for each in decision.allocations))
    assert (decision.runner_up is None) == (found.runner_up is None)
    if decision.runner_up is not None:
        parts = added(*(each.parts for each in decision.runner_up.allocations))
        assert parts.total_milli - decision.parts.total_milli == decision.runner_up.margin_milli >= 0


@given(SEEDS, st.integers(1, 5))
def test_a_decision_promises_each_line_once_and_nothing_that_a_place_has_not(random: Random, lines: int) -> None:
    question = asked(random, lines)
    decision = route(question)
    if decision.allocations:
        named = [line_id for each in decision.allocations for line_id in each.line_ids]
        assert sorted(named) == sorted(need.line_id for need in question.needs)
        assert len(decision.allocations) <= question.prices.parcels_max
    for place in question.places:
        sent = _sent(question, decision, place)
        free = {supply.sku: supply.free_milli for supply in place.supplies}
        assert all(milli <= free[sku] for sku, milli in sent.items())
        assert place.units_left_milli is None or sum(sent.values()) <= place.units_left_milli


def _sent(question: Question, decision: Decision, place: Place) -> dict[str, int]:
    needs = {need.line_id: need for need in question.needs}
    sent: dict[str, int] = {}
    for allocation in decision.allocations:
        for line_id in allocation.line_ids if allocation.location_id == place.location_id else ():
            sent[needs[line_id].sku] = sent.get(needs[line_id].sku, 0) + needs[line_id].quantity_milli
    return sent


@given(SEEDS, st.integers(1, 4))
def test_the_order_in_which_places_are_named_decides_nothing(random: Random, lines: int) -> None:
    question = asked(random, lines)
    shuffled = replace(question, places=tuple(random.sample(question.places, len(question.places))))
    one, other = route(question), route(shuffled)
    assert replace(other, question_hash=one.question_hash) == one


@given(SEEDS, st.integers(1, 4))
def test_a_place_that_a_question_loses_makes_no_plan_cheaper(random: Random, lines: int) -> None:
    question = asked(random, lines)
    fewer = replace(question, places=question.places[1:])
    whole, rest = route(question), route(fewer)
    if rest.allocations:
        assert whole.allocations
        assert whole.parts.total_milli <= rest.parts.total_milli


def test_prices_have_their_defaults_in_no_part_of_a_cost() -> None:
    """A question whose policy prices nothing costs what is paid, and what stock is worth."""
    question = replace(random_question(Random(3), lines=4, places=6, carriers=2), prices=Prices())
    parts = route(question).parts
    assert parts.total_milli == parts.shipping_milli + parts.handling_milli + parts.stock_milli

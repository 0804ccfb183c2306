"""The centre's choice by routing, over a network that was published, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import structlog
from msgspec.structs import replace

from central_sync.ordering import number_of, posted_of
from central_sync.policy_watch import records_in
from central_sync.store import assignments, outcomes, routings
from edge_core.policy.documents import Policy, Release, Signal
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Question
from edge_core.routing.record import decision_in, question_in
from tests.rigs import network as rig
from tests.rigs.deskwork import DeskHouse, desk_house
from tests.rigs.networked import PLACES, order, publish_network, published
from tests.rigs.policies import expressions, policy

HOUR_MS = rig.HOUR_MS


@pytest.fixture
async def house(centre_dsn: str) -> AsyncIterator[DeskHouse]:
    """A store in Berlin, one in Hamburg and a warehouse in Leipzig, on a Monday morning."""
    async with desk_house(centre_dsn, *PLACES) as opened:
        opened.now_ms = rig.NOW_MS
        yield opened


async def give(house: DeskHouse, **places: tuple[str, ...]) -> None:
    """Ten pieces of some goods at some places."""
    for node_id, skus in places.items():
        for sku in skus:
            await house.stock(node_id, sku, 10_000)


async def why(house: DeskHouse, order_id: UUID) -> tuple[Question, Decision]:
    """What was asked and answered last about an order."""
    async with house.database.reading() as connection:
        (*_, found) = await routings.of(connection, order_id)
    return question_in(found.record), decision_in(found.record)


def refusals(decision: Decision) -> dict[str, Any]:
    return {each.location_id: each.refusal.constraint for each in decision.candidates if each.refusal}


async def test_the_cheapest_place_of_the_network_is_asked_and_the_reasons_are_kept(house: DeskHouse) -> None:
    await publish_network(house.database)
    await give(house, berlin=("tea", "cup"), hamburg=("tea", "cup"), leipzig=("tea", "cup"))
    order_id = await house.post(order())
    assert (await house.asked(order_id)).node_id == "berlin"
    question, decision = await why(house, order_id)
    assert [stamp.source.split("@")[0] for stamp in question.sources] == ["locations", "services", "tariffs", "carbon"]
    assert (decision.allocations[0].service_id, decision.policy) == ("parcel", "built-in-1")
    assert decision.runner_up is not None
    assert route(question) == decision


async def test_a_network_that_is_published_later_is_used_from_the_next_order_on(house: DeskHouse) -> None:
    await give(house, berlin=("tea", "cup"), hamburg=("tea", "cup"))
    _, before = await why(house, await house.post(order()))
    await publish_network(house.database)
    _, after = await why(house, await house.post(order()))
    await publish_network(house.database, locations=[replace(rig.location("hamburg"), services=("parcel",))])
    closed = await house.post(order())
    assert (before.policy, after.policy) == ("plain-1", "built-in-1")
    assert (await house.asked(closed)).node_id == "hamburg", "it is the only one that is in the network still"


async def test_a_place_that_was_given_as_much_as_it_picks_in_a_day_is_passed_over(house: DeskHouse) -> None:
    small = rig.location("berlin", day_milli_max=5_000)
    await publish_network(house.database, locations=[small, rig.location("hamburg")])
    await give(house, berlin=("tea", "cup"), hamburg=("tea", "cup"))
    first, second = await house.post(order()), await house.post(order())
    assert (await house.asked(first)).node_id == "berlin"
    assert (await house.asked(second)).node_id == "hamburg"
    _, decision = await why(house, second)
    refusal = next(each.refusal for each in decision.candidates if each.location_id == "berlin")
    assert refusal is not None
    assert (refusal.constraint, refusal.has, refusal.wants) == ("capacity", 2_000, 3_000)


async def test_an_order_is_divided_where_no_place_of_the_network_has_all_of_it(house: DeskHouse) -> None:
    await publish_network(house.database)
    await give(house, berlin=("tea",), hamburg=("cup",))
    order_id = await house.post(order())
    await house.assigner.look()
    async with house.database.reading() as connection:
        parts = sorted(await assignments.parts(connection, [order_id]), key=number_of)
    asked = {(await house.asked(part.order_id)).node_id: posted_of(part).lines[0].sku for part in parts}
    assert asked == {"berlin": "tea", "hamburg": "cup"}


async def test_a_carrier_that_is_down_takes_nothing_until_its_signal_is_over(house: DeskHouse) -> None:
    only = [rig.location("berlin", services=("courier",)), rig.location("hamburg", services=("parcel",))]
    await publish_network(house.database, locations=only)
    await give(house, berlin=("tea", "cup"), hamburg=("tea", "cup"))
    until_ms = house.now_ms + HOUR_MS
    down = Signal("s1", "weather", f"carrier/{rig.PARCEL.carrier}", until_ms, effect="stop")
    courier = Signal("s2", "weather", "service/courier", until_ms, effect="stop")
    await published(house.database, "signals", [down, courier])
    order_id = await house.post(order())
    assert (await house.standing(order_id)).status == "unassigned"
    _, decision = await why(house, order_id)
    assert refusals(decision) == {"berlin": "carrier_running", "hamburg": "carrier_running"}
    await house.later(HOUR_MS)
    assert (await house.standing(order_id)).status == "offered"


async def test_the_released_policies_give_the_prices(house: DeskHouse) -> None:
    await publish_network(house.database)
    far = policy("far", expressions({"store_minor": "100000"}))
    await published(house.database, "policies", [far])
    await published(house.database, "release", [Release(3, house.now_ms, ("far",))])
    await give(house, berlin=("tea", "cup"), leipzig=("tea", "cup"))
    order_id = await house.post(order())
    assert (await house.asked(order_id)).node_id == "leipzig", "the policy would rather not send from stores"
    _, decision = await why(house, order_id)
    assert decision.policy.startswith("default@3#")


async def test_a_release_that_cannot_be_used_leaves_the_built_in_prices(house: DeskHouse) -> None:
    await publish_network(house.database)
    await published(house.database, "policies", [Policy("broken", 1, "broken", "broken", "no graph at all")])
    await published(house.database, "release", [Release(3, house.now_ms, ("broken",))])
    await give(house, berlin=("tea", "cup"))
    order_id = await house.post(order())
    assert (await house.asked(order_id)).node_id == "berlin"
    _, decision = await why(house, order_id)
    assert decision.policy.startswith("built-in")


async def test_a_policy_that_cannot_answer_leaves_the_built_in_prices_and_its_cell_is_told(house: DeskHouse) -> None:
    await publish_network(house.database)
    await published(house.database, "policies", [policy("odd", expressions({"parcels_max": "99"}))])
    await published(house.database, "release", [Release(3, house.now_ms, ("odd",))])
    await give(house, berlin=("tea", "cup"))
    with structlog.testing.capture_logs() as logs:
        order_id = await house.post(order())
        assert (await house.asked(order_id)).node_id == "berlin"
    _, decision = await why(house, order_id)
    assert decision.policy == "built-in-1@3/default"
    (told,) = (each for each in logs if each["event"] == "assignment.policy_unanswered")
    assert (told["order_id"], told["error"].partition(":")[0]) == (str(order_id), "odd, column 'parcels_max'")


async def test_a_place_that_said_no_is_kept_out_of_the_next_question(house: DeskHouse) -> None:
    await publish_network(house.database)
    await give(house, berlin=("tea", "cup"), hamburg=("tea", "cup"))
    order_id = await house.post(order())
    await house.refuse(await house.asked(order_id), "no_capacity")
    assert (await house.asked(order_id)).node_id == "hamburg"
    question, decision = await why(house, order_id)
    assert (question.excluded, question.facts.attempts) == (("berlin",), 1)
    assert refusals(decision) == {"berlin": "not_excluded"}


async def test_what_the_centre_chooses_among_carriers_is_an_outcome_that_policies_can_be_tried_on(
    house: DeskHouse,
) -> None:
    await give(house, berlin=("tea", "cup"))
    await house.asked(await house.post(order()))  # without carriers there was no choice
    await publish_network(house.database)
    order_id = await house.post(order())
    await house.asked(order_id)
    async with house.database.reading() as connection:
        (found,) = await outcomes.newest(connection, 10, outcomes.Among(datetime.fromtimestamp(0, UTC)))
    assert (found.order_id, found.arm, found.outcome.parcels) == (order_id, "built-in-1", 1)
    ((_, question, decision),) = records_in([found])
    assert (question, decision) == await why(house, order_id)

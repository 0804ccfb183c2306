"""Which node the centre asks, and whom it asks again, on a real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from central_sync.store import routings
from edge_core.assignment.choosing import demand_of
from edge_core.limits import (
    ASSIGNMENT_AGAIN_INTERVAL_MS,
    ASSIGNMENT_REST_MISSING_MS,
    ASSIGNMENT_REST_REJECTED_MS,
)
from edge_core.orders.document import Address, TillOrder
from edge_core.routing.deciding import route
from edge_core.routing.record import decision_in, question_in
from tests.rigs.deskwork import DeskHouse, desk_house
from tests.rigs.orders import till_order

ONE, TWO = "store-0001", "store-0002"


@pytest.fixture
async def house(centre_dsn: str) -> AsyncIterator[DeskHouse]:
    async with desk_house(centre_dsn, ONE, TWO) as opened:
        yield opened


def order(lines: int = 1) -> TillOrder:
    posted = till_order(lines=lines, method="ship")
    return replace(
        posted, fulfillment=replace(posted.fulfillment, ship_to=Address("A. Receiver", "CN", region="CN-HI"))
    )


async def give(house: DeskHouse, node_id: str, posted: TillOrder, times: int = 10) -> None:
    for (sku, unit), milli in demand_of(posted).items():
        await house.stock(node_id, sku, times * milli, unit)


async def test_people_who_said_no_are_asked_again_when_they_have_rested_and_not_before(house: DeskHouse) -> None:
    await give(house, ONE, order())
    order_id = await house.post(order())
    await house.refuse(await house.asked(order_id), "no_capacity")
    waiting = await house.standing(order_id)
    assert (waiting.status, waiting.reason) == ("exception", "nobody-left")
    await house.later(ASSIGNMENT_REST_REJECTED_MS - 1)
    assert (await house.standing(order_id)).status == "exception"
    await house.later(ASSIGNMENT_AGAIN_INTERVAL_MS)
    again = await house.asked(order_id)
    assert (again.node_id, again.number, again.status) == (ONE, 2, "offered")


async def test_a_node_that_lacked_the_goods_is_asked_again_once_its_stock_shows_more(house: DeskHouse) -> None:
    await give(house, ONE, order())
    order_id = await house.post(order())
    await house.refuse(await house.asked(order_id), "out-of-stock")
    await house.later(ASSIGNMENT_AGAIN_INTERVAL_MS)
    assert (await house.standing(order_id)).status == "exception"
    await give(house, ONE, order(), 1)
    await house.later(ASSIGNMENT_AGAIN_INTERVAL_MS)
    assert (await house.asked(order_id)).number == 2


async def test_goods_that_were_missing_for_one_order_are_not_believed_in_for_the_next_one(house: DeskHouse) -> None:
    for node_id in (ONE, TWO):
        await give(house, node_id, order())
    first = await house.post(order())
    assert (await house.asked(first)).node_id == ONE
    await house.refuse(await house.asked(first), "out-of-stock")
    assert (await house.asked(first)).node_id == TWO
    second = await house.post(order())
    assert (await house.asked(second)).node_id == TWO, "the first has two orders less, and is passed over"
    await house.later(ASSIGNMENT_REST_MISSING_MS)
    assert (await house.asked(second)).node_id == ONE, "the other one has not answered, and the doubt is over"


async def test_of_several_kinds_of_goods_nobody_knows_which_were_missing_and_other_orders_are_offered(
    house: DeskHouse,
) -> None:
    await give(house, ONE, order(lines=2))
    first = await house.post(order(lines=2))
    await house.refuse(await house.asked(first), "out-of-stock")
    assert (await house.standing(first)).status == "exception"
    assert (await house.asked(await house.post(order()))).node_id == ONE


async def test_the_choice_is_recorded_for_each_attempt_with_who_could_not_be_asked_and_why(house: DeskHouse) -> None:
    for node_id in (ONE, TWO):
        await give(house, node_id, order())
    order_id = await house.post(order())
    await house.refuse(await house.asked(order_id), "no_capacity")
    async with house.database.reading() as connection:
        first, second = [await routings.last(connection, order_id, number) for number in (1, 2)]
        last = await routings.last(connection, order_id)
    assert first is not None
    assert second is not None
    assert last == second
    before, after = decision_in(first.record), decision_in(second.record)
    assert [[each.location_id for each in found.allocations] for found in (before, after)] == [[ONE], [TWO]]
    assert before.runner_up is not None
    kept_out = {each.location_id: each.refusal.constraint for each in after.candidates if each.refusal}
    assert kept_out == {ONE: "not_excluded"}
    assert route(question_in(second.record)) == after, "the record leads to the same answer again"


async def test_that_nobody_could_be_asked_is_recorded_too(house: DeskHouse) -> None:
    order_id = await house.post(order())
    await house.stock(ONE, order().lines[0].sku, 1)
    await house.later(ASSIGNMENT_AGAIN_INTERVAL_MS)
    async with house.database.reading() as connection:
        found = await routings.last(connection, order_id)
    assert found is not None
    (candidate,) = decision_in(found.record).candidates
    assert candidate.refusal is not None
    assert (candidate.location_id, candidate.refusal.constraint, candidate.refusal.has) == (ONE, "rights", 1)

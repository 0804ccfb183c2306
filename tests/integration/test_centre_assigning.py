"""Which node the centre asks, and whom it asks again, on a real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from edge_core.assignment.choosing import demand_of
from edge_core.limits import (
    ASSIGNMENT_AGAIN_INTERVAL_MS,
    ASSIGNMENT_REST_MISSING_MS,
    ASSIGNMENT_REST_REJECTED_MS,
)
from edge_core.orders.document import Address, TillOrder
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

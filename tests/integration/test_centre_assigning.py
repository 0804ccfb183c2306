"""Which node the centre asks, and whom it asks again, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from central_sync.assigning import Assigner
from central_sync.ordering import Placed, new_part, number_of, part_in, place, posted_of
from central_sync.rights import centre_life
from central_sync.store import assignments, routings
from central_sync.store.assignments import CentralOrder, NewOrder
from central_sync.telemetry import Telemetry
from edge_core import ids
from edge_core.assignment.choosing import demand_of
from edge_core.assignment.dividing import divide, parts_of
from edge_core.assignment.state import Attempt
from edge_core.errors import Rejected
from edge_core.limits import (
    ASSIGNMENT_AGAIN_INTERVAL_MS,
    ASSIGNMENT_REST_MISSING_MS,
    ASSIGNMENT_REST_REJECTED_MS,
)
from edge_core.orders.commands import PlaceOrder, TakeAssignment
from edge_core.orders.document import Address, TillOrder
from edge_core.orders.requests import CancelRequest
from edge_core.routing.deciding import route
from edge_core.routing.record import decision_in, question_in
from edge_core.stock.rights import Life
from tests.rigs.counter import Counter
from tests.rigs.deskwork import DeskHouse, desk_house
from tests.rigs.granting import grants_of
from tests.rigs.orders import BUSINESS_DATE, START_MS, till_order
from tests.rigs.orders import order_id as numbered

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
        first, second = await routings.of(connection, order_id)
        (last,) = await routings.of(connection, (await house.asked(order_id)).assignment_id)
    assert last == second, "the attempt is found by its own id too"
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
        (*_, found) = await routings.of(connection, order_id)
    (candidate,) = decision_in(found.record).candidates
    assert candidate.refusal is not None
    assert (candidate.location_id, candidate.refusal.constraint, candidate.refusal.has) == (ONE, "rights", 1)


async def parts(house: DeskHouse, order_id: UUID) -> list[CentralOrder]:
    """The parts of an order that was divided, in their order."""
    async with house.database.reading() as connection:
        return sorted(await assignments.parts(connection, [order_id]), key=number_of)


async def halves_in_stock(house: DeskHouse, posted: TillOrder) -> None:
    """Each of two nodes has one of the lines, ten times over."""
    for node_id, line in zip((ONE, TWO), posted.lines, strict=True):
        await house.stock(node_id, line.sku, 10 * line.quantity_milli)


async def halves(house: DeskHouse) -> UUID:
    """An order of two lines, of which each of two nodes has one."""
    posted = order(lines=2)
    await halves_in_stock(house, posted)
    order_id = await house.post(posted)
    await house.assigner.look()
    return order_id


async def test_an_order_that_no_node_has_whole_goes_in_parts_each_to_the_node_that_has_it(house: DeskHouse) -> None:
    order_id = await halves(house)
    assert (await house.standing(order_id)).status == "divided"
    first, second = await parts(house, order_id)
    assert [(await house.asked(part.order_id)).node_id for part in (first, second)] == [ONE, TWO]
    posted = [posted_of(part) for part in (first, second)]
    assert [[line.line_id for line in each.lines] for each in posted] == [["1"], ["2"]]
    whole = order(lines=2)
    assert sum(each.totals.grand_total_minor for each in posted) == whole.totals.grand_total_minor
    assert sum(pay.amount_minor for each in posted for pay in each.payments) == whole.payments[0].amount_minor
    async with house.database.reading() as connection:
        (*_, found) = await routings.of(connection, order_id)
    assert len(decision_in(found.record).allocations) == 2, "why it was divided is kept with what was divided"


async def test_a_part_that_is_rejected_is_routed_again_by_itself(house: DeskHouse) -> None:
    order_id = await halves(house)
    await house.stock(TWO, order(lines=2).lines[0].sku, 10_000)
    first, second = await parts(house, order_id)
    before = await house.asked(second.order_id)
    await house.refuse(await house.asked(first.order_id), "no_capacity")
    again = await house.asked(first.order_id)
    assert (again.node_id, again.number) == (TWO, 2)
    assert await house.asked(second.order_id) == before


async def test_a_part_is_divided_again_where_nobody_has_it_whole_any_more(centre_dsn: str) -> None:
    async with desk_house(centre_dsn, ONE, TWO, "store-0003") as house:
        whole = order(lines=3)
        one, two, three = (line.sku for line in whole.lines)
        for node_id, sku in ((ONE, one), (ONE, two), (TWO, three)):
            await house.stock(node_id, sku, 10_000)
        order_id = await house.post(whole)
        await house.assigner.look()
        several = await parts(house, order_id)
        assert [len(posted_of(part).lines) for part in several] == [2, 1]
        await house.stock(TWO, one, 10_000)
        await house.stock("store-0003", two, 10_000)
        await house.refuse(await house.asked(several[0].order_id), "no_capacity")
        await house.assigner.look()
        assert (await house.standing(several[0].order_id)).status == "divided"
        below = await parts(house, several[0].order_id)
        assert {(await house.asked(part.order_id)).node_id for part in below} == {TWO, "store-0003"}
        leaves = [posted_of(part) for part in (*below, several[1])]
        assert sum(each.totals.grand_total_minor for each in leaves) == whole.totals.grand_total_minor


async def test_whoever_cancels_an_order_cancels_every_part_of_it(house: DeskHouse) -> None:
    order_id = await halves(house)
    async with house.database.transaction() as connection:
        assert await house.decisions.cancel(connection, order_id, CancelRequest("changed-mind"), "key-1") is None
    several = await parts(house, order_id)
    assert [(await house.standing(part.order_id)).status for part in several] == ["cancelling", "cancelling"]


async def test_what_hangs_together_waits_for_a_node_that_has_all_of_it(house: DeskHouse) -> None:
    posted = order(lines=2)
    first, second = posted.lines
    for node_id, line in zip((ONE, TWO), posted.lines, strict=True):
        await house.stock(node_id, line.sku, 10 * line.quantity_milli)
    order_id = await house.post(replace(posted, lines=(first, replace(second, parent_line_id=first.line_id))))
    assert (await house.standing(order_id)).status == "unassigned"
    await house.stock(TWO, first.sku, 10_000)
    await house.later(ASSIGNMENT_AGAIN_INTERVAL_MS)
    assert (await house.asked(order_id)).node_id == TWO


async def test_two_that_see_to_the_same_order_divide_it_once(house: DeskHouse) -> None:
    posted = order(lines=2)
    await halves_in_stock(house, posted)
    async with house.database.transaction() as connection:
        placed = await place(connection, posted, "key", now_ms=house.now_ms)
    assert isinstance(placed, Placed)
    other = Assigner(house.database, Telemetry(CollectorRegistry()), house.desk)
    await asyncio.gather(house.assigner.look(), other.look())
    await asyncio.gather(house.assigner.look(), other.look())
    several = await parts(house, placed.order.order_id)
    assert [len((await house.standing(part.order_id)).attempts) for part in several] == [1, 1]


async def test_a_part_spends_the_rights_that_there_are_and_no_order_is_divided_beyond_them(house: DeskHouse) -> None:
    posted = order(lines=2)
    await halves_in_stock(house, posted)
    shared = posted.lines[0]
    async with house.database.reading() as connection:
        life = await centre_life(connection)
    house.nodes[ONE].record(grants_of(house.nodes[ONE], shared.sku, (life, shared.quantity_milli)))
    await house.hear(ONE)
    first, second = await house.post(posted), await house.post(posted)
    await house.assigner.look()
    rights, plain = [(await house.asked(part.order_id)).spent for part in await parts(house, first)]
    assert ([(each.sku, each.quantity_milli) for each in rights], plain) == ([(shared.sku, shared.quantity_milli)], ())
    assert (await house.standing(second)).status == "unassigned", "the view shows more, which nobody may promise"


async def taken(house: DeskHouse, node_id: str, part: NewOrder) -> Attempt:
    """A node has taken a part of an order in a life of the centre that is forgotten, and says so."""
    counter, posted = Counter(), posted_of(part)
    for line in posted.lines:
        counter.receive(line.sku, line.quantity_milli)
    before = len(counter.entries)
    attempt = Attempt(numbered(77), node_id, 1)
    place = PlaceOrder(
        posted,
        attempt.assignment_id,
        part.display_number,
        part.key,
        part.payload_hash,
        node_id,
        BUSINESS_DATE,
        offline=False,
    )
    life = Life(node_id, house.nodes[node_id].incarnation)
    command = TakeAssignment(place, part.order_id, 1, START_MS, is_accepted=True, life=life, part_of=part_in(part))
    assert not isinstance(counter.submit(command), Rejected)
    for subject, events in counter.entries[before:]:
        house.nodes[node_id].record(events, subject)
    await house.hear(node_id)
    await house.assigner.look()
    return attempt


def first_part(posted: TillOrder, key: str) -> NewOrder:
    """The first of two parts of an order that was posted under a key, as every centre makes it."""
    central_id = ids.central_order_id(key)
    whole = CentralOrder(
        central_id,
        key,
        b"",
        ids.central_display_number(central_id),
        b"",
        None,
        datetime.now(UTC),
        "divided",
        None,
        0,
        None,
    )
    division = (("1",), ("2",))
    name, document = parts_of(central_id, None, division)[0], divide(posted, division)[0]
    return new_part(whole, name, document)


async def test_a_part_of_an_order_that_is_not_known_waits_for_it_and_divides_it_then(house: DeskHouse) -> None:
    posted = order(lines=2)
    part = first_part(posted, "key")
    attempt = await taken(house, ONE, part)
    async with house.database.transaction() as connection:
        placed = await place(connection, posted, "key", now_ms=house.now_ms)
    assert isinstance(placed, Placed)
    await house.assigner.look()
    await house.assigner.look()
    assert (await house.standing(placed.order.order_id)).status == "divided"
    first, second = await parts(house, placed.order.order_id)
    assert first.order_id == part.order_id
    found = await house.standing(first.order_id)
    assert (found.status, [each.assignment_id for each in found.attempts]) == ("accepted", [attempt.assignment_id])
    assert (await house.standing(second.order_id)).status == "unassigned"


async def test_a_part_of_an_order_that_has_gone_another_way_is_taken_back_from_its_node(house: DeskHouse) -> None:
    posted = order(lines=2)
    await give(house, TWO, posted)
    async with house.database.transaction() as connection:
        placed = await place(connection, posted, "key", now_ms=house.now_ms)
    assert isinstance(placed, Placed)
    await house.assigner.look()
    assert (await house.asked(placed.order.order_id)).node_id == TWO
    part = first_part(posted, "key")
    await taken(house, ONE, part)
    found = await house.standing(part.order_id)
    assert (found.status, [each.status for each in found.attempts]) == ("cancelling", ["withdrawing"])
    assert (await house.standing(placed.order.order_id)).status == "offered"


async def test_a_division_that_the_order_cannot_have_is_not_believed(house: DeskHouse) -> None:
    posted = order(lines=3)
    async with house.database.transaction() as connection:
        placed = await place(connection, posted, "key", now_ms=house.now_ms)
    assert isinstance(placed, Placed)
    part = first_part(order(lines=2), "key")  # nobody has the third line
    await taken(house, ONE, part)
    assert (await house.standing(placed.order.order_id)).status == "unassigned"
    async with house.database.reading() as connection:
        assert await assignments.one(connection, part.order_id) is None

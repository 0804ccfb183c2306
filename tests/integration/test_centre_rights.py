"""Rights at the centre on a real PostgreSQL: what nodes say of them, and what the centre promises with them."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central_sync import rights as desk
from central_sync.rebalancing import Rebalancer
from central_sync.settling_rights import settle_life
from central_sync.store import rights
from central_sync.store.database import Database
from central_sync.store.rights import RightsKey
from edge_core import ids
from edge_core.errors import Rejected
from edge_core.limits import RIGHTS_REBALANCE_MS_DEFAULT, RIGHTS_ROWS_MAX
from edge_core.orders.events import StockMoved
from edge_core.stock import rights_book
from edge_core.stock.holds import end_id
from edge_core.stock.ledger import Allocation, StockDelta
from edge_core.stock.requests import HearRights, ReturnRights, SettleRights
from edge_core.stock.rights import Life, Moved, Rights, Row, balance_milli, present_life
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.stock_events import HoldEnded, RightsGranted, StockHeld
from edge_core.sync.instruction import decode_instruction
from tests.rigs.centre import greet, migrated, push, rows
from tests.rigs.granting import grants_of
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog

SKU = "milk"


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> NodeLog:
    """The owner of the goods, which has said hello."""
    node = NodeLog()
    await greet(database, node)
    return node


def grants(log: NodeLog, *wanted: tuple[Life, int]) -> list[RightsGranted]:
    return grants_of(log, SKU, *wanted)


async def centre(database: Database) -> Life:
    async with database.reading() as connection:
        return await desk.centre_life(connection)


async def spend(database: Database, log: NodeLog, quantity_milli: int) -> str | None:
    async with database.transaction() as connection:
        refused = await desk.spend(connection, log.node_id, {SKU: quantity_milli})
    return None if refused is None else refused.slug


async def test_the_centre_promises_what_it_was_given_and_not_a_piece_more(database: Database, log: NodeLog) -> None:
    assert await spend(database, log, 1_000) == "rights-exceeded"
    for event in grants(log, (await centre(database), 2_000), (await centre(database), 1_000)):
        log.record([event])
    await push(database, log.push())
    assert [await spend(database, log, 1_000) for _ in range(4)] == [None, None, None, "rights-exceeded"]
    async with database.transaction() as connection:
        assert await desk.give_back(connection, log.node_id, {SKU: 1_000}) is None
    assert [await spend(database, log, 1_000) for _ in range(2)] == [None, "rights-exceeded"]


async def test_of_several_goods_all_are_promised_or_none(database: Database, log: NodeLog) -> None:
    (event,) = grants(log, (await centre(database), 2_000))
    log.record([event])
    await push(database, log.push())
    async with database.transaction() as connection:
        refused = await desk.spend(connection, log.node_id, {SKU: 1_000, "bread": 1_000})
    assert refused is not None
    assert [await spend(database, log, 2_000), await spend(database, log, 1)] == [None, "rights-exceeded"]


async def test_a_centre_that_was_put_back_holds_nothing_until_it_is_given_rights_again(
    database: Database, log: NodeLog
) -> None:
    (event,) = grants(log, (await centre(database), 2_000))
    log.record([event])
    await push(database, log.push())
    async with database.transaction() as connection:
        await connection.execute("UPDATE centre SET history_id = $1", uuid4())
        life = await desk.centre_life(connection)
        (book,) = await rights.page(connection, owner_id=None, sku=None, after=None, rows_max=9)
    assert desk.spendable_milli([book], life) == {RightsKey(log.node_id, SKU): 0}
    assert await spend(database, log, 1_000) == "rights-exceeded"


@pytest.mark.parametrize("after_ms", [1_000, 0], ids=["by rate", "by hand alone"])
async def test_a_centre_that_was_put_back_asks_each_location_once_to_settle_for_its_former_life(
    database: Database, log: NodeLog, after_ms: int
) -> None:
    former = await centre(database)
    (event,) = grants(log, (former, 2_000))
    log.record([event])
    await push(database, log.push())
    async with database.transaction() as connection:
        await connection.execute("UPDATE centre SET history_id = $1", uuid4())
    now_ms = START_MS
    rebalancer = Rebalancer(database, lambda: now_ms, after_ms=after_ms)
    for _ in range(2):
        assert await rebalancer.look() == 0
        now_ms += RIGHTS_REBALANCE_MS_DEFAULT + 1
    asked = await rows(database, "SELECT kind, body FROM instruction")
    assert [kind for kind, _ in asked] == ["stock.settle_rights"]
    task = decode_instruction(asked[0][1]).task
    assert task == SettleRights(SKU, former)


async def test_what_cannot_be_settled_at_one_location_is_settled_at_none(database: Database, log: NodeLog) -> None:
    other = NodeLog("store-0002")
    await greet(database, other)
    former, gone = Life(log.node_id, ids.uuid7(START_MS - 1, 1)), Life(other.node_id, ids.uuid7(START_MS - 1, 2))
    crowd = tuple(Moved(Life("store-0003", ids.uuid7(START_MS, n)), 1) for n in range(RIGHTS_ROWS_MAX - 2))
    book = Rights(log.node_id, "a", (Row(former, 1_000, (Moved(gone, 1_000),)),))
    full = Rights(log.node_id, "b", (Row(former, 1_000_000, (Moved(gone, 1_000), *crowd)),))
    async with database.transaction() as connection:
        await rights.take(connection, [RightsBook(book), RightsBook(full)])
        refused = await settle_life(connection, gone.node_id, gone.incarnation, "disk-died", now_ms=START_MS)
    assert isinstance(refused, Rejected)
    assert await rows(database, "SELECT kind FROM instruction") == []
    async with database.reading() as connection:
        left = await rights.page(connection, owner_id=None, sku="a", after=None, rows_max=1)
    assert balance_milli(left[0].rights, gone) == 1_000


async def test_rights_for_another_node_are_passed_on_to_it_once(database: Database, log: NodeLog) -> None:
    other = NodeLog("store-0002")
    await greet(database, other)
    (event,) = grants(log, (Life(other.node_id, other.incarnation), 2_000))
    log.record([event])
    message = log.push()
    await push(database, message)
    await push(database, message)
    told = await rows(database, "SELECT node_id, kind FROM instruction")
    assert told == [(other.node_id, "stock.hear_rights")]


async def test_a_hold_that_ended_in_two_histories_gives_its_goods_back_once(database: Database, log: NodeLog) -> None:
    hold, goods = ids.uuid7(START_MS, 9), (Allocation("1", SKU, None, "H87", 2_000),)
    log.record([StockMoved(ids.uuid7(START_MS, 8), "receipt", None, (StockDelta(SKU, None, "H87", 9_000),))])
    log.record([StockHeld(hold, goods, START_MS, START_MS + 1)])
    log.record([HoldEnded(end_id(hold), hold, "released", goods)])
    await push(database, log.push())
    other = NodeLog(log.node_id, ids.uuid7(START_MS, 2))
    await greet(database, other)
    other.record([HoldEnded(end_id(hold), hold, "expired", goods)])
    await push(database, other.push())
    assert await rows(database, "SELECT on_hand_milli, reserved_milli FROM stock_view") == [(9_000, 0)]


async def test_a_node_speaks_for_itself_alone(database: Database, log: NodeLog) -> None:
    other = NodeLog("store-0002")
    await greet(database, other)
    (event,) = grants(log, (await centre(database), 2_000))
    other.record([event])  # as if it were the owner
    await push(database, other.push())
    assert await spend(database, log, 1_000) == "rights-exceeded"


@given(order=st.permutations(range(4)), again=st.lists(st.integers(0, 3), max_size=4))
@settings(max_examples=60, deadline=None)
def test_words_about_rights_lead_to_the_same_in_any_order_and_however_often_they_come(
    order: list[int], again: list[int]
) -> None:
    log = NodeLog()
    lives = [Life(f"store-{n:04}", ids.uuid7(START_MS, n)) for n in range(2, 6)]
    words = [event.news for event in grants(log, *((life, 1_000) for life in lives))]
    assert _merged([words[i] for i in order] + [words[i] for i in again]) == _merged(words)


def _merged(words: list[RightsBook]) -> RightsBook:
    book = rights_book.empty(words[0].rights.owner_id, SKU)
    for word in words:
        book = rights_book.merge(book, word)
    return book


async def test_rights_go_back_to_the_life_that_the_location_lives_now(database: Database, log: NodeLog) -> None:
    other, later = NodeLog("store-0002"), NodeLog(log.node_id, ids.uuid7(START_MS + 1, 1))
    await greet(database, other)
    log.record([StockMoved(uuid4(), "receipt", "delivery", (StockDelta(SKU, None, "H87", on_hand_milli=10_000),))])
    for event in grants(log, (await centre(database), 4_000), (Life(other.node_id, other.incarnation), 4_000)):
        log.record([event])
    await push(database, log.push())
    await greet(database, later)
    async with database.transaction() as connection:
        await connection.execute("UPDATE rights_party SET sold_milli = 90000 WHERE is_owner")
    assert await Rebalancer(database, lambda: START_MS, after_ms=1).look() == 2
    asked = await rows(database, "SELECT node_id, body FROM instruction ORDER BY node_id, number")
    tasks = [(node_id, decode_instruction(body).task) for node_id, body in asked]
    now = Life(log.node_id, later.incarnation)
    (_, to_owner), *to_holder = tasks
    assert isinstance(to_owner, HearRights)
    (row,) = to_owner.book.rights.rows
    assert [moved.to for moved in row.moved] == [now], "the centre's own"
    _, told, back = (task for _, task in to_holder)  # of its rights, of the location's life, of what is wanted back
    assert isinstance(told, HearRights)
    assert isinstance(back, ReturnRights)
    holder = rights_book.merge(grants(log, (Life(other.node_id, other.incarnation), 4_000))[0].news, told.book)
    assert present_life(holder.rights, log.node_id) == now

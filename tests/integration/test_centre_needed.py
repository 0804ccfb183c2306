"""What the centre sends a newcomer first, on a real database: pages of one picture, and history from its end."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from central_sync.ingest import needing, recalling
from central_sync.store.database import Database
from edge_core import ids
from edge_core.orders.events import StockMoved
from edge_core.stock.ledger import StockDelta
from edge_core.sync.messages import Deliver, Mark, Recall, unpack_block
from edge_core.sync.need_messages import Item, Need, Needed, OpenEntry, decode_item
from edge_core.sync.needed import Picture
from edge_core.sync.receive_stream import prepare
from tests.rigs.centre import greet, migrated, push
from tests.rigs.orders import START_MS, cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog

SHIP = till_order(method="ship")


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needing, "NEEDED_ORDERS_PER_PAGE", 2)
    monkeypatch.setattr(needing, "PUSH_ENTRIES_MAX", 2)


def machine(number: int) -> NodeLog:
    return NodeLog("store-0001", ids.uuid7(START_MS + number, number))


def receive(log: NodeLog, skus: int, quantity_milli: int) -> None:
    """A delivery of so many things."""
    deltas = tuple(StockDelta(f"sku-{number}", None, "H87", quantity_milli) for number in range(skus))
    log.record((StockMoved(ids.uuid7(START_MS, log.tail_seq + 1), "receipt", "DN-1", deltas),))


async def gone(database: Database, open_orders: int = 3) -> NodeLog:
    """A machine that sold, left orders open, called one off, and is gone."""
    log = machine(1)
    receive(log, 5, 9_000)
    log.sell(2)
    for number in range(10, 10 + open_orders):
        log.record(placed(number, SHIP), order_id(number))
    history = placed(50, SHIP)
    log.record(history, order_id(50))
    log.record(cancelled(50, history), order_id(50))
    await greet(database, log)
    await push(database, log.push())
    return log


async def asked(database: Database, need: Need) -> Needed:
    async with database.reading() as connection:
        return await needing.needed(connection, need)


async def pages(database: Database, log: NodeLog) -> list[Needed]:
    """Every page of a picture."""
    found = [await asked(database, Need(log.node_id, log.incarnation))]
    while found[-1].then is not None:
        found.append(await asked(database, Need(log.node_id, log.incarnation, found[-1].as_of, found[-1].then)))
        assert len(found) < 50
    return found


def items(page: Needed) -> list[Item]:
    return [decode_item(raw) for raw in unpack_block(page.codec, page.block)]


async def newcomer(database: Database) -> NodeLog:
    log = machine(2)
    await greet(database, log)
    return log


async def test_a_picture_has_the_open_orders_the_stock_and_the_ends_of_the_former_streams(database: Database) -> None:
    old, new = await gone(database), await newcomer(database)
    (page,) = [each for each in await pages(database, new) if any(isinstance(i, OpenEntry) for i in items(each))]
    bodies = [item.body for item in items(page) if isinstance(item, OpenEntry)]
    assert bodies == old.bodies[3:6]
    picture = Picture()
    for each in await pages(database, new):
        picture.take(each, {})
    ((incarnation, seq, at),) = [(ground.incarnation, ground.seq, ground.hash) for ground in picture.grounds]
    assert (incarnation, seq, at) == (old.incarnation, old.tail_seq, old.hashes[-1])
    assert {b.sku: b.on_hand_milli for b in picture.bases if b.sku.startswith("sku")} == {
        f"sku-{number}": 9_000 for number in range(5)
    }


@pytest.mark.usefixtures("small_pages")
async def test_a_picture_comes_in_pages_each_once_and_none_is_left_out(database: Database) -> None:
    old, new = await gone(database, open_orders=5), await newcomer(database)
    found = await pages(database, new)
    assert len(found) > 5
    assert max(len(items(page)) for page in found) <= 2
    everything = [item for page in found for item in items(page)]
    assert [item.body for item in everything if isinstance(item, OpenEntry)] == old.bodies[3:8]
    skus = [item.sku for item in everything if not isinstance(item, OpenEntry)]
    assert len(skus) == len(set(skus)) >= 5
    middle = found[2]
    again = await asked(database, Need(new.node_id, new.incarnation, middle.as_of, middle.after))
    assert again == middle  # a page that was lost is asked for again


@pytest.mark.usefixtures("small_pages")
async def test_what_the_newcomer_sells_meanwhile_changes_no_picture_and_what_another_machine_sends_begins_it_anew(
    database: Database,
) -> None:
    old, new = await gone(database), await newcomer(database)
    first = await asked(database, Need(new.node_id, new.incarnation))
    receive(new, 5, 1_000)
    new.record(placed(90, SHIP), order_id(90))
    await push(database, new.push())
    second = await asked(database, Need(new.node_id, new.incarnation, first.as_of, first.then))
    assert (second.as_of, second.after, first.at_seq, second.at_seq) == (first.as_of, first.then, 0, 2)
    old.record(placed(60, SHIP), order_id(60))
    await push(database, old.push(old.tail_seq))
    third = await asked(database, Need(new.node_id, new.incarnation, first.as_of, second.then))
    assert third.as_of != first.as_of
    assert third.after is None
    assert items(third)[0] == items(first)[0]


async def test_a_machine_that_was_replaced_and_one_without_a_past_get_no_picture(database: Database) -> None:
    old = await gone(database)
    assert (await asked(database, Need(old.node_id, old.incarnation))).grounds == ()
    new = await newcomer(database)
    assert (await asked(database, Need(new.node_id, new.incarnation))).grounds != ()
    assert (await asked(database, Need(old.node_id, old.incarnation))).grounds == ()
    assert (await asked(database, Need(old.node_id, UUID(int=9)))).grounds == ()


# --- history ----------------------------------------------------------------------------------------------------------


async def before(database: Database, old: NodeLog, mark: Mark) -> Deliver:
    recall = Recall(old.node_id, machine(2).incarnation, old.incarnation, "orders", (), mark)
    async with database.reading() as connection:
        return (await recalling.recalled(connection, recall)).deliver


async def test_history_is_what_leads_up_to_the_mark(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalling, "PUSH_ENTRIES_MAX", 3)
    old = await gone(database)
    seq, bodies = old.tail_seq, list[bytes]()
    while seq:
        deliver = await before(database, old, Mark(seq, old.hashes[seq]))
        assert (deliver.before, deliver.to_seq, deliver.previous_hash) == (seq, seq, old.hashes[deliver.from_seq - 1])
        bodies = prepare(deliver).bodies + bodies
        seq = deliver.from_seq - 1
    assert bodies == old.bodies


async def test_of_a_mark_that_the_centre_does_not_have_it_has_no_history(database: Database) -> None:
    old = await gone(database)
    for mark in (Mark(old.tail_seq + 5, bytes(32)), Mark(3, bytes(32))):
        deliver = await before(database, old, mark)
        assert (deliver.before, deliver.from_seq, deliver.to_seq) == (mark.seq, mark.seq + 1, mark.seq)


@pytest.mark.parametrize("damage", ["DELETE FROM entry WHERE seq = 3", "UPDATE entry SET body = '\\xc1' WHERE seq = 3"])
async def test_history_goes_on_behind_a_row_that_is_damaged_at_the_centre(database: Database, damage: str) -> None:
    old = await gone(database)
    async with database.transaction() as connection:
        await connection.execute(damage)
    last = old.tail_seq
    first_sound = 5 if damage.startswith("DELETE") else 4
    deliver = await before(database, old, Mark(last, old.hashes[last]))
    assert (deliver.from_seq, deliver.previous_hash) == (first_sound, old.hashes[first_sound - 1])
    assert (deliver.to_seq, deliver.lacking) == (last, 0)
    assert prepare(deliver).hashes[-1] == old.hashes[last]
    rest = await before(database, old, Mark(first_sound - 1, old.hashes[first_sound - 1]))
    assert (rest.from_seq, rest.to_seq, rest.before, rest.lacking) == (1, 2, first_sound - 1, first_sound - 3)
    assert prepare(rest).bodies == old.bodies[:2]


# --- what was lost ----------------------------------------------------------------------------------------------------


async def after(database: Database, old: NodeLog, seq: int) -> Deliver:
    marks = (Mark(seq, old.hashes[seq]),)
    recall = Recall(old.node_id, machine(2).incarnation, old.incarnation, "orders", marks)
    async with database.reading() as connection:
        return (await recalling.recalled(connection, recall)).deliver


@pytest.mark.parametrize(
    ("damage", "behind"),
    [
        ("UPDATE entry SET body = '\\xc1' WHERE seq = 3", 4),
        ("DELETE FROM entry WHERE seq = 3", 5),
        ("UPDATE entry SET body = '\\xc1' WHERE seq IN (3, 4)", 5),
        ("UPDATE entry SET hash = decode(repeat('00', 32), 'hex') WHERE seq = 3", 3),
    ],
    ids=["a body", "a row", "two bodies", "a hash"],
)
async def test_what_follows_a_damaged_row_is_delivered(database: Database, damage: str, behind: int) -> None:
    old = await gone(database)
    async with database.transaction() as connection:
        await connection.execute(damage)
    deliver = await after(database, old, 2)
    assert (deliver.from_seq, deliver.lacking) == (behind, behind - 3)
    assert prepare(deliver).bodies[0] == old.bodies[behind - 1]
    last = deliver.to_seq
    assert (await after(database, old, last)).from_seq == last + 1


async def test_a_damaged_last_row_is_left_out_and_the_end_is_told(database: Database) -> None:
    old = await gone(database)
    last = old.tail_seq
    async with database.transaction() as connection:
        await connection.execute("UPDATE entry SET body = '\\xc1' WHERE seq = $1", last)
    deliver = await after(database, old, last - 1)
    assert (deliver.from_seq, deliver.to_seq, deliver.lacking) == (last + 1, last, 1)
    assert deliver.previous_hash == old.hashes[last]

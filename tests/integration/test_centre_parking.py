"""Parked entries on a real PostgreSQL: replayed by later software, discarded by people; and streams that are held."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import msgspec
import pytest
from msgspec.structs import replace

from central_sync import parking
from central_sync.ingest import auditing, greetings
from central_sync.store import breakers, feed, streams
from central_sync.store.database import Database
from central_sync.store.feed import FeedPosition
from central_sync.verify import verify
from edge_core.errors import Rejected
from edge_core.limits import ENTRY_VERSION_MAX
from edge_core.orders.events import OrderCancelled
from edge_core.orders.further_events import GroupQuantity
from edge_core.sync import entry as entry_format
from edge_core.sync.audit_messages import CurrencyTotal, DayTotal, DayTotals, Digest, Supply
from edge_core.sync.entry import ENTRY_VERSION
from edge_core.sync.messages import pack_block
from tests.rigs.centre import greet, migrated, push, rows
from tests.rigs.orders import BUSINESS_DATE, cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog

LATER = msgspec.msgpack.encode([ENTRY_VERSION + 1, {"whatever": "later software writes"}])
BOOKS = "SELECT durable_seq, parked, replayed, discarded FROM stream_cursor WHERE lane = 'orders' ORDER BY node_id"
PARKED = "SELECT seq, reason FROM parked ORDER BY id"
VIEWS = (
    "SELECT order_id, node_id, status, revision, grand_total_minor, first_seq, last_seq FROM order_view ORDER BY 1",
    "SELECT node_id, sku, lot, unit, on_hand_milli, reserved_milli FROM stock_view ORDER BY node_id, sku, lot",
)


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> NodeLog:
    """A node that has said hello, and writes everything in the newest version."""
    node = NodeLog(version=ENTRY_VERSION)
    await greet(database, node)
    return node


@contextmanager
def older_software() -> Iterator[None]:
    """The centre's software of before this entry version existed."""
    with patch.object(entry_format, "ENTRY_VERSION", ENTRY_VERSION - 1):
        yield


def three_orders(log: NodeLog) -> None:
    """A sale, and an order to ship that is cancelled, with a sale between."""
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    log.sell(1, first=2)
    log.record(cancelled(1, history), order_id(1))
    log.sell(1, first=3)


async def parked_by_older_software(database: Database, log: NodeLog) -> list[int]:
    """Push a log to a centre that cannot read it and lets it park; the ids, oldest first."""
    with older_software():
        await push(database, log.push())
        async with database.transaction() as connection:
            assert await breakers.let_park(connection, log.node_id, ENTRY_VERSION, who="op", why="go on")
        await push(database, log.push())
    return [row[0] for row in await rows(database, "SELECT id FROM parked ORDER BY id")]


async def looks(database: Database) -> list[list[tuple[object, ...]]]:
    return [await rows(database, view) for view in VIEWS]


# --- replay ----------------------------------------------------------------------------------------------------------


async def test_what_older_software_parked_is_replayed_as_if_it_had_never_been(database: Database, log: NodeLog) -> None:
    three_orders(log)
    other = NodeLog("store-0002")
    await greet(database, other)
    ids = await parked_by_older_software(database, log)
    assert await rows(database, BOOKS) == [(4, 4, 0, 0), (0, 0, 0, 0)]
    assert await looks(database) == [[], []]
    for parked_id in ids:
        await parking.replay(database, parked_id, who="op")
    assert await rows(database, BOOKS) == [(4, 0, 4, 0), (0, 0, 0, 0)]
    assert await rows(database, "SELECT count(*) FROM parked") == [(0,)]
    replayed = await looks(database)
    assert [row[2] for row in replayed[0]] == ["cancelled", "completed", "completed"]
    assert (await verify(database)).findings == ()

    twin = NodeLog("store-0002")  # the same life at a node whose entries were never parked
    three_orders(twin)
    await rows_moved_aside(database)
    await push(database, twin.push())
    plain = await looks(database)
    assert [row[2:] for row in plain[0]] == [row[2:] for row in replayed[0]]
    assert [row[1:] for row in plain[1]] == [row[1:] for row in replayed[1]]


async def rows_moved_aside(database: Database) -> None:
    """Empty the views and forget the log, so that the same orders may come from another node."""
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM order_view; DELETE FROM stock_view; DELETE FROM entry")


async def test_an_order_is_replayed_whole_and_in_order_whichever_of_its_entries_is_named(
    database: Database, log: NodeLog
) -> None:
    three_orders(log)
    ids = await parked_by_older_software(database, log)
    verdicts = await parking.replay(database, ids[2], who="op")
    assert isinstance(verdicts, list)
    assert [(v.seq, v.outcome) for v in verdicts] == [(1, "replayed"), (3, "replayed")]
    assert await rows(database, "SELECT status, revision, last_seq FROM order_view") == [
        ("cancelled", len(placed(1, till_order(method="ship"))) + 1, 3)
    ]
    assert await rows(database, PARKED) == [(2, "unknown-version"), (4, "unknown-version")]


async def test_what_still_cannot_be_used_stays_with_todays_reason_and_holds_up_what_follows(
    database: Database, log: NodeLog
) -> None:
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    log.record(cancelled(1, history), order_id(1))
    log.record(cancelled(1, history), order_id(1))
    log.record(cancelled(1, history), order_id(1))
    ids = await parked_by_older_software(database, log)
    verdicts = await parking.replay(database, ids[0], who="op")
    assert isinstance(verdicts, list)
    assert [(v.seq, v.outcome, v.reason) for v in verdicts] == [
        (1, "replayed", ""),
        (2, "replayed", ""),
        (3, "parked", "unfoldable"),
        (4, "parked", "order-parked"),
    ]
    assert await rows(database, PARKED) == [(3, "unfoldable"), (4, "order-parked")]
    assert await rows(database, BOOKS) == [(4, 2, 2, 0)]
    assert (await verify(database)).findings == ()


async def test_a_trial_says_what_would_happen_and_changes_nothing(database: Database, log: NodeLog) -> None:
    three_orders(log)
    ids = await parked_by_older_software(database, log)
    before = [await rows(database, BOOKS), await rows(database, PARKED), await looks(database)]
    verdicts = await parking.replay(database, ids[0], who="op", is_trial=True)
    assert isinstance(verdicts, list)
    assert [v.outcome for v in verdicts] == ["replayed", "replayed"]
    assert [await rows(database, BOOKS), await rows(database, PARKED), await looks(database)] == before


async def test_a_replay_is_seen_by_live_viewers(database: Database, log: NodeLog) -> None:
    three_orders(log)
    ids = await parked_by_older_software(database, log)
    async with database.reading() as connection:
        place = await feed.end(connection)
    await parking.replay(database, ids[1], who="op")
    async with database.reading() as connection:
        found = await feed.after(connection, place, 10)
    assert [(entry.position.seq, entry.is_parked) for entry in found] == [(2, False)]
    assert place > FeedPosition(0, 0, 0)


async def test_an_entry_of_an_order_that_older_software_could_not_even_name_finds_its_order(
    database: Database, log: NodeLog
) -> None:
    three_orders(log)
    ids = await parked_by_older_software(database, log)
    async with database.transaction() as connection:
        await connection.execute("UPDATE entry SET order_id = NULL WHERE seq = 1")
    await parking.replay(database, ids[0], who="op")
    assert await rows(
        database, "SELECT seq FROM entry WHERE order_id = $1 AND NOT is_parked ORDER BY seq", order_id(1)
    ) == [
        (1,),
        (3,),
    ]


async def test_the_edge_is_told_of_a_replay_and_no_difference_is_seen_meanwhile(
    database: Database, log: NodeLog
) -> None:
    from edge_core.sync.conservation import ledger  # noqa: PLC0415
    from edge_core.sync.messages import Heartbeat  # noqa: PLC0415
    from tests.rigs.orders import START_MS  # noqa: PLC0415

    three_orders(log)
    ids = await parked_by_older_software(database, log)
    books = ledger("orders", tail_seq=4, durable_seq=4, parked=4)
    await parking.replay(database, ids[0], who="op")
    async with database.transaction() as connection:
        beat = Heartbeat(log.node_id, log.incarnation, (books,), 0, 0, START_MS, "0.1.0")
        reported = await greetings.report(connection, [beat], START_MS)
    (row,) = reported.told.values()
    assert (row.durable_seq, row.parked, row.settled) == (4, 2, 2)
    assert reported.news == []


async def test_what_is_not_there_or_is_no_entry_cannot_be_replayed(database: Database, log: NodeLog) -> None:
    answer = await parking.replay(database, 4711, who="op")
    assert isinstance(answer, Rejected)
    assert answer.slug == "parked-not-found"
    log.sell(1)
    await push(database, log.push())
    clone = NodeLog(log.node_id, log.incarnation)
    clone.sell(1, first=9)
    await push(database, clone.push())
    ((foreign,),) = await rows(database, "SELECT id FROM parked WHERE reason = 'fork'")
    answer = await parking.replay(database, foreign, who="op")
    assert isinstance(answer, Rejected)
    assert answer.slug == "parked-not-entry"
    assert isinstance(await parking.discard(database, foreign, who="op", why="seen"), list)
    assert await rows(database, "SELECT count(*) FROM parked") == [(0,)]


async def test_a_discarded_entry_whose_row_was_lost_and_is_mended_stays_discarded(
    database: Database, log: NodeLog
) -> None:
    three_orders(log)
    ids = await parked_by_older_software(database, log)
    await parking.discard(database, ids[1], who="op", why="a test sale")
    before = await rows(database, BOOKS), await looks(database)
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM entry WHERE seq = 2")
        # What follows a missing entry cannot be told from a damaged one: the supply has both.
        supply = Supply(2, log.hashes[1], *pack_block(log.bodies[1:3]))
        digest = Digest(log.node_id, log.incarnation, log.incarnation, "orders", 1, 4, bytes(32), (), supply)
        answered = await auditing.answer(connection, digest)
    assert answered.mended == 2
    mended = await rows(database, "SELECT seq, is_parked, is_discarded FROM entry ORDER BY seq")
    assert mended == [(1, True, False), (2, True, True), (3, True, False), (4, True, False)]
    assert (await rows(database, BOOKS), await looks(database)) == before
    assert (await verify(database)).findings == ()


# --- discard ---------------------------------------------------------------------------------------------------------


async def test_a_discarded_entry_stays_in_the_log_is_counted_and_holds_nothing_up(
    database: Database, log: NodeLog
) -> None:
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    log.append(b"\x97\x01\x02" + b"rubbish")
    log.sell(1, first=2)
    await push(database, log.push())
    ((parked_id,),) = await rows(database, "SELECT id FROM parked")
    verdicts = await parking.discard(database, parked_id, who="ann", why="a till of the fair")
    assert isinstance(verdicts, list)
    assert await rows(database, BOOKS) == [(3, 0, 0, 1)]
    assert await rows(database, "SELECT seq, is_parked FROM entry WHERE is_discarded") == [(2, True)]
    assert (await verify(database)).findings == ()
    assert await rows(database, "SELECT action, who, why, seq, reason FROM settlement") == [
        ("discarded", "ann", "a till of the fair", 2, "undecodable")
    ]


async def test_later_entries_of_an_order_no_longer_wait_for_one_that_was_discarded(
    database: Database, log: NodeLog
) -> None:
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    log.record(history, order_id(1))  # a second placing cannot follow
    log.record(cancelled(1, history), order_id(1))
    await push(database, log.push())
    assert await rows(database, PARKED) == [(2, "unfoldable"), (3, "order-parked")]
    first, second = (row[0] for row in await rows(database, "SELECT id FROM parked ORDER BY id"))
    await parking.discard(database, first, who="op", why="twice")
    await parking.replay(database, second, who="op")
    assert await rows(database, "SELECT status, last_seq FROM order_view") == [("cancelled", 3)]
    assert await rows(database, BOOKS) == [(3, 0, 1, 1)]


# --- held streams ----------------------------------------------------------------------------------------------------


async def test_a_version_that_is_not_known_holds_the_stream_and_parks_nothing(database: Database, log: NodeLog) -> None:
    known = NodeLog("store-0002")
    known.append(b"\xc1 rubbish")
    await greet(database, known)
    log.sell(300)
    with older_software():
        outcome = await push(database, *log.pushes(100), known.push())
        again = await push(database, log.push(1, 100))
    (held,) = outcome.held.values()
    assert (held.seq, held.version, outcome.holds, outcome.gaps) == (1, ENTRY_VERSION, 3, 0)
    assert [breaker.node_id for breaker in outcome.opened] == [log.node_id]
    assert (again.opened, len(again.held)) == ([], 1), "it is open already, and the edge is told again"
    assert await rows(database, BOOKS) == [(0, 0, 0, 0), (1, 1, 0, 0)], "the other node goes on"


async def test_an_older_centre_takes_the_sales_and_holds_at_the_first_decision_that_it_could_misread(
    database: Database,
) -> None:
    """A part of an order is called off: a reader of version 1 would take that for a cancel of the whole order."""
    log = NodeLog()
    await greet(database, log)
    log.sell(2)
    history = placed(3, till_order(method="ship"))
    log.record(history, order_id(3))
    (whole,) = cancelled(3, history)
    assert isinstance(whole, OrderCancelled)
    log.record((replace(whole, quantities=(GroupQuantity("g1", "1", 1_000),)),), order_id(3))
    with older_software():
        outcome = await push(database, log.push())
    (held,) = outcome.held.values()
    assert (held.seq, held.version) == (4, 2)
    assert await rows(database, BOOKS) == [(3, 0, 0, 0)]
    assert (await push(database, log.push())).held == {}
    assert await rows(database, BOOKS) == [(4, 0, 0, 0)]


async def test_what_comes_before_the_unknown_version_is_taken(database: Database, log: NodeLog) -> None:
    log.sell(2)
    log.append(LATER)
    log.sell(1, first=3)
    outcome = await push(database, log.push())
    (key,) = outcome.held
    assert (outcome.cursors[key].durable_seq, outcome.held[key].seq) == (2, 3)
    assert await rows(database, BOOKS) == [(2, 0, 0, 0)]
    again = await push(database, log.push(2, 4))
    assert (again.held[key].seq, again.duplicates) == (3, 1)


async def test_a_push_after_a_gap_says_nothing_about_a_hold(database: Database, log: NodeLog) -> None:
    log.sell(2)
    log.append(LATER)
    outcome = await push(database, log.push(2, 3))
    assert (outcome.held, outcome.gaps) == ({}, 1)


async def test_software_that_knows_the_version_closes_the_breaker_and_takes_everything(
    database: Database, log: NodeLog
) -> None:
    log.sell(3)
    with older_software():
        await push(database, log.push())
    async with database.transaction() as connection:
        closed = await breakers.close_known(connection, ENTRY_VERSION)
        assert [(breaker.node_id, breaker.version) for breaker in closed] == [(log.node_id, ENTRY_VERSION)]
        assert await breakers.count_open(connection) == 0
    outcome = await push(database, log.push())
    assert (outcome.held, outcome.entries) == ({}, 3)
    assert await rows(database, BOOKS) == [(3, 0, 0, 0)]


async def test_rubbish_in_the_place_of_a_version_holds_nobody(database: Database, log: NodeLog) -> None:
    log.append(msgspec.msgpack.encode([ENTRY_VERSION_MAX + 1, 1]))
    log.append(msgspec.msgpack.encode([0, 1]))
    outcome = await push(database, log.push())
    assert outcome.held == {}
    assert await rows(database, PARKED) == [(1, "undecodable"), (2, "undecodable")]


async def test_replays_of_one_node_take_turns_with_its_pushes(database: Database, log: NodeLog) -> None:
    three_orders(log)
    ids = await parked_by_older_software(database, log)
    async with database.transaction() as connection:
        locked = await streams.lock_node(connection, log.node_id)
        assert {key.lane for key in locked} == {"orders", "bulk"}
    await parking.replay(database, ids[0], who="op")
    again = await parking.replay(database, ids[0], who="op")
    assert isinstance(again, Rejected), "what was replayed is not replayed again"


async def test_the_books_of_a_day_are_not_compared_where_a_part_of_it_was_discarded(
    database: Database, log: NodeLog
) -> None:
    with older_software():
        log.sell(1)
        await push(database, log.push())
        async with database.transaction() as connection:
            assert await breakers.let_park(connection, log.node_id, ENTRY_VERSION, who="op", why="go on")
        await push(database, log.push())
    told = DayTotals(log.node_id, log.incarnation, 1, (DayTotal(BUSINESS_DATE, 1, 0, (CurrencyTotal("CNY", 1_000),)),))
    ((parked_id,),) = await rows(database, "SELECT id FROM parked")
    await parking.discard(database, parked_id, who="op", why="a till of the fair")
    async with database.transaction() as connection:
        assert await auditing.compare_days(connection, told) is None
        other_day = replace(told, days=(replace(told.days[0], business_date="2026-11-20"),))
        assert await auditing.compare_days(connection, other_day) is not None

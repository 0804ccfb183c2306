"""What a store lets go of, and when: only what the centre's backup covers, whole orders, and nothing that is needed."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from edge_agent.days import DayBooks
from edge_agent.link.books import Books
from edge_agent.link.session import Session
from edge_agent.recovery import Recovery
from edge_agent.retention import Retention
from edge_agent.store import idempotency, log, orders
from edge_agent.store.connection import Connection, fetch
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.limits import STREAM_SEQ_BITS
from edge_core.orders.merge import merge
from edge_core.orders.parts import is_open
from edge_core.orders.requests import LineQuantity, ReturnLine, ReturnRequest, ReturnStep, ReturnWish
from edge_core.sync.entry import decode_entry, encode_entry
from edge_core.sync.link_types import FormerKey
from edge_core.sync.messages import Deliver
from edge_core.sync.retention import Window
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.orders import BUSINESS_DATE
from tests.rigs.streams import NodeLog

_DAY_MS: Final = 86_400_000
_WINDOW: Final = Window(
    keep_ms=10 * _DAY_MS, keep_ms_max=20 * _DAY_MS, bytes_max=0, mark_ms=_DAY_MS, remember_ms=900 * _DAY_MS
)


class _Link:
    """A link that is greeted; the centre's clock is the test's."""

    def __init__(self) -> None:
        self.is_settled = True
        self.now_ms = 1_795_000_000_000

    def centre_now_ms(self) -> int:
        return self.now_ms


class Shop:
    """A store's file with its intake, and the chore that looks after it."""

    def __init__(self, desk: Desk, window: Window = _WINDOW) -> None:
        self.desk = desk
        self.link = _Link()
        self.books = Books(desk.file, lambda: self.link.now_ms, "0.1.0")
        self.chore = Retention(
            file=desk.file, intake=desk.intake, books=self.books, session=cast("Session", self.link), window=window
        )

    async def acked(self, durable_seq: int, *, backed_up_seq: int) -> None:
        """The centre has so much, and its backup covers so much."""
        stream_no = self.desk.file.streams["orders"].stream_no

        async def change(connection: Connection) -> None:
            await log.advance_durable(
                connection, stream_no, durable_seq=durable_seq, backed_up_seq=backed_up_seq, parked=0
            )

        await self.desk.intake.write(change)

    async def forget_keys(self) -> None:
        """The days on which clients' keys are kept have passed."""

        async def change(connection: Connection) -> None:
            await idempotency.forget_old_days(connection, 0)

        await self.desk.intake.write(change)

    async def later(self, days: int) -> int:
        """Look, let days go by on the centre's clock, and look again: how many entries went."""
        await self.chore.look()
        self.link.now_ms += days * _DAY_MS
        return await self.chore.look()

    async def seqs(self) -> list[int]:
        """The entries that are in the file."""
        rows = await fetch(
            self.desk.file.reader, f"SELECT entry_id & {(1 << STREAM_SEQ_BITS) - 1} FROM entry ORDER BY 1"
        )
        return [seq for (seq,) in rows]

    async def open_returns(self, order_id: UUID) -> list[str]:
        """The returns of an order that are on their way."""
        state = merge(await orders.read_order(self.desk.file.reader, order_id)).state
        assert state is not None
        return [one.return_id for one in state.returns if is_open(one)]

    async def is_sound(self) -> bool:
        """Whether `edge-agent verify` finds nothing."""
        verdict = await verify_file(self.desk.file.path)
        assert verdict.findings == ()
        return True


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened_desk(tmp_path / "store.db") as desk:
        await desk.receive(10_000_000)  # the first entry
        yield Shop(desk)


async def test_what_is_acked_backed_up_and_old_goes_and_the_file_stays_sound(shop: Shop) -> None:
    await shop.desk.sell(9)
    await shop.acked(10, backed_up_seq=6)
    await shop.forget_keys()
    assert await shop.later(11) == 6
    assert await shop.seqs() == [7, 8, 9, 10]
    assert await shop.is_sound()
    stream = shop.desk.file.streams["orders"]
    assert (stream.pruned_seq, await log.first_seq(shop.desk.file.reader, stream)) == (6, 7)
    assert await log.read_hash(shop.desk.file.reader, stream, 6) == stream.pruned_hash


async def test_nothing_goes_before_it_is_old_by_the_centres_clock(shop: Shop) -> None:
    await shop.desk.sell(4)
    await shop.acked(5, backed_up_seq=5)
    await shop.forget_keys()
    assert await shop.later(9) == 0
    assert await shop.later(2) == 4


async def test_a_centre_whose_clock_was_years_ahead_for_a_while_leaves_no_mark_of_it(shop: Shop) -> None:
    await shop.desk.sell(4)
    await shop.acked(5, backed_up_seq=5)
    await shop.forget_keys()
    shop.link.now_ms += 3_650 * _DAY_MS
    await shop.chore.look()
    shop.link.now_ms -= 3_650 * _DAY_MS
    for _ in range(5):
        await shop.chore.look()
        shop.link.now_ms += 60_000
    marks = await fetch(shop.desk.file.reader, "SELECT at_ms FROM retention_mark")
    assert len(marks) == 1, "one a day, and none that lies in the future"
    assert await shop.later(11) == 4


async def test_what_the_centre_has_not_acked_stays_whatever_the_limits_say(shop: Shop) -> None:
    await shop.desk.sell(4)
    await shop.acked(2, backed_up_seq=0)
    await shop.forget_keys()
    assert await shop.later(400) == 2
    assert await shop.seqs() == [3, 4, 5]


async def test_a_limit_that_goes_before_the_backup_is_an_alarm(shop: Shop) -> None:
    await shop.desk.sell(4)
    await shop.acked(5, backed_up_seq=1)
    await shop.forget_keys()
    assert await shop.later(11) == 1
    assert (shop.books.forced_prunings, shop.books.last_error) == (0, None)
    assert await shop.later(10) == 3
    assert shop.books.forced_prunings == 1
    assert "which no backup of the centre covers" in str(shop.books.last_error)
    (books, _) = shop.books.ledgers()
    assert (books.pruned_seq, books.accepted) == (4, 5)


async def test_a_file_that_is_too_large_lets_go_of_its_oldest_share(tmp_path: Path) -> None:
    async with opened_desk(tmp_path / "store.db") as desk:
        shop = Shop(desk, Window(10 * _DAY_MS, 20 * _DAY_MS, bytes_max=1, mark_ms=_DAY_MS, remember_ms=900 * _DAY_MS))
        await desk.receive(100_000)
        await desk.sell(7)
        await shop.acked(8, backed_up_seq=8)
        await shop.forget_keys()
        assert await shop.chore.look() == 7  # the last entry stays: the chain goes on from it
        assert shop.books.forced_prunings == 0
        assert await shop.is_sound()


async def test_an_order_that_is_open_keeps_its_entries_below_the_cut_until_it_is_finished(shop: Shop) -> None:
    order_id = await shop.desk.ship()
    await shop.desk.sell(5)
    await shop.acked(7, backed_up_seq=7)
    await shop.forget_keys()
    await shop.later(11)
    assert await shop.seqs() == [2, 7]
    assert await shop.is_sound()
    await shop.desk.cancel(order_id)
    await shop.desk.sell(2)
    await shop.acked(10, backed_up_seq=10)
    await shop.forget_keys()
    await shop.later(1)  # marks are a day apart
    await shop.later(11)
    assert await shop.seqs() == [10]
    assert await shop.is_sound()


async def test_an_order_of_which_a_part_came_back_is_finished_and_goes(shop: Shop) -> None:
    order_id = await shop.desk.sale()
    await shop.desk.ask(order_id, "return", ReturnRequest((ReturnLine("1", 1_000),), "too-small"))
    await shop.desk.sell(1)
    await shop.acked(4, backed_up_seq=4)
    await shop.forget_keys()
    await shop.later(11)
    assert await shop.seqs() == [4]
    assert await shop.is_sound()


async def test_the_close_of_a_day_stays_so_that_its_number_is_never_given_again(shop: Shop) -> None:
    assert await shop.desk.close_day("2026-11-20") == 1
    await shop.desk.sell(3)
    await shop.acked(5, backed_up_seq=5)
    await shop.forget_keys()
    await shop.later(11)
    assert await shop.seqs() == [2, 5]
    assert (await shop.is_sound(), shop.books.last_error) == (True, None)
    assert await shop.desk.close_day("2026-11-21") == 2


async def test_the_books_of_a_day_are_read_from_what_is_not_older_by_the_centres_clock(shop: Shop) -> None:
    old = await shop.desk.sale()
    await shop.desk.sell(1)
    shop.link.now_ms = time.time_ns() // 1_000_000 - 3 * _DAY_MS
    await shop.chore.look()  # marks what is there as three days old
    await shop.desk.sell(1)
    await shop.desk.ask(old, "return", ReturnRequest((ReturnLine("1", 1_000),), "too-small"))
    books = DayBooks(shop.desk.file, real_surroundings(ZoneInfo("UTC")))
    today = datetime.now(UTC).date().isoformat()
    (sums,) = (await books.report(today)).currencies
    assert (sums.returns, sums.orders) == (1, 0)
    (sums,) = (await books.report(BUSINESS_DATE)).currencies
    assert (sums.returns, sums.orders) == (0, 3)


async def test_a_completed_order_stays_whole_while_goods_of_it_are_on_their_way_back(shop: Shop) -> None:
    order_id = await shop.desk.sale()
    await shop.desk.ask(order_id, "return-request", ReturnWish((LineQuantity("1", 1_000),), "too-small"))
    await shop.desk.sell(3)
    await shop.acked(6, backed_up_seq=6)
    await shop.forget_keys()
    await shop.later(11)
    assert await shop.seqs() == [2, 3, 6]
    assert (await shop.is_sound(), shop.books.last_error) == (True, None)
    (return_id,) = await shop.open_returns(order_id)
    await shop.desk.ask(order_id, "return-refuse", ReturnStep(return_id, "worn"))  # its entries were all needed for it
    await shop.desk.sell(2)
    await shop.acked(9, backed_up_seq=9)
    await shop.forget_keys()
    await shop.later(1)
    await shop.later(11)
    assert await shop.seqs() == [9]
    assert await shop.is_sound()


async def test_a_key_that_is_still_remembered_keeps_the_entry_that_answers_it(shop: Shop) -> None:
    await shop.desk.sell(1)
    await shop.forget_keys()
    key = str(uuid4())
    answer = await shop.desk.place(key)
    await shop.desk.sell(2)
    await shop.acked(5, backed_up_seq=5)
    assert await shop.later(100) == 2
    assert (await shop.desk.again(key)).body == answer.body


async def test_nothing_goes_while_something_is_being_restored(shop: Shop) -> None:
    await shop.desk.sell(4)
    await shop.acked(5, backed_up_seq=5)
    await shop.forget_keys()
    await shop.chore.look()
    shop.link.now_ms += 11 * _DAY_MS
    shop.link.is_settled = False
    assert await shop.chore.look() == 0
    shop.link.is_settled = True
    assert await shop.chore.look() == 4


async def test_selling_goes_on_after_everything_old_is_gone(shop: Shop) -> None:
    await shop.desk.sell(3)
    await shop.acked(4, backed_up_seq=4)
    await shop.forget_keys()
    await shop.later(11)
    before = await shop.desk.on_hand()
    await shop.desk.sell(1)
    assert await shop.desk.on_hand() == before - 2_000
    assert await shop.is_sound()


async def test_a_greeting_that_names_less_lowers_what_the_file_says_is_acked_and_covered(shop: Shop) -> None:
    await shop.desk.sell(4)
    await shop.acked(5, backed_up_seq=5)
    file = shop.desk.file
    stream = file.streams["orders"]
    at_three = await log.read_hash(file.reader, stream, 3)
    assert at_three is not None
    held = [(stream.incarnation, "orders", 3, at_three, 2), (UUID(int=7), "orders", 9, at_three, 9)]
    await shop.desk.intake.write(lambda connection: log.put_history(connection, UUID(int=1), held))
    (found, *_) = await log.read_streams(file.reader)
    assert (found.durable_seq, found.backed_up_seq) == (3, 2)
    assert await log.read_history(file.reader) == UUID(int=1)


async def test_many_entries_go_in_small_steps_and_only_once(shop: Shop) -> None:
    await shop.desk.sell(299)
    await shop.acked(300, backed_up_seq=300)
    await shop.forget_keys()
    assert await shop.later(11) == 299
    assert await shop.later(11) == 0
    assert await shop.is_sound()


async def test_what_comes_again_from_a_fork_after_it_was_let_go_of_changes_nothing(shop: Shop) -> None:
    await shop.desk.sell(3)
    file = shop.desk.file
    present = file.streams["orders"]
    bodies = [body for _, _, body in await log.read_range(file.reader, present, 1, 10)]
    await shop.acked(4, backed_up_seq=4)
    await shop.forget_keys()
    await shop.later(11)
    assert await shop.seqs() == [4]
    before = await shop.desk.on_hand()
    twin = NodeLog(file.node_id, UUID(int=7))  # its machine appended them again under a name of its own
    for seq, body in enumerate(bodies[:3], 1):
        twin.append(encode_entry(replace(decode_entry(body), seq=seq)))
    recovery = Recovery(file, shop.desk.intake, real_surroundings(ZoneInfo("UTC")))
    push = twin.push()
    deliver = Deliver(twin.incarnation, "orders", 1, 3, push.previous_hash, push.tail_hash, push.codec, push.block)
    await recovery.restore(FormerKey(twin.incarnation, "orders"), deliver)
    assert await shop.seqs() == [1, 2, 3, 4]
    assert await shop.desk.on_hand() == before
    assert len(await fetch(file.reader, "SELECT order_id FROM order_head")) == 1
    assert await shop.is_sound()

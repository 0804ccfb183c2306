"""What the mending of single records leaves of the lists that are derived from them."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from edge_agent.recovery import Recovery
from edge_agent.store import idempotency, log, retention
from edge_agent.store.connection import Connection
from edge_agent.store.log import Stream
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.orders.events import OrderPlaced
from edge_core.sync.entry import decode_entry, encode_entry
from edge_core.sync.link_types import FormerKey
from edge_core.sync.messages import Deliver
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.mending import SoundCopy, mend
from tests.rigs.streams import NodeLog

_OTHER: Final = UUID(int=99)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path / "store.db") as opened:
        await opened.receive(10_000_000)  # the first entry
        yield opened


async def copied(desk: Desk, stream: Stream) -> SoundCopy:
    return SoundCopy(stream, await log.read_range(desk.file.reader, stream, 1, 100))


def harm(desk: Desk, stream: Stream, seq: int, change: Callable[[bytes], bytes]) -> None:
    """Other bytes stand where the body of a record stood."""
    with closing(sqlite3.connect(desk.file.path, timeout=10)) as connection, connection:
        place = (stream.entry_id(seq),)
        ((body,),) = connection.execute("SELECT body FROM entry WHERE entry_id = ?", place).fetchall()
        connection.execute("UPDATE entry SET body = ? WHERE entry_id = ?", (change(body), *place))


def about_another_order(body: bytes) -> bytes:
    """The entry as it would be if it were about another order: it can be read, and nothing in it is illegal."""
    entry = decode_entry(body)
    events = tuple(
        replace(event, order=replace(event.order, order_id=_OTHER)) if isinstance(event, OrderPlaced) else event
        for event in entry.events
    )
    return encode_entry(replace(entry, events=events))


def unreadable(body: bytes) -> bytes:
    return b"\xc1" + body[1:]


async def let_go(desk: Desk, to_seq: int) -> None:
    """The centre's backup has long covered everything up to here, and no client asks for it any more."""

    async def change(connection: Connection) -> None:
        await idempotency.forget_old_days(connection, 0)
        stream = desk.file.streams["orders"]
        await log.advance_durable(connection, stream.stream_no, durable_seq=to_seq, backed_up_seq=to_seq, parked=0)
        planned = await retention.plan(connection, stream, to_seq, lambda _stream, _seq: False)
        assert await retention.carry_out(connection, planned, now_ms=0)

    await desk.intake.change_log(change)


async def is_sound(desk: Desk) -> bool:
    """Whether `edge-agent verify` finds nothing."""
    verdict = await verify_file(desk.file.path)
    assert verdict.findings == ()
    return True


async def test_an_order_is_folded_again_only_when_all_its_records_are_what_they_were(desk: Desk) -> None:
    order_id = await desk.ship()
    await desk.sell(1)
    await desk.cancel(order_id)
    stream = desk.file.streams["orders"]
    copy = await copied(desk, stream)
    harm(desk, stream, 2, about_another_order)
    harm(desk, stream, 4, unreadable)
    assert await mend(desk, copy) == 2
    assert await is_sound(desk)


async def test_an_order_is_folded_again_where_no_more_than_the_hash_of_its_record_was_damaged(desk: Desk) -> None:
    await desk.ship()
    await desk.sell(1)
    stream = desk.file.streams["orders"]
    copy = await copied(desk, stream)
    copy.entries_max = 1  # so that the record of the order is never supplied itself

    async def damage(connection: Connection) -> None:
        await connection.execute("UPDATE order_head SET revision = 1 WHERE last_entry = ?", (stream.entry_id(2),))
        await connection.execute("UPDATE entry SET hash = zeroblob(32) WHERE entry_id = ?", (stream.entry_id(2),))

    await desk.intake.write(damage)
    assert await mend(desk, copy) == 1
    assert await is_sound(desk)


async def test_an_order_that_was_let_go_of_and_came_again_is_not_listed_once_its_record_is_mended(desk: Desk) -> None:
    await desk.sell(1)
    present = desk.file.streams["orders"]
    twin = NodeLog(desk.file.node_id, UUID(int=7))  # another machine of this node has the same order
    twin.append(encode_entry(replace(decode_entry((await copied(desk, present)).entries[1].body), seq=1)))
    await desk.sell(1)
    await let_go(desk, 2)
    push = twin.push()
    deliver = Deliver(twin.incarnation, "orders", 1, 1, push.previous_hash, push.tail_hash, push.codec, push.block)
    recovery = Recovery(desk.file, desk.intake, real_surroundings(ZoneInfo("UTC")))
    await recovery.restore(FormerKey(twin.incarnation, "orders"), deliver)
    (former,) = [stream for stream in desk.file.former if stream.incarnation == twin.incarnation]
    copy = await copied(desk, former)
    assert await is_sound(desk)
    harm(desk, former, 1, unreadable)
    assert await mend(desk, copy) == 1
    assert await is_sound(desk)


async def test_an_order_that_goes_on_in_a_delivery_while_its_record_is_damaged_is_folded_once_that_is_mended(
    desk: Desk,
) -> None:
    order_id = await desk.ship()
    await desk.sell(1)
    stream = desk.file.streams["orders"]
    put_back = desk.file.path.with_suffix(".copy")
    with closing(sqlite3.connect(desk.file.path)) as connection, connection:
        connection.execute("VACUUM INTO ?", (str(put_back),))
    await desk.cancel(order_id)
    copy = await copied(desk, stream)
    twin = NodeLog(desk.file.node_id, stream.incarnation)
    for entry in copy.entries:
        twin.append(entry.body)
    async with opened_desk(put_back) as other:
        recovery = Recovery(other.file, other.intake, real_surroundings(ZoneInfo("UTC")))
        harm(other, stream, 2, unreadable)
        await recovery.begin_incarnation("the file was put back")
        push = twin.push(4)
        at = push.previous_hash, push.tail_hash, push.codec, push.block
        assert (
            await recovery.restore(
                FormerKey(stream.incarnation, "orders"), Deliver(stream.incarnation, "orders", 4, 4, *at)
            )
            is False
        )
        assert await mend(other, copy) == 1
        assert await is_sound(other)

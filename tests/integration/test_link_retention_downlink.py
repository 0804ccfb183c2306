"""What the centre asked of a store, after the log has let go of the answers: it is done once all the same."""

from typing import Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge_agent.instructions import Instructions
from edge_agent.store import downlink, log
from edge_agent.store.connection import Connection
from edge_agent.store.verify import verify_file
from edge_agent.surroundings import real_surroundings
from edge_core.orders.events import InstructionAnswered
from edge_core.sync.chain import genesis, link
from edge_core.sync.entry import decode_entry
from edge_core.sync.instruction import INSTRUCTION_VERSION, CancelTask, Instruction, encode_instruction
from edge_core.sync.messages import DOWN, Deliver, pack_block
from tests.integration.test_link_retention import Shop, shop

__all__ = ["shop"]

_REASON: Final = CancelTask("fraud")


def cancel(order_id: UUID | None, instruction_id: UUID) -> bytes:
    """The body of an instruction to call an order off."""
    return encode_instruction(Instruction(INSTRUCTION_VERSION, instruction_id, 1, order_id, _REASON))


def delivery(shop: Shop, *bodies: bytes) -> Deliver:
    """A downlink that begins with these instructions."""
    downlink = uuid4()
    before = tail = genesis(shop.desk.file.node_id, downlink, DOWN)
    for body in bodies:
        tail = link(tail, body)
    return Deliver(downlink, DOWN, 1, len(bodies), before, tail, *pack_block(list(bodies)))


def centre(shop: Shop) -> Instructions:
    return Instructions(shop.desk.file, shop.desk.intake, real_surroundings(ZoneInfo("UTC")))


async def answers(shop: Shop) -> list[tuple[int, InstructionAnswered]]:
    """The answers that are in the log, with their places."""
    file = shop.desk.file
    rows = await log.read_range(file.reader, file.streams["orders"], 1, 1_000)
    events = [(seq, event) for seq, _, body in rows for event in decode_entry(body).events]
    return [(seq, event) for seq, event in events if isinstance(event, InstructionAnswered)]


async def wish(shop: Shop, wanted: downlink.Wish) -> None:
    """Somebody at the store wants something of the one parked instruction."""

    async def change(connection: Connection) -> None:
        assert await downlink.wish(connection, 1, wanted)

    await shop.desk.intake.write(change)


async def aged(shop: Shop) -> None:
    """Everything is acked, covered by the backup and old, but the last entry."""
    tail_seq = shop.desk.file.tails["orders"].seq
    await shop.acked(tail_seq, backed_up_seq=tail_seq)
    await shop.forget_keys()
    await shop.later(1)  # marks are a day apart
    await shop.later(11)


async def test_an_instruction_that_is_asked_again_after_its_answer_has_gone_is_answered_the_same_and_not_done_again(
    shop: Shop,
) -> None:
    order_id, instruction_id = await shop.desk.ship(), uuid4()
    body = cancel(order_id, instruction_id)
    await centre(shop).take(delivery(shop, body))
    ((_, first),) = await answers(shop)
    assert first.outcome == "applied"
    await shop.desk.sell(2)
    await aged(shop)
    assert await answers(shop) == []
    assert await shop.is_sound()
    on_hand = await shop.desk.on_hand()
    await centre(shop).take(delivery(shop, body))  # a centre that was restored asks in a new downlink
    ((seq, again),) = await answers(shop)
    assert again == first
    assert await shop.desk.on_hand() == on_hand
    await centre(shop).take(delivery(shop, body))
    assert await answers(shop) == [(seq, again)]  # the log knows it now
    assert await shop.is_sound()


async def test_an_answer_that_was_parked_at_first_is_remembered_as_it_ended(shop: Shop) -> None:
    instruction_id = uuid4()
    body = msgspec.msgpack.encode([9, instruction_id.bytes, 1, None, ["order.teleport"]])
    taking = centre(shop)
    await taking.take(delivery(shop, body))
    await shop.desk.sell(1)
    await aged(shop)
    await wish(shop, "discard")
    await taking.grant_wishes()
    await shop.desk.sell(2)
    await aged(shop)
    assert await answers(shop) == []
    await centre(shop).take(delivery(shop, body))
    assert [(event.outcome, event.code) for _, event in await answers(shop)] == [("refused", "discarded")]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE parked_instruction SET payload = x'c1'", "its bytes are not those that it was parked with"),
        ("DELETE FROM entry WHERE order_id = (SELECT instruction_id FROM parked_instruction)", "does not say that it"),
    ],
)
async def test_verify_names_a_parked_instruction_that_was_changed_or_whose_answer_is_gone(
    shop: Shop, sql: str, what: str
) -> None:
    body = msgspec.msgpack.encode([9, uuid4().bytes, 1, None, ["order.teleport"]])
    await centre(shop).take(delivery(shop, body))
    assert await shop.is_sound()
    await shop.desk.intake.write(lambda connection: _run(connection, sql))
    verdict = await verify_file(shop.desk.file.path)
    assert any(finding.where == "parked instruction 1" and what in finding.what for finding in verdict.findings)


async def test_verify_names_a_kept_answer_that_cannot_be_read(shop: Shop) -> None:
    instruction_id = uuid4()
    await centre(shop).take(delivery(shop, cancel(await shop.desk.ship(), instruction_id)))
    await shop.desk.sell(1)
    await aged(shop)
    await shop.desk.intake.write(
        lambda connection: _run(connection, "UPDATE pruned_subject SET answer = x'c1' WHERE answer IS NOT NULL")
    )
    verdict = await verify_file(shop.desk.file.path)
    assert [finding.where for finding in verdict.findings] == [f"instruction {instruction_id}"]


async def _run(connection: Connection, sql: str) -> None:
    await connection.execute(sql)

"""The instruction's bytes, and when a node lets the centre tell it something."""

from typing import get_args
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from edge_core.errors import PeerFault, PermanentFault
from edge_core.limits import INSTRUCTION_BYTES_MAX
from edge_core.sync import instruction
from edge_core.sync.chain import genesis
from edge_core.sync.edge_link import step
from edge_core.sync.instruction import (
    CancelTask,
    Instruction,
    decode_instruction,
    encode_instruction,
    instruction_id,
    kind_in,
    kind_of,
    read_head,
)
from edge_core.sync.link_types import (
    CheckHash,
    FormerCompared,
    FormerKey,
    HashChecked,
    LinkState,
    Received,
    Restored,
    SendHello,
    TakeInstructions,
    TransportUp,
)
from edge_core.sync.messages import Decision, Deliver, DurablePosition, Grant, Welcome
from edge_core.sync.send_stream import SendStream

NODE, EDGE = "store-0001", UUID(int=1)
DOWNLINK, OLDER = UUID(int=2), UUID(int=3)
HISTORY, ORDER = UUID(int=4), UUID(int=5)
EMPTY = genesis(NODE, EDGE, "orders")
FORMER = FormerKey(UUID(int=6), "orders")
DELIVERY = Deliver(DOWNLINK, "down", 1, 1, EMPTY, EMPTY, "raw", b"")
CANCEL = Instruction(1, instruction_id("key-1"), 7, ORDER, CancelTask("fraud", "op-1", 3), None)


def test_an_instruction_is_read_as_what_was_written() -> None:
    assert decode_instruction(encode_instruction(CANCEL)) == CANCEL
    assert CANCEL.task == CancelTask("fraud", "op-1", 3)
    assert CancelTask("fraud", "op-1", 3).request().expected_revision == 3
    assert kind_of(CANCEL.task) == "order.cancel"


def test_one_key_names_one_instruction_for_ever() -> None:
    assert instruction_id("key-1") == UUID("7698fe4d-a30d-88a7-9827-d7f8c934d8b8")
    assert instruction_id("key-1").version == 8
    assert instruction_id("key-1") != instruction_id("key-2")


def test_of_an_unknown_kind_it_is_still_read_who_it_is_and_what_it_is_about() -> None:
    body = msgspec.msgpack.encode([1, CANCEL.instruction_id.bytes, 7, ORDER.bytes, ["order.gift_wrap", "red"], None])
    with pytest.raises(PeerFault, match="undecodable"):
        decode_instruction(body)
    head = read_head(body)
    assert head is not None
    assert (head.instruction_id, head.subject, kind_in(head)) == (CANCEL.instruction_id, ORDER, "order.gift_wrap")


def test_a_later_version_and_too_many_bytes_are_told_apart_from_rubbish() -> None:
    later = msgspec.msgpack.encode([2, CANCEL.instruction_id.bytes, 7, None, 5, "more"])
    with pytest.raises(PeerFault, match="unknown-version"):
        decode_instruction(later)
    with pytest.raises(PeerFault, match="too-large"):
        decode_instruction(bytes(INSTRUCTION_BYTES_MAX + 1))
    with pytest.raises(PeerFault, match="undecodable"):
        decode_instruction(b"rubbish")
    assert read_head(b"rubbish") is None
    head = read_head(later)
    assert head is not None
    assert kind_in(head) == ""


def test_an_instruction_that_no_node_would_take_is_not_written() -> None:
    with pytest.raises(PermanentFault):
        encode_instruction(replace(CANCEL, traceparent="x" * INSTRUCTION_BYTES_MAX))


# --- the edge's link --------------------------------------------------------------------------------------------------


def welcome(decision: Decision = "resume", downlink: UUID | None = DOWNLINK) -> Welcome:
    position = DurablePosition("orders", 0, EMPTY)
    return Welcome(HISTORY, EDGE, decision, (position,), Grant(8, 0, 0, 0), 0, downlink=downlink)


def delivery(deliver: Deliver = DELIVERY) -> Received:
    return Received(deliver)


def greeted(
    *, decision: Decision = "resume", downlink: UUID | None = DOWNLINK, differing: tuple[FormerKey, ...] = ()
) -> LinkState:
    state = LinkState(EDGE, (SendStream("orders"),))
    state, _ = step(state, TransportUp(), 1)
    state, effects = step(state, Received(welcome(decision, downlink)), 1)
    check = next(effect for effect in effects if isinstance(effect, CheckHash))
    state, _ = step(state, HashChecked(check, is_same=True), 1)
    state, _ = step(state, FormerCompared(differing), 1)
    return state


def test_a_node_that_has_its_past_takes_what_the_centre_asks() -> None:
    state = greeted()
    assert state.takes_instructions
    assert step(state, delivery(), 2)[1] == (TakeInstructions(DELIVERY),)


def test_nothing_is_taken_before_the_hashes_and_the_former_streams_are_compared() -> None:
    state = LinkState(EDGE, (SendStream("orders"),))
    assert step(state, delivery(), 1)[1] == ()
    state, _ = step(state, TransportUp(), 1)
    assert step(state, delivery(), 1)[1] == ()
    state, effects = step(state, Received(welcome()), 1)
    assert step(state, delivery(), 1)[1] == ()
    check = next(effect for effect in effects if isinstance(effect, CheckHash))
    state, _ = step(state, HashChecked(check, is_same=True), 1)
    assert step(state, delivery(), 1)[1] == ()


def test_what_is_asked_waits_until_everything_lost_is_recalled() -> None:
    state = greeted(differing=(FORMER,))
    assert step(state, delivery(), 2)[1] == ()
    state, _ = step(state, Restored(FORMER, is_complete=True), 2)
    assert step(state, delivery(), 2)[1] == (TakeInstructions(DELIVERY),)
    assert state.heartbeat_ms == 0  # the centre hears of it soon


def test_a_node_that_was_replaced_does_nothing_for_the_centre() -> None:
    assert step(greeted(decision="refuse"), delivery(), 2)[1] == ()
    assert step(greeted(downlink=None), delivery(), 2)[1] == ()


def test_another_downlink_than_the_welcome_named_makes_the_node_greet_again() -> None:
    state, effects = step(greeted(), delivery(replace(DELIVERY, incarnation=OLDER)), 2)
    assert (state.phase, effects) == ("greeting", (SendHello(),))


def test_the_lane_tells_an_instruction_from_what_was_recalled() -> None:
    state = greeted(differing=(FORMER,))
    recalled = Deliver(FORMER.incarnation, "orders", 1, 0, EMPTY, EMPTY, "raw", b"")
    state, effects = step(state, Received(recalled), 2)
    assert state.is_restoring
    assert not any(isinstance(effect, TakeInstructions) for effect in effects)


def test_every_kind_of_task_has_a_handler_at_the_edge() -> None:
    from edge_agent.instructions import HANDLERS  # noqa: PLC0415 - the only word about a shell here

    assert set(HANDLERS) == set(get_args(instruction.Task))

"""Two replicas that hold the same entries have the same state, byte for byte, however they arrived (promise G5)."""

from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core import ids
from edge_core.errors import InvariantViolated
from edge_core.orders.events import (
    Event,
    FulfillmentAccepted,
    FulfillmentPicked,
    FulfillmentRejected,
    FulfillmentRouted,
    OrderApproved,
    OrderCancelled,
    OrderHeld,
    OrderValidated,
    StockReserved,
)
from edge_core.orders.fold import OrderState
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Origin, Recorded, document, in_order, state_of
from edge_core.sync.entry import ENTRY_VERSION, Entry, decode_entry, encode_entry
from tests.rigs.orders import START_MS, order_id, placed, till_order

NODES = ("store-0001", "store-0002", "centre")
PLACING = placed(1, till_order(lines=1, method="ship"))
LATER: tuple[Event, ...] = (
    OrderHeld("h1", ("risk",), "desk", 0),
    OrderApproved("h1", "op-1"),
    FulfillmentRouted("g1", "fulfil_here", "store-0002"),
    StockReserved("g1", ()),
    FulfillmentAccepted("g1"),
    FulfillmentRejected("g1", "short", ()),
    FulfillmentPicked("g1"),
    OrderCancelled("changed-mind", None, (), ()),
    OrderValidated(()),
)


def incarnation(number: int) -> UUID:
    return ids.uuid7(START_MS, number)


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """The entries of one order, written at several nodes; some share a clock reading, some could not follow others."""
    found = [recorded(NODES[0], incarnation(0), 1, START_MS, PLACING)]
    for seq in range(2, draw(st.integers(1, 8)) + 1):
        node, run = draw(st.sampled_from(NODES)), incarnation(draw(st.integers(0, 1)))
        at_ms = START_MS + draw(st.integers(1, 4))
        found.append(recorded(node, run, seq, at_ms, (draw(st.sampled_from(LATER)),)))
    return found


def recorded(node: str, run: UUID, seq: int, at_ms: int, events: tuple[Event, ...]) -> Recorded:
    entry = Entry(ENTRY_VERSION, seq, at_ms << 16, at_ms, order_id(1), events)
    return Recorded(Origin(node, run, "orders", seq), entry)


def outcome(entries: list[Recorded]) -> bytes:
    """What a replica has: the bytes of the state and of the document, or why there is none."""
    arrived = [Recorded(r.origin, decode_entry(encode_entry(r.entry))) for r in entries]
    try:
        state = state_of(in_order(arrived))
        return msgspec.msgpack.encode(state) + msgspec.json.encode(document(in_order(arrived)))
    except InvariantViolated as error:
        return str(error).encode()


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(entries: list[Recorded], chance: object) -> None:
    expected = outcome(entries)
    shuffled = list(entries)
    getattr(chance, "shuffle")(shuffled)  # noqa: B009 - Hypothesis types its Random loosely
    assert outcome(shuffled) == expected
    assert outcome(list(reversed(entries))) == expected


@given(histories())
def test_the_order_of_the_fold_is_total(entries: list[Recorded]) -> None:
    keys = [
        (r.entry.hlc, r.origin.node_id, r.origin.incarnation.bytes, r.origin.seq) for r in in_order(reversed(entries))
    ]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(entries)


@given(histories())
def test_a_state_survives_being_written_and_read(entries: list[Recorded]) -> None:
    try:
        state = state_of(in_order(entries))
    except InvariantViolated:
        return
    body = msgspec.msgpack.encode(state)
    again = msgspec.msgpack.decode(body, type=OrderState)
    assert (again, again.status) == (state, state.status)
    assert msgspec.msgpack.encode(again) == body


@given(histories(), st.data())
def test_what_another_life_has_recorded_again_counts_once(entries: list[Recorded], data: st.DataObject) -> None:
    again = [
        Recorded(replace(r.origin, incarnation=incarnation(2), seq=seq), replace(r.entry, seq=seq))
        for seq, r in enumerate(data.draw(st.lists(st.sampled_from(entries), unique_by=id)), 100)
    ]
    once, twice = merge(entries), merge([*again, *entries])
    assert twice.state == once.state
    assert list(twice.deltas()) == list(once.deltas())
    assert len(twice.refused) == len(once.refused) + len(again)

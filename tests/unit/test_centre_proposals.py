"""What the centre counts of proposals: each hold once, however often its answer comes."""

from typing import Any
from uuid import UUID

from msgspec.structs import replace

from central_sync.ingest.proposing import REFUSED, hold_answers_in
from central_sync.ingest.reading import Reading, read_entry
from central_sync.store.proposals import HoldAnswer
from central_sync.store.streams import StreamKey
from edge_core.orders.events import Event, OrderApproved, OrderCancelled, OrderHeld
from edge_core.sync.entry import ENTRY_VERSION, Entry, encode_entry
from tests.rigs.orders import order_id

KEY = StreamKey("store-0001", UUID(int=1), "orders")
YES = OrderApproved("h1", "manager-1", "store", True)
NO = OrderCancelled("too-cheap", None, (), (), (), "refused", False)


def reading(seq: int, *events: Event, order: int = 1) -> tuple[StreamKey, Reading]:
    entry = Entry(ENTRY_VERSION, seq, seq << 16, seq, order_id(order), events)
    return KEY, read_entry(seq, encode_entry(entry), b"")


def test_an_answer_is_counted_with_whether_it_was_proposed() -> None:
    found = hold_answers_in([reading(1, YES), reading(2, NO, order=2)])
    assert found == [
        HoldAnswer("store-0001", order_id(1), "h1", True),
        HoldAnswer("store-0001", order_id(2), REFUSED, False),
    ]


def test_an_answer_that_comes_twice_counts_once_and_one_without_a_proposal_not_at_all() -> None:
    plain: list[Any] = [
        replace(YES, hold_id="h2", followed=None),
        replace(NO, followed=None),
        OrderHeld("h3", (), "store", 0),
    ]
    assert len(hold_answers_in([reading(1, YES), reading(2, YES), *(reading(3, event) for event in plain)])) == 1


def test_what_is_parked_or_too_long_to_keep_answers_nothing() -> None:
    assert hold_answers_in([reading(1, YES)], {(KEY, 1)}) == []
    assert hold_answers_in([reading(1, replace(YES, hold_id="h" * 10_000))]) == []

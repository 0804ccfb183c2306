"""A newcomer's picture, page by page, and the order in which a link asks for the past."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_core.errors import PeerFault
from edge_core.limits import NEEDED_RESTARTS_MAX, NEEDED_TRIES_MAX, RECALL_TIMEOUT_MS
from edge_core.sync.link_types import (
    NEEDED,
    FormerCompared,
    FormerKey,
    Received,
    Restore,
    Restored,
    RestoreFailed,
    SendRecall,
)
from edge_core.sync.messages import Deliver, pack_block
from edge_core.sync.need_messages import Goods, Ground, Item, Needed, OpenEntry, Reached, encode_item
from edge_core.sync.needed import Picture
from tests.rigs.link_steps import HASH, INCARNATION, Link, hash_at, streaming
from tests.rigs.streams import NodeLog

BREAD = Goods("bread", "", "H87", None, 9_000, 2_000)
MILK = Goods("milk", "L1", "H87", "2026-12-31", 5_000, 0)


def open_entry(seq: int = 1) -> OpenEntry:
    log = NodeLog("store-0001", UUID(int=7))
    log.sell(seq)
    return OpenEntry(0, log.hashes[seq], log.bodies[seq - 1])


def page(*items: Item, as_of: bytes = HASH, after: Reached | None = None, then: Reached | None = None) -> Needed:
    grounds = (Ground(UUID(int=7), "orders", 5, hash_at(5)),)
    block = pack_block([encode_item(item) for item in items])
    return Needed(INCARNATION, as_of, grounds, 0, after, then, *block)


def test_a_picture_is_whole_with_its_last_page_and_holds_what_all_of_them_had() -> None:
    picture, middle = Picture(), Reached(goods=("", ""))
    assert picture.take(page(open_entry(), then=middle), {}) == "more"
    assert picture.after == middle
    assert picture.take(page(BREAD, MILK, after=middle), {}) == "whole"
    assert [held.entry.seq for held in picture.entries] == [1]
    assert [(base.sku, base.lot, base.on_hand_milli) for base in picture.bases] == [
        ("bread", None, 9_000),
        ("milk", "L1", 5_000),
    ]


def test_a_page_that_comes_twice_or_was_not_asked_for_changes_nothing() -> None:
    picture, middle = Picture(), Reached(goods=("", ""))
    first = page(open_entry(), then=middle)
    picture.take(first, {})
    assert picture.take(first, {}) == "stale"
    assert picture.take(page(BREAD, as_of=b"\x01" * 32, after=middle), {}) == "stale"
    assert (len(picture.entries), picture.bases, picture.after) == (1, [], middle)


def test_a_picture_that_changed_begins_anew_and_is_given_up_when_it_goes_on_changing() -> None:
    picture, middle = Picture(), Reached(goods=("", ""))
    for number in range(NEEDED_RESTARTS_MAX + 1):
        again = page(open_entry(), BREAD, as_of=number.to_bytes(32, "big"), then=middle)
        assert picture.take(again, {}) == "more"
        assert (len(picture.entries), len(picture.bases)) == (1, 1)
    assert picture.take(page(as_of=b"\xff" * 32, then=middle), {}) == "none"


def test_what_the_newcomer_has_sold_itself_comes_off_the_goods() -> None:
    picture = Picture()
    assert picture.take(page(BREAD, MILK), {("bread", ""): (-1_000, 2_000), ("milk", "L1"): (5_000, 0)}) == "whole"
    (base,) = picture.bases
    assert (base.sku, base.on_hand_milli, base.reserved_milli) == ("bread", 10_000, 0)


def test_a_centre_without_a_picture_is_taken_at_its_word() -> None:
    assert Picture().take(replace(page(BREAD), grounds=()), {}) == "none"


@pytest.mark.parametrize(
    "item", [replace(open_entry(), ground=1), open_entry(6)], ids=["of no stream", "beyond its stream's end"]
)
def test_an_entry_that_cannot_be_in_the_picture_is_refused(item: OpenEntry) -> None:
    with pytest.raises(PeerFault):
        Picture().take(page(item), {})


def test_an_entry_of_later_software_is_left_to_the_history() -> None:
    picture = Picture()
    assert picture.take(page(replace(open_entry(), body=b"\x97\x02"), BREAD), {}) == "whole"
    assert (picture.entries, len(picture.bases)) == ([], 1)


# --- the link ---------------------------------------------------------------------------------------------------------

AFTER, BEFORE = FormerKey(UUID(int=7), "orders"), FormerKey(UUID(int=7), "orders", "before")


def delivery(before: int) -> Deliver:
    return Deliver(UUID(int=7), "orders", 1, 1, HASH, hash_at(1), "raw", b"", before)


def newcomer() -> Link:
    link = streaming()
    assert link.feed(FormerCompared((NEEDED, AFTER, BEFORE))) == (SendRecall(NEEDED),)
    return link


def test_a_newcomer_asks_for_its_needs_then_for_what_is_missing_then_for_history() -> None:
    link = newcomer()
    assert link.feed(Received(page())) == (Restore(NEEDED, page()),)
    assert link.feed(Restored(NEEDED, is_complete=False)) == (SendRecall(NEEDED),)
    link.feed(Received(page()))
    assert link.feed(Restored(NEEDED, is_complete=True)) == (SendRecall(AFTER),)
    link.feed(Received(delivery(before=0)))
    assert link.feed(Restored(AFTER, is_complete=True)) == (SendRecall(BEFORE),)
    assert link.feed(Received(delivery(before=9))) == (Restore(BEFORE, delivery(before=9)),)


def test_history_is_not_taken_for_what_follows_nor_the_other_way_round() -> None:
    link = newcomer()
    link.feed(Received(page()), Restored(NEEDED, is_complete=True))
    assert link.feed(Received(delivery(before=9))) == ()
    link.feed(Received(delivery(before=0)), Restored(AFTER, is_complete=True))
    assert link.feed(Received(delivery(before=0))) == ()


def test_a_page_for_another_incarnation_is_not_taken() -> None:
    assert newcomer().feed(Received(replace(page(), incarnation=UUID(int=9)))) == ()


@pytest.mark.parametrize("is_answered", [False, True], ids=["in silence", "with pages that cannot be used"])
def test_a_centre_that_does_not_help_a_newcomer_is_asked_a_few_times_and_then_for_all_of_it(
    *, is_answered: bool
) -> None:
    link = newcomer()
    for _ in range(NEEDED_TRIES_MAX - 1):
        if is_answered:
            link.feed(Received(page()), RestoreFailed(NEEDED))
        assert SendRecall(NEEDED) in link.after(RECALL_TIMEOUT_MS)
    effects = link.after(RECALL_TIMEOUT_MS)
    assert SendRecall(AFTER) in effects
    assert SendRecall(NEEDED) not in effects

"""A cycle count: the difference is posted, what was promised is not written off, and doubt needs a second person."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.limits import COUNT_LINES_MAX, QUANTITY_MILLI_MAX
from edge_core.stock import counting
from edge_core.stock.counting import Count, Posted, Shortage
from edge_core.stock.ledger import Position, StockDelta, apply_delta

MILK = Position("milk", "L1", "H87", "2026-12-01", on_hand_milli=100_000, reserved_milli=10_000, rights_milli=5_000)
OPEN = Count(UUID(int=1))


def counted(quantity: int, position: Position = MILK, count: Count = OPEN, by: str = "op-1") -> Count:
    return done(counting.record(count, position, quantity, by))


def done(outcome: Count | Rejected) -> Count:
    assert isinstance(outcome, Count), outcome
    return outcome


def posted(count: Count, *positions: Position) -> Posted:
    outcome = counting.post(count, {(each.sku, each.lot): each for each in positions})
    assert isinstance(outcome, Posted), outcome
    return outcome


def test_a_small_difference_is_posted_without_a_second_look() -> None:
    count = done(counting.finish(counted(97_000)))
    assert count.status == "agreed"
    after = posted(count, MILK)
    assert after.deltas == (StockDelta("milk", "L1", "H87", -3_000, 0, "2026-12-01"),)
    assert after.shortages == ()
    assert after.count.status == "posted"


def test_what_was_sold_while_the_count_was_open_is_not_written_off_again() -> None:
    count = done(counting.finish(counted(97_000)))
    now = replace(MILK, on_hand_milli=60_000)
    (delta,) = posted(count, now).deltas
    assert apply_delta(now, delta).on_hand_milli == 57_000


def test_a_large_difference_waits_for_somebody_else() -> None:
    count = done(counting.finish(counted(90_000)))
    assert count.status == "doubtful"
    assert [line.difference_milli for line in counting.doubtful(count)] == [-10_000]
    refused = counting.post(count, {})
    assert isinstance(refused, Rejected)
    assert (refused.slug, refused.allowed) == ("command-not-allowed", ("line_counted", "approved", "cancelled"))
    by_the_same = counting.approve(count, "op-1")
    assert isinstance(by_the_same, Rejected)
    assert "op-1 counted what is in doubt" in by_the_same.detail
    approved = done(counting.approve(count, "op-2"))
    assert (approved.status, approved.approved_by) == ("agreed", "op-2")
    assert posted(approved, MILK).deltas[0].on_hand_milli == -10_000


def test_a_second_counting_replaces_the_first_and_takes_the_book_of_its_own_time() -> None:
    doubtful = done(counting.finish(counted(90_000)))
    again = counted(79_000, replace(MILK, on_hand_milli=80_000), doubtful, by="op-2")
    assert again.status == "open"
    (line,) = again.lines
    assert (line.times, line.operator_id, line.difference_milli) == (2, "op-2", -1_000)


def test_goods_that_were_promised_are_a_shortage_and_are_not_written_off() -> None:
    count = done(counting.approve(done(counting.finish(counted(12_000))), "op-2"))
    after = posted(count, MILK)
    (delta,) = after.deltas
    assert delta.on_hand_milli == -85_000, "all that is free"
    assert apply_delta(MILK, delta).free_milli == 0
    assert after.shortages == (Shortage("milk", "L1", "H87", 3_000),)


def test_goods_that_the_book_never_had_are_found_and_always_in_doubt() -> None:
    bread = Position("bread", None, "H87", None)
    count = done(counting.finish(counted(1_000, bread)))
    assert count.status == "doubtful"
    after = posted(done(counting.approve(count, "op-2")))
    assert after.deltas == (StockDelta("bread", None, "H87", 1_000),)


def test_a_count_that_agrees_with_the_book_changes_nothing() -> None:
    after = posted(done(counting.finish(counted(100_000))), MILK)
    assert (after.deltas, after.shortages) == ((), ())


def test_a_count_that_is_given_up_or_posted_is_over() -> None:
    given_up = done(counting.cancel(OPEN))
    over = posted(done(counting.finish(counted(100_000))), MILK).count
    for count in (given_up, over):
        for outcome in (
            counting.record(count, MILK, 1, "op"),
            counting.finish(count),
            counting.approve(count, "op"),
            counting.cancel(count),
            counting.post(count, {}),
        ):
            assert isinstance(outcome, Rejected)
            assert outcome.allowed == ()


@pytest.mark.parametrize("quantity", [-1, QUANTITY_MILLI_MAX + 1])
def test_what_cannot_be_counted_is_refused(quantity: int) -> None:
    refused = counting.record(OPEN, MILK, quantity, "op-1")
    assert isinstance(refused, Rejected)
    assert refused.slug == "invalid-parameter"


def test_a_count_has_so_many_lines_and_no_more() -> None:
    line = counted(1).lines[0]
    full = replace(OPEN, lines=tuple(replace(line, sku=f"sku-{n}") for n in range(COUNT_LINES_MAX)))
    assert isinstance(counting.record(full, MILK, 1, "op-1"), Rejected)
    again = counting.record(full, replace(MILK, sku="sku-7"), 2, "op-1")
    assert isinstance(again, Count)
    assert len(again.lines) == COUNT_LINES_MAX


def test_what_was_counted_longest_ago_is_next() -> None:
    places = [Position(sku, None, "H87", None) for sku in ("a", "b", "c")]
    found = counting.next_to_count(places, {("a", None): 20, ("c", None): 10}, lines=2)
    assert [each.sku for each in found] == ["b", "c"]


@given(
    on_hand=st.integers(0, 50), reserved=st.integers(0, 50), rights=st.integers(0, 50), found=st.integers(0, 100),
    moved=st.integers(-50, 50),
)  # fmt: skip
def test_whatever_is_found_no_term_of_the_stock_falls_below_zero(
    on_hand: int, reserved: int, rights: int, found: int, moved: int
) -> None:
    promised = reserved + rights
    before = Position("milk", None, "H87", None, on_hand + promised, 0, rights, reserved)
    now = replace(before, on_hand_milli=max(promised, before.on_hand_milli + moved))
    count = counted(found, before)
    finished = done(counting.finish(count))
    agreed = finished if finished.status == "agreed" else done(counting.approve(finished, "op-2"))
    after = posted(agreed, now)
    final = now
    for delta in after.deltas:
        final = apply_delta(final, delta)  # raises where a term would be below zero
    short = sum(each.quantity_milli for each in after.shortages)
    assert final.on_hand_milli - short == now.on_hand_milli + found - before.on_hand_milli
    assert short == 0 or final.free_milli == 0

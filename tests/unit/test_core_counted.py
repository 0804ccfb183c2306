"""A count as it is decided: what is posted, what has to be counted again, what is never taken away."""

import pytest

from edge_core.errors import Rejected
from edge_core.orders.commands import CountStock
from edge_core.orders.counted import count_stock
from edge_core.orders.events import Event
from edge_core.orders.world import World
from edge_core.stock.counting import Shortage
from edge_core.stock.ledger import Position, StockDelta
from edge_core.stock.requests import CountedLine, StockCount
from edge_core.stock.stock_events import StockCounted
from tests.rigs.orders import order_id

SKU = "apples"


def shelf(on_hand_milli: int, *, reserved_milli: int = 0, lot: str | None = None) -> Position:
    return Position(SKU, lot, "KGM", "2026-12-31" if lot else None, on_hand_milli, 0, 0, reserved_milli)


def counted(
    *positions: Position, found_milli: int, approved_by: str | None = None, **line: object
) -> tuple[Event, ...] | Rejected:
    lines = (CountedLine(SKU, found_milli, **{"unit": "KGM", **line}),)  # type: ignore[arg-type]
    request = StockCount("op-1", lines, approved_by=approved_by)
    return count_stock(World(None, {SKU: positions}), CountStock(order_id(1), request))


def posted(outcome: tuple[Event, ...] | Rejected) -> StockCounted:
    assert not isinstance(outcome, Rejected), outcome
    (event,) = outcome
    assert isinstance(event, StockCounted)
    return event


def refused(outcome: tuple[Event, ...] | Rejected) -> tuple[str, str | None]:
    assert isinstance(outcome, Rejected), outcome
    return outcome.slug, outcome.pointer


def test_a_small_difference_of_goods_by_weight_is_posted_at_once_to_the_gram() -> None:
    event = posted(counted(shelf(12_345), found_milli=12_289))
    assert event.deltas == (StockDelta(SKU, None, "KGM", on_hand_milli=-56),)
    assert (event.lines[0].book_milli, event.lines[0].difference_milli, event.shortages) == (12_345, -56, ())


def test_a_count_that_agrees_is_recorded_and_changes_nothing() -> None:
    event = posted(counted(shelf(5_000), found_milli=5_000))
    assert (len(event.lines), event.deltas) == (1, ())


def test_beyond_the_tolerance_it_is_counted_again_and_the_answer_does_not_say_what_the_book_has() -> None:
    outcome = counted(shelf(10_000), found_milli=7_777)
    assert refused(outcome) == ("recount-needed", "/lines/0")
    assert isinstance(outcome, Rejected)
    assert "10000" not in outcome.detail


def test_somebody_who_did_not_count_can_accept_the_difference_and_nobody_else() -> None:
    assert refused(counted(shelf(10_000), found_milli=7_000, approved_by="op-1")) == ("approval-needed", "/approved_by")
    event = posted(counted(shelf(10_000), found_milli=7_000, approved_by="boss"))
    assert (event.approved_by, event.deltas[0].on_hand_milli) == ("boss", -3_000)


def test_what_was_promised_is_never_written_off_but_named_as_short() -> None:
    event = posted(counted(shelf(10_000, reserved_milli=8_000), found_milli=7_000, approved_by="boss"))
    assert event.deltas == (StockDelta(SKU, None, "KGM", on_hand_milli=-2_000),)
    assert event.shortages == (Shortage(SKU, None, "KGM", 1_000),)


def test_goods_that_the_ledger_never_saw_are_always_in_doubt_and_begin_a_lot_with_its_date() -> None:
    line = {"lot": "L-9", "expires_on": "2026-12-24"}
    assert refused(counted(found_milli=1_000, **line))[0] == "recount-needed"
    event = posted(counted(found_milli=1_000, approved_by="boss", **line))
    assert event.deltas == (StockDelta(SKU, "L-9", "KGM", 1_000, 0, "2026-12-24"),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"unit": "H87"}, ("unit-mismatch", "/lines/0/unit")),
        ({"lot": "L-1", "expires_on": "2026-12-30"}, ("lot-mismatch", "/lines/0/expires_on")),
        ({"lot": "L-1", "expires_on": "2026-02-30"}, ("invalid-time", "/lines/0/expires_on")),
    ],
)
def test_a_line_that_contradicts_the_ledger_is_refused(line: dict[str, str], why: tuple[str, str]) -> None:
    assert refused(counted(shelf(1_000, lot="L-1"), found_milli=1_000, **line)) == why


def test_one_position_is_counted_once_in_a_count() -> None:
    lines = (CountedLine(SKU, 1_000, "KGM"), CountedLine(SKU, 1_000, "KGM"))
    command = CountStock(order_id(1), StockCount("op-1", lines))
    outcome = count_stock(World(None, {SKU: (shelf(1_000),)}), command)
    assert refused(outcome) == ("duplicate-identifier", "/lines/1")

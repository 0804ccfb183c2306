"""The ledger: no term ever falls below zero, deltas undo each other, allocation takes what expires first."""

import pytest
from msgspec.structs import replace

from edge_core.errors import InvariantViolated
from edge_core.stock.ledger import (
    Allocation,
    Position,
    StockDelta,
    allocate,
    apply_delta,
    consume,
    is_expired,
    release,
    reserve,
)

SHELF = Position("sku", None, "H87", None, on_hand_milli=10, safety_milli=1, rights_milli=2, reserved_milli=3)
TAKEN = (Allocation("1", "sku", None, "H87", 4),)


def after(position: Position, *deltas: StockDelta) -> Position:
    for delta in deltas:
        position = apply_delta(position, delta)
    return position


def test_free_is_what_no_other_term_claims() -> None:
    assert SHELF.free_milli == 10 - 1 - 2 - 3


def test_reserving_takes_from_free_and_releasing_gives_it_back() -> None:
    reserved = after(SHELF, *reserve(TAKEN))
    assert (reserved.reserved_milli, reserved.free_milli, reserved.on_hand_milli) == (7, 0, 10)
    assert after(reserved, *release(TAKEN)) == SHELF


def test_consuming_takes_the_goods_and_the_promise_together() -> None:
    consumed = after(SHELF, *reserve(TAKEN), *consume(TAKEN))
    assert (consumed.on_hand_milli, consumed.reserved_milli, consumed.free_milli) == (6, 3, 0)


@pytest.mark.parametrize(
    "delta",
    [
        StockDelta("sku", None, "H87", reserved_milli=5),
        StockDelta("sku", None, "H87", reserved_milli=-4),
        StockDelta("sku", None, "H87", on_hand_milli=-5),
        StockDelta("sku", None, "H87", on_hand_milli=-11, reserved_milli=-3),
    ],
    ids=["promises more than is free", "releases more than is reserved", "takes what is promised", "takes what is not"],
)
def test_a_change_that_would_break_the_invariant_is_a_bug(delta: StockDelta) -> None:
    with pytest.raises(InvariantViolated, match="stock of 'sku'"):
        apply_delta(SHELF, delta)


def test_a_first_delta_makes_the_position() -> None:
    delta = StockDelta("sku", "L", "KGM", on_hand_milli=5, expires_on="2027-01-01")
    assert apply_delta(None, delta) == Position("sku", "L", "KGM", "2027-01-01", on_hand_milli=5)
    with pytest.raises(InvariantViolated):
        apply_delta(None, replace(delta, on_hand_milli=-1))


def lots(*quantities: tuple[str | None, str | None, int]) -> list[Position]:
    return [Position("sku", lot, "H87", expires_on, on_hand_milli=quantity) for lot, expires_on, quantity in quantities]


def taken(positions: list[Position], quantity: int, lot: str | None = None) -> list[tuple[str | None, int]] | None:
    found = allocate(positions, line_id="1", quantity_milli=quantity, lot=lot, business_date="2026-11-21")
    return None if found is None else [(a.lot, a.quantity_milli) for a in found]


def test_lots_are_taken_by_their_date_then_their_name_and_undated_ones_last() -> None:
    shelf = lots((None, None, 1), ("b", "2027-01-01", 1), ("a", "2027-01-01", 1), ("c", "2026-12-01", 1))
    assert taken(shelf, 4) == [("c", 1), ("a", 1), ("b", 1), (None, 1)]
    assert taken(list(reversed(shelf)), 4) == taken(shelf, 4)


def test_nothing_is_taken_where_not_everything_can_be() -> None:
    assert taken(lots(("a", None, 1), ("b", None, 2)), 4) is None
    assert taken([], 1) is None


def test_an_exhausted_lot_is_passed_over() -> None:
    assert taken(lots(("a", "2026-12-01", 0), ("b", "2027-01-01", 2)), 2) == [("b", 2)]


def test_a_named_lot_past_its_date_is_not_taken_either() -> None:
    assert taken(lots(("a", "2026-11-20", 5)), 1, lot="a") is None
    assert taken(lots(("a", "2026-11-21", 5)), 1, lot="a") == [("a", 1)]


def test_a_lot_expires_after_its_date() -> None:
    (position,) = lots(("a", "2026-11-21", 1))
    assert [is_expired(position, date) for date in ("2026-11-20", "2026-11-21", "2026-11-22")] == [False, False, True]
    assert not is_expired(replace(position, expires_on=None), "2099-01-01")

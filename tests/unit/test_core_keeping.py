"""Holds as they are decided: kept, extended, given up, run out, or made hard by an order that comes in time."""

from collections.abc import Sequence

import pytest

from edge_core.errors import Rejected
from edge_core.orders.commands import ChangeHold, Command, HoldStock, OrderHeldGoods
from edge_core.orders.decide import decide, skus_of
from edge_core.orders.events import Event, deltas_of, name_of
from edge_core.orders.world import Accepted, World
from edge_core.stock.holds import end_id
from edge_core.stock.ledger import Position, apply_delta, total
from edge_core.stock.requests import HoldLine, ReservationRequest
from edge_core.stock.reservations import Reservation
from edge_core.stock.stock_events import HoldExtended, StockHeld
from tests.rigs.orders import BUSINESS_DATE, START_MS, order_id, place, till_order

SKU = till_order().lines[0].sku
HOLD = order_id(90)
TTL_MS = 900_000


def shelf(on_hand_milli: int, reserved_milli: int = 0, **changes: object) -> Position:
    return Position(SKU, None, "H87", None, on_hand_milli, reserved_milli=reserved_milli, **changes)  # type: ignore[arg-type]


def decided(position: Position, command: Command, hold: Reservation | None = None) -> Accepted | Rejected:
    assert skus_of(command, None, hold) <= {SKU}
    return decide(World(None, {SKU: (position,)}, hold=hold), command)


def keep(quantity_milli: int) -> HoldStock:
    lines = (HoldLine("1", SKU, quantity_milli, "H87"),)
    return HoldStock(HOLD, ReservationRequest(lines, TTL_MS), BUSINESS_DATE, START_MS)


def change(name: str, now_ms: int, ttl_ms: int = 0) -> ChangeHold:
    return ChangeHold(HOLD, name, order_id(91), now_ms, ttl_ms)  # type: ignore[arg-type]


def order(now_ms: int) -> OrderHeldGoods:
    """An order of two pieces."""
    return OrderHeldGoods(HOLD, place(1, till_order(lines=1, method="ship")), now_ms)


def held(quantity_milli: int) -> tuple[Position, Reservation]:
    found = accepted(decided(shelf(quantity_milli), keep(quantity_milli)))
    (event,) = found.events
    assert isinstance(event, StockHeld)
    return after(shelf(quantity_milli), found.events), event.reservation()


def after(position: Position, events: Sequence[Event]) -> Position:
    for delta in total(delta for event in events for delta in deltas_of(event)):
        position = apply_delta(position, delta)
    return position


def accepted(outcome: Accepted | Rejected) -> Accepted:
    assert isinstance(outcome, Accepted), outcome
    return outcome


def slug(outcome: Accepted | Rejected) -> str:
    assert isinstance(outcome, Rejected), outcome
    return outcome.slug


def test_goods_that_are_held_are_nobody_elses() -> None:
    position, _ = held(2_000)
    assert position.free_milli == 0
    assert slug(decided(position, keep(1_000))) == "out-of-stock"
    assert slug(decided(position, place(1, till_order(lines=1)))) == "out-of-stock"


def test_an_order_in_time_gets_the_goods_that_were_kept_for_it_and_no_more_than_are_there() -> None:
    position, hold = held(2_000)
    found = accepted(decided(position, order(START_MS + TTL_MS - 1), hold))
    assert [name_of(event) for event in found.events] == ["stock.hold_ended"]
    assert found.follow is not None
    assert "stock.reserved" in [name_of(event) for event in found.follow.events]
    final = after(position, (*found.events, *found.follow.events))
    assert (final.on_hand_milli, final.reserved_milli, final.free_milli) == (2_000, 2_000, 0)


def test_an_order_for_more_than_was_kept_takes_the_rest_from_what_is_free_or_nothing() -> None:
    position, hold = held(1_000)
    assert slug(decided(position, order(START_MS), hold)) == "out-of-stock"


def test_an_order_that_comes_too_late_is_refused_though_no_timer_has_come_round() -> None:
    position, hold = held(2_000)
    assert slug(decided(position, order(START_MS + TTL_MS), hold)) == "reservation-expired"


def test_a_hold_runs_out_once_its_time_is_over_and_not_before() -> None:
    position, hold = held(2_000)
    assert slug(decided(position, change("expire", START_MS + TTL_MS - 1), hold)) == "command-not-allowed"
    found = accepted(decided(position, change("expire", START_MS + TTL_MS), hold))
    assert after(position, found.events).free_milli == 2_000


def test_a_hold_that_is_extended_lasts_from_then_and_says_all_of_itself() -> None:
    position, hold = held(2_000)
    (event,) = accepted(decided(position, change("extend", START_MS + 1, TTL_MS), hold)).events
    assert isinstance(event, HoldExtended)
    assert event.reservation().expires_at_ms == START_MS + 1 + TTL_MS
    assert (event.reservation().allocations, deltas_of(event)) == (hold.allocations, ())


def test_every_end_of_a_hold_bears_the_same_name() -> None:
    position, hold = held(2_000)
    ends = [
        accepted(decided(position, change("release", START_MS), hold)).events[0],
        accepted(decided(position, change("expire", START_MS + TTL_MS), hold)).events[0],
        accepted(decided(position, order(START_MS), hold)).events[0],
    ]
    assert {event.movement_id for event in ends} == {end_id(HOLD)}  # type: ignore[union-attr]


@pytest.mark.parametrize("command", [change("release", START_MS), order(START_MS)], ids=["release", "order"])
def test_a_hold_that_is_not_there_cannot_be_used(command: Command) -> None:
    assert slug(decided(shelf(9_000), command)) == "reservation-not-found"

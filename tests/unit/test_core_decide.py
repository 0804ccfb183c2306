"""Decisions as specifications: given this stock and this history, when that command, then these events or that "no"."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.orders.commands import (
    CancelOrder,
    Command,
    MovementLine,
    MoveStock,
    StockMovement,
)
from edge_core.orders.decide import decide, skus_of
from edge_core.orders.document import Payment, TillOrder
from edge_core.orders.events import (
    Event,
    FulfillmentDelivered,
    FulfillmentRouted,
    OrderCancelled,
    OrderPlaced,
    PaymentReversal,
    StockMoved,
    StockReserved,
    deltas_of,
    name_of,
)
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.requests import CancelRequest
from edge_core.orders.validation import CHECK_NAMES
from edge_core.orders.world import Accepted, World
from edge_core.stock.ledger import Allocation, Position, StockDelta, apply_delta
from tests.rigs.orders import order_id, place, placed, till_order, with_line

SKU = till_order().lines[0].sku
MOVEMENT = UUID(int=7)
E = TypeVar("E")


def stock(on_hand: int = 10_000, *, lot: str | None = None, expires_on: str | None = None, **terms: int) -> Position:
    return Position(SKU, lot, "H87", expires_on, on_hand_milli=on_hand, **terms)


def world(*positions: Position, order: OrderState | None = None) -> World:
    return World(order, {SKU: positions} if positions else {})


def one_line(method: str = "carry_out", **changes: object) -> TillOrder:
    """An order of two pieces of the one SKU."""
    posted = till_order(lines=1, method=method)  # type: ignore[arg-type]
    return with_line(posted, **changes) if changes else posted


def accepted(given: World, command: Command) -> tuple[Event, ...]:
    decision = decide(given, command)
    assert isinstance(decision, Accepted), decision
    return decision.events


def rejected(given: World, command: Command) -> Rejected:
    decision = decide(given, command)
    assert isinstance(decision, Rejected), decision
    return decision


def only(kind: type[E], events: Sequence[object]) -> E:
    (event,) = (event for event in events if isinstance(event, kind))
    return event


def names(events: Sequence[Event]) -> list[str]:
    return [name_of(event) for event in events]


def stock_after(position: Position, events: Sequence[Event]) -> Position:
    for event in events:
        for delta in deltas_of(event):
            position = apply_delta(position, delta)
    return position


# --- placing ---------------------------------------------------------------------------------------------------------


def test_a_carry_out_sale_of_known_goods_is_one_decision_from_placing_to_delivery() -> None:
    events = accepted(world(stock()), place(1, one_line()))
    assert names(events) == [
        "order.placed",
        "order.validated",
        "payment.captured",
        "fulfillment.routed",
        "stock.reserved",
        "fulfillment.delivered",
    ]
    assert fold_all(None, events).status == "completed"
    assert stock_after(stock(), events) == stock(8_000)


def test_the_kept_document_holds_what_was_posted_and_what_is_the_agents_to_give() -> None:
    command = place(1, one_line())
    order = only(OrderPlaced, accepted(world(stock()), command)).order
    assert (order.order_id, order.display_number) == (command.order_id, command.display_number)
    assert (order.idempotency_key, order.payload_hash) == (command.idempotency_key, command.payload_hash)
    assert (order.lines, order.payments) == (command.posted.lines, command.posted.payments)
    assert order.totals.grand_total_minor == command.posted.totals.grand_total_minor
    assert order.totals.prices_include_tax is command.posted.prices_include_tax
    assert [(line.line_id, line.quantity_milli) for line in order.fulfillment_groups[0].lines] == [("1", 2_000)]


def test_the_decision_names_every_check_that_the_order_passed() -> None:
    events = accepted(world(stock()), place(1, one_line()))
    assert events[1].checks == CHECK_NAMES  # type: ignore[union-attr]
    assert len(CHECK_NAMES) == 8


def test_goods_in_the_customers_hand_that_the_ledger_never_saw_are_found_stock() -> None:
    events = accepted(world(), place(1, one_line()))
    found = only(StockMoved, events)
    assert (found.cause, found.deltas) == ("found", (StockDelta(SKU, None, "H87", on_hand_milli=2_000),))
    assert names(events).index("stock.moved") < names(events).index("stock.reserved")
    assert stock_after(Position(SKU, None, "H87", None), events).on_hand_milli == 0


def test_two_lines_of_one_unseen_sku_are_found_together() -> None:
    posted = till_order(lines=2)
    posted = with_line(posted, 1, sku=SKU)
    events = accepted(world(), place(1, posted))
    assert only(StockMoved, events).deltas == (StockDelta(SKU, None, "H87", on_hand_milli=4_000),)
    assert [a.line_id for a in only(FulfillmentDelivered, events).consumed] == ["1", "2"]


def test_two_lines_of_one_unseen_sku_in_different_units_are_refused() -> None:
    posted = with_line(till_order(lines=2), 1, sku=SKU, unit="KGM")
    found = rejected(world(), place(1, posted))
    assert (found.slug, found.pointer) == ("unit-mismatch", "/lines/1/unit")


def test_an_order_to_ship_of_unseen_goods_waits_for_them() -> None:
    events = accepted(world(), place(1, one_line("ship")))
    assert names(events)[-1] == "fulfillment.routed"
    assert only(FulfillmentRouted, events) == FulfillmentRouted("g1", "backorder", None)
    assert fold_all(None, events).groups[0].status == "backordered"


@pytest.mark.parametrize(("method", "decision"), [("ship", "fulfil_here"), ("pickup", "pickup")])
def test_an_order_to_ship_or_pick_up_is_reserved_and_stays_in_the_store(method: str, decision: str) -> None:
    events = accepted(world(stock()), place(1, one_line(method)))
    assert only(FulfillmentRouted, events).decision == decision
    assert fold_all(None, events).groups[0].status == "reserved"
    assert stock_after(stock(), events) == stock(10_000, reserved_milli=2_000)


@pytest.mark.parametrize("method", ["carry_out", "ship", "pickup"])
def test_an_order_for_more_than_is_free_is_refused_at_its_line(method: str) -> None:
    scarce = stock(4_000, reserved_milli=1_000, safety_milli=500, rights_milli=501)
    found = rejected(world(scarce), place(1, one_line(method)))
    assert (found.slug, found.pointer) == ("out-of-stock", "/lines/0")
    assert "2000 thousandths wanted, 1999 free" in found.detail


def test_the_last_piece_can_be_sold_and_not_one_thousandth_more() -> None:
    scarce = stock(4_000, reserved_milli=1_000, safety_milli=500, rights_milli=500)
    assert stock_after(scarce, accepted(world(scarce), place(1, one_line()))).free_milli == 0
    assert rejected(world(scarce), place(1, one_line(quantity_milli=2_001))).slug == "out-of-stock"


def test_lines_of_one_sku_share_what_is_free() -> None:
    posted = with_line(till_order(lines=2), 1, sku=SKU)
    assert rejected(world(stock(3_999)), place(1, posted)).pointer == "/lines/1"
    assert stock_after(stock(4_000), accepted(world(stock(4_000)), place(1, posted))).on_hand_milli == 0


def test_lots_leave_first_expired_first_out() -> None:
    late = stock(5_000, lot="late", expires_on="2027-01-31")
    soon = stock(1_500, lot="soon", expires_on="2026-12-01")
    never = stock(5_000, lot="never")
    reserved = only(StockReserved, accepted(world(never, late, soon), place(1, one_line())))
    assert reserved.allocations == (
        Allocation("1", SKU, "soon", "H87", 1_500),
        Allocation("1", SKU, "late", "H87", 500),
    )


@pytest.mark.parametrize(("expires_on", "is_sold"), [("2026-11-20", False), ("2026-11-21", True)])
def test_a_lot_past_its_date_is_never_promised(expires_on: str, *, is_sold: bool) -> None:
    decision = decide(world(stock(lot="old", expires_on=expires_on)), place(1, one_line()))
    assert isinstance(decision, Accepted) == is_sold
    if isinstance(decision, Rejected):
        assert decision.slug == "lot-expired"
        assert "lots past their date are not sold" in decision.detail


def test_a_line_that_names_its_lot_takes_that_lot_alone() -> None:
    lots = (stock(5_000, lot="a"), stock(1_000, lot="b"))
    taken = only(StockReserved, accepted(world(*lots), place(1, one_line(lot="b", quantity_milli=1_000))))
    assert [allocation.lot for allocation in taken.allocations] == ["b"]
    assert rejected(world(*lots), place(1, one_line(lot="b"))).slug == "out-of-stock"


def test_a_unit_other_than_the_ledgers_is_refused() -> None:
    found = rejected(world(stock()), place(1, one_line(unit="KGM")))
    assert (found.slug, found.pointer) == ("unit-mismatch", "/lines/0/unit")
    assert "kept in H87" in found.detail


def test_each_tender_of_a_split_payment_is_an_event_and_a_pending_one_is_none() -> None:
    payments = (
        Payment("p1", "cash", 200, "captured", "offline"),
        Payment("p2", "card", 200, "authorized", "online"),
        Payment("p3", "voucher", 100, "pending", "offline"),
    )
    events = accepted(world(stock()), place(1, replace(one_line("ship"), payments=payments)))
    assert [name for name in names(events) if name.startswith("payment.")] == ["payment.captured", "payment.authorized"]
    assert [p.status for p in fold_all(None, events).payments] == ["captured", "authorized", "pending"]


def test_a_decision_changes_nothing_and_is_the_same_each_time() -> None:
    given, command = world(stock()), place(1, one_line())
    assert decide(given, command) == decide(given, command)
    assert given == world(stock())


# --- cancelling ------------------------------------------------------------------------------------------------------


def shipping(payments: tuple[Payment, ...] | None = None) -> tuple[Event, ...]:
    """The events of a reserved order to ship."""
    posted = one_line("ship")
    return accepted(world(stock()), place(1, posted if payments is None else replace(posted, payments=payments)))


def cancel(**changes: object) -> CancelOrder:
    return CancelOrder(order_id(1), replace(CancelRequest("changed-mind", "op-1"), **changes), "store")


def test_cancelling_gives_back_what_was_promised_and_what_was_paid() -> None:
    history = shipping()
    state = fold_all(None, history)
    (event,) = accepted(world(order=state), cancel())
    assert event == OrderCancelled(
        reason="changed-mind",
        operator_id="op-1",
        released=(Allocation("1", SKU, None, "H87", 2_000),),
        reversals=(PaymentReversal("p1", "refunded", 500),),
    )
    after = fold_all(state, [event])
    assert (after.status, after.payments[0].status, after.groups[0].allocations) == ("cancelled", "refunded", ())
    assert stock_after(stock(), [*history, event]) == stock()


def test_what_was_only_promised_by_the_bank_is_voided_and_what_was_captured_is_refunded() -> None:
    payments = (
        Payment("p1", "cash", 200, "captured", "offline"),
        Payment("p2", "card", 200, "authorized", "online"),
        Payment("p3", "voucher", 100, "pending", "offline"),
    )
    state = fold_all(None, shipping(payments))
    event = only(OrderCancelled, accepted(world(order=state), cancel()))
    assert [(r.payment_id, r.kind, r.amount_minor) for r in event.reversals] == [
        ("p1", "refunded", 200),
        ("p2", "voided", 0),
        ("p3", "voided", 0),
    ]
    assert [p.status for p in fold_all(state, [event]).payments] == ["refunded", "voided", "voided"]


def test_a_backordered_order_can_be_cancelled_and_releases_nothing() -> None:
    state = fold_all(None, placed(1, one_line("ship")))
    assert only(OrderCancelled, accepted(world(order=state), cancel())).released == ()


def test_a_completed_sale_cannot_be_cancelled_and_the_answer_says_what_it_is() -> None:
    state = fold_all(None, accepted(world(stock()), place(1, one_line())))
    found = rejected(world(order=state), cancel())
    assert (found.slug, found.state, found.allowed) == (
        "command-not-allowed",
        "completed",
        ("return", "exchange", "return-request", "pay"),
    )


def test_cancelling_twice_is_refused_the_second_time() -> None:
    state = fold_all(None, shipping())
    state = fold_all(state, accepted(world(order=state), cancel()))
    found = rejected(world(order=state), cancel())
    assert (found.slug, found.state) == ("command-not-allowed", "cancelled")


def test_a_command_that_expects_an_older_revision_is_refused_and_one_that_expects_this_one_is_not() -> None:
    state = fold_all(None, shipping())
    found = rejected(world(order=state), cancel(expected_revision=state.revision - 1))
    assert (found.slug, found.pointer, found.state) == ("revision-stale", "/expected_revision", "in_fulfillment")
    assert accepted(world(order=state), cancel(expected_revision=state.revision))


def test_an_order_that_is_not_here_cannot_be_cancelled() -> None:
    assert rejected(world(), cancel()).slug == "order-not-found"


# --- stock -----------------------------------------------------------------------------------------------------------


def move(movement: str, *lines: MovementLine) -> MoveStock:
    return MoveStock(MOVEMENT, StockMovement(movement, lines, "DN-1"))  # type: ignore[arg-type]


def line(quantity: int = 1_000, /, **changes: object) -> MovementLine:
    return replace(MovementLine(SKU, quantity, "H87"), **changes)


def test_a_receipt_adds_each_lot() -> None:
    command = move("receipt", line(), line(lot="L1", expires_on="2027-01-01"), line(lot="L1"))
    (event,) = accepted(world(), command)
    assert event == StockMoved(
        MOVEMENT,
        "receipt",
        "DN-1",
        (
            StockDelta(SKU, None, "H87", 1_000),
            StockDelta(SKU, "L1", "H87", 1_000, expires_on="2027-01-01"),
            StockDelta(SKU, "L1", "H87", 1_000),
        ),
    )


def test_a_write_off_takes_what_is_free_and_no_more() -> None:
    given = world(stock(3_000, reserved_milli=1_000))
    assert stock_after(stock(3_000, reserved_milli=1_000), accepted(given, move("write_off", line(2_000)))) == stock(
        1_000, reserved_milli=1_000
    )
    found = rejected(given, move("write_off", line(1_500), line(501)))
    assert (found.slug, found.pointer) == ("out-of-stock", "/lines/1")


def test_goods_that_the_ledger_never_saw_cannot_be_written_off() -> None:
    assert rejected(world(), move("write_off", line(1))).slug == "out-of-stock"


@pytest.mark.parametrize(
    ("changes", "slug", "pointer"),
    [
        ({"unit": "KGM"}, "unit-mismatch", "/lines/0/unit"),
        ({"lot": "L1", "expires_on": "2027-01-02"}, "lot-mismatch", "/lines/0/expires_on"),
        ({"expires_on": "2026-02-30"}, "invalid-time", "/lines/0/expires_on"),
    ],
)
def test_a_movement_that_contradicts_the_ledger_is_refused(changes: dict[str, object], slug: str, pointer: str) -> None:
    given = world(stock(lot="L1", expires_on="2027-01-01"))
    found = rejected(given, move("receipt", line(**changes)))
    assert (found.slug, found.pointer) == (slug, pointer)


def test_a_movement_that_contradicts_itself_is_refused_at_the_second_line() -> None:
    units = rejected(world(), move("receipt", line(), line(unit="KGM")))
    dates = rejected(
        world(), move("receipt", line(lot="L", expires_on="2027-01-01"), line(lot="L", expires_on="2027-01-02"))
    )
    assert (units.slug, units.pointer) == ("unit-mismatch", "/lines/1/unit")
    assert (dates.slug, dates.pointer) == ("lot-mismatch", "/lines/1/expires_on")


# --- what a decision needs to see ------------------------------------------------------------------------------------


def test_a_decision_sees_the_positions_of_exactly_the_skus_that_it_names() -> None:
    posted = till_order(lines=3)
    assert skus_of(place(1, posted)) == {each.sku for each in posted.lines}
    assert skus_of(move("receipt", line())) == {SKU}
    assert skus_of(cancel()) == frozenset()

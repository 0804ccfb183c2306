"""The tables: every pair that they do not have raises, every state leads somewhere final, and orders follow them."""

from collections.abc import Iterator
from itertools import product

import pytest
from msgspec.structs import astuple, replace

from edge_core.errors import InvariantViolated
from edge_core.orders.document import FulfillmentGroup, GroupLine, Order, Payment
from edge_core.orders.events import (
    LIFECYCLE_NAMES,
    Event,
    FulfillmentAccepted,
    FulfillmentDelivered,
    FulfillmentPacked,
    FulfillmentPicked,
    FulfillmentReadyForPickup,
    FulfillmentRejected,
    FulfillmentRouted,
    FulfillmentShipped,
    OrderApproved,
    OrderCancelled,
    OrderHeld,
    OrderPlaced,
    OrderReturned,
    OrderValidated,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentReversal,
    StockReserved,
    name_of,
)
from edge_core.orders.fold import OrderState, fold
from edge_core.orders.machines import GROUP, MACHINES, ORDER, PAYMENT, Machine, Transition
from tests.rigs.orders import placed

EACH = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)


def states_of(machine: Machine) -> set[str]:
    return {machine.initial, *machine.finals} | {row.source for row in machine.transitions}


def events_of(machine: Machine) -> set[str]:
    return {row.on for row in machine.transitions}


@EACH
def test_every_pair_that_is_not_in_the_table_raises_and_every_other_leads_to_its_target(machine: Machine) -> None:
    table = {(row.source, row.on): row.target for row in machine.transitions}
    for state, on in product(states_of(machine), events_of(machine) | {"order.unheard_of"}):
        assert machine.is_legal(state, on) == ((state, on) in table) == (on in machine.allowed(state))
        if (state, on) in table:
            assert machine.next_state(state, on) == table[state, on]
        else:
            with pytest.raises(InvariantViolated, match=f"{on} is not legal in {state}"):
                machine.next_state(state, on)


@EACH
def test_every_state_can_be_reached_and_can_reach_a_final_one(machine: Machine) -> None:
    reachable, useful = {machine.initial}, set(machine.finals)
    for _ in machine.transitions:
        reachable |= {row.target for row in machine.transitions if row.source in reachable}
        useful |= {row.source for row in machine.transitions if row.target in useful}
    assert reachable == useful == states_of(machine) | {row.target for row in machine.transitions}


@EACH
def test_tables_speak_of_lifecycle_events_only(machine: Machine) -> None:
    assert {on.partition(":")[0] for on in events_of(machine)} <= set(LIFECYCLE_NAMES)


def test_two_rows_for_one_pair_are_refused() -> None:
    rows = (Transition("a", "x", "b"), Transition("a", "x", "c"))
    with pytest.raises(InvariantViolated, match="two rows for one pair"):
        Machine("twisted", "a", frozenset({"b"}), rows)


# --- every order that events can make, against the ORDER table -------------------------------------------------------

LINE = "1"
WHOLE_MILLI = 2_000
FINAL_STATES_WITHOUT_EVENTS = {"rejected"}  # no event says yet that validation failed


def small_order(groups: int, *, is_paid: bool) -> OrderPlaced:
    """An order of one line, spread over groups."""
    first = placed(1)[0]
    assert isinstance(first, OrderPlaced)
    order: Order = replace(
        first.order,
        lines=first.order.lines[:1],
        payments=(Payment("p1", "card", 500, "pending", "online"),) if is_paid else (),
        fulfillment_groups=tuple(
            FulfillmentGroup(f"g{number}", "ship", (GroupLine(LINE, WHOLE_MILLI // groups),))
            for number in range(1, groups + 1)
        ),
    )
    return OrderPlaced(order)


def group_events(group_id: str) -> tuple[Event, ...]:
    return (
        FulfillmentRouted(group_id, "fulfil_here", "store-0001"),
        FulfillmentRouted(group_id, "backorder", None),
        StockReserved(group_id, ()),
        FulfillmentAccepted(group_id),
        FulfillmentRejected(group_id, "not-found", ()),
        FulfillmentPicked(group_id),
        FulfillmentPacked(group_id),
        FulfillmentReadyForPickup(group_id),
        FulfillmentShipped(group_id, "carrier", "T1", ()),
        FulfillmentDelivered(group_id, ()),
    )


def reversals(state: OrderState, share: int = 1) -> tuple[PaymentReversal, ...]:
    """Voids and refunds of what is open; `share` 4 gives a quarter of it back."""
    return tuple(
        PaymentReversal(p.payment_id, "refunded", max(1, (p.captured_minor - p.refunded_minor) // share))
        if p.captured_minor
        else PaymentReversal(p.payment_id, "voided", 0)
        for p in state.payments
        if not p.captured_minor or p.captured_minor > p.refunded_minor
    )


def candidates(state: OrderState) -> Iterator[Event]:
    """Every event that one might think of, legal or not."""
    yield OrderValidated(())
    for hold in ("h1", "h2"):
        yield OrderHeld(hold, ("risk",), "op-1", 0)
        yield OrderApproved(hold, "op-1")
    for payment in state.payments:
        yield PaymentAuthorized(payment.payment_id, 500)
        yield PaymentCaptured(payment.payment_id, 500)
    for group in state.groups:
        yield from group_events(group.group_id)
    yield OrderCancelled("changed-mind", None, (), reversals(state))
    yield OrderReturned("r1", ((LINE, WHOLE_MILLI // 4),), (), reversals(state, 4))
    yield OrderReturned("r2", ((LINE, WHOLE_MILLI),), (), reversals(state))


def walk(first: OrderPlaced) -> Iterator[tuple[OrderState, Event, OrderState]]:
    """Every step between the states that an order can be in (counters aside), breadth first."""
    start = fold(None, first)
    seen, frontier = {astuple(start)[1:]}, [start]
    while frontier:
        state = frontier.pop()
        for event in candidates(state):
            try:
                after = fold(state, event)
            except InvariantViolated:
                continue
            yield state, event, after
            groups = tuple(replace(group, rejections=0) for group in after.groups)
            after = replace(after, revision=0, groups=groups)
            key = astuple(after)[1:]  # all but the document, which never changes
            if key not in seen:
                seen.add(key)
                frontier.append(after)


def test_every_order_that_can_be_moves_as_its_table_says() -> None:
    rows = {(row.source, row.on.partition(":")[0], row.target) for row in ORDER.transitions}
    taken: set[tuple[str, str, str]] = set()
    statuses: set[str] = set()
    for first in (small_order(1, is_paid=True), small_order(2, is_paid=False)):
        for before, event, after in walk(first):
            step = (before.status, name_of(event), after.status)
            statuses |= {before.status, after.status}
            if before.status != after.status:
                assert step in rows, f"{step} is not in the ORDER table"
            taken.add(step)
    not_taken = {row for row in rows if row not in taken}
    assert {target for _, _, target in not_taken} <= FINAL_STATES_WITHOUT_EVENTS
    assert statuses == states_of(ORDER) - FINAL_STATES_WITHOUT_EVENTS


def test_a_finished_order_never_comes_back_to_life() -> None:
    for before, event, after in walk(small_order(1, is_paid=True)):
        if before.status in ORDER.finals:
            assert after.status == before.status, name_of(event)


def test_every_group_and_payment_stays_within_its_table_wherever_an_order_goes() -> None:
    groups, payments = set(), set()
    for _, _, after in walk(small_order(1, is_paid=True)):
        groups |= {group.status for group in after.groups}
        payments |= {payment.status for payment in after.payments}
        assert all(payment.refunded_minor <= payment.captured_minor for payment in after.payments)
    assert groups == states_of(GROUP)
    assert payments == states_of(PAYMENT) - {"failed"}

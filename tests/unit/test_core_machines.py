"""The tables: every pair that they do not have raises, every state leads somewhere final, and orders follow them."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from typing import Any, get_args

import pytest
from msgspec.structs import astuple, replace

from edge_core.errors import InvariantViolated
from edge_core.orders.document import FulfillmentGroup, GroupLine, Order, Payment
from edge_core.orders.events import (
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
from edge_core.orders.further_events import (
    GroupQuantity,
    GroupRedirected,
    GroupSplit,
    ReturnApproved,
    ReturnInspected,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
)
from edge_core.orders.machines import GROUP, MACHINES, ORDER, PAYMENT, RETURN, Machine, Transition, load
from edge_core.orders.parts import returnable
from edge_core.orders.processes import GROUP_PROCESS, PAYMENT_PROCESS
from edge_core.stock.ledger import Allocation
from tests.rigs.orders import order_id, placed

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
def test_tables_speak_of_events_that_there_are(machine: Machine) -> None:
    assert {on.partition(":")[0] for on in events_of(machine)} <= {name_of_kind(kind) for kind in get_args(Event)}


def name_of_kind(kind: Any) -> str:
    return str(kind.__struct_config__.tag)


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


def reversals(state: OrderState, share: int = 1, *, is_void: bool = False) -> tuple[PaymentReversal, ...]:
    """Voids and refunds of what is open; `share` 4 gives a quarter of it back and voids nothing."""
    return tuple(
        PaymentReversal(
            p.payment_id, "voided" if is_void else "refunded", max(1, (p.captured_minor - p.refunded_minor) // share)
        )
        if p.captured_minor
        else PaymentReversal(p.payment_id, "voided", 0)
        for p in state.payments
        if (share == 1 if not p.captured_minor else p.captured_minor > p.refunded_minor)
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
    yield OrderCancelled("mistake", None, (), reversals(state, is_void=True), kind="voided")
    yield OrderCancelled("not-fetched", None, (), (), kind="expired")
    yield OrderCancelled("too-late", None, (), (), (GroupQuantity("g2", LINE, WHOLE_MILLI // 2),))
    yield OrderReturned("r1", ((LINE, WHOLE_MILLI // 4),), (), reversals(state, 4))
    yield OrderReturned("r2", ((LINE, WHOLE_MILLI // 4),), (), reversals(state, 4))
    yield OrderReturned("r3", ((LINE, returnable(state)[LINE]),), (), reversals(state))


def walk(
    first: OrderPlaced, possible: Callable[[OrderState], Iterable[Event]] = candidates
) -> Iterator[tuple[OrderState, Event, OrderState]]:
    """Every step between the states that an order can be in (counters aside), breadth first."""
    start = fold(None, first)
    seen, frontier = {key_of(start)}, [start]
    while frontier:
        state = frontier.pop()
        for event in possible(state):
            try:
                after = fold(state, event)
            except InvariantViolated:
                continue
            yield state, event, after
            key = key_of(after)
            if key not in seen:
                seen.add(key)
                frontier.append(after)


def key_of(state: OrderState) -> tuple[object, ...]:
    """What tells two states apart: all but the document, which never changes, what only counts, and what holds and
    returns are called. Whatever can happen to one of them can happen to each, so it goes by its place among them.
    """
    groups = tuple(replace(group, rejections=0) for group in state.groups)
    places = {hold: str(place) for place, hold in enumerate(state.holds)}
    held = tuple(replace(one, hold_id=places[one.hold_id]) for one in state.held)
    returns = tuple(replace(one, return_id=str(place)) for place, one in enumerate(state.returns))
    named = replace(state, groups=groups, holds=tuple(places.values()), held=held, returns=returns)
    return astuple(replace(named, revision=0))[1:]


def parts_of(state: OrderState) -> Iterator[Event]:
    """What can happen to parts of an order and to goods on their way back; one way through the building will do."""
    yield OrderValidated(())
    yield OrderHeld("h1", ("risk",), "op-1", 0)
    yield OrderApproved("h1", "op-1")
    for group in state.groups:
        yield FulfillmentRouted(group.group_id, "fulfil_here", "store-0001")
        yield StockReserved(group.group_id, ())
        yield FulfillmentPicked(group.group_id)
        yield FulfillmentReadyForPickup(group.group_id, b"code", 1)
        yield FulfillmentDelivered(group.group_id, ())
        yield GroupSplit(group.group_id, "g2", (GroupLine(LINE, WHOLE_MILLI // 2),), ())
        yield GroupRedirected(group.group_id, "ship", None)
        for quantity_milli in (WHOLE_MILLI // 2, WHOLE_MILLI):
            part = GroupQuantity(group.group_id, LINE, quantity_milli)
            yield OrderCancelled("changed-mind", None, (), (), (part,))
    for return_id in ("r1", "r2"):
        yield from return_steps(return_id)


def return_steps(return_id: str) -> Iterator[Event]:
    back = ((LINE, WHOLE_MILLI // 2),)
    goods = (Allocation(LINE, "sku", None, "H87", WHOLE_MILLI // 2),)
    yield ReturnRequested(return_id, back, "too-small")
    yield ReturnApproved(return_id, None)
    yield ReturnRefused(return_id, "worn", None)
    yield ReturnReceived(return_id)
    yield ReturnInspected(return_id, goods, ())
    yield ReturnInspected(return_id, (), goods)
    yield OrderReturned(return_id, back, (), ())
    yield OrderReturned(return_id, back, (), (), exchanged_for=order_id(9))


@cache
def walk_of_parts() -> list[tuple[OrderState, Event, OrderState]]:
    """Every step of an order whose parts go ways of their own."""
    return list(walk(small_order(1, is_paid=False), parts_of))


def test_every_order_that_can_be_moves_as_its_table_says() -> None:
    rows = {(row.source, row.on.partition(":")[0], row.target) for row in ORDER.transitions}
    taken: set[tuple[str, str, str]] = set()
    statuses: set[str] = set()
    walks = (
        walk(small_order(1, is_paid=True)),
        walk(small_order(2, is_paid=False)),
        walk_of_parts(),
    )
    for steps in walks:
        for before, event, after in steps:
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


def test_every_return_stays_within_its_table_and_every_state_of_it_is_reached() -> None:
    steps = [after for _, _, after in walk_of_parts()]
    assert {one.status for state in steps for one in state.returns} == states_of(RETURN)


def test_what_an_order_has_of_a_line_is_always_what_was_ordered() -> None:
    """Ordered = still to bring or brought + cancelled; and never does more come back than was brought."""
    for _, _, after in walk_of_parts():
        brought = sum(line.quantity_milli for group in after.groups for line in group.lines)
        gone, returned = dict(after.cancelled).get(LINE, 0), dict(after.returned).get(LINE, 0)
        assert brought + gone == WHOLE_MILLI
        assert 0 <= returned <= WHOLE_MILLI - gone


def test_from_every_order_that_can_be_there_is_a_way_to_an_end() -> None:
    """An order ends where nothing can happen to it, or where all that is left is that goods may come back."""
    ends = ORDER.finals | {"completed", "partially_returned"}
    after: dict[tuple[object, ...], set[tuple[object, ...]]] = {}
    found: set[tuple[object, ...]] = set()
    for before, _, later in walk(small_order(1, is_paid=True)):
        after.setdefault(key_of(later), set()).add(key_of(before))
        found |= {key_of(state) for state in (before, later) if state.status in ends}
    reaching, frontier = set(found), list(found)
    while frontier:
        for earlier in after.get(frontier.pop(), set()) - reaching:
            reaching.add(earlier)
            frontier.append(earlier)
    assert {key for keys in after.values() for key in keys} <= reaching


# --- documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('"finals": ["voided"', '"finals": ["lost"', "no way to an end"),
        ('"to": "voided"', '"to": "gone"', "no way to an end"),
        ('"from": ["captured"], "on": "order.cancelled:voided"', '"from": ["lost"], "on": "x"', "cannot be reached"),
        ('"to": "authorized"', '"to": "authorized", "command": "pay"', "needs roles"),
        ('"to": "authorized"', '"to": "authorized", "colour": "red"', "not a process document"),
        ('"from": ["pending"], "on": "order.validated:payment_failed"', '"from": ["failed"], "on": "x"', "reached"),
        ('1,', '1, "timeouts": [{"state": "pending", "after_hours": 1, "command": "pay"}],', "timeout"),
    ],
)  # fmt: skip
def test_a_document_that_is_no_sound_process_is_refused(before: str, after: str, why: str) -> None:
    assert before in PAYMENT_PROCESS
    with pytest.raises(InvariantViolated, match=why):
        load(PAYMENT_PROCESS.replace(before, after, 1))


def test_a_changed_document_is_another_process_without_any_code() -> None:
    allowed = GROUP_PROCESS.replace(
        '"from": ["picked"], "on": "fulfillment.packed"', '"from": ["accepted"], "on": "fulfillment.packed"'
    )
    assert load(allowed).next_state("accepted", "fulfillment.packed") == "packed"
    assert not GROUP.is_legal("accepted", "fulfillment.packed")


def test_a_command_takes_one_row_in_each_state() -> None:
    rows = (Transition("a", "x", "b", "go", roles=("store",)), Transition("a", "y", "b", "go", roles=("store",)))
    with pytest.raises(InvariantViolated, match="two rows for one command"):
        Machine("twisted", "a", frozenset({"b"}), rows)

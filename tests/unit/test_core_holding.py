"""Holds of an order: who may answer them, what follows, and what happens where nobody does."""

from typing import Any

import pytest
from msgspec.structs import replace

from edge_core.assignment.standing import Answered, standing_of
from edge_core.checks.known import Known
from edge_core.checks.question import Evidence
from edge_core.errors import Rejected
from edge_core.orders.commands import AdvanceOrder, OrderHeldGoods, Role, TakeAssignment
from edge_core.orders.decide import decide
from edge_core.orders.document import TillOrder
from edge_core.orders.events import Event, OrderApproved, OrderCancelled, OrderHeld, name_of
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.judgment import Rung
from edge_core.orders.requests import (
    ApproveRequest,
    EscalateRequest,
    HandBackRequest,
    HoldRequest,
    LineQuantity,
    OrderRequest,
    RefuseRequest,
    ShipRequest,
    SplitRequest,
    StepRequest,
)
from edge_core.orders.world import Accepted, World
from edge_core.reference.documents import Offer
from edge_core.stock.ledger import Allocation, Position
from edge_core.stock.reservations import Reservation
from edge_core.stock.rights import Life
from tests.rigs.judged import PLACED_MS, SKU, STRICT, basket, book, on_account, reference, sent
from tests.rigs.orders import BUSINESS_DATE, order_id, place

MANAGER = ApproveRequest(operator_id="manager-1")
NO = RefuseRequest("too-cheap", operator_id="manager-1")
DEAR = reference(prices=[book(SKU, Offer("CNY", 999))])
MINUTES_MS = 60_000


def events_of(order: TillOrder, *, by: Any = DEAR, stock: bool = True) -> tuple[Event, ...]:
    positions = {SKU: (Position(SKU, None, "H87", None, 10_000),)} if stock else {}
    world = World(None, positions, evidence=Evidence(by, Known()))
    decided = decide(world, replace(place(1, order), now_ms=PLACED_MS))
    assert not isinstance(decided, Rejected), decided
    return decided.events


def ask(
    state: OrderState, name: str, request: OrderRequest, role: Role = "store", now_ms: int = PLACED_MS
) -> tuple[Event, ...] | Rejected:
    command = AdvanceOrder(order_id(1), name, request, order_id(9), "secret", "store-0001", BUSINESS_DATE, now_ms, role)
    decided = decide(World(state, {}), command)
    return decided if isinstance(decided, Rejected) else decided.events


def done(state: OrderState, name: str, request: OrderRequest, role: Role = "store", now_ms: int = PLACED_MS) -> Any:
    made = ask(state, name, request, role, now_ms)
    assert not isinstance(made, Rejected), made
    return fold_all(state, made), made


def test_an_order_for_goods_that_were_kept_is_judged_like_any_other() -> None:
    goods = (Allocation("1", SKU, None, "H87", 2_000),)
    kept = Reservation(order_id(8), goods, PLACED_MS, PLACED_MS + MINUTES_MS)
    shelf = {SKU: (Position(SKU, None, "H87", None, 2_000, reserved_milli=2_000),)}
    world = World(None, shelf, evidence=Evidence(DEAR, Known()), hold=kept)
    command = OrderHeldGoods(order_id(8), replace(place(1, basket()), now_ms=PLACED_MS), PLACED_MS)
    decided = decide(world, command)
    assert isinstance(decided, Accepted), decided
    assert decided.follow is not None
    assert fold_all(None, decided.follow.events).status == "held"


def test_an_assigned_order_that_is_held_keeps_its_goods_and_nobody_has_accepted_it_yet() -> None:
    positions = {SKU: (Position(SKU, None, "H87", None, 10_000),)}
    world = World(None, positions, evidence=Evidence(DEAR, Known()))
    placing = replace(place(1, sent(basket(), traits=("insured",))), now_ms=PLACED_MS)
    life = Life("store-0001", order_id(7))
    command = TakeAssignment(placing, order_id(8), 1, PLACED_MS + MINUTES_MS, is_accepted=True, life=life)
    decided = decide(world, command)
    assert isinstance(decided, Accepted), decided
    state = fold_all(None, decided.events)
    assert (state.status, [group.status for group in state.groups]) == ("held", ["reserved"])
    assert standing_of(state, Answered("applied"), None) == ("reserved", None)
    back = ask(state, "hand-back", HandBackRequest("timed-out"), "centre")
    assert not isinstance(back, Rejected), "the time goes on, and the centre may ask another store"


def held(order: TillOrder, **how: Any) -> OrderState:
    state = fold_all(None, events_of(order, **how))
    assert state.status == "held"
    return state


def slug(made: tuple[Event, ...] | Rejected) -> str | None:
    return made.slug if isinstance(made, Rejected) else None


def test_a_sale_that_is_held_promises_its_goods_and_hands_nothing_over() -> None:
    events = events_of(basket())
    assert [name_of(event) for event in events] == [
        "order.placed", "order.validated", "payment.captured", "fulfillment.routed", "stock.reserved", "order.held",
    ]  # fmt: skip
    state = fold_all(None, events)
    assert (state.holds, state.groups[0].status) == (("h1",), "reserved")
    assert state.order.policy_versions == {"rules": "strict-7"}


def test_an_order_that_waits_for_goods_is_held_as_well() -> None:
    assert held(sent(basket(), traits=("insured",)), stock=False).groups[0].status == "backordered"


def test_the_approval_of_a_sale_hands_the_goods_over_and_says_whether_it_was_proposed() -> None:
    state, made = done(held(basket()), "approve", replace(MANAGER, reason="shelf-label"))
    assert [name_of(event) for event in made] == ["order.approved", "fulfillment.delivered"]
    assert made[0] == OrderApproved("h1", "manager-1", "store", False, "shelf-label")
    assert (state.status, state.holds, state.held) == ("completed", (), ())


def test_the_approval_of_an_order_to_ship_lets_it_go_on() -> None:
    order = held(sent(basket(), traits=("insured",)))
    assert slug(ask(order, "pick", StepRequest())) == "order-held"
    state, made = done(order, "approve", MANAGER)
    assert [name_of(event) for event in made] == ["order.approved"]
    assert (state.status, slug(ask(state, "pick", StepRequest()))) == ("in_fulfillment", None)


def test_a_refusal_frees_the_goods_and_gives_the_money_back() -> None:
    state, made = done(held(basket()), "refuse", NO)
    (cancelled,) = made
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.kind, cancelled.followed, cancelled.reason) == ("refused", True, "too-cheap")
    assert cancelled.released
    assert cancelled.reversals[0].amount_minor == state.order.totals.grand_total_minor
    assert (state.status, state.holds, state.held) == ("cancelled", (), ())


@pytest.mark.parametrize("operator", ["op-17", "OP-17"])
def test_the_back_office_does_not_approve_its_own_order_either(operator: str) -> None:
    order = held(basket())
    assert slug(ask(order, "approve", ApproveRequest(operator_id=operator), "back_office")) == "approval-needed"
    assert slug(ask(order, "approve", ApproveRequest(operator_id="boss"), "back_office")) is None


@pytest.mark.parametrize("operator", [None, "op-17", "Op-17"])
def test_whoever_placed_an_order_does_not_approve_it(operator: str | None) -> None:
    order = held(basket())
    assert slug(ask(order, "approve", ApproveRequest(operator_id=operator))) == "approval-needed"
    assert slug(ask(order, "refuse", RefuseRequest("no", operator_id=operator))) == "approval-needed"
    assert slug(ask(order, "approve", ApproveRequest(operator_id=operator), "centre")) is None


@pytest.mark.parametrize(("role", "answer"), [("store", "role-not-allowed"), ("back_office", None), ("centre", None)])
def test_a_hold_is_answered_by_its_owner_or_by_somebody_above(role: Role, answer: str | None) -> None:
    order = held(on_account(basket(of="c1")), by=reference())
    assert order.held[0].owner == "back_office"
    assert slug(ask(order, "approve", MANAGER, role)) == answer
    assert slug(ask(order, "refuse", NO, role)) == answer


def test_a_hold_that_nobody_answers_goes_up_rung_by_rung_and_stays_with_the_last() -> None:
    state = held(basket())
    once = EscalateRequest("h1")
    assert slug(ask(state, "escalate", once, "timer", PLACED_MS + 15 * MINUTES_MS - 1)) == "hold-not-overdue"
    assert slug(ask(state, "escalate", once, "store", PLACED_MS + 15 * MINUTES_MS)) == "role-not-allowed"
    before, now_ms, owners = state.held[0], PLACED_MS, []
    while state.held[0].ladder:
        now_ms = state.held[0].due_at_ms
        state, made = done(state, "escalate", once, "timer", now_ms)
        assert isinstance(made[0], OrderHeld)
        owners.append((state.held[0].owner, state.held[0].level))
    assert owners == [("back_office", 1), ("centre", 2)]
    after = state.held[0]
    assert (after.reasons, after.findings, after.proposal) == (before.reasons, before.findings, before.proposal)
    assert slug(ask(state, "escalate", once, "timer", now_ms + 10**12)) == "hold-not-overdue"
    assert slug(ask(state, "approve", MANAGER, "back_office")) == "role-not-allowed"
    assert done(state, "approve", MANAGER, "centre")[0].status == "completed"


def test_people_may_hold_an_order_and_every_hold_has_to_be_answered() -> None:
    order = fold_all(None, events_of(sent(basket(), traits=("insured",)), by=reference()))
    state, made = done(order, "hold", HoldRequest("address-looks-odd", "back_office", "op-17"))
    assert isinstance(made[0], OrderHeld)
    assert made[0].ladder == (Rung("centre", 24 * 60 * MINUTES_MS),)
    assert made[0].operator_id == "op-17"
    state, _ = done(state, "hold", HoldRequest("again"))
    first, second = state.holds
    assert slug(ask(state, "approve", MANAGER)) == "hold-ambiguous"
    assert slug(ask(state, "approve", replace(MANAGER, hold_id="h99"))) == "hold-not-found"
    state, _ = done(state, "approve", replace(MANAGER, hold_id=second))
    assert (state.status, state.holds) == ("held", (first,))
    assert done(state, "approve", MANAGER, "back_office")[0].status == "in_fulfillment"


def test_a_hold_asked_for_by_people_uses_the_stores_own_ladder() -> None:
    order = fold_all(None, events_of(sent(basket(), traits=("insured",)), by=reference()))
    command = AdvanceOrder(
        order_id(1), "hold", HoldRequest("odd"), order_id(9), "s", "store-0001", BUSINESS_DATE, PLACED_MS
    )
    rules = replace(STRICT, rules_id="short", ladder=STRICT.ladder[2:])
    decided = decide(World(order, {}, evidence=Evidence(reference(rules=rules), Known())), command)
    assert not isinstance(decided, Rejected)
    (hold,) = decided.events
    assert isinstance(hold, OrderHeld)
    assert (hold.owner, hold.rules_id) == ("centre", "short")


def test_a_refusal_after_a_part_has_left_calls_the_rest_off_and_ends_the_hold() -> None:
    order = fold_all(None, events_of(sent(basket(), traits=("insured",)), by=reference()))
    order, _ = done(order, "split", SplitRequest((LineQuantity("1", 500),)))
    order, _ = done(order, "pick", StepRequest("g1"))
    order, _ = done(order, "ship", ShipRequest("carrier", "T-1", "g1"))
    order, _ = done(order, "hold", HoldRequest("odd"))
    state, _ = done(order, "refuse", NO)
    assert (state.holds, [group.status for group in state.groups]) == ((), ["shipped", "cancelled"])
    assert done(state, "deliver", StepRequest())[0].status == "completed"


def test_an_order_of_which_all_has_left_cannot_be_refused_and_can_be_approved() -> None:
    order = fold_all(None, events_of(sent(basket(), traits=("insured",)), by=reference()))
    order, _ = done(order, "pick", StepRequest())
    order, _ = done(order, "ship", ShipRequest("carrier", "T-1"))
    order, _ = done(order, "hold", HoldRequest("odd"))
    assert slug(ask(order, "refuse", NO)) == "goods-left"
    order, _ = done(order, "deliver", StepRequest())
    assert order.status == "held"
    assert done(order, "approve", MANAGER)[0].status == "completed"

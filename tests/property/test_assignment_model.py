"""Whatever goes wrong between a centre and its stores: in the end one store has each order, and promises it once."""

from collections import defaultdict
from typing import Any
from uuid import UUID

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from edge_core.assignment import cooling, standing, steps
from edge_core.assignment.state import Assignment, Attempt, Stepped, Word
from edge_core.errors import InvariantViolated
from edge_core.limits import ASSIGNMENT_ATTEMPTS_MAX, ASSIGNMENT_SEARCH_MS_MAX
from edge_core.orders.requests import (
    CancelLinesRequest,
    HandBackRequest,
    LineQuantity,
    OrderRequest,
    RejectRequest,
    ShipRequest,
    StepRequest,
)
from tests.rigs import assigning_model
from tests.rigs.assigning_model import ACCEPT_MS, Books, ModelCentre, ModelStore
from tests.rigs.orders import order_id, till_order

ORDERS = 3
NODES = st.integers(0, 2)
SOME = st.integers(1, 3)
AT_STORE: dict[str, OrderRequest] = {
    "accept": StepRequest(),
    "reject": RejectRequest("no_capacity"),
    "pick": StepRequest(),
    "pack": StepRequest(),
    "ship": ShipRequest("carrier", "T-1"),
    "deliver": StepRequest(),
    "hand-back": HandBackRequest("no-time"),
    "cancel-lines": CancelLinesRequest((LineQuantity("1", 1_000),), "changed-mind"),
}
LEAVING = frozenset({"ready_for_pickup", "shipped", "delivered"})


class Assignments(RuleBasedStateMachine):
    """Three stores, a shop, a centre that may be put back, and roads that are open when the rules say so."""

    def __init__(self) -> None:
        super().__init__()
        self.stores = [
            ModelStore("store-0001", 2, is_automatic=False),
            ModelStore("store-0002", 4, is_automatic=False),
            ModelStore("store-0003", 3, is_automatic=True),
        ]
        self.centre = ModelCentre(self.stores)
        self.orders: list[UUID] = []
        self.kept: Books | None = None

    @precondition(lambda self: len(self.orders) < ORDERS)
    @rule()
    def a_shop_posts_an_order(self) -> None:
        self.orders.append(order_id(10_000 + len(self.orders)))
        self.centre.post(self.orders[-1], till_order(lines=1, method="ship"))

    @rule(at=NODES)
    def a_store_comes_or_goes(self, at: int) -> None:
        self.centre.online ^= {self.stores[at].node_id}

    @rule(seconds=st.sampled_from([1, 30, 70, 15 * 60, 5 * 3600]))
    def time_goes_by(self, seconds: int) -> None:
        self.centre.now_ms += seconds * 1_000
        self.the_centre_looks()

    @initialize()
    def an_order_is_offered(self) -> None:
        self.a_shop_posts_an_order()
        self.the_centre_looks()

    @rule()
    def the_centre_looks(self) -> None:
        for each in self.orders:
            self.centre.settle(each)

    @rule(at=NODES, count=SOME, back=st.integers(0, 2))
    def a_store_hears(self, at: int, count: int, back: int) -> None:
        self.centre.deliver(self.stores[at].node_id, count, back=back)

    @rule(at=NODES, count=SOME)
    def a_store_is_heard(self, at: int, count: int) -> None:
        self.centre.listen(self.stores[at].node_id, count)

    @rule(at=NODES, name=st.sampled_from(sorted(AT_STORE)), which=st.integers(0, 3))
    def people_of_a_store_want_something(self, at: int, name: str, which: int) -> None:
        store = self.stores[at]
        here = sorted(store.counter.states)
        if here:
            store.ask(here[which % len(here)], name, AT_STORE[name])

    @rule(at=NODES)
    def a_store_does_all_of_its_work(self, at: int) -> None:
        for here in sorted(self.stores[at].live().values()):
            for name in ("accept", "pick", "pack", "ship"):
                self.stores[at].ask(here, name, AT_STORE[name])

    @rule(at=NODES)
    def a_store_sends_the_goods_while_nobody_hears_it(self, at: int) -> None:
        self.centre.deliver(self.stores[at].node_id, 1_000)
        self.a_store_does_all_of_its_work(at)
        self.centre.now_ms += ACCEPT_MS + 1_000
        self.the_centre_looks()

    @rule(at=NODES)
    def a_store_changes_its_orders_while_nobody_hears_it(self, at: int) -> None:
        store = self.stores[at]
        self.centre.deliver(store.node_id, 1_000)
        for here in sorted(store.live().values()):
            store.ask(here, "accept", AT_STORE["accept"])
            store.ask(here, "cancel-lines", AT_STORE["cancel-lines"])
        self.centre.now_ms += ACCEPT_MS + 1_000
        self.the_centre_looks()
        self.centre.deliver(store.node_id, 1_000)

    @rule(at=NODES)
    def nobody_has_time_however_often_they_are_asked(self, at: int) -> None:
        for _ in range(ASSIGNMENT_ATTEMPTS_MAX):
            for store in self.stores:
                self.centre.deliver(store.node_id, 1_000)
                for here in list(store.live().values()):
                    store.ask(here, "hand-back", AT_STORE["hand-back"])
                self.centre.listen(store.node_id, 1_000)
            self.the_centre_looks()
            for each in self.orders:
                self.centre.assign(each, self.stores[at].node_id)

    @rule(at=NODES, which=st.integers(0, 3))
    def a_customer_cancels_at_a_store(self, at: int, which: int) -> None:
        store = self.stores[at]
        here = sorted(store.counter.states)
        if here:
            store.cancel(here[which % len(here)])

    @precondition(lambda self: self.orders)
    @rule(which=st.integers(0, 3))
    def a_customer_cancels(self, which: int) -> None:
        self.centre.cancel(self.orders[which % len(self.orders)])

    @precondition(lambda self: self.orders)
    @rule(which=st.integers(0, 3), at=NODES)
    def people_choose_a_store(self, which: int, at: int) -> None:
        self.centre.assign(self.orders[which % len(self.orders)], self.stores[at].node_id)

    @rule()
    def somebody_makes_a_backup(self) -> None:
        self.kept = self.centre.backup()

    @precondition(lambda self: self.kept is not None)
    @rule()
    def the_centre_is_put_back(self) -> None:
        assert self.kept is not None
        self.centre.restore(self.kept)

    @invariant()
    def who_is_believed_to_have_let_go_has_let_go(self) -> None:
        stores = {store.node_id: store.live().values() for store in self.stores}
        for assignment in self.centre.books.assignments.values():
            for attempt in assignment.attempts:
                if attempt.status in {"withdrawn", "rejected"}:
                    assert attempt.assignment_id not in stores[attempt.node_id], attempt

    def teardown(self) -> None:
        """Everything can be heard again, people answer, and shops repeat what they have posted."""
        self.centre.online = {store.node_id for store in self.stores}
        for each in self.orders:
            self.centre.post(each, till_order(lines=1, method="ship"))
        for _ in range(12):
            self._exchange()
            self.centre.now_ms += ACCEPT_MS + 1_000
        self.centre.now_ms += ASSIGNMENT_SEARCH_MS_MAX
        for _ in range(ASSIGNMENT_ATTEMPTS_MAX + 1):
            self._exchange()
        self._demand()

    def _exchange(self) -> None:
        for store in self.stores:
            self.centre.deliver(store.node_id, 1_000)
            for here in list(store.live().values()):
                store.ask(here, "accept", StepRequest())
            self.centre.listen(store.node_id, 1_000)
        self.the_centre_looks()

    def _demand(self) -> None:
        having: defaultdict[UUID, list[str]] = defaultdict(list)
        for store in self.stores:
            for central, here in store.live().items():
                having[central].append(store.node_id)
                state = store.counter.states[here]
                assert state.assigned is not None
                assert state.assigned.ended is None
        for each in self.orders:
            assignment = self.centre.books.assignments[each]
            assert assignment.status in {"accepted", "closed", "exception", "cancelled"}, assignment
            assert assignment.awaited == (), assignment
            owner = assignment.current
            if assignment.is_doubled:
                assert len(having[each]) >= 1, "two have sent the goods: for people, and for them alone"
            elif assignment.status == "accepted":
                assert owner is not None
                assert having[each] == [owner.node_id], assignment
            elif assignment.status != "closed":
                assert having[each] == [], assignment
        self._demand_stock()

    def _demand_stock(self) -> None:
        """A store promises what its live orders want, and nothing else."""
        for store in self.stores:
            wanted = sum(
                allocation.quantity_milli
                for here in store.live().values()
                for group in store.counter.states[here].groups
                if group.status not in LEAVING | {"cancelled", "unrouted"}
                for allocation in group.allocations
            )
            reserved = sum(position.reserved_milli for position in store.counter.positions.values())
            assert reserved == wanted


def _believed(assignment: Assignment, attempt: Attempt, word: Word, now_ms: int) -> Stepped:
    if word.standing in {"accepted", "reserved"}:
        return Stepped(assignment.with_step(attempt, "let_go"))
    return _HEARD(assignment, attempt, word, now_ms)


def _not_told(assignment: Assignment, attempt: Attempt, word: Word, now_ms: int) -> Stepped:
    return Stepped(_HEARD(assignment, attempt, word, now_ms).assignment)


def _not_withdrawn(assignment: Assignment, now_ms: int) -> Stepped:
    return Stepped(_TIMED_OUT(assignment, now_ms).assignment)


_HEARD, _TIMED_OUT, _OF_ORDER = steps._hear_withdrawn, steps.time_out, standing._of_order
BUGS: dict[str, tuple[Any, str, Any]] = {
    "a store that has accepted late is believed to have let go": (steps, "_hear_withdrawn", _believed),
    "who was asked meanwhile is not told that another one keeps the order": (steps, "_hear_withdrawn", _not_told),
    "who has not answered in time is not told": (steps, "time_out", _not_withdrawn),
    "a refused withdrawal is not heard": (standing, "_of_order", lambda order, _: _OF_ORDER(order, None)),
    "a store is asked again": (assigning_model, "resting", lambda *_: ()),
    "nobody is left alone for a while": (cooling, "rest_ms", lambda _: 0),
    "orders are passed on for ever": (steps, "attempts_left", lambda _: 1),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_same_steps_find_a_planted_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BUGS[bug])
    tried = settings(
        stateful_step_count=40,
        max_examples=300,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        print_blob=False,
    )
    with pytest.raises((AssertionError, InvariantViolated)):
        run_state_machine_as_test(Assignments, settings=tried)


def test_whatever_goes_wrong_one_store_has_each_order_and_promises_it_once() -> None:
    run_state_machine_as_test(Assignments, settings=settings(stateful_step_count=40, deadline=None))

"""Whatever is asked of orders in whatever order: stock and money add up, and the tables say what is possible."""

from collections import Counter as Tally
from collections import defaultdict
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from msgspec.structs import replace

from central_sync.ingest.effects import changes_of
from edge_core.errors import Rejected
from edge_core.orders.commands import MovementLine
from edge_core.orders.document import TillOrder
from edge_core.orders.fold import OrderState
from edge_core.orders.legality import allowed_commands
from edge_core.orders.machines import GROUP, ORDER, RETURN
from edge_core.orders.parts import add_up, is_open
from edge_core.orders.requests import (
    GROUP_REQUESTS,
    CancelLinesRequest,
    ExchangeRequest,
    LineQuantity,
    OrderRequest,
    PayRequest,
    ReturnLine,
    ReturnRequest,
    UnreceiptedReturn,
)
from edge_core.orders.settling import owed_minor, taken_minor
from tests.rigs.contract import PROBLEMS
from tests.rigs.counter import HOUR_MS, Place
from tests.rigs.players import ASKED, DATES, EXCHANGES, LOTS, SKUS, UNRECEIPTED, Player, a_basket, likely, posted_orders

NOT_TAKEN = frozenset({"pending", "authorized"})
Goods = tuple[str, str, str | None, str]  # line, SKU, lot, unit
HOLDING = frozenset({"reserved", "accepted", "picked", "packed", "ready_for_pickup"})


def is_in_tables(state: OrderState, name: str) -> bool:
    """Whether any table has the command where the order, one of its groups, or one of its returns is."""
    machine, statuses = ORDER, [state.status]
    if name in GROUP_REQUESTS:
        machine, statuses = GROUP, [group.status for group in state.groups]
    elif name.startswith("return-") and name != "return-request":
        machine, statuses = RETURN, [one.status for one in state.returns]
    return any(row.command == name and row.source in statuses for row in machine.transitions)


class Shop(RuleBasedStateMachine):
    """One location: its stock, its orders, and everybody who wants something."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.at = Player()
        self.delivered: set[tuple[str, str | None, str]] = set()

    @rule(target=orders, posted=posted_orders(), sku=SKUS, lot=LOTS, quantity=st.integers(1, 12))
    def order(self, posted: TillOrder, sku: str, lot: str | None, quantity: int) -> object:
        self.a_delivery(sku, lot, "H87", quantity)
        command = self.at.placing(posted)
        return multiple() if isinstance(self.at.submit(command), Rejected) else command.order_id

    @rule(sku=SKUS, lot=LOTS, unit=st.sampled_from(["H87", "KGM"]), quantity=st.integers(1, 12))
    def a_delivery(self, sku: str, lot: str | None, unit: str, quantity: int) -> None:
        """Of goods that were sold uncounted it may come late, and be in kilograms."""
        found = self.at.deliver(MovementLine(sku, quantity, unit, lot, DATES[lot]))
        if isinstance(found, Rejected):
            assert found.slug == "unit-mismatch"
        else:
            self.delivered.add((sku, lot, unit))

    @rule(order=orders, asked=ASKED)
    def ask_anything(self, order: UUID, asked: tuple[str, OrderRequest]) -> None:
        self.ask(order, *asked)

    @rule(order=orders, steps=st.integers(1, 12), seed=st.integers(0, 1 << 16))
    def go_on(self, order: UUID, steps: int, seed: int) -> None:
        """What the tables allow, one after the other: so an order comes as far as orders come."""
        chance = Random(seed)
        for _ in range(steps):
            self.ask(order, *likely(chance, self.at.states[order]))

    def ask(self, order: UUID, name: str, request: OrderRequest) -> None:
        before = self.at.states[order]
        found = self.at.play(order, name, request)
        if not isinstance(found, Rejected):
            assert is_in_tables(before, name)
            assert self.at.states[order].revision == before.revision + len(found)
            return
        assert found.slug in PROBLEMS[name]
        if found.slug == "command-not-allowed" and getattr(request, "group_id", None) is None:
            assert name in {"return-inspect"} or name.startswith("return-") or not is_in_tables(before, name)
        elif not is_in_tables(before, name):
            assert found.slug in {"command-not-allowed", "unknown-reference", "return-not-found"}

    @rule(order=orders, part=st.integers(1, 4), step=st.sampled_from(["cancel-lines", "return"]))
    def pay_what_was_announced_after_a_part_is_off(self, order: UUID, part: int, step: str) -> None:
        """All that was announced is asked for, one payment after the other, as if nothing had been called off."""
        off = CancelLinesRequest((LineQuantity("1", part),), "changed-mind")
        self.ask(order, step, off if step == "cancel-lines" else ReturnRequest((ReturnLine("1", part),), "too-small"))
        state = self.at.states[order]
        for tender, payment in zip(state.tenders, state.payments, strict=True):
            if payment.status in NOT_TAKEN:
                self.ask(order, "pay", PayRequest(replace(tender, status="captured")))

    @rule(order=orders)
    def cancel(self, order: UUID) -> None:
        before = self.at.states[order]
        found = self.at.cancel(order)
        assert found.slug in PROBLEMS["cancel"] if isinstance(found, Rejected) else is_in_tables(before, "cancel")

    @rule(target=orders, order=orders, request=EXCHANGES)
    def exchange(self, order: UUID, request: ExchangeRequest) -> object:
        known = set(self.at.states)
        found = self.at.exchange(order, request)
        assert not isinstance(found, Rejected) or found.slug in PROBLEMS["exchange"]
        return multiple(*(set(self.at.states) - known))

    @rule(request=UNRECEIPTED, days=st.integers(0, 8))
    def a_week_goes_by(self, request: UnreceiptedReturn, days: int) -> None:
        self.at.now_ms += 24 * days * HOUR_MS
        self.at.take_back(request)

    @invariant()
    def no_term_of_the_stock_is_below_zero(self) -> None:
        for position in self.at.positions.values():
            assert min(position.on_hand_milli, position.reserved_milli, position.free_milli) >= 0

    @invariant()
    def what_is_reserved_is_what_groups_hold_and_they_hold_what_they_have_to_bring(self) -> None:
        promised: defaultdict[Place, int] = defaultdict(int)
        for state in self.at.states.values():
            for group in state.groups:
                if group.status in HOLDING:
                    held = add_up((a.line_id, a.quantity_milli) for a in group.allocations)
                    assert held == {line.line_id: line.quantity_milli for line in group.lines}
                    for allocation in group.allocations:
                        promised[allocation.sku, allocation.lot] += allocation.quantity_milli
        assert {p: x.reserved_milli for p, x in self.at.positions.items() if x.reserved_milli} == dict(promised)

    @invariant()
    def the_ledger_rebuilds_the_stock(self) -> None:
        """Unit by unit, as the centre adds it up: pieces are never added to kilograms."""
        sums: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
        for change in (change for _, events in self.at.entries for change in changes_of(events)):
            sums[change.place][0] += change.on_hand_milli
            sums[change.place][1] += change.reserved_milli
        kept = {(x.sku, x.lot or "", x.unit): [x.on_hand_milli, x.reserved_milli] for x in self.at.positions.values()}
        assert {place: pair for place, pair in sums.items() if any(pair)} == {p: k for p, k in kept.items() if any(k)}

    @invariant()
    def every_position_is_of_goods_that_were_delivered(self) -> None:
        """So each lot has its date: nothing that comes back makes a position."""
        there = {(x.sku, x.lot, x.unit): x.expires_on for x in self.at.positions.values()}
        assert there.keys() <= self.delivered
        assert all(expires_on == DATES[lot] for (_, lot, _), expires_on in there.items())

    @invariant()
    def no_more_of_a_lot_comes_back_than_was_handed_over_of_it(self) -> None:
        for order in self.at.states:
            gone: Tally[Goods] = Tally()
            back: Tally[Goods] = Tally()
            for event in (event for subject, events in self.at.entries if subject == order for event in events):
                for name in ("consumed", "restocked", "damaged"):
                    for allocation in getattr(event, name, ()):
                        place = allocation.line_id, allocation.sku, allocation.lot, allocation.unit
                        (gone if name == "consumed" else back)[place] += allocation.quantity_milli
            assert back <= gone

    @invariant()
    def no_lot_past_its_date_is_promised(self) -> None:
        assert not any(
            allocation.lot == "gone" for s in self.at.states.values() for g in s.groups for allocation in g.allocations
        )

    @invariant()
    def nobody_pays_or_gets_back_more_than_they_owe_or_paid(self) -> None:
        for state in self.at.states.values():
            assert 0 <= taken_minor(state) <= owed_minor(state)
            for tender, payment in zip(state.tenders, state.payments, strict=True):
                assert 0 <= payment.refunded_minor <= payment.captured_minor <= tender.amount_minor
            if state.status in {"cancelled", "returned"}:
                assert taken_minor(state) == 0

    @invariant()
    def a_payment_waits_only_while_something_of_it_is_owed_and_can_be_paid(self) -> None:
        for state in self.at.states.values():
            waiting = [payment for payment in state.payments if payment.status in NOT_TAKEN]
            if waiting and (state.cancelled or state.returned):
                assert taken_minor(state) < owed_minor(state)
                assert "pay" in allowed_commands(state)

    @invariant()
    def every_thousandth_of_a_line_is_somewhere(self) -> None:
        for state in self.at.states.values():
            brought = add_up((line.line_id, line.quantity_milli) for group in state.groups for line in group.lines)
            here = [group for group in state.groups if group.status == "delivered"]
            arrived = add_up((line.line_id, line.quantity_milli) for group in here for line in group.lines)
            off, back = dict(state.cancelled), dict(state.returned)
            coming = add_up(pair for one in state.returns if is_open(one) for pair in one.quantities)
            for line in state.order.lines:
                there = brought.get(line.line_id, 0)
                assert there + off.get(line.line_id, 0) == line.quantity_milli
                assert back.get(line.line_id, 0) + coming.get(line.line_id, 0) <= arrived.get(line.line_id, 0)


Shop.TestCase.settings = settings(stateful_step_count=40, deadline=None)
TestOrdersUnderAnyCommands = Shop.TestCase


@given(st.integers(0, 1 << 32))
def test_a_long_day_at_the_counter_breaks_nothing(seed: int) -> None:
    """A hundred and fifty commands that people would give, on orders that come as far as orders come."""
    shop, chance = Shop(), Random(seed)
    laws = [getattr(shop, name) for name in dir(Shop) if hasattr(getattr(Shop, name), "hypothesis_stateful_invariant")]
    orders: list[UUID] = []
    for step in range(150):
        if step % 15 == 0:
            for sku in ("milk", "bread"):
                lot = chance.choice(["soon", "late"])
                shop.a_delivery(sku, lot, "H87", chance.randint(1, 6))
            command = shop.at.placing(a_basket(chance))
            if not isinstance(shop.at.submit(command), Rejected):
                orders.append(command.order_id)
            shop.at.now_ms += chance.choice([0, 100]) * HOUR_MS
        if orders:
            order = chance.choice(orders)
            shop.ask(order, *likely(chance, shop.at.states[order]))
        if step % 10 == 0:
            for law in laws:
                law()
    assert laws

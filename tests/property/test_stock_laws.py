"""Whatever is asked for in whatever order: no term of the stock falls below zero, and the ledger rebuilds it (G3)."""

from collections import defaultdict
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from msgspec.structs import replace

from edge_core import ids
from edge_core.errors import Rejected
from edge_core.orders.commands import CancelOrder, Command, MovementLine, MoveStock, StockMovement
from edge_core.orders.decide import decide, skus_of
from edge_core.orders.document import Method
from edge_core.orders.events import Event, StockMoved, deltas_of
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.requests import CancelRequest
from edge_core.orders.world import World
from edge_core.stock.ledger import Position, StockDelta, apply_delta
from tests.rigs.orders import START_MS, order_id, place, till_order, with_line

# Few goods and small quantities, so that the shelf is empty as often as it is full.
SKUS = st.sampled_from(["milk", "bread"])
LOTS = st.sampled_from([None, "soon", "late", "gone"])
DATES = {None: None, "soon": "2026-12-01", "late": "2027-12-01", "gone": "2026-11-20"}
QUANTITIES = st.integers(1, 4)
Place = tuple[str, str | None]


class Shelf(RuleBasedStateMachine):
    """One location's stock under any commands, and the log of what was accepted."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.positions: dict[Place, Position] = {}
        self.states: dict[UUID, OrderState] = {}
        self.log: list[Event] = []
        self.count = 0

    def submit(self, command: Command, state: OrderState | None = None) -> tuple[Event, ...] | None:
        stock: defaultdict[str, list[Position]] = defaultdict(list)
        for (sku, _), position in self.positions.items():
            stock[sku].append(position)
        decision = decide(World(state, {sku: tuple(stock[sku]) for sku in skus_of(command)}), command)
        if isinstance(decision, Rejected):
            return None
        for event in decision.events:
            for delta in deltas_of(event):
                place_ = (delta.sku, delta.lot)
                self.positions[place_] = apply_delta(self.positions.get(place_), delta)
        self.log += decision.events
        return decision.events

    @rule(movement=st.sampled_from(["receipt", "write_off"]), sku=SKUS, lot=LOTS, quantity=QUANTITIES)
    def move(self, movement: str, sku: str, lot: str | None, quantity: int) -> None:
        self.count += 1
        line = MovementLine(sku, quantity, "H87", lot, DATES[lot])
        self.submit(MoveStock(ids.uuid7(START_MS, self.count), StockMovement(movement, (line,))))  # type: ignore[arg-type]

    @rule(
        target=orders,
        method=st.sampled_from(["carry_out", "ship", "pickup"]),
        lines=st.lists(st.tuples(SKUS, QUANTITIES, LOTS), min_size=1, max_size=3),
    )
    def order(self, method: Method, lines: list[tuple[str, int, str | None]]) -> object:
        self.count += 1
        posted = till_order(lines=len(lines), method=method)
        for index, (sku, quantity, lot) in enumerate(lines):
            posted = with_line(posted, index, sku=sku, quantity_milli=quantity, lot=lot)
        events = self.submit(place(self.count, posted))
        if events is None:
            return multiple()
        self.states[order_id(self.count)] = fold_all(None, events)
        return order_id(self.count)

    @rule(placed=consumes(orders))
    def cancel(self, placed: UUID) -> None:
        state = self.states[placed]
        events = self.submit(CancelOrder(placed, CancelRequest("changed-mind"), "store"), state)
        if events is not None:
            self.states[placed] = fold_all(state, events)

    @invariant()
    def no_term_is_below_zero(self) -> None:
        for position in self.positions.values():
            assert min(position.on_hand_milli, position.reserved_milli, position.free_milli) >= 0

    @invariant()
    def what_is_reserved_is_what_open_orders_were_promised(self) -> None:
        promised: defaultdict[Place, int] = defaultdict(int)
        for state in self.states.values():
            for group in state.groups:
                if group.status == "reserved":
                    for allocation in group.allocations:
                        promised[allocation.sku, allocation.lot] += allocation.quantity_milli
        for place_, position in self.positions.items():
            assert position.reserved_milli == promised[place_]

    @invariant()
    def nobody_gets_more_than_came(self) -> None:
        came: defaultdict[str, int] = defaultdict(int)
        for event in self.log:
            if isinstance(event, StockMoved):
                for delta in event.deltas:
                    came[delta.sku] += delta.on_hand_milli
        kept: defaultdict[str, int] = defaultdict(int)
        for state in self.states.values():
            for group in state.groups:
                for allocation in group.allocations:
                    kept[allocation.sku] += allocation.quantity_milli
        assert all(quantity <= came[sku] for sku, quantity in kept.items())

    @invariant()
    def no_lot_past_its_date_was_promised(self) -> None:
        assert not any(
            allocation.lot == "gone"
            for state in self.states.values()
            for group in state.groups
            for allocation in group.allocations
        )

    @invariant()
    def the_ledger_rebuilds_the_stock_and_its_sums_do_so_in_any_order(self) -> None:
        rebuilt: dict[Place, Position] = {}
        sums: defaultdict[Place, StockDelta] = defaultdict(lambda: StockDelta("", None, ""))
        for delta in (delta for event in self.log for delta in deltas_of(event)):
            place_ = (delta.sku, delta.lot)
            rebuilt[place_] = apply_delta(rebuilt.get(place_), delta)
            before = sums[place_]
            sums[place_] = replace(
                delta,
                on_hand_milli=before.on_hand_milli + delta.on_hand_milli,
                reserved_milli=before.reserved_milli + delta.reserved_milli,
            )
        assert rebuilt == self.positions
        assert {p: (d.on_hand_milli, d.reserved_milli) for p, d in sums.items()} == {
            p: (x.on_hand_milli, x.reserved_milli) for p, x in self.positions.items()
        }


TestStockUnderAnyCommands = Shelf.TestCase

"""A store's counter over the pure core: whatever is asked is decided, and what was decided changes orders and stock."""

from collections import defaultdict
from uuid import UUID

from edge_core import ids
from edge_core.checks.question import Evidence
from edge_core.errors import Rejected
from edge_core.orders.commands import (
    AdvanceOrder,
    CancelOrder,
    Command,
    ExchangeOrder,
    MovementLine,
    MoveStock,
    OnOrder,
    PlaceOrder,
    Role,
    StockMovement,
    TakeAssignment,
    TakeBack,
)
from edge_core.orders.decide import decide, skus_of
from edge_core.orders.document import TillOrder
from edge_core.orders.events import Event, deltas_of, name_of
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.requests import CancelRequest, ExchangeRequest, OrderRequest, UnreceiptedReturn
from edge_core.orders.sending import Router
from edge_core.orders.world import World
from edge_core.stock.ledger import Position, apply_delta, total
from tests.rigs.orders import BUSINESS_DATE, START_MS, order_id, place

Place = tuple[str, str | None]
HOUR_MS = 3_600_000


class Counter:
    """Orders, stock and everything that happened, in order. `secret` is the pickup code that was made last."""

    def __init__(self) -> None:
        self.positions: dict[Place, Position] = {}
        self.states: dict[UUID, OrderState] = {}
        self.entries: list[tuple[UUID | None, tuple[Event, ...]]] = []
        self.count = 0
        self.now_ms = START_MS
        self.business_date = BUSINESS_DATE
        self.secret = ""
        self.evidence: Evidence | None = None
        self.router: Router | None = None

    @property
    def log(self) -> list[Event]:
        """Every event."""
        return [event for _, events in self.entries for event in events]

    def receive(
        self, sku: str, quantity_milli: int, *, lot: str | None = None, expires_on: str | None = None, unit: str = "H87"
    ) -> None:
        """A delivery that must be taken."""
        names(self.deliver(MovementLine(sku, quantity_milli, unit, lot, expires_on)))

    def deliver(self, line: MovementLine) -> tuple[Event, ...] | Rejected:
        """A delivery."""
        return self.submit(MoveStock(self._new_id(), StockMovement("receipt", (line,))))

    def place(self, posted: TillOrder) -> UUID:
        """An order that must be taken."""
        command = self.placing(posted)
        found = self.submit(command)
        assert not isinstance(found, Rejected), found
        return command.order_id

    def placing(self, posted: TillOrder) -> PlaceOrder:
        """The command to place an order."""
        self.count += 1
        return place(self.count, posted)

    def cancel(self, order: UUID, role: Role = "store") -> tuple[Event, ...] | Rejected:
        """Call off what has not left."""
        return self.submit(CancelOrder(order, CancelRequest("changed-mind"), role))

    def ask(self, order: UUID, name: str, request: OrderRequest, role: Role = "store") -> tuple[Event, ...] | Rejected:
        """Any other command."""
        self.count += 1
        self.secret = ids.pickup_code(self.count * 0x9E3779B97F4A7C15)
        return self.submit(
            AdvanceOrder(
                order_id=order,
                name=name,
                request=request,
                new_id=order_id(self.count),
                secret=self.secret,
                location_id="store-0001",
                business_date=self.business_date,
                now_ms=self.now_ms,
                role=role,
            )
        )

    def exchange(self, order: UUID, request: ExchangeRequest) -> tuple[Event, ...] | Rejected:
        """Goods for goods."""
        return self.submit(ExchangeOrder(order, request, self._new_id(), self.placing(request.order)))

    def take_back(self, request: UnreceiptedReturn) -> tuple[Event, ...] | Rejected:
        """Goods without a receipt."""
        return self.submit(TakeBack(self._new_id(), request, self.business_date))

    def submit(self, command: Command) -> tuple[Event, ...] | Rejected:
        """Decide, and make it so: each entry's deltas as a whole, as a store does it."""
        state = None
        if isinstance(command, OnOrder):
            state = self.states.get(command.order_id)
        stock: defaultdict[str, list[Position]] = defaultdict(list)
        for (sku, _), position in self.positions.items():
            stock[sku].append(position)
        wanted = {sku: tuple(stock[sku]) for sku in skus_of(command, state)}
        decided = decide(World(state, wanted, evidence=self.evidence, router=self.router), command)
        if isinstance(decided, Rejected):
            return decided
        subject = command.order_id if isinstance(command, PlaceOrder | TakeAssignment | OnOrder) else None
        self._record(subject, decided.events)
        if decided.follow is not None:
            self._record(decided.follow.order_id, decided.follow.events)
        return decided.events

    def _record(self, subject: UUID | None, events: tuple[Event, ...]) -> None:
        self.entries.append((subject, events))
        for delta in total(delta for event in events for delta in deltas_of(event)):
            here = delta.sku, delta.lot
            self.positions[here] = apply_delta(self.positions.get(here), delta)
        if subject is not None:
            self.states[subject] = fold_all(self.states.get(subject), events)

    def _new_id(self) -> UUID:
        self.count += 1
        return order_id(self.count)


def names(found: tuple[Event, ...] | Rejected) -> list[str]:
    """What happened, by name. It must have been accepted."""
    assert not isinstance(found, Rejected), found
    return [name_of(event) for event in found]


def slug(found: tuple[Event, ...] | Rejected) -> str:
    """Why not. It must have been refused."""
    assert isinstance(found, Rejected), found
    return found.slug

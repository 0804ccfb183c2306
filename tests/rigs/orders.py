"""Orders as a till would post them, built in code, and decided by the core."""

from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec.structs import replace

from edge_core import ids
from edge_core.errors import Rejected
from edge_core.orders.commands import CancelOrder, PlaceOrder
from edge_core.orders.decide import decide
from edge_core.orders.document import FulfillmentRequest, Line, Method, OrderType, Payment, TillOrder, Totals
from edge_core.orders.events import Event
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.requests import CancelRequest
from edge_core.orders.world import World
from edge_core.shapes import json_object, json_reader

FIXTURES = Path(__file__).parents[1] / "fixtures"

START_MS = 1_795_000_000_000  # 2026-11-18
PLACED_AT = "2026-11-21T09:30:00.000Z"
BUSINESS_DATE = "2026-11-21"
_FIRST_PLACED = datetime(2026, 11, 21, 1, tzinfo=UTC)
_SECONDS = cycle(range(0, 12 * 3_600, 15))


def till_order(*, store_id: str = "store-0001", lines: int = 2, method: Method = "carry_out") -> TillOrder:
    """A paid order of some lines, two pieces of each at 2.50."""
    each = tuple(
        Line(
            line_id=str(number),
            sku=f"069012345{number:05d}",
            quantity_milli=2_000,
            unit="H87",
            unit_price_minor=250,
            gross_minor=500,
            discount_minor=0,
            net_minor=500,
            tax_minor=58,
            description="Mineral water 550 ml",
            traits=("liquid",),
        )
        for number in range(1, lines + 1)
    )
    total = 500 * lines
    order_type: OrderType = "sale" if method == "carry_out" else method
    return TillOrder(
        order_type=order_type,
        channel="pos",
        store_id=store_id,
        terminal_id="till-1",
        placed_at=PLACED_AT,
        currency="CNY",
        prices_include_tax=True,
        lines=each,
        totals=Totals(total, 0, total, 58 * lines, 0, total),
        fulfillment=FulfillmentRequest(method=method),
        operator_id="op-17",
        payments=(Payment("p1", "cash", total, "captured", "offline"),),
    )


def next_placed_at() -> str:
    """The time that a till stamps on its next order: a quarter of a minute after its last one, on one day."""
    return (_FIRST_PLACED + timedelta(seconds=next(_SECONDS))).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def of_next_customer(posted: TillOrder) -> TillOrder:
    """The same basket, as the till posts it for somebody who comes later."""
    return replace(posted, placed_at=next_placed_at())


def with_line(posted: TillOrder, index: int = 0, /, **changes: object) -> TillOrder:
    """The same order with one line changed; its totals stay as they are."""
    lines = [replace(line, **changes) if i == index else line for i, line in enumerate(posted.lines)]
    return replace(posted, lines=tuple(lines))


def posted_json(posted: TillOrder) -> bytes:
    """The body that a till would send."""
    return msgspec.json.encode(json_object(posted))


def fixture_order(name: str) -> TillOrder:
    """One of the example orders, read as the agent reads it."""
    return json_reader(TillOrder)(FIXTURES.joinpath(f"{name}.json").read_bytes())


def order_id(number: int) -> UUID:
    """The id of the n-th order of a test."""
    return ids.uuid7(START_MS + number, number)


def placed(number: int, posted: TillOrder | None = None, *, node_id: str = "store-0001") -> tuple[Event, ...]:
    """The events of a till's order, decided where the ledger has never seen its goods."""
    return _accepted(World(None, {}), place(number, posted, node_id=node_id))


def place(number: int, posted: TillOrder | None = None, *, node_id: str = "store-0001") -> PlaceOrder:
    """The command to take a till's order."""
    return PlaceOrder(
        posted=posted or till_order(store_id=node_id),
        order_id=order_id(number),
        display_number=f"{node_id}-till-1-abcdefgh-{number}",
        idempotency_key=f"key-{number}",
        payload_hash=number.to_bytes(32, "big"),
        location_id=node_id,
        business_date=BUSINESS_DATE,
        offline=False,
    )


def cancelled(number: int, history: tuple[Event, ...]) -> tuple[Event, ...]:
    """The events of calling off an order that has these events so far."""
    state: OrderState = fold_all(None, history)
    return _accepted(World(state, {}), CancelOrder(order_id(number), CancelRequest(reason="changed-mind"), "store"))


def _accepted(world: World, command: PlaceOrder | CancelOrder) -> tuple[Event, ...]:
    decided = decide(world, command)
    assert not isinstance(decided, Rejected), decided
    return decided.events

"""What a decision may look at, and what it comes to."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from edge_core.orders.events import Event
from edge_core.orders.fold import OrderState
from edge_core.stock.ledger import Position


class World(Struct, frozen=True):
    """What a decision may look at: the order that the command names, and the positions of the SKUs concerned."""

    order: OrderState | None
    stock: Mapping[str, Sequence[Position]]


class Accepted(Struct, frozen=True):
    """The decision: its events, in order, to be recorded as one entry."""

    events: tuple[Event, ...]

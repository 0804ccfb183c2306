"""What a decision may look at, and what it comes to."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from msgspec import Struct

from edge_core.checks.question import Evidence
from edge_core.errors import InvariantViolated
from edge_core.orders.commands import AdvanceOrder
from edge_core.orders.day_events import DayClosed
from edge_core.orders.events import Event
from edge_core.orders.sending import Router
from edge_core.orders.state import GroupState, OrderState, ReturnState
from edge_core.reference.documents import Rules
from edge_core.stock.ledger import Position
from edge_core.stock.quota_book import SkuQuota
from edge_core.stock.reservations import Reservation
from edge_core.stock.rights_book import RightsBook


class World(Struct, frozen=True):
    """What a decision may look at: the order that the command names, positions of the SKUs concerned, closed days.

    `evidence` is what orders are judged by: None at a store that never received reference data. `router` asks how goods
    that are sent go: None where nothing is known of carriers. `added_milli` is what this commit has added so
    far to what the location has to pick.
    """

    order: OrderState | None
    stock: Mapping[str, Sequence[Position]]
    closed: Sequence[DayClosed] = ()
    evidence: Evidence | None = None
    hold: Reservation | None = None
    quotas: Mapping[str, SkuQuota] = MappingProxyType({})
    rights: Mapping[tuple[str, str], RightsBook] = MappingProxyType({})
    router: Router | None = None
    added_milli: int = 0

    @property
    def rules(self) -> Rules:
        """The thresholds that this location goes by."""
        return self.evidence.reference.rules if self.evidence is not None else Rules()


class Follow(Struct, frozen=True):
    """A second order that the same decision begins: an entry of its own, right after the first, in one transaction."""

    order_id: UUID
    events: tuple[Event, ...]


class Accepted(Struct, frozen=True):
    """The decision: its events, in order, to be recorded as one entry."""

    events: tuple[Event, ...]
    follow: Follow | None = None


class Case(Struct, frozen=True):
    """A command on an order while it is looked at: by guards, which refuse, and by effects, which make events."""

    world: World
    state: OrderState
    command: AdvanceOrder
    chosen: GroupState | None = None
    going_back: ReturnState | None = None

    @property
    def group(self) -> GroupState:
        """The group that the command is about. Asking for it in a case without one is a bug."""
        if self.chosen is None:
            raise InvariantViolated(f"{self.command.name} is about no group")
        return self.chosen

    @property
    def one_return(self) -> ReturnState:
        """The return that the command is about. Asking for it in a case without one is a bug."""
        if self.going_back is None:
            raise InvariantViolated(f"{self.command.name} is about no return")
        return self.going_back

"""How the orders of a batch are routed: what the store asks about itself, read in the transaction of the decision."""

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from edge_agent.store import orders
from edge_agent.store.connection import Connection
from edge_agent.submission import Ask, Submission
from edge_core.errors import Rejected
from edge_core.orders.document import Address, Order
from edge_core.orders.events import OrderPlaced
from edge_core.orders.further_events import GroupRedirected
from edge_core.orders.own_question import Pricing, Setting, router_here
from edge_core.orders.rendering import Recorded
from edge_core.orders.requests import RedirectRequest
from edge_core.orders.routing_events import RoutingDecided
from edge_core.orders.sending import Router
from edge_core.orders.world import Accepted
from edge_core.reference.lookup import Reference
from holdfast_runtime.zones import find_zone

_LOG: Final = structlog.get_logger()
BUCKETS_MS: Final = (0.5, 1.0, 2.0, 5.0, 15.0, 50.0, 250.0)
"""Upper bounds of the histogram; the budget of a large decision is 15 ms."""
_NS_PER_MS: Final = 1_000_000


class Timed(Struct, frozen=True):
    """A decision that asked routing, and how long all of it took."""

    order_id: UUID | None
    decided: tuple[RoutingDecided, ...]
    elapsed_ms: float


class DecisionTimes:
    """How long decisions took that asked routing: a histogram for Prometheus, and a line of the log for each."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_MS) + 1)
        self.sum_ms = 0.0

    def note(self, decisions: Iterable[Timed]) -> None:
        """Count decisions once they are committed."""
        for each in decisions:
            self.counts[sum(each.elapsed_ms > bound for bound in BUCKETS_MS)] += 1
            self.sum_ms += each.elapsed_ms
            for decided in each.decided:
                _LOG.info(
                    "routing.decided",
                    order_id=str(each.order_id),
                    services=[group.service_id for group in decided.groups],
                    policy=decided.policy,
                    hash=decided.hash.hex(),
                    elapsed_ms=round(each.elapsed_ms, 3),
                )

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, by the upper bound in seconds, as Prometheus has them."""
        bounds = [*(str(bound / 1000) for bound in BUCKETS_MS), "+Inf"]
        return [(bound, float(sum(self.counts[: at + 1]))) for at, bound in enumerate(bounds)]


class OwnRouting:
    """Makes the router of each batch. `pricing` gives questions the prices of policies; without, they are built in."""

    def __init__(self, location_id: str, zone: tzinfo) -> None:
        self._location_id = location_id
        self._zone = zone
        self.pricing: Callable[[Reference], Pricing | None] = lambda _: None
        self.times = DecisionTimes()

    async def router(self, connection: Connection, reference: Reference) -> Router | None:
        """The router of a batch with this reference data; None where no carriers are known."""
        location = reference.network.locations.get(self._location_id)
        if location is None:
            return None
        backlog_milli = 0 if location.day_milli_max is None else await orders.read_to_pick_milli(connection)
        pricing = self.pricing(reference)
        return router_here(Setting(self._location_id, reference, self._zone, self._zone_named, backlog_milli, pricing))

    def _zone_named(self, name: str) -> tzinfo:
        return find_zone(name) or self._zone


def timed(
    order_id: UUID | None, decide: Callable[[], Accepted | Rejected], stopwatch_ns: Callable[[], int]
) -> tuple[Accepted | Rejected, list[Timed]]:
    """Take a decision and say how long it took, where it asked routing."""
    begun_ns = stopwatch_ns()
    decision = decide()
    elapsed_ms = (stopwatch_ns() - begun_ns) / _NS_PER_MS
    if isinstance(decision, Rejected):
        return decision, []
    subject, events = (order_id, decision.events)
    if decision.follow is not None:
        subject, events = decision.follow.order_id, (*events, *decision.follow.events)
    decided = tuple(event for event in events if isinstance(event, RoutingDecided))
    return decision, [Timed(subject, decided, elapsed_ms)] if decided else []


def sent_again(submissions: Iterable[Submission], recorded: Sequence[Recorded]) -> tuple[list[Order], list[Address]]:
    """Orders of which commands may send something otherwise than before, and the addresses that it may go to."""
    asks = [each.request for each in submissions if isinstance(each.request, Ask)]
    asked = {each.order_id for each in asks if each.name == "route" or _sends(each)}
    found: list[Order] = []
    addresses = [each.request.ship_to for each in asks if isinstance(each.request, RedirectRequest)]
    for each in recorded:
        if each.entry.order_id in asked:
            for event in each.entry.events:
                if isinstance(event, OrderPlaced):
                    found.append(event.order)
                    addresses.append(event.order.ship_to)
                elif isinstance(event, GroupRedirected):
                    addresses.append(event.ship_to)
    return found, [address for address in addresses if address is not None]


def _sends(asked: Ask) -> bool:
    return isinstance(asked.request, RedirectRequest) and asked.request.method == "ship"

"""Which node an order is offered to: what nodes have, as a question for routing, and its answer as nodes and lines.

Where the network of an operator is not known (docs/network.md), nobody knows distances, carriers and costs. Then the
question is a plain one: a place costs as much as it has orders waiting, and going from two places costs more than any
of that. So one way leads to every choice, and each can be explained and had again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import (
    ASSIGNMENT_SUPPLIES_MAX,
    PARCEL_WEIGHT_G_MAX,
    QUANTITY_MILLI_MAX,
    ROUTING_PARCELS_MAX,
    ROUTING_PLACES_MAX,
)
from edge_core.orders.document import TillOrder, Trait
from edge_core.reference.lookup import Reference
from edge_core.routing.asking import ask
from edge_core.routing.deciding import Decision
from edge_core.routing.facts import Facts
from edge_core.routing.network import Network, distance_m
from edge_core.routing.question import Need, Place, Prices, Question, Service, Stamp, Supply
from edge_core.routing.tariffs import Band
from edge_core.routing.wishes import Lot, Site, wish_of
from edge_core.stock.rights import CENTRE_ID

Goods = tuple[str, str]
"""A stock keeping unit, and the unit of measure in which it is kept."""

PLAIN: Final = Stamp("plain-1", 0)
"""The policy of a question that knows nothing but stock and waiting orders."""
_VIEW: Final = "stock view"
_GIVEN: Final = "orders of a day"
_WAITING_MILLI: Final = 1_000
_WAITING_MAX: Final = 10**5
_PLAIN_PRICES: Final = Prices(parcel_milli=10**9, parcels_max=ROUTING_PARCELS_MAX)
"""Going from one place more costs what a million waiting orders cost: more than any place can make up for."""
_CARRIED: Final[tuple[Trait, ...]] = ("cold", "hazardous")
_ANYWHERE: Final = "ZZ"
_FREE: Final = (Band(PARCEL_WEIGHT_G_MAX, 0, 0, 0),)


class Candidate(Struct, frozen=True):
    """A node that was heard just now: what it has free in the centre's view (thousandths), how many orders are open.

    `lots` is the same by lot, the first to expire first; `seen_ms` is when the node was heard (Unix ms), `given_milli`
    what it was given to pick in the last day.
    """

    node_id: str
    free_milli: Mapping[Goods, int]
    open_orders: int
    lots: tuple[Lot, ...] = ()
    seen_ms: int = 0
    given_milli: int = 0


class Share(NamedTuple):
    """Lines that go from one node; None where they wait for goods."""

    node_id: str | None
    line_ids: tuple[str, ...]


def demand_of(order: TillOrder) -> Mapping[Goods, int]:
    """What all lines together want of each kind of goods, in thousandths."""
    wanted: dict[Goods, int] = {}
    for line in order.lines:
        goods = line.sku, line.unit
        wanted[goods] = wanted.get(goods, 0) + line.quantity_milli
    return wanted


def less_doubts(candidates: Sequence[Candidate], believed_milli: Mapping[tuple[str, Goods], int]) -> list[Candidate]:
    """The candidates with no more of each kind of goods than is believed to be there, by node and goods."""
    return [
        replace(
            each,
            free_milli={
                goods: min(free, believed_milli.get((each.node_id, goods), free))
                for goods, free in each.free_milli.items()
            },
        )
        for each in candidates
    ]


def plain_question(
    order: TillOrder, candidates: Sequence[Candidate], resting: Collection[str], *, attempts_left: int, now_ms: int
) -> Question:
    """What routing is asked where nothing is known of the network.

    Of many candidates those that may be asked, have most of the goods and have the fewest open orders are weighed: so
    many that the question can be recorded.
    """
    demand = demand_of(order)
    places_max = max(1, min(ROUTING_PLACES_MAX, ASSIGNMENT_SUPPLIES_MAX // len(demand)))
    places = sorted(candidates, key=lambda each: (each.node_id in resting, *_rank(each, demand)))[:places_max]
    address, promise, tier = order.fulfillment.ship_to, order.fulfillment.promise, order.customer
    method = order.fulfillment.method
    return Question(
        asked_at_ms=now_ms,
        here=CENTRE_ID,
        method="pickup" if method == "pickup" else "ship",
        region=_ANYWHERE if address is None else address.region or address.country,
        currency=order.currency,
        promise_at_ms=now_ms if promise is None else int(datetime.fromisoformat(promise.to).timestamp()) * 1000,
        needs=tuple(_need(order, index) for index in range(len(order.lines))),
        places=tuple(_place(each, demand, now_ms) for each in places),
        tariffs=(_FREE,),
        prices=_PLAIN_PRICES,
        policy=PLAIN,
        excluded=tuple(each.node_id for each in places if each.node_id in resting),
        attempts_left=attempts_left,
        pickup_at=order.store_id if method == "pickup" else None,
        facts=Facts(
            channel=order.channel,
            method=method,
            tier="" if tier is None else tier.tier or "",
            preference=order.fulfillment.preference or "",
            currency=order.currency,
            lines=len(order.lines),
        ),
    )


def network_question(
    order: TillOrder,
    candidates: Sequence[Candidate],
    resting: Collection[str],
    reference: Reference,
    *,
    attempts: int,
    attempts_left: int,
    zones: Callable[[str], tzinfo],
    now_ms: int,
) -> Question:
    """What routing is asked where the operator's network is known: distances, carriers, capacity, costs."""
    account = None if order.customer is None else reference.account(order.customer.ref)
    wish = replace(wish_of(order), excluded=tuple(resting), attempts=attempts, attempts_left=attempts_left)
    wish = wish if account is None else replace(wish, tier=account.tier)
    sites = [_site(each) for each in _nearest(order, candidates, reference.network)]
    return ask(wish, sites, reference, here=CENTRE_ID, zone=UTC, zones=zones, now_ms=now_ms)


def shares_of(decision: Decision) -> tuple[Share, ...]:
    """Which lines go from which node: parcels of one node are its own affair. Nothing where nobody can be asked."""
    lines: dict[str | None, tuple[str, ...]] = {}
    for each in decision.allocations:
        lines[each.location_id] = lines.get(each.location_id, ()) + each.line_ids
    return () if set(lines) <= {None} else tuple(Share(node_id, own) for node_id, own in lines.items())


def _nearest(order: TillOrder, candidates: Sequence[Candidate], network: Network) -> list[Candidate]:
    """Those of the network that have any of the goods and are nearest: so many as a question weighs."""
    known = [each for each in candidates if each.node_id in network.locations]
    address = order.fulfillment.ship_to

    def rank(each: Candidate) -> tuple[bool, int, str]:
        is_empty = all(milli <= 0 for milli in each.free_milli.values())
        return is_empty, distance_m(network.locations[each.node_id], address), each.node_id

    return sorted(known, key=rank)[:ROUTING_PLACES_MAX]


def _site(candidate: Candidate) -> Site:
    """A node with no more of its lots, the first to expire first, than may be promised of the goods."""
    left_milli = dict(candidate.free_milli)
    lots = []
    for lot in candidate.lots:
        milli = min(lot.free_milli, left_milli.get((lot.sku, lot.unit), 0))
        if milli > 0:
            left_milli[lot.sku, lot.unit] -= milli
            lots.append(replace(lot, free_milli=milli))
    seen = Stamp(_VIEW, candidate.seen_ms)
    return Site(candidate.node_id, tuple(lots), seen, Stamp(_GIVEN, candidate.seen_ms), candidate.given_milli)


def _rank(candidate: Candidate, demand: Mapping[Goods, int]) -> tuple[int, int, str]:
    lacking = sum(candidate.free_milli.get(goods, 0) < milli for goods, milli in demand.items())
    return lacking, candidate.open_orders, candidate.node_id


def _need(order: TillOrder, index: int) -> Need:
    line = order.lines[index]
    weight_g = min(line.weight_grams or 0, PARCEL_WEIGHT_G_MAX)
    return Need(line.line_id, line.sku, line.quantity_milli, weight_g, line.traits)


def _place(candidate: Candidate, demand: Mapping[Goods, int], now_ms: int) -> Place:
    """A node as a store from which anything goes anywhere at once, the fuller its desk the dearer."""
    seen = Stamp(_VIEW, candidate.seen_ms or now_ms)
    free_milli: dict[str, int] = {}
    for sku, unit in demand:  # a SKU is kept in one unit: of what is wanted in another there is nothing
        milli = max(0, candidate.free_milli.get((sku, unit), 0))
        free_milli[sku] = min(free_milli.get(sku, milli), milli)
    return Place(
        candidate.node_id,
        "store",
        0,
        seen,
        seen,
        tuple(Supply(sku, min(milli, QUANTITY_MILLI_MAX)) for sku, milli in free_milli.items()),
        (Service("any", "road", 0, 0, now_ms, _CARRIED),),
        parcel_milli=min(candidate.open_orders, _WAITING_MAX) * _WAITING_MILLI,
    )

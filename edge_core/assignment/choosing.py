"""Which node an order is offered to. One pure function: routing by cost, time and carbon takes its place."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from edge_core.orders.document import TillOrder

Goods = tuple[str, str]
"""A stock keeping unit, and the unit of measure in which it is kept."""


class Candidate(Struct, frozen=True):
    """A node that was heard just now: what it has free in the centre's view (thousandths), how many orders are open."""

    node_id: str
    free_milli: Mapping[Goods, int]
    open_orders: int


class Choice(Struct, frozen=True):
    """The node that is asked, or None; and why each of the others cannot be: `resting`, `stock`, `place`."""

    node_id: str | None
    refused: Mapping[str, str]


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


def choose(order: TillOrder, candidates: Sequence[Candidate], resting: Collection[str]) -> Choice:
    """The node with all of the goods and the fewest open orders, then the first by its id.

    Goods that the customer fetches are fetched where the order says: at the node that has its `store_id` as its id.
    """
    demand = demand_of(order)
    refused: dict[str, str] = {}
    able: list[Candidate] = []
    for each in candidates:
        if each.node_id in resting:
            refused[each.node_id] = "resting"
        elif order.fulfillment.method == "pickup" and each.node_id != order.store_id:
            refused[each.node_id] = "place"
        elif any(each.free_milli.get(goods, 0) < milli for goods, milli in demand.items()):
            refused[each.node_id] = "stock"
        else:
            able.append(each)
    best = min(able, key=lambda each: (each.open_orders, each.node_id), default=None)
    return Choice(None if best is None else best.node_id, refused)

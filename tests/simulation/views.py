"""What the centre makes of the entries of a node, against what they say: nothing is there twice."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_core.orders.events import InstructionAnswered
from edge_core.orders.rendering import Origin, Recorded
from edge_core.sync.entry import encode_entry
from tests.simulation.promises import Broken, decision_of

if TYPE_CHECKING:
    from tests.simulation.house import House

Stock = dict[tuple[str, str], tuple[int, int]]
StockOf = Callable[[list[Recorded]], Stock]


def demand_views(house: "House", node_id: str, there: list[Recorded], stock_of: StockOf) -> None:
    """Every decision is at the centre once; its stock is what the entries that it uses make (G1, G5).

    Two copies of one disk may each record what both held and nobody else did: then it is there twice, and is not asked.
    """
    if house.disk_faults[node_id] > 1 or house.centre_was_restored:
        return
    seen: dict[bytes, Origin] = {}
    for recorded in there:
        if isinstance(recorded.entry.events[0], InstructionAnswered):
            continue  # two lives may answer alike
        first = seen.setdefault(decision_of(encode_entry(recorded.entry)).content, recorded.origin)
        if first != recorded.origin:
            raise Broken("G1", f"{node_id}: {recorded.origin} was recorded before, at {first}")
    parked = {(each.incarnation, each.lane, each.seq) for each in house.centre.tables.parked}
    used = [r for r in there if (r.origin.incarnation, r.origin.lane, r.origin.seq) not in parked]
    table = {(sku, lot): sums for (of, sku, lot), sums in house.centre.tables.stock.items() if of == node_id}
    if _there(table) != _there(made := stock_of(used)):
        raise Broken("G5", f"{node_id}: the centre's stock is {table}, its entries make {made}")


def _there(stock: Stock) -> Stock:
    return {place: sums for place, sums in stock.items() if any(sums)}

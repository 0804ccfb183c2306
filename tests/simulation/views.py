"""What the centre shows is what the decisions that it uses have made, each once, whoever sent them and how often."""

from collections import defaultdict
from typing import TYPE_CHECKING

from central_sync.ingest.projection import recorded
from edge_core.orders.events import deltas_of
from edge_core.orders.merge import merge
from edge_core.sync.entry import Entry
from tests.simulation.promises import Broken, decision_of

if TYPE_CHECKING:
    from central_sync.store.streams import StoredEntry
    from tests.simulation.house import House


def demand_views(house: "House") -> None:
    """Stock, orders, and the list of what is parked. Raises `Broken`."""
    used: dict[tuple[str, bytes], Entry] = {}
    parked: list[StoredEntry] = []
    for entries in house.centre.tables.entries.values():
        for stored in entries:
            if stored.is_parked:
                parked.append(stored)
            else:
                decision = decision_of(stored.body)
                used[stored.node_id, decision.content] = decision.entry
    _demand_stock_view(house, used)
    _demand_order_view(house)
    for stored in parked:
        if not stored.is_discarded and (stored.node_id, decision_of(stored.body).content) in used:
            place = f"{stored.node_id} {stored.incarnation} {stored.seq}"
            raise Broken("G7", f"{place} is parked, and its decision is used: {decision_of(stored.body).words}")


def _demand_stock_view(house: "House", used: dict[tuple[str, bytes], Entry]) -> None:
    """The centre's stock is what the decisions that it uses have changed, each once, whenever it took them (G7)."""
    sums: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for (node_id, _), entry in used.items():
        for event in entry.events:
            for delta in deltas_of(event):
                quantities = sums[node_id, delta.sku, delta.lot or ""]
                quantities[0] += delta.on_hand_milli
                quantities[1] += delta.reserved_milli
    made = {place: (on_hand, reserved) for place, (on_hand, reserved) in sums.items()}
    stock = house.centre.tables.stock
    for place in sorted(made.keys() | stock.keys()):
        shown, found = stock.get(place, (0, 0)), made.get(place, (0, 0))
        if shown != found:
            raise Broken("G7", f"the centre shows {shown} of {place}, its entries make {found}")


def _demand_order_view(house: "House") -> None:
    """An order of which nothing is parked stands in the list as its entries make it (G5)."""
    for order_id, entries in house.centre.tables.by_order.items():
        state = merge(recorded(stored) for stored in entries if not stored.is_parked).state
        if state is None or any(stored.is_parked for stored in entries):
            continue
        row = house.centre.tables.orders.get(order_id)
        shown = None if row is None else (row.revision, row.status)
        if shown != (state.revision, state.status):
            raise Broken("G5", f"the centre lists {order_id} as {shown}, its entries make {state}")

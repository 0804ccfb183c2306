"""A store whose carriers are known: it asks about itself alone, as the agent's own question does."""

from typing import Any, Final

from edge_core.orders.document import Address
from edge_core.orders.sending import Router, Sending
from edge_core.routing.question import Need, Question, Service, Supply
from tests.rigs import routing as rig

BERLIN: Final = Address("A. Receiver", "DE", region="DE-BE")
LINE_WEIGHT_G: Final = 500


def store_router(*services: Service, **facts: Any) -> Router:
    """A router whose store has these services (a van where none is named); `facts` change the question."""

    def ask(sending: Sending) -> Question:
        skus = {line.line_id: line for line in sending.order.lines}
        needs = tuple(
            Need(line.line_id, skus[line.line_id].sku, line.quantity_milli, LINE_WEIGHT_G, skus[line.line_id].traits)
            for line in sending.lines
        )
        supplies = tuple(
            Supply(sku, sum(position.free_milli for position in sending.stock.get(sku, ())))
            for sku in sorted({need.sku for need in needs})
        )
        here = rig.place(sending.location_id, 0, supplies=supplies, services=services or (rig.service(),))
        return rig.question(**{"here": sending.location_id, "places": (here,), "needs": needs, **facts})

    return ask

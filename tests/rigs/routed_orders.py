"""Orders that a store has routed, as entries of its log: for what the centre makes of them."""

from msgspec.structs import replace

from edge_core.orders.document import FulfillmentRequest
from edge_core.routing.facts import Facts
from edge_core.routing.question import Stamp
from tests.rigs.counter import Counter
from tests.rigs.orders import till_order
from tests.rigs.routing import HOUR_MS, NOW_MS, service
from tests.rigs.sending import BERLIN, store_router
from tests.rigs.streams import NodeLog


def routed_log(orders: int, *, now_ms: int = NOW_MS, policy: str = "default@1#00") -> NodeLog:
    """A log of so many orders, each sent by a van, which is cheaper than the plane that is there as well."""
    at = Counter()
    leaves_at_ms = now_ms + 2 * HOUR_MS
    at.router = store_router(
        service(leaves_at_ms=leaves_at_ms),
        service("plane", mode="air", tariff=1, transit_ms=6 * HOUR_MS, leaves_at_ms=leaves_at_ms),
        asked_at_ms=now_ms,
        promise_at_ms=now_ms + 48 * HOUR_MS,
        policy=Stamp(policy, now_ms),
        facts=Facts(lines=2, method="ship"),
    )
    posted = replace(till_order(), fulfillment=FulfillmentRequest("ship", ship_to=BERLIN), order_type="ship")
    for line in posted.lines:
        at.receive(line.sku, orders * line.quantity_milli)
    for _ in range(orders):
        at.place(posted)
    log = NodeLog()
    for about, events in at.entries:
        log.record(events, about)
    return log

"""The question that a store asks about itself: its own stock, its own carriers, what it has still to pick.

Other places are the centre's to weigh: a store may spend no rights of theirs (docs/routing.md, "In the decision").
"""

from collections.abc import Callable
from datetime import tzinfo
from uuid import UUID

from msgspec import Struct

from edge_core.limits import ROUTING_ATTEMPTS_MAX
from edge_core.orders.sending import Router, Sending
from edge_core.policy.outages import as_signalled
from edge_core.reference.lookup import Reference
from edge_core.routing.asking import ask
from edge_core.routing.question import Question, Stamp
from edge_core.routing.wishes import Site, Wish, left_of, lots_of

Pricing = Callable[[Question, UUID], Question]
"""Gives a question about an order the prices of the policies in use."""

LEDGER = "ledger"
OPEN_ORDERS = "open orders"
"""Where a store's own stock and its own capacity are from: both are as of now."""


class Setting(Struct, frozen=True):
    """What a store's questions are made of besides the order.

    `zone` is that of its clocks, `zones` finds one by its name. `backlog_milli` is what it has still to pick, in
    thousandths. Without `pricing` the prices are the built-in ones.
    """

    location_id: str
    reference: Reference
    zone: tzinfo
    zones: Callable[[str], tzinfo]
    backlog_milli: int = 0
    pricing: Pricing | None = None


def router_here(setting: Setting) -> Router | None:
    """The router of a store; None where no carrier that calls there is known: then there is nothing to ask."""
    location = setting.reference.network.locations.get(setting.location_id)
    services = setting.reference.network.services
    if location is None or not any(service_id in services for service_id in location.services):
        return None

    def question(sending: Sending) -> Question:
        now_ms = sending.now_ms
        lots = lots_of(position for line in sending.order.lines for position in sending.stock.get(line.sku, ()))
        site = Site(
            setting.location_id,
            tuple(dict.fromkeys(lots)),
            Stamp(LEDGER, now_ms),
            Stamp(OPEN_ORDERS, now_ms),
            max(0, setting.backlog_milli + sending.added_milli),
        )
        asked = ask(
            _wish(setting, sending),
            (site,),
            setting.reference,
            here=setting.location_id,
            zone=setting.zone,
            zones=setting.zones,
            now_ms=now_ms,
        )
        asked = as_signalled(setting.reference, asked)
        return asked if setting.pricing is None else setting.pricing(asked, sending.order.order_id)

    return question


def _wish(setting: Setting, sending: Sending) -> Wish:
    order = sending.order
    account = None if order.customer_ref is None else setting.reference.account(order.customer_ref)
    return Wish(
        left=left_of(order.lines, {line.line_id: line.quantity_milli for line in sending.lines}),
        method="ship",
        currency=order.currency,
        ship_to=sending.ship_to,
        promise=order.promise,
        preference=order.fulfillment_groups[0].preference,
        extras=sending.extras,
        channel=order.channel,
        tier=order.customer_tier if account is None else account.tier,
        prices_include_tax=order.totals.prices_include_tax,
        attempts=sending.attempts,
        attempts_left=max(0, ROUTING_ATTEMPTS_MAX - sending.attempts),
        is_offline=order.offline,
    )

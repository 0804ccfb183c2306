"""What is asked about orders that are there, as far as it is judged: payments on account and edits of addresses."""

from collections.abc import Iterable, Sequence

from edge_agent.store.known import Changes
from edge_agent.submission import Ask, Submission
from edge_core.checks.changing import sources_in
from edge_core.orders.document import Order
from edge_core.orders.events import OrderPlaced
from edge_core.orders.rendering import Recorded
from edge_core.orders.requests import PayRequest, RedirectRequest


def changes_asked(submissions: Iterable[Submission], recorded: Sequence[Recorded]) -> tuple[Changes, list[Order]]:
    """What the checks of changes will ask of the file, and the orders that are to be changed."""
    asked = [
        s.request
        for s in submissions
        if isinstance(s.request, Ask) and isinstance(s.request.request, RedirectRequest | PayRequest)
    ]
    wanted = {each.order_id for each in asked}
    if not wanted:
        return Changes(), []
    orders = [
        event.order
        for each in recorded
        if each.entry.order_id in wanted
        for event in each.entry.events
        if isinstance(event, OrderPlaced)
    ]
    debtors = {(order.customer_ref, order.business_date) for order in orders if order.customer_ref is not None}
    sources = {source for each in asked for source in sources_in(each.order_id, each.request, each.role)}
    return Changes(tuple(sorted(debtors)), tuple(sorted(sources))), orders

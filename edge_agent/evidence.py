"""What the orders and changes of a batch are judged by, read in its transaction (docs/checks.md)."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from edge_agent.changing import changes_asked
from edge_agent.commanding import business_date, order_in
from edge_agent.store.connection import Connection
from edge_agent.store.known import read_known
from edge_agent.submission import Request, Submission
from edge_agent.surroundings import Surroundings
from edge_core.checks.question import Evidence
from edge_core.orders.document import TillOrder
from edge_core.orders.rendering import Recorded
from edge_core.orders.validation import is_moment
from edge_core.reference.lookup import NOTHING, Needs, Reference, needs_of

Lookup = Callable[[Connection, Callable[[], Needs]], Awaitable[Reference | None]]
"""Reads the rows of reference data that a batch needs, in its transaction; None where nothing was ever received: then
nobody asks what it needs."""


async def gather_evidence(
    connection: Connection,
    lookup: Lookup | None,
    submissions: Sequence[Submission],
    recorded: Sequence[Recorded],
    here: Surroundings,
) -> Evidence:
    """The evidence of a batch; without reference data, the built-in rules and what the file knows."""
    posted = [order for each in submissions if (order := _order_of(each.request)) is not None]
    changes, changed = changes_asked(submissions, recorded)
    found = await lookup(connection, partial(needs_of, posted, changed)) if lookup is not None else None
    reference = found or NOTHING
    dated = [(order, order.business_date or business_date(order.placed_at, here.zone)) for order in posted]
    return Evidence(reference, await read_known(connection, dated, reference, here.now_ms(), changes))


def _order_of(request: Request) -> TillOrder | None:
    """The order of a request, as far as it can be judged: one within another request is looked at when that is decided,
    and refused there if it was placed at a moment that does not exist."""
    order = order_in(request)
    return None if order is None or (order is not request and not is_moment(order.placed_at)) else order

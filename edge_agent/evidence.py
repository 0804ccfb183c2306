"""What the orders and changes of a batch are judged by, read in its transaction (docs/checks.md)."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from edge_agent.changing import changes_asked
from edge_agent.commanding import business_date, order_in
from edge_agent.routing import sent_again
from edge_agent.store.connection import Connection
from edge_agent.store.known import read_known
from edge_agent.submission import Submission
from edge_agent.surroundings import Surroundings
from edge_core.checks.question import Evidence
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
    asked = (order_in(each.request) for each in submissions)
    # The decision refuses an order of a moment that does not exist: nothing is looked up by it.
    posted = [order for order in asked if order is not None and is_moment(order.placed_at)]
    changes, changed = changes_asked(submissions, recorded)
    again, addresses = sent_again(submissions, recorded)
    needs = partial(needs_of, posted, [*changed, *again], addresses)
    found = await lookup(connection, needs) if lookup is not None else None
    reference = found or NOTHING
    dated = [(order, order.business_date or business_date(order.placed_at, here.zone)) for order in posted]
    return Evidence(reference, await read_known(connection, dated, reference, here.now_ms(), changes))

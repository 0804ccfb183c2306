"""Who is asked next: what nodes have in the centre's view as a question of routing, its answer, and a record of both.

Rights stay what may be promised (`central_sync/spending.py`), and what a node turned out not to have is not believed.
"""

from collections.abc import Collection
from typing import NamedTuple

from msgspec.structs import replace

from central_sync.attempts import assignment_of
from central_sync.ordering import part_in, posted_of
from central_sync.spending import Spendable, spend, spendable, within_rights
from central_sync.store import assignments, doubts, routings
from central_sync.store.assignments import CentralOrder
from central_sync.store.database import Connection
from central_sync.store.routings import RoutingRow
from edge_core.assignment.choosing import Share, demand_of, less_doubts, plain_question, shares_of
from edge_core.assignment.cooling import resting
from edge_core.assignment.dividing import is_divisible
from edge_core.assignment.state import Assignment
from edge_core.assignment.steps import attempts_left
from edge_core.errors import Rejected
from edge_core.orders.document import TillOrder
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Question
from edge_core.routing.record import fitted, record_of
from edge_core.stock.rights_book import Spent


class Chosen(NamedTuple):
    """Which lines go from which node; `spent` is what is promised of one node that sends all of them."""

    shares: tuple[Share, ...]
    spent: tuple[Spent, ...] = ()


async def choose(connection: Connection, row: CentralOrder, assignment: Assignment, now_ms: int) -> Chosen:
    """Who may be asked for an order, and what is promised there: another order may have taken what was read before."""
    posted = posted_of(row)
    demand = demand_of(posted)
    held = await spendable(connection, demand)
    passed = await _resting(connection, row, assignment, now_ms)
    while True:
        question = await _question(connection, posted, assignment, held, passed, now_ms)
        if not is_divisible(posted, part_in(row)):
            question = replace(question, prices=replace(question.prices, parcels_max=1))
        decision = route(question)
        shares = shares_of(decision)
        if len(shares) == 1 and shares[0].node_id is not None:
            spent = await spend(connection, shares[0].node_id, demand, held)
            if isinstance(spent, Rejected):
                passed.add(shares[0].node_id)
                continue
            await _record(connection, assignment, question, decision)
            return Chosen(shares, spent)
        await _record(connection, assignment, question, decision)
        return Chosen(shares)


async def _resting(connection: Connection, row: CentralOrder, assignment: Assignment, now_ms: int) -> set[str]:
    """The nodes that are left alone: those that were asked for it, or for an order that it is a part of."""
    passed: set[str] = set()
    while True:
        replenished = await doubts.replenished(connection, row.order_id)
        passed |= resting(assignment, now_ms, replenished=replenished)
        above = None if row.parent_id is None else await assignments.one(connection, row.parent_id)
        if above is None:
            return passed
        row, assignment = above, await assignment_of(connection, above)


async def _question(
    connection: Connection,
    posted: TillOrder,
    assignment: Assignment,
    held: Spendable,
    passed: Collection[str],
    now_ms: int,
) -> Question:
    demand = demand_of(posted)
    sharing = {key.owner_id for key in held}
    known = within_rights(await assignments.candidates(connection, demand, sharing), held)
    candidates = less_doubts(known, await doubts.believed_milli(connection, demand, now_ms))
    asked = plain_question(posted, candidates, passed, attempts_left=attempts_left(assignment), now_ms=now_ms)
    return fitted(asked) or asked


async def _record(connection: Connection, assignment: Assignment, question: Question, decision: Decision) -> None:
    row = RoutingRow(len(assignment.attempts) + 1, question.asked_at_ms, record_of(question, decision))
    await routings.put(connection, assignment.order_id, row, is_found=bool(decision.allocations))

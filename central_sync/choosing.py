"""Who is asked next: what nodes have in the centre's view as a question of routing, its answer, and a record of both.

Rights stay what may be promised (`central_sync/spending.py`), and what a node turned out not to have is not believed.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from central_sync.attempts import assignment_of
from central_sync.ordering import part_in, posted_of
from central_sync.released import ReleasedPolicies
from central_sync.spending import Spendable, spend, spendable, within_rights
from central_sync.store import assignments, doubts, outcomes, routings
from central_sync.store.assignments import CentralOrder
from central_sync.store.candidates import candidates, given_milli
from central_sync.store.database import Connection
from central_sync.store.outcomes import OutcomeRow
from central_sync.store.published_rows import PublishedRows
from central_sync.store.routings import RoutingRow
from edge_core.assignment.choosing import (
    PLAIN,
    Candidate,
    Goods,
    Share,
    demand_of,
    less_doubts,
    network_question,
    plain_question,
    shares_of,
)
from edge_core.assignment.cooling import resting
from edge_core.assignment.dividing import is_divisible
from edge_core.assignment.state import Assignment
from edge_core.assignment.steps import attempts_left
from edge_core.errors import PeerFault, PermanentFault, Rejected
from edge_core.orders.document import TillOrder
from edge_core.policy.figures import outcome_of
from edge_core.policy.outages import as_signalled
from edge_core.policy.pricing import Policies
from edge_core.reference.lookup import NOTHING, Needs, Reference
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Question
from edge_core.routing.record import fitted, record_of
from edge_core.stock.rights_book import Spent
from holdfast_runtime.zones import zone_named

_log = structlog.get_logger("assignment")


class Chosen(NamedTuple):
    """Which lines go from which node; `spent` is what is promised of one node that sends all of them."""

    shares: tuple[Share, ...]
    spent: tuple[Spent, ...] = ()


class Chooser:
    """Chooses by what is published for every store: its network, its laws, its signals, its policies."""

    def __init__(self) -> None:
        self._rows = PublishedRows()
        self._released = ReleasedPolicies()

    async def choose(self, connection: Connection, row: CentralOrder, assignment: Assignment, now_ms: int) -> Chosen:
        """Who may be asked, and what is promised there: another order may have taken what was read before."""
        posted = posted_of(row)
        demand = demand_of(posted)
        reference = await self._read(connection, posted)
        policies = await self._released.read(connection)
        held = await spendable(connection, demand)
        passed = await _resting(connection, row, assignment, now_ms)
        while True:
            known = await _candidates(connection, demand, held, now_ms)
            question = _priced(row, _asked(posted, known, passed, reference, assignment, now_ms), policies, reference)
            decision = route(question)
            shares = shares_of(decision)
            node_id = shares[0].node_id if len(shares) == 1 else None
            spent = () if node_id is None else await spend(connection, node_id, demand, held)
            if not isinstance(spent, Rejected):
                await _record(connection, assignment, question, decision)
                return Chosen(shares, spent)
            passed |= {node_id} if node_id else set()

    async def _read(self, connection: Connection, posted: TillOrder) -> Reference:
        """What is published about an order's goods and customer, and the whole network."""
        tier = () if posted.customer is None else (posted.customer.ref,)
        needs = Needs(frozenset(line.sku for line in posted.lines), frozenset(tier))
        try:
            return await self._rows.read(connection, needs)
        except (PeerFault, PermanentFault) as fault:
            _log.error("assignment.reference_unreadable", error=str(fault))
            return NOTHING


def _asked(
    posted: TillOrder,
    known: Sequence[Candidate],
    passed: Collection[str],
    reference: Reference,
    assignment: Assignment,
    now_ms: int,
) -> Question:
    """The question of the network where there is one, as signals say that it works."""
    left = attempts_left(assignment)
    if not _is_in_network(posted, reference):
        return plain_question(posted, known, passed, attempts_left=left, now_ms=now_ms)
    attempts = len(assignment.attempts)
    asked = network_question(
        posted, known, passed, reference, attempts=attempts, attempts_left=left, zones=zone_named, now_ms=now_ms
    )
    return as_signalled(reference, asked)


def _priced(row: CentralOrder, asked: Question, policies: Policies | None, reference: Reference) -> Question:
    """With the prices of the policies in use, and in one parcel where the order cannot be divided."""
    part = part_in(row)
    if policies is not None and asked.policy != PLAIN:
        whole = row.order_id if part is None else part.order_id  # parts are of the order's own arm
        priced = policies.price(asked, str(whole), asked.asked_at_ms, reference.signals)
        if priced.why == "built-in":
            _log.warning("assignment.policy_unanswered", order_id=str(row.order_id), error=priced.cause)
        asked = priced.question
    if not is_divisible(posted_of(row), part):
        asked = replace(asked, prices=replace(asked.prices, parcels_max=1))
    return fitted(asked) or asked


def _is_in_network(posted: TillOrder, reference: Reference) -> bool:
    """Whether the network says how goods get to the customer; who fetches them needs no carrier to be known."""
    network = reference.network
    is_known = posted.fulfillment.method != "pickup" or posted.store_id in network.locations
    return bool(network.sources) and is_known


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


async def _candidates(
    connection: Connection, demand: Mapping[Goods, int], held: Spendable, now_ms: int
) -> list[Candidate]:
    """What nodes have that may be promised there: by rights, by what is believed, and as their day is not full."""
    sharing = {key.owner_id for key in held}
    known = within_rights(await candidates(connection, demand, sharing), held)
    given = await given_milli(connection, [each.node_id for each in known], now_ms)
    believed = less_doubts(known, await doubts.believed_milli(connection, demand, now_ms))
    return [replace(each, given_milli=given.get(each.node_id, 0)) for each in believed]


async def _record(connection: Connection, assignment: Assignment, question: Question, decision: Decision) -> None:
    """Write down why, and what came of it where there was a choice of carriers (docs/policies.md, "Figures")."""
    order_id, record, is_found = assignment.order_id, record_of(question, decision), bool(decision.allocations)
    row = RoutingRow(len(assignment.attempts) + 1, question.asked_at_ms, record)
    await routings.put(connection, order_id, row, is_found=is_found)
    if is_found and question.policy != PLAIN:
        decided_at = datetime.fromtimestamp(question.asked_at_ms / 1000, UTC)
        outcome = outcome_of(question, decision)
        at = question.here, question.region
        row_of = OutcomeRow(order_id, record.hash, decided_at, decision.policy, *at, outcome)
        await outcomes.add(connection, [row_of])

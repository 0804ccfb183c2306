"""The desk where assignments are written: how attempts stand is read, a step is recorded, nodes are asked.

Every function works inside the caller's transaction, which holds the row of the order.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import structlog
from msgspec import Struct

from central_sync.dividing import recall
from central_sync.ingest.projection import recorded
from central_sync.instructions import RandomBits, issue, machine_bits
from central_sync.ordering import posted_of, task_of
from central_sync.spending import release
from central_sync.store import assignments, doubts, instructions, streams
from central_sync.store.assignments import CLAIMED, CentralOrder
from central_sync.store.database import Connection
from edge_core import ids
from edge_core.assignment import steps
from edge_core.assignment.choosing import demand_of
from edge_core.assignment.cooling import is_missing, rests_until_ms
from edge_core.assignment.dividing import part_id
from edge_core.assignment.process import ATTEMPT
from edge_core.assignment.standing import Answered, standing_of
from edge_core.assignment.state import Assignment, Attempt, Offer, Stepped, Withdraw, Word
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Recorded
from edge_core.orders.state import OrderState
from edge_core.stock.rights_book import Spent
from edge_core.sync.instruction import WithdrawTask, instruction_id

_log = structlog.get_logger("assignment")


class AtNode(NamedTuple):
    """What is known of an attempt: at which node, and the order there, as far as its entries have come."""

    node_id: str | None
    order: OrderState | None


class Desk(Struct, frozen=True):
    """`accept_ms` is how long a node may take to say yes; `count` hears what each attempt has come to."""

    now_ms: Callable[[], int]
    accept_ms: int
    count: Callable[[str], None] = lambda _: None
    random_bits: RandomBits = machine_bits

    def offer(self, assignment: Assignment, node_id: str, spent: tuple[Spent, ...] = ()) -> Stepped:
        """Ask a node, in a new attempt, for which `spent` was promised."""
        now_ms = self.now_ms()
        assignment_id = ids.uuid7(now_ms, self.random_bits())
        return steps.offer(assignment, node_id, assignment_id, now_ms=now_ms, accept_ms=self.accept_ms, spent=spent)

    async def write(self, connection: Connection, row: CentralOrder, before: Assignment, stepped: Stepped) -> None:
        """Record a step, and append what is to be asked to the nodes' downlinks."""
        after = stepped.assignment
        if after != before:
            await assignments.put(connection, after)
        for attempt in after.attempts:
            was = before.find(attempt.assignment_id)
            if attempt != was:
                await assignments.put_attempt(connection, row.order_id, attempt)
            if was is None or attempt.status != was.status:
                self.count(attempt.status)
                if attempt.spent and attempt.status in ATTEMPT.finals:
                    await self._release(connection, attempt)
                if attempt.status == "rejected" and is_missing(attempt.reason):
                    await self._doubt(connection, row, attempt)
        for ask in stepped.asks:
            await self._ask(connection, row, ask)
        _tell(before, after)

    async def _doubt(self, connection: Connection, row: CentralOrder, attempt: Attempt) -> None:
        """The node had not enough, whatever the view of its stock shows: for a while it is not believed."""
        until_ms = rests_until_ms(attempt)
        if until_ms is not None:
            demand = demand_of(posted_of(row))
            await doubts.cast(connection, attempt.node_id, row.order_id, demand, until_ms=until_ms)

    async def _release(self, connection: Connection, attempt: Attempt) -> None:
        """Goods that were promised for an attempt that is over, and that nobody has got."""
        order = (await _at_nodes(connection, [attempt.assignment_id]))[attempt.assignment_id].order
        if order is None or order.status == "cancelled":
            await release(connection, attempt, was_taken=order is not None, now_ms=self.now_ms())

    async def _ask(self, connection: Connection, row: CentralOrder, ask: Offer | Withdraw) -> None:
        """Once for each attempt: what was asked before, in a life of this centre that is forgotten, stands."""
        subject = ask.attempt.assignment_id
        task = task_of(row, ask) if isinstance(ask, Offer) else WithdrawTask(ask.reason)
        key = _assign_key(subject) if isinstance(ask, Offer) else _withdraw_key(subject)
        now_ms, trace = self.now_ms(), row.traceparent
        await issue(connection, ask.attempt.node_id, task, subject=subject, key=key, now_ms=now_ms, traceparent=trace)


async def assignment_of(connection: Connection, row: CentralOrder) -> Assignment:
    """A locked order as it stands."""
    return assignment_in(row, (await assignments.attempts(connection, [row.order_id]))[row.order_id])


def assignment_in(row: CentralOrder, rows: Sequence[Attempt]) -> Assignment:
    """The same from rows that were read: claims are no attempts of ours yet."""
    known = tuple(attempt for attempt in rows if attempt.status != CLAIMED)
    return Assignment(row.order_id, row.since_ms, row.status, known, row.due_at_ms, row.reason)


async def words(connection: Connection, rows: Sequence[Attempt]) -> list[Word]:
    """How the attempts that are not over stand at their nodes, in the order of their numbers."""
    wanted = [attempt for attempt in rows if attempt.status not in ATTEMPT.finals]
    found = await _at_nodes(connection, [attempt.assignment_id for attempt in wanted])
    told: list[Word] = []
    for attempt in wanted:
        order = found[attempt.assignment_id].order
        assign = await _answer(connection, _assign_key(attempt.assignment_id))
        withdraw = await _answer(connection, _withdraw_key(attempt.assignment_id))
        told.append(Word(attempt.assignment_id, attempt.node_id, *standing_of(order, assign, withdraw)))
    return told


async def _at_nodes(connection: Connection, assignment_ids: Sequence[UUID]) -> dict[UUID, AtNode]:
    """The orders at the nodes, as far as their entries have come and can be used."""
    entries: dict[UUID, list[Recorded]] = {assignment_id: [] for assignment_id in assignment_ids}
    for stored in await streams.of_orders(connection, assignment_ids):
        if not stored.is_parked and stored.order_id is not None:
            entries[stored.order_id].append(recorded(stored))
    return {assignment_id: _at_node(several) for assignment_id, several in entries.items()}


def _at_node(entries: Iterable[Recorded]) -> AtNode:
    merged = merge(entries)
    return AtNode(merged.accepted[0].origin.node_id if merged.accepted else None, merged.state)


async def _answer(connection: Connection, key: str) -> Answered | None:
    row = await instructions.one(connection, instruction_id(key))
    return None if row is None or row.outcome is None else Answered(row.outcome, row.code)


async def claimed_order(connection: Connection, assignment_id: UUID, now_ms: int) -> UUID | None:
    """The order that a node has by an attempt which is not known here; from now on it is."""
    at = (await _at_nodes(connection, [assignment_id]))[assignment_id]
    if at.node_id is None or at.order is None or at.order.assigned is None:
        return None
    order_id, number = at.order.assigned.central_order_id, at.order.assigned.attempt
    await assignments.put_attempt(connection, order_id, Attempt(assignment_id, at.node_id, number, CLAIMED))
    part = at.order.assigned.part_of
    if part is not None and part_id(part) == order_id:
        await recall(connection, part, assignment_id, now_ms)
    return order_id


def _assign_key(assignment_id: UUID) -> str:
    return f"order.assign/{assignment_id}"


def _withdraw_key(assignment_id: UUID) -> str:
    return f"order.withdraw/{assignment_id}"


def _tell(before: Assignment, after: Assignment) -> None:
    """What people have to look at."""
    order_id = str(after.order_id)
    if after.status == "exception" != before.status:
        _log.warning("assignment.exception", order_id=order_id, reason=after.reason, attempts=len(after.attempts))
    if after.is_doubled and not before.is_doubled:
        _log.error("assignment.doubled", order_id=order_id, nodes=sorted(after.tried))

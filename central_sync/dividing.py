"""An order that no node can fulfil alone becomes orders of its parts, each with a life of its own (ADR 28).

A part's id follows from the division, and a node that has taken one knows the division from the instruction: so a
centre that was put back to before it divided the order finds the same parts again.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from central_sync.ordering import fits, new_part, part_in, posted_of
from central_sync.store import assignments
from central_sync.store.assignments import CentralOrder, NewOrder
from central_sync.store.database import Connection
from edge_core.assignment import steps
from edge_core.assignment.choosing import Share
from edge_core.assignment.dividing import Division, divide, part_id, parts_of
from edge_core.assignment.process import ASSIGNMENT
from edge_core.assignment.state import Assignment, Stepped
from edge_core.orders.document import TillOrder
from edge_core.orders.part_of import PartOf

_CANCELLING: Final = "cancelling"
_log = structlog.get_logger("assignment")


async def divided(
    connection: Connection, row: CentralOrder, assignment: Assignment, shares: Sequence[Share], now_ms: int
) -> Stepped | None:
    """The order in parts, for each of which a node is looked for from now on. None where a part cannot be carried.

    Each part is routed by itself: it goes where the plan of all would have it, as far as that is still so.
    """
    parts = _parts(row, posted_of(row), tuple(share.line_ids for share in shares))
    if not all(fits(part, now_ms) for part in parts):
        return None
    for part in parts:
        await assignments.add(connection, part, Assignment(part.order_id, now_ms, due_at_ms=now_ms))
    _log.info("assignment.divided", order_id=str(row.order_id), parts=len(parts))
    return steps.divide(assignment)


async def recall(connection: Connection, part: PartOf, assignment_id: UUID, now_ms: int) -> None:
    """A node has a part by an attempt that is not known here. Where the order waits for a node, it is divided again.

    Where it has gone another way meanwhile, the part alone is known from now on, as one that is to be given back.
    """
    if await assignments.one(connection, part_id(part)) is not None:
        return
    above = part.above
    if above is not None:
        await recall(connection, above, assignment_id, now_ms)
    row = await assignments.lock(connection, part.order_id if above is None else part_id(above))
    if row is None:
        await assignments.await_order(connection, part.order_id, assignment_id)
        return
    posted, cut = posted_of(row), part.cuts[-1]
    if not _is_division(posted, cut.division) or not 1 <= cut.number <= len(cut.division):
        _log.error("assignment.part_unknown", order_id=str(row.order_id), assignment_id=str(assignment_id))
        return
    parts = _parts(row, posted, cut.division)
    if not ASSIGNMENT.is_legal(row.status, "divided"):
        lost = Assignment(part_id(part), now_ms, _CANCELLING)
        await assignments.add(connection, parts[cut.number - 1], lost)
        return
    for each in parts:
        await assignments.add(connection, each, Assignment(each.order_id, now_ms, due_at_ms=now_ms))
    await assignments.put(connection, Assignment(row.order_id, row.since_ms, row.status).moved("divided"))


def _parts(row: CentralOrder, posted: TillOrder, division: Division) -> list[NewOrder]:
    names = parts_of(row.order_id, part_in(row), division)
    return [new_part(row, name, document) for name, document in zip(names, divide(posted, division), strict=True)]


def _is_division(posted: TillOrder, division: Division) -> bool:
    """Whether a node's word about the lines of an order can be true: every line in one part, none of them empty."""
    named = sorted(line_id for own in division for line_id in own)
    return all(division) and named == sorted(line.line_id for line in posted.lines)

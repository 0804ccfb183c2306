"""Why the centre chose a node for an order of its own, or found nobody: as it was recorded, with the words for it."""

import asyncio
from datetime import UTC
from typing import Final, get_args
from uuid import UUID

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync.api.handlers import answer, parse_number, parse_query, parse_uuid
from central_sync.store import assignments, routings
from central_sync.store.database import Connection, Database
from central_sync.store.routings import RoutingRow
from edge_core.errors import Rejected
from edge_core.limits import ASSIGNMENT_ATTEMPTS_MAX
from edge_core.orders.rendering import rfc3339
from edge_core.routing.changing import Change, what_would_change
from edge_core.routing.deciding import Decision
from edge_core.routing.question import Question
from edge_core.routing.record import decision_in, question_in
from edge_core.routing.terms import Lang
from edge_core.routing.wording import Section, explain
from edge_core.shapes import json_object
from holdfast_runtime.problems import ProblemRaised

_LANGS: Final[dict[str, Lang]] = {lang: lang for lang in get_args(Lang)}


class AssignmentRouting(Struct, frozen=True):
    """Who was weighed for one attempt, and why it went to whom it went.

    `hash` is BLAKE2b-256 of the question as it was asked, `changes` is what would have brought others into the plan.
    Costs are thousandths of the currency's minor unit. `explanation` says all of it, its times in UTC.
    """

    order_id: UUID
    attempt: int
    decided_at: str
    hash: str
    question: Question
    decision: Decision
    changes: tuple[Change, ...]
    explanation: tuple[Section, ...]


class AssignmentRoutings:
    """The endpoint of what was decided for orders of the centre."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def routing(self, request: Request) -> Response:
        """GET /v1/assignments/{order_id}/routing: of the last decision, or of one attempt."""
        asked = parse_uuid(request.path_params["order_id"], "order_id")
        number, lang = parse_query(request, "attempt"), parse_query(request, "lang") or "en"
        if lang not in _LANGS:
            raise ProblemRaised(Rejected("invalid-parameter", f"lang: expected one of {', '.join(_LANGS)}", "lang"))
        attempt = None if number is None else parse_number(number, "attempt", 1, ASSIGNMENT_ATTEMPTS_MAX + 1)
        async with self._database.reading() as connection:
            order_id, found = await _find(connection, asked, attempt)
        # Asking again with what others lacked takes some tenths of a second for a large order: others go on meanwhile.
        return answer(json_object(await asyncio.to_thread(_document, order_id, found, _LANGS[lang])))


async def _find(connection: Connection, asked: UUID, number: int | None) -> tuple[UUID, RoutingRow]:
    """By the order's own id, or by that of one of its attempts, which then is the attempt that is meant."""
    row = await assignments.one(connection, asked)
    if row is None:
        raise ProblemRaised(Rejected("order-not-found", f"order {asked} was not posted to the centre"))
    if number is None and asked != row.order_id:
        of_order = (await assignments.attempts(connection, [row.order_id]))[row.order_id]
        number = next(each.number for each in of_order if each.assignment_id == asked)
    found = await routings.last(connection, row.order_id, number)
    if found is None:
        raise ProblemRaised(Rejected("order-not-found", f"nothing was decided by routing for order {asked} there"))
    return row.order_id, found


def _document(order_id: UUID, row: RoutingRow, lang: Lang) -> AssignmentRouting:
    question, decision = question_in(row.record), decision_in(row.record)
    changes = what_would_change(question, decision)
    return AssignmentRouting(
        order_id,
        row.number,
        rfc3339(row.decided_at_ms),
        row.record.hash.hex(),
        question,
        decision,
        changes,
        explain(question, decision, changes, lang=lang, zone=UTC),
    )

"""`GET /v1/orders/{order_id}/routing`, which stores and the centre answer alike: from the order's entries alone."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final, cast, get_args
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edge_core.errors import PermanentFault, Rejected
from edge_core.orders.routing_report import Decided, RoutingReport, routing_report
from edge_core.routing.terms import Lang
from edge_core.shapes import json_object, object_shape
from holdfast_runtime.openapi import Parameter
from holdfast_runtime.problems import ProblemRaised

LANGUAGES: Final[tuple[str, ...]] = get_args(Lang)
LANGUAGE: Final = Parameter(
    "lang", "query", "The language of `words`.", {"type": "string", "enum": list(LANGUAGES), "default": "en"}
)
REPORT: Final = object_shape(RoutingReport, is_written=False)
"""The shape of the answer."""


def language_of(request: Request) -> Lang:
    """The language that a request wants to be told in."""
    wanted = request.query_params.get("lang", "en")
    if wanted not in LANGUAGES:
        raise ProblemRaised(Rejected("invalid-parameter", "lang: expected one of these", allowed=LANGUAGES))
    return cast("Lang", wanted)


def routing_answer(order_id: UUID, decisions: Sequence[Decided], lang: Lang, zone: tzinfo) -> Response:
    """The answer: every decision about the order, or the problem that there is none."""
    if not decisions:
        detail = f"there is no decision of routing about order {order_id} here: it was no choice, or nothing to choose"
        raise ProblemRaised(Rejected("routing-not-recorded", detail))
    try:
        report = routing_report(order_id, decisions, lang=lang, zone=zone)
    except PermanentFault as fault:
        raise ProblemRaised(Rejected("storage-unavailable", str(fault))) from fault
    return Response(msgspec.json.encode(json_object(report)), media_type="application/json")

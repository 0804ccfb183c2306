"""The operations about policies and signals."""

from typing import Final

from msgspec import Struct

from central_sync.api.policy_documents import (
    ArrangeRequest,
    CompareRequest,
    PlanShown,
    PolicyAudit,
    PolicyDetail,
    PolicyDraft,
    PolicyLinted,
    PolicyList,
    PolicyMoved,
    RollBackRequest,
    TryRequest,
)
from central_sync.api.shared_contract import AUTH, CURSOR, LIMIT, LIST, TEXT
from central_sync.api.signals import SignalAsked, SignalList, SignalShown
from edge_core.policy.trying import Trial
from edge_core.shapes import object_shape
from holdfast_runtime.openapi import Operation, Parameter

_REVISION: Final = (
    Parameter("policy_id", "path", "The policy.", TEXT),
    Parameter("revision", "path", "The number of its revision.", {"type": "integer", "minimum": 1}),
)
_BODY: Final = ("malformed-json", "invalid-document", "body-too-large", "unsupported-media-type")
_MOVE: Final = ("policy-not-found", "policy-not-possible", "policy-invalid", *LIST)


def _move(verb: str, operation_id: str, summary: str, body: type[Struct] | None = None) -> Operation:
    """What people do to a revision."""
    return Operation(
        "post",
        f"/v1/policies/{{policy_id}}/{{revision}}/{verb}",
        operation_id,
        summary,
        {200: PolicyMoved},
        body=None if body is None else object_shape(body),
        parameters=_REVISION,
        problems=(*_MOVE, *(() if body is None else _BODY)),
        scope="operate",
        tag="policies",
    )


POLICIES: Final = (
    Operation(
        "get",
        "/v1/policies",
        "listPolicies",
        "Every revision of every policy, and which of them are in use",
        {200: PolicyList},
        problems=AUTH,
        scope="read",
        tag="policies",
    ),
    Operation(
        "post",
        "/v1/policies",
        "draftPolicy",
        "A new revision, linted at once: with errors it stays a draft",
        {201: PolicyLinted},
        body=object_shape(PolicyDraft),
        problems=("policy-invalid", *_BODY, *AUTH),
        scope="operate",
        tag="policies",
    ),
    Operation(
        "get",
        "/v1/policies/audit",
        "listPolicyActions",
        "Who did what to which policy, the last first; a guard that has spoken is `guard`",
        {200: PolicyAudit},
        parameters=(Parameter("policy", "query", "Only this policy.", TEXT), LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="policies",
    ),
    Operation(
        "put",
        "/v1/policies/plan",
        "arrangePolicies",
        "Which promoted revisions orders are asked of, in which order, and which ones while a signal is active",
        {200: PlanShown},
        body=object_shape(ArrangeRequest),
        problems=(*_MOVE, *_BODY),
        scope="operate",
        tag="policies",
    ),
    Operation(
        "get",
        "/v1/policies/{policy_id}/{revision}",
        "getPolicy",
        "One revision: its graph, what came of it on recorded orders, and how it compares",
        {200: PolicyDetail},
        parameters=_REVISION,
        problems=("policy-not-found", *LIST),
        scope="read",
        tag="policies",
    ),
    Operation(
        "post",
        "/v1/policies/{policy_id}/{revision}/try",
        "tryPolicy",
        "Route the orders that were routed last as it would: the difference in cost, parcels, CO2e and lateness",
        {200: Trial},
        body=object_shape(TryRequest),
        parameters=_REVISION,
        problems=(*_MOVE, *_BODY),
        scope="operate",
        tag="policies",
    ),
    _move(
        "compare",
        "comparePolicy",
        "Compare it with what is in use: in the shade, or by a share of the orders; guards take it back by themselves",
        CompareRequest,
    ),
    _move("stop", "stopPolicy", "End its comparison without a verdict"),
    _move("promote", "promotePolicy", "Use it for every order, in the place of the revision before"),
    _move("rollback", "rollBackPolicy", "Take it back from every store; the revision before is used", RollBackRequest),
    _move("discard", "discardPolicy", "Put a draft away that nobody wants"),
    Operation(
        "get",
        "/v1/signals",
        "listSignals",
        "What was seen outside and is not over",
        {200: SignalList},
        problems=AUTH,
        scope="read",
        tag="policies",
    ),
    Operation(
        "post",
        "/v1/signals",
        "postSignal",
        "Tell every store of something outside: an alarm, a carrier that is down; it ends by itself",
        {201: SignalShown},
        body=object_shape(SignalAsked),
        problems=("signal-invalid", *_BODY, *AUTH),
        scope="operate",
        tag="policies",
    ),
    Operation(
        "delete",
        "/v1/signals/{signal_id}",
        "endSignal",
        "End a signal before its time",
        {204: None},
        parameters=(Parameter("signal_id", "path", "Which one.", TEXT),),
        problems=("signal-not-found", *LIST),
        scope="operate",
        tag="policies",
    ),
)

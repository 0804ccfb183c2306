"""The operations about rules in plain words."""

from typing import Final

from central_sync.api.policy_documents import PolicyLinted
from central_sync.api.rules import AcceptRequest, SayRequest, TellRequest
from central_sync.api.shared_contract import AUTH
from central_sync.rules import SaidTable, ToldDocument
from edge_core.shapes import object_shape
from holdfast_runtime.openapi import Operation

_BODY: Final = ("malformed-json", "invalid-document", "body-too-large", "unsupported-media-type")

RULES: Final = (
    Operation(
        "post",
        "/v1/rules/say",
        "sayRules",
        "What sentences mean, as rows of a table; of one that is no rule, the column and what may stand there",
        {200: SaidTable},
        body=object_shape(SayRequest),
        problems=(*_BODY, *AUTH),
        scope="read",
        tag="policies",
    ),
    Operation(
        "post",
        "/v1/rules/tell",
        "tellRules",
        "The rows of a graph's tables as sentences, in both languages",
        {200: ToldDocument},
        body=object_shape(TellRequest),
        problems=(*_BODY, *AUTH),
        scope="read",
        tag="policies",
    ),
    Operation(
        "post",
        "/v1/rules/accept",
        "acceptRules",
        "A draft of a policy with the rows of some sentences before those that it has; linted at once",
        {201: PolicyLinted},
        body=object_shape(AcceptRequest),
        problems=("rule-not-understood", "policy-invalid", *_BODY, *AUTH),
        scope="operate",
        tag="policies",
    ),
)

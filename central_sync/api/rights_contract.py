"""The operations about rights to goods of nodes."""

from typing import Final

from central_sync.api.commands import InstructionStatus
from central_sync.api.rights import MovePage, RightsAsked, RightsPage, SettleAsked, Settlement
from central_sync.api.shared_contract import COMMAND, CURSOR, KEY, LIMIT, LIST, TEXT
from edge_core.shapes import object_shape
from holdfast_runtime.openapi import Operation, Parameter

_OWNER: Final = Parameter("node", "query", "Only goods of this node.", TEXT)
_SKU: Final = Parameter("sku", "query", "Only this SKU.", TEXT)

RIGHTS: Final = (
    Operation(
        "post",
        "/v1/nodes/{node_id}/rights",
        "askForRights",
        "Ask a node for rights to its goods, for the centre or for another node; the node decides",
        {202: InstructionStatus},
        body=object_shape(RightsAsked),
        parameters=(Parameter("node_id", "path", "The node whose goods they are.", TEXT), KEY),
        problems=("node-not-found", *COMMAND, *LIST),
        scope="stock",
        tag="fleet",
    ),
    Operation(
        "post",
        "/v1/nodes/{node_id}/rights/settlements",
        "settleRights",
        "Say that a life of a node is gone for good: what it held goes back to the locations; once",
        {200: Settlement},
        body=object_shape(SettleAsked),
        parameters=(Parameter("node_id", "path", "The node that lived it.", TEXT),),
        problems=(
            *("node-not-found", "rights-not-settled", "malformed-json", "invalid-document"),
            *("body-too-large", "unsupported-media-type", *LIST),
        ),
        scope="operate",
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/rights",
        "listRights",
        "Who may promise which goods of which node",
        {200: RightsPage},
        parameters=(_OWNER, _SKU, LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/rights/moves",
        "listRightsMoves",
        "Which rights the centre had moved, why, and what became of it; the newest first",
        {200: MovePage},
        parameters=(_OWNER, _SKU, LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="fleet",
    ),
)

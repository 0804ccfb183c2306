"""The contract of the centre's API as OpenAPI 3.1, from the types that it answers with."""

from typing import Any, Final

from msgspec import Struct

from central_sync.api.assignment_contract import ASSIGNMENTS
from central_sync.api.commands import InstructionPage, InstructionStatus
from central_sync.api.documents import (
    CentreOrder,
    CloudEvent,
    DayPage,
    Health,
    NodeList,
    OrderPage,
    ParkedPage,
    ProposalPage,
    StockPage,
)
from central_sync.api.enrolments import EnrolmentAnswer, EnrolmentRequest
from central_sync.api.holds import HeldList
from central_sync.api.policy_contract import POLICIES
from central_sync.api.reference import (
    MEDIA_TYPE,
    GroupRequest,
    ReferenceGroup,
    ReferenceGroups,
    ReferenceList,
    ReferenceVersion,
)
from central_sync.api.rights_contract import RIGHTS
from central_sync.api.rule_contract import RULES
from central_sync.api.settling import DiscardRequest, ParkedDetail, ReplayRequest, Verdicts
from central_sync.api.shared_contract import AUTH, COMMAND, CURSOR, KEY, LIMIT, LIST, TEXT
from central_sync.fleet import NodeStatus
from edge_core.orders.requests import ApproveRequest, CancelRequest, HoldRequest, RefuseRequest
from edge_core.reference.datasets import KINDS
from edge_core.shapes import object_shape
from edge_core.stock.requests import QuotaRequest
from holdfast_runtime.openapi import Operation, Parameter, openapi
from holdfast_runtime.routing import LANGUAGE, REPORT

_NODE: Final = Parameter("node", "query", "Only this node.", TEXT)
_ORDER: Final = Parameter("order_id", "path", "The order.", {"type": "string", "format": "uuid"})
_PARKED: Final = Parameter("parked_id", "path", "Its number in the list.", {"type": "integer", "minimum": 1})
_FOR: Final = Parameter("for", "query", "`group/NAME` or `region/NAME`; for all nodes where it is left out.", TEXT)
_PUBLISH: Final = ("unsupported-media-type", *AUTH)
_DATASET: Final = Parameter("dataset", "path", "The dataset.", {"type": "string", "enum": list(KINDS)})


def _settling(verb: str, operation_id: str, summary: str, body: type[Struct], *problems: str) -> Operation:
    """What people decide about something parked."""
    return Operation(
        "post",
        f"/v1/parked/{{parked_id}}/{verb}",
        operation_id,
        summary,
        {200: Verdicts},
        body=body,
        parameters=(_PARKED,),
        problems=("parked-not-found", *problems, "invalid-document", "unsupported-media-type", *LIST),
        scope="operate",
        tag="fleet",
    )


OPERATIONS: Final = (
    *ASSIGNMENTS,
    *RIGHTS,
    *POLICIES,
    *RULES,
    Operation(
        "get",
        "/v1/nodes",
        "listNodes",
        "Every node and how it is",
        {200: NodeList},
        problems=AUTH,
        scope="read",
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/nodes/{node_id}",
        "getNode",
        "One node",
        {200: NodeStatus},
        parameters=(Parameter("node_id", "path", "The node.", TEXT),),
        problems=("node-not-found", *LIST),
        scope="read",
        tag="fleet",
    ),
    Operation(
        "post",
        "/v1/nodes/{node_id}/quotas",
        "setNodeQuota",
        "Ask a node to part what is free of a SKU between the channels; the node decides",
        {202: InstructionStatus},
        body=object_shape(QuotaRequest),
        parameters=(Parameter("node_id", "path", "The node.", TEXT), KEY),
        problems=("node-not-found", "duplicate-identifier", *COMMAND, *LIST),
        scope="stock",
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/orders",
        "listOrders",
        "Orders, the newest first",
        {200: OrderPage},
        parameters=(_NODE, Parameter("status", "query", "Only orders in this state.", TEXT), LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/orders/{order_id}",
        "getOrder",
        "One order and its journey",
        {200: CentreOrder},
        parameters=(_ORDER,),
        problems=("order-not-found", *LIST),
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/orders/{order_id}/routing",
        "getOrderRouting",
        "Why the goods of an order go as they go: every decision with its question, its costs and who else could have",
        {200: REPORT},
        parameters=(_ORDER, LANGUAGE),
        problems=("routing-not-recorded", *LIST),
        scope="read",
        tag="orders",
    ),
    Operation(
        "post",
        "/v1/orders/{order_id}/cancel",
        "cancelOrder",
        "Ask the node of an order to cancel it; the node decides",
        {202: InstructionStatus},
        body=object_shape(CancelRequest),
        parameters=(_ORDER, KEY),
        problems=("order-not-found", *COMMAND, *LIST),
        scope="order",
        tag="orders",
    ),
    *(
        Operation(
            "post",
            f"/v1/orders/{{order_id}}/{name}",
            f"{name}Order",
            summary,
            {202: InstructionStatus},
            body=object_shape(body),
            parameters=(_ORDER, KEY),
            problems=("order-not-found", *COMMAND, *LIST),
            scope=scope,
            tag="orders",
        )
        for name, summary, body, scope in (
            ("hold", "Ask the node of an order to hold it until somebody has looked at it", HoldRequest, "order"),
            ("approve", "Ask the node of an order that is held to let it go on", ApproveRequest, "approve"),
            ("refuse", "Ask the node of an order that is held to call it off", RefuseRequest, "approve"),
        )
    ),
    Operation(
        "get",
        "/v1/holds",
        "listHolds",
        "Orders that are held, the newest first: who has to answer until when, and what is proposed",
        {200: HeldList},
        parameters=(_NODE, LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/proposals",
        "listProposals",
        "How often people did what was proposed beside a hold, by node",
        {200: ProposalPage},
        parameters=(_NODE,),
        problems=LIST,
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/instructions",
        "listInstructions",
        "What was asked of the nodes and what became of it, the newest first",
        {200: InstructionPage},
        parameters=(_NODE, Parameter("order", "query", "Only about this order.", TEXT), LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/instructions/{instruction_id}",
        "getInstruction",
        "What became of one instruction",
        {200: InstructionStatus},
        parameters=(Parameter("instruction_id", "path", "The instruction.", {"type": "string", "format": "uuid"}),),
        problems=("instruction-not-found", *LIST),
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/stock",
        "listStock",
        "What the locations hold, as far as their entries have arrived",
        {200: StockPage},
        parameters=(_NODE, Parameter("sku", "query", "Only this stock keeping unit.", TEXT), LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="stock",
    ),
    Operation(
        "get",
        "/v1/days",
        "listDays",
        "Business days that stores have closed, the newest first, with their Z reports and what came late",
        {200: object_shape(DayPage, is_written=False)},
        parameters=(_NODE, LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/parked",
        "listParked",
        "What could not be used, the newest first",
        {200: ParkedPage},
        parameters=(_NODE, LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/parked/{parked_id}",
        "getParked",
        "Something parked, with its bytes",
        {200: ParkedDetail},
        parameters=(_PARKED,),
        problems=("parked-not-found", *LIST),
        scope="read",
        tag="fleet",
    ),
    _settling(
        "replay",
        "replayParked",
        "Use a parked entry now, and what waits behind it in its order",
        ReplayRequest,
        "parked-not-entry",
    ),
    _settling("discard", "discardParked", "Never use it; an entry stays in the log", DiscardRequest),
    Operation(
        "post",
        "/v1/session",
        "beginSession",
        "A cookie with which a page reads, for a token that may read",
        {204: None},
        problems=AUTH,
        scope="read",
        tag="service",
    ),
    Operation("delete", "/v1/session", "endSession", "The cookie opens nothing any more", {204: None}, tag="service"),
    Operation(
        "get",
        "/v1/events",
        "watchEvents",
        "Events as they happen: server-sent events, each with a CloudEvent as data and the event's name as type",
        {200: CloudEvent},
        parameters=(Parameter("Last-Event-ID", "header", "Go on after this event.", TEXT),),
        problems=("busy", *LIST),
        scope="read",
        media_type="text/event-stream",
        tag="orders",
    ),
    Operation(
        "post",
        "/v1/enrolments",
        "enrolNode",
        "Let a machine in as a node; the bearer token is a ticket of `central-sync enrol`",
        {201: EnrolmentAnswer},
        body=EnrolmentRequest,
        problems=(
            "enrolment-refused",
            "token-missing",
            "malformed-json",
            "invalid-document",
            "body-too-large",
            "database-unavailable",
        ),
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/reference",
        "listReference",
        "Every version of the reference data that is kept",
        {200: ReferenceList},
        problems=AUTH,
        scope="read",
        tag="reference",
    ),
    Operation(
        "put",
        "/v1/reference/{dataset}",
        "publishReference",
        "Make the rows of the body (a JSON array of objects, or CSV as text/csv) the newest version; all or nothing",
        {201: ReferenceVersion},
        parameters=(_DATASET, _FOR),
        problems=(
            *("reference-not-found", "reference-invalid", "body-too-large", "request-timeout", "invalid-parameter"),
            *_PUBLISH,
        ),
        scope="operate",
        tag="reference",
    ),
    Operation(
        "delete",
        "/v1/reference/{dataset}",
        "withdrawReference",
        "Make a version without rows: stores take what is for more of them, or sell as if they had never received it",
        {201: ReferenceVersion},
        parameters=(_DATASET, _FOR),
        problems=("reference-not-found", *LIST),
        scope="operate",
        tag="reference",
    ),
    Operation(
        "get",
        "/v1/reference/groups",
        "listReferenceGroups",
        "Groups of nodes that have reference data of their own",
        {200: ReferenceGroups},
        problems=AUTH,
        scope="read",
        tag="reference",
    ),
    Operation(
        "put",
        "/v1/reference/groups/{group}",
        "setReferenceGroup",
        "Make these nodes, and no others, the group; a node is in one group at most",
        {200: ReferenceGroup},
        body=GroupRequest,
        parameters=(Parameter("group", "path", "Its name.", TEXT),),
        problems=("invalid-document", "malformed-json", "body-too-large", *_PUBLISH, *LIST),
        scope="operate",
        tag="reference",
    ),
    Operation(
        "get",
        "/v1/reference/{dataset}/{version}",
        "getReference",
        "The snapshot of a version, or a delta that leads to it; with ETag and Range, so that a cut download goes on",
        {200: None, 206: None, 304: None},
        parameters=(
            _DATASET,
            Parameter("version", "path", "Its number.", {"type": "integer", "minimum": 1}),
            Parameter("from", "query", "The version that the delta leads from.", {"type": "integer", "minimum": 1}),
        ),
        problems=("reference-not-found", "delta-not-available", "range-not-satisfiable", *LIST),
        scope="read",
        media_type=MEDIA_TYPE,
        tag="reference",
    ),
    Operation("get", "/healthz", "isAlive", "Whether the process is there", {200: Health}, tag="service"),
    Operation("get", "/readyz", "isReady", "Whether it takes work", {200: Health, 503: Health}, tag="service"),
)


def centre_openapi(version: str) -> dict[str, Any]:
    """The whole document."""
    return openapi(
        title="Holdfast centre",
        description="The fleet's orders, stock and sync status, as far as they have arrived.",
        version=version,
        operations=OPERATIONS,
    )

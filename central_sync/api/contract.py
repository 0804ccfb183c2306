"""The contract of the centre's API as OpenAPI 3.1, from the types that it answers with."""

from typing import Any, Final

from msgspec import Struct

from central_sync.api.commands import InstructionPage, InstructionStatus
from central_sync.api.documents import (
    CentreOrder,
    CloudEvent,
    DayPage,
    Health,
    NodeList,
    OrderPage,
    ParkedPage,
    StockPage,
)
from central_sync.api.enrolments import EnrolmentAnswer, EnrolmentRequest
from central_sync.api.rights import RightsAsked, RightsPage
from central_sync.api.settling import DiscardRequest, ParkedDetail, ReplayRequest, Verdicts
from central_sync.fleet import NodeStatus
from edge_core.limits import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from edge_core.orders.requests import CancelRequest
from edge_core.shapes import object_shape
from edge_core.stock.requests import QuotaRequest
from holdfast_runtime.openapi import Operation, Parameter, openapi

_TEXT: Final = {"type": "string"}
_NODE: Final = Parameter("node", "query", "Only this node.", _TEXT)
_ORDER: Final = Parameter("order_id", "path", "The order.", {"type": "string", "format": "uuid"})
_PARKED: Final = Parameter("parked_id", "path", "Its number in the list.", {"type": "integer", "minimum": 1})
_LIMIT: Final = Parameter(
    "limit",
    "query",
    "Rows in a page.",
    {"type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": PAGE_ROWS_DEFAULT},
)
_CURSOR: Final = Parameter("cursor", "query", "The `next_cursor` of the page before.", _TEXT)
_AUTH: Final = ("token-missing", "token-unknown", "scope-missing", "database-unavailable")
_KEY: Final = Parameter(
    "Idempotency-Key", "header", "New for each request, the same for its repetitions.", _TEXT, is_required=True
)
_COMMAND: Final = (
    *("malformed-json", "invalid-document", "idempotency-key-missing", "idempotency-key-invalid"),
    *("idempotency-key-reused", "body-too-large", "unsupported-media-type"),
)
_LIST: Final = ("invalid-parameter", *_AUTH)


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
        problems=("parked-not-found", *problems, "invalid-document", "unsupported-media-type", *_LIST),
        scope="operate",
        tag="fleet",
    )


OPERATIONS: Final = (
    Operation(
        "get",
        "/v1/nodes",
        "listNodes",
        "Every node and how it is",
        {200: NodeList},
        problems=_AUTH,
        scope="read",
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/nodes/{node_id}",
        "getNode",
        "One node",
        {200: NodeStatus},
        parameters=(Parameter("node_id", "path", "The node.", _TEXT),),
        problems=("node-not-found", *_LIST),
        scope="read",
        tag="fleet",
    ),
    Operation(
        "post",
        "/v1/nodes/{node_id}/rights",
        "askForRights",
        "Ask a node for rights to its goods, for the centre or for another node; the node decides",
        {202: InstructionStatus},
        body=object_shape(RightsAsked),
        parameters=(Parameter("node_id", "path", "The node whose goods they are.", _TEXT), _KEY),
        problems=("node-not-found", *_COMMAND, *_LIST),
        scope="stock",
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/rights",
        "listRights",
        "Who may promise which goods of which node",
        {200: RightsPage},
        parameters=(_NODE, Parameter("sku", "query", "Only this SKU.", _TEXT), _LIMIT, _CURSOR),
        problems=_LIST,
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
        parameters=(Parameter("node_id", "path", "The node.", _TEXT), _KEY),
        problems=("node-not-found", "duplicate-identifier", *_COMMAND, *_LIST),
        scope="stock",
        tag="fleet",
    ),
    Operation(
        "get",
        "/v1/orders",
        "listOrders",
        "Orders, the newest first",
        {200: OrderPage},
        parameters=(_NODE, Parameter("status", "query", "Only orders in this state.", _TEXT), _LIMIT, _CURSOR),
        problems=_LIST,
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
        problems=("order-not-found", *_LIST),
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
        parameters=(_ORDER, _KEY),
        problems=("order-not-found", *_COMMAND, *_LIST),
        scope="order",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/instructions",
        "listInstructions",
        "What was asked of the nodes and what became of it, the newest first",
        {200: InstructionPage},
        parameters=(_NODE, Parameter("order", "query", "Only about this order.", _TEXT), _LIMIT, _CURSOR),
        problems=_LIST,
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
        problems=("instruction-not-found", *_LIST),
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/stock",
        "listStock",
        "What the locations hold, as far as their entries have arrived",
        {200: StockPage},
        parameters=(_NODE, Parameter("sku", "query", "Only this stock keeping unit.", _TEXT), _LIMIT, _CURSOR),
        problems=_LIST,
        scope="read",
        tag="stock",
    ),
    Operation(
        "get",
        "/v1/days",
        "listDays",
        "Business days that stores have closed, the newest first, with their Z reports and what came late",
        {200: object_shape(DayPage, is_written=False)},
        parameters=(_NODE, _LIMIT, _CURSOR),
        problems=_LIST,
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/parked",
        "listParked",
        "What could not be used, the newest first",
        {200: ParkedPage},
        parameters=(_NODE, _LIMIT, _CURSOR),
        problems=_LIST,
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
        problems=("parked-not-found", *_LIST),
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
        problems=_AUTH,
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
        parameters=(Parameter("Last-Event-ID", "header", "Go on after this event.", _TEXT),),
        problems=("busy", *_LIST),
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

"""The contract of the agent's API: every operation with its types, from which `/openapi.json` is made."""

from typing import Any, Final

from edge_agent.api.batches import BatchOrder, BatchReceipt
from edge_agent.api.order_operations import JUDGED, PLACE_PROBLEMS, order_operations
from edge_agent.api.queries import OrderPage
from edge_agent.api.stock_operations import stock_operations
from edge_agent.days import DayReport
from edge_agent.status import AgentStatus
from edge_agent.submission import ReturnReceipt, ZReport
from edge_core.limits import BODY_BYTES_MAX, IDEMPOTENCY_KEY_CHARS_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from edge_core.orders.document import TillOrder
from edge_core.orders.rendering import OrderDocument, Receipt
from edge_core.orders.requests import CloseRequest, UnreceiptedReturn
from edge_core.shapes import object_shape
from holdfast_runtime.openapi import Operation, Parameter, openapi
from holdfast_runtime.routing import LANGUAGE, REPORT

_UUID: Final = {"type": "string", "format": "uuid"}
_KEY_SCHEMA: Final = {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_CHARS_MAX}
_KEY: Final = Parameter(
    "Idempotency-Key",
    "header",
    "New for each request, the same for its repetitions: the same key and body get the same answer.",
    _KEY_SCHEMA,
    is_required=True,
)
_OPTIONAL_KEY: Final = Parameter(
    "Idempotency-Key", "header", "May be left out where the body has a `reference`.", _KEY_SCHEMA
)
_ORDER_KEY: Final = Parameter("Idempotency-Key", "header", "Of a single order; a batch has them in it.", _KEY_SCHEMA)
_TRACE: Final = Parameter("traceparent", "header", "W3C Trace Context; kept with the decision.", {"type": "string"})
_DATE: Final = Parameter("business_date", "path", "The store's calendar date.", {"type": "string", "format": "date"})
_ORDER: Final = Parameter("order_id", "path", "The order.", _UUID)

_AUTH: Final = ("token-missing", "token-unknown", "scope-missing")
_WRITE: Final = (
    *_AUTH,
    "malformed-json",
    "invalid-document",
    "idempotency-key-missing",
    "idempotency-key-invalid",
    "idempotency-key-reused",
    "body-too-large",
    "unsupported-media-type",
    "request-timeout",
    "busy",
    "stopping",
    "storage-unavailable",
    "storage-full",
    "entry-too-large",
)

OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/orders",
        "placeOrder",
        "Place an order: answered 201 once it is on the disk; or a batch: answered 200 with a result for each",
        {201: Receipt, 200: BatchReceipt},
        body=object_shape(TillOrder),
        batch_of=BatchOrder,
        parameters=(_ORDER_KEY, _TRACE),
        problems=(*_WRITE, *PLACE_PROBLEMS, *JUDGED, "batch-too-large"),
        scope="order",
        tag="orders",
    ),
    Operation(
        "GET",
        "/v1/orders",
        "listOrders",
        "Orders, newest first",
        {200: OrderPage},
        parameters=(
            Parameter("status", "query", "Only orders in this state.", {"type": "string"}),
            Parameter("business_date", "query", "Only orders of this business date.", {"type": "string"}),
            Parameter("terminal_id", "query", "Only orders of this till.", {"type": "string"}),
            Parameter("before", "query", "Only orders older than this one.", _UUID),
            Parameter(
                "limit",
                "query",
                "Rows of a page.",
                {"type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": PAGE_ROWS_DEFAULT},
            ),
        ),
        problems=(*_AUTH, "invalid-parameter", "storage-unavailable"),
        scope="read",
        tag="orders",
    ),
    Operation(
        "GET",
        "/v1/orders/{order_id}",
        "getOrder",
        "One order: the whole document, its state and its journey",
        {200: OrderDocument},
        parameters=(_ORDER,),
        problems=(*_AUTH, "invalid-parameter", "order-not-found", "storage-unavailable"),
        scope="read",
        tag="orders",
    ),
    Operation(
        "GET",
        "/v1/orders/{order_id}/routing",
        "getOrderRouting",
        "Why the goods of an order go as they go: every decision with its question, its costs and who else could have",
        {200: REPORT},
        parameters=(_ORDER, LANGUAGE),
        problems=(*_AUTH, "invalid-parameter", "routing-not-recorded", "storage-unavailable"),
        scope="read",
        tag="orders",
    ),
    *order_operations((_ORDER, _KEY, _TRACE), _WRITE),
    Operation(
        "POST",
        "/v1/returns",
        "takeBackUnreceipted",
        "Take goods back of which no order is known; somebody else than the operator approves",
        {201: ReturnReceipt},
        body=object_shape(UnreceiptedReturn),
        parameters=(_KEY, _TRACE),
        problems=(*_WRITE, "approval-needed", "unknown-currency", "invalid-time", "unit-mismatch", "lot-mismatch"),
        scope="order",
        tag="orders",
    ),
    *stock_operations(_KEY, _OPTIONAL_KEY, _TRACE, write=_WRITE, place=(*PLACE_PROBLEMS, *JUDGED), auth=_AUTH),
    Operation(
        "GET",
        "/v1/days/{business_date}",
        "getDay",
        "The books of a business day: the X report while it is open, then the Z report and what came late",
        {200: object_shape(DayReport, is_written=False)},
        parameters=(_DATE,),
        problems=(*_AUTH, "invalid-parameter", "storage-unavailable"),
        scope="read",
        tag="days",
    ),
    Operation(
        "POST",
        "/v1/days/{business_date}/close",
        "closeDay",
        "Close a business day: its Z report, which goes to the centre with the log",
        {201: object_shape(ZReport, is_written=False)},
        body=object_shape(CloseRequest),
        parameters=(_DATE, _KEY, _TRACE),
        problems=(*_WRITE, "invalid-parameter", "invalid-time", "day-closed", "day-incomplete"),
        scope="order",
        tag="days",
    ),
    Operation(
        "GET",
        "/v1/status",
        "getStatus",
        "The agent, its books and its link",
        {200: AgentStatus},
        problems=_AUTH,
        scope="read",
        tag="service",
    ),
    Operation("GET", "/healthz", "getHealth", "The process answers", {200: None}, tag="service"),
    Operation("GET", "/readyz", "getReadiness", "An order would be taken now", {200: None, 503: None}, tag="service"),
    Operation("GET", "/metrics", "getMetrics", "Prometheus metrics", {200: None}, tag="service"),
)


def agent_openapi(version: str) -> dict[str, Any]:
    """The document that `/openapi.json` serves."""
    return openapi(
        title="Holdfast edge agent",
        description=(
            "Orders of one store, decided and kept on its own server. Money is in integer minor units, quantities in "
            f"integer thousandths; a body has at most {BODY_BYTES_MAX} bytes; every error is an RFC 9457 problem."
        ),
        version=version,
        operations=OPERATIONS,
    )

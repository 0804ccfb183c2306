"""The operations of orders that the centre assigns."""

from typing import Final

from central_sync.api.assignments import (
    AssignmentPage,
    AssignmentStatus,
    AssignRequest,
    CentralReceipt,
)
from central_sync.api.channels import ChannelOrders, RefusalPage
from central_sync.api.shared_contract import COMMAND, CURSOR, KEY, LIMIT, LIST, TEXT
from edge_core.orders.document import TillOrder
from edge_core.orders.requests import CancelRequest
from edge_core.shapes import object_shape
from holdfast_runtime.openapi import Operation, Parameter

_ASSIGNED: Final = Parameter(
    "order_id", "path", "The order, by its own id or by an attempt's.", {"type": "string", "format": "uuid"}
)
_TAKING_IN: Final = (
    *("totals-mismatch", "duplicate-identifier", "unknown-currency", "invalid-time", "payment-mismatch"),
    *("card-number-refused", "flow-not-available", "unknown-reference", "entry-too-large"),
)

ASSIGNMENTS: Final = (
    Operation(
        "post",
        "/v1/orders",
        "placeOrder",
        "An order of a web shop or a marketplace; the centre owns it until a node has accepted it",
        {201: CentralReceipt},
        body=object_shape(TillOrder),
        parameters=(KEY,),
        problems=(*_TAKING_IN, *COMMAND, *LIST),
        scope="order",
        tag="orders",
    ),
    Operation(
        "post",
        "/v1/channels/{channel}/orders",
        "placeChannelOrders",
        "Orders as a channel sends them, with a token or signed by the shop; its name of an order is the key",
        {200: ChannelOrders, 201: ChannelOrders},
        parameters=(
            Parameter("channel", "path", "A shop of `channels.file`, or `csv`, `shopify`, `woocommerce`.", TEXT),
            Parameter("store_id", "query", "What the mapping asks for; of a signed request nothing is read.", TEXT),
            Parameter("utc_offset", "query", "The same for files of rows.", TEXT),
        ),
        problems=(
            *("channel-not-found", "channel-order-unmapped", "body-too-large", "idempotency-key-reused"),
            *("signature-wrong", *_TAKING_IN, *LIST),
        ),
        scope="order",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/channels/refused",
        "listRefusedChannelOrders",
        "Orders that shops sent by themselves and that have not been taken, the newest first",
        {200: RefusalPage},
        parameters=(Parameter("channel", "query", "Only of this channel.", TEXT), LIMIT),
        problems=LIST,
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/assignments",
        "listAssignments",
        "Orders of the centre and where they are, the newest first; `status=exception` are those that wait for people",
        {200: AssignmentPage},
        parameters=(Parameter("status", "query", "Only orders in this state.", TEXT), LIMIT, CURSOR),
        problems=LIST,
        scope="read",
        tag="orders",
    ),
    Operation(
        "get",
        "/v1/assignments/{order_id}",
        "getAssignment",
        "Where an order of the centre is",
        {200: AssignmentStatus},
        parameters=(_ASSIGNED,),
        problems=("order-not-found", *LIST),
        scope="read",
        tag="orders",
    ),
    Operation(
        "post",
        "/v1/assignments/{order_id}/assign",
        "assignOrder",
        "Ask the node that people have chosen",
        {200: AssignmentStatus},
        body=AssignRequest,
        parameters=(_ASSIGNED, KEY),
        problems=("order-not-found", "node-not-found", "assignment-not-possible", *COMMAND, *LIST),
        scope="operate",
        tag="orders",
    ),
    Operation(
        "post",
        "/v1/assignments/{order_id}/cancel",
        "cancelAssignment",
        "Cancel an order of the centre; a node that has accepted it is asked, and decides",
        {200: AssignmentStatus},
        body=object_shape(CancelRequest),
        parameters=(_ASSIGNED, KEY),
        problems=("order-not-found", "assignment-not-possible", *COMMAND, *LIST),
        scope="order",
        tag="orders",
    ),
)

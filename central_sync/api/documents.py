"""What the API answers. The contract at /openapi.json is made from these types."""

from typing import Any
from uuid import UUID

from msgspec import Struct

from central_sync.fleet import NodeStatus
from central_sync.store.enrolments import Enrolment
from central_sync.store.orders import OrderRow
from central_sync.store.parked import ParkedRow
from central_sync.store.stock import StockRow
from central_sync.times import rfc3339


class NodeList(Struct, frozen=True):
    """Every node, by id."""

    nodes: tuple[NodeStatus, ...]


class OrderSummary(Struct, frozen=True):
    """One order in a list. Times are RFC 3339 UTC with milliseconds, amounts are minor units of the currency."""

    order_id: UUID
    node_id: str
    display_number: str
    order_type: str
    status: str
    currency: str
    grand_total_minor: int
    placed_at: str
    business_date: str
    revision: int


class OrderPage(Struct, frozen=True):
    """A page of orders, the newest first. `next_cursor` is the `cursor` of the next page, or null at the end."""

    orders: tuple[OrderSummary, ...]
    next_cursor: str | None


class StockPosition(Struct, frozen=True):
    """What a location holds of a SKU and lot, in thousandths of the unit."""

    node_id: str
    sku: str
    lot: str | None
    unit: str
    expires_on: str | None
    on_hand_milli: int
    reserved_milli: int


class StockPage(Struct, frozen=True):
    """A page of positions by node, SKU and lot."""

    positions: tuple[StockPosition, ...]
    next_cursor: str | None


class ParkedItem(Struct, frozen=True):
    """Something that could not be used; `payload_bytes` is how much of it was kept."""

    id: int
    node_id: str
    received_at: str
    topic: str
    incarnation: UUID | None
    lane: str | None
    seq: int | None
    reason: str
    detail: str
    payload_bytes: int


class ParkedPage(Struct, frozen=True):
    """A page of what is parked, the newest first."""

    parked: tuple[ParkedItem, ...]
    next_cursor: str | None


class Health(Struct, frozen=True):
    """Whether the process is there (`/healthz`) or takes work (`/readyz`), and what it is waiting for."""

    status: str
    waiting_for: tuple[str, ...] = ()


class CloudEvent(Struct, frozen=True, omit_defaults=True):
    """One event as it happens: CloudEvents 1.0 in JSON, with the extensions Sequence and Distributed Tracing."""

    specversion: str
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str
    data: Any
    nodeid: str
    incarnation: UUID
    lane: str
    sequence: str
    subject: str | None = None
    traceparent: str | None = None


def order_summary(row: OrderRow) -> OrderSummary:
    """A row of the view as the API shows it."""
    return OrderSummary(
        row.order_id,
        row.node_id,
        row.display_number,
        row.order_type,
        row.status,
        row.currency,
        row.grand_total_minor,
        rfc3339(row.placed_at),
        row.business_date.isoformat(),
        row.revision,
    )


def stock_position(row: StockRow) -> StockPosition:
    """A row of the view as the API shows it."""
    return StockPosition(
        row.node_id,
        row.sku,
        row.lot or None,
        row.unit,
        row.expires_on.isoformat() if row.expires_on else None,
        row.on_hand_milli,
        row.reserved_milli,
    )


def parked_item(row: ParkedRow) -> ParkedItem:
    """A row as the API shows it, without its payload."""
    return ParkedItem(
        row.id,
        row.node_id,
        rfc3339(row.received_at),
        row.topic,
        row.incarnation,
        row.lane,
        row.seq,
        row.reason,
        row.detail,
        len(row.payload),
    )


class Ticket(Struct, frozen=True):
    """What lets one machine in as a node, printed once."""

    node_id: str
    ticket: str
    expires_at: str


class EnrolmentItem(Struct, frozen=True):
    """A machine that was let in. The largest number of a node is the node."""

    node_id: str
    incarnation: UUID
    number: int
    enrolled_at: str


class EnrolmentList(Struct, frozen=True):
    """Every enrolment, by node, the earliest first."""

    enrolments: tuple[EnrolmentItem, ...]


def enrolment_item(row: Enrolment) -> EnrolmentItem:
    """A row as people and programs see it."""
    return EnrolmentItem(row.node_id, row.incarnation, row.number, rfc3339(row.enrolled_at))

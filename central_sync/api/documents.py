"""What the API answers. The contract at /openapi.json is made from these types."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from central_sync.fleet import NodeStatus
from central_sync.store.backups import BackupRow
from central_sync.store.days import DayCloseRow, LateRow
from central_sync.store.enrolments import Enrolment
from central_sync.store.histories import HistoryRow
from central_sync.store.orders import OrderRow
from central_sync.store.parked import ParkedRow
from central_sync.store.proposals import ShareRow
from central_sync.store.stock import StockRow
from central_sync.times import rfc3339
from edge_core.ids import close_code
from edge_core.orders.day_events import CurrencySums
from edge_core.orders.rendering import OrderDocument
from edge_core.shapes import json_reader

_READ_SUMS: Final = json_reader(CurrencySums)


class HistoryStatus(Struct, frozen=True):
    """Which life of the centre this is; `reason` is `created`, `restore-mark`, `restored` or `noticed`."""

    history_id: UUID
    began_at: str
    reason: str
    detail: str


class BackupStatus(Struct, frozen=True):
    """The newest backup that was recorded: what was committed at `taken_at` is in it."""

    kind: str
    taken_at: str
    file: str
    streams: int
    entries: int


class NodeList(Struct, frozen=True):
    """Every node, by id; this centre's history, and its newest backup, or null while there is none."""

    nodes: tuple[NodeStatus, ...]
    history: HistoryStatus
    backup: BackupStatus | None


class OrderSummary(Struct, frozen=True):
    """One order in a list. Times are RFC 3339 UTC with milliseconds, amounts are minor units of the currency.

    A `provisional` one is known from a copy that ran ahead of its store's backlog; it is counted nowhere yet.
    """

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
    provisional: bool = False


class CentreOrder(OrderDocument, frozen=True):
    """The whole order, as at its store; `provisional` is there, and true, where copies that ran ahead say so."""

    provisional: bool | UnsetType = UNSET


class OrderPage(Struct, frozen=True):
    """A page of orders, the newest first. `next_cursor` is the `cursor` of the next page, or null at the end."""

    orders: tuple[OrderSummary, ...]
    next_cursor: str | None


class ProposalShare(Struct, frozen=True):
    """How many holds of a node with a proposal were answered, and how many of them as it was proposed."""

    node_id: str
    answered: int
    followed: int
    followed_percent: int


class ProposalPage(Struct, frozen=True):
    """Every node whose holds were answered, or the one that was asked for."""

    proposals: tuple[ProposalShare, ...]


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


class LateOrders(Struct, frozen=True):
    """Orders in one currency that were placed for a day after it was closed."""

    currency: str
    orders: int
    grand_total_minor: int


class ClosedDay(Struct, frozen=True):
    """A business day that a store has closed: its Z report, and the orders that came late."""

    node_id: str
    business_date: str
    z_number: int
    z_code: str
    closed_at: str
    operator_id: str
    currencies: tuple[CurrencySums, ...]
    late: tuple[LateOrders, ...]


class DayPage(Struct, frozen=True):
    """A page of closed days, the newest first."""

    days: tuple[ClosedDay, ...]
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
    """One event as it happens: CloudEvents 1.0 in JSON, with the extensions Sequence and Distributed Tracing.

    A `provisional` one ran ahead of its store's backlog; it comes again, with the same source and id, in its turn.
    """

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
    provisional: bool = False


def centre_order(document: OrderDocument, *, provisional: bool) -> CentreOrder:
    """An order's document, and whether it is the truth yet."""
    return CentreOrder(**asdict(document), provisional=provisional or UNSET)


def history_status(row: HistoryRow) -> HistoryStatus:
    """A row of the table as the API shows it."""
    return HistoryStatus(row.history_id, rfc3339(row.began_at), row.reason, row.detail)


def backup_status(row: BackupRow) -> BackupStatus:
    """A row of the table as the API shows it."""
    return BackupStatus(row.kind, rfc3339(row.taken_at), row.file, row.streams, row.entries)


def proposal_share(row: ShareRow) -> ProposalShare:
    """A row as the API shows it."""
    return ProposalShare(row.node_id, row.answered, row.followed, row.followed * 100 // row.answered)


def order_summary(listed: tuple[OrderRow, bool]) -> OrderSummary:
    """A row of the view, and whether it is provisional, as the API shows it."""
    row, provisional = listed
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
        provisional,
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


def closed_day(row: DayCloseRow, late: Sequence[LateRow]) -> ClosedDay:
    """A closed day as the API shows it."""
    return ClosedDay(
        row.node_id,
        row.business_date.isoformat(),
        row.z_number,
        close_code(row.z_number, row.close_id),
        rfc3339(row.closed_at),
        row.operator_id,
        tuple(map(_READ_SUMS, msgspec.json.decode(row.sums, type=list[msgspec.Raw]))),
        tuple(LateOrders(*each) for each in late),
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

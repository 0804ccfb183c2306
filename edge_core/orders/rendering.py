"""The order as people and programs read it: the standard document of 32 fields, its state, and its journey.

Both ends render from the same entries with the same functions, so that a store and the centre show the same order.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from edge_core.checks.judge import BUILT_IN
from edge_core.clock import wall_ms
from edge_core.errors import InvariantViolated
from edge_core.orders.document import SCHEMA_VERSION
from edge_core.orders.events import OrderPlaced, OrderValidated, name_of
from edge_core.orders.fold import GroupState, OrderState, fold, fold_all
from edge_core.orders.judgment_views import HoldView, JudgmentView, hold_view, judgment_view
from edge_core.shapes import named_part, named_parts
from edge_core.stock.ledger import Allocation
from edge_core.sync.entry import Entry


class Origin(Struct, frozen=True):
    """An entry's place in the log."""

    node_id: str
    incarnation: UUID
    lane: str
    seq: int


class Recorded(Struct, frozen=True):
    """An entry and its place."""

    origin: Origin
    entry: Entry


class GroupView(Struct, frozen=True, omit_defaults=True):
    """A fulfilment group as it stands. Quantities are thousandths; until `pickup_until` it can be fetched.

    `ship_to` is where its own goods are sent, if they are sent; `service_id` is to bring them at `arrives_at` by the
    decision `decision_id` of routing, so much later than was promised, and `carrier` has them. `sorts_first`: they
    are picked before others. `services` are what the carrier is to do besides.
    """

    group_id: str
    method: str
    status: str
    location_id: str | None = None
    preference: str | None = None
    lines: tuple[dict[str, str | int], ...] = ()
    reservations: tuple[dict[str, str | int | None], ...] = ()
    attempts: int = 0
    pickup_until: str | None = None
    ship_to: dict[str, Any] | None = None
    service_id: str | None = None
    arrives_at: str | None = None
    late_ms: int = 0
    decision_id: str | None = None
    sorts_first: bool = False
    carrier: str | None = None
    services: tuple[str, ...] = ()


class ReturnView(Struct, frozen=True, omit_defaults=True):
    """Goods on their way back, or back. Quantities are thousandths."""

    return_id: str
    status: str
    lines: tuple[dict[str, str | int], ...]
    exchanged_for: UUID | None = None


class PaymentView(Struct, frozen=True, omit_defaults=True):
    """A payment as it stands, amounts in minor units."""

    payment_id: str
    tender: str
    amount_minor: int
    status: str
    authorization: str
    expires_at: str | None = None
    token_ref: str | None = None
    captured_minor: int = 0
    refunded_minor: int = 0


class Receipt(Struct, frozen=True, omit_defaults=True):
    """The short answer to a command on an order: what it is called, where it stands, where it is recorded.

    `holds` are those that stand, left out where there is none.
    """

    order_id: UUID
    display_number: str
    order_type: str
    status: str
    revision: int
    placed_at: str
    recorded_at: str
    business_date: str
    currency: str
    grand_total_minor: int
    offline: bool
    groups: tuple[GroupView, ...]
    origin: Origin
    holds: tuple[HoldView, ...] = ()


class JourneyEvent(Struct, frozen=True):
    """One event of an order: its name, when and where it was recorded, and the order's state after it."""

    event: str
    at: str
    node_id: str
    incarnation: UUID
    lane: str
    seq: int
    hlc: int
    status: str


class OrderDocument(Struct, frozen=True):
    """The whole order: the 32 fields, then status, journey, returns and what it was judged by."""

    order_id: UUID
    display_number: str
    idempotency_key: str
    payload_hash: str
    schema_version: int
    revision: int
    order_type: str
    channel: str
    store_id: str
    node_id: str
    terminal_id: str
    operator_id: str | None
    placed_at: str
    business_date: str
    origin: Origin
    offline: bool
    customer_ref: str | None
    customer_tier: str | None
    bill_to: dict[str, Any] | None
    ship_to: dict[str, Any] | None
    currency: str
    lines: tuple[dict[str, Any], ...]
    adjustments: tuple[dict[str, Any], ...]
    tax_lines: tuple[dict[str, Any], ...]
    totals: dict[str, Any]
    payments: tuple[PaymentView, ...]
    payment_terms: dict[str, Any] | None
    fulfillment_groups: tuple[GroupView, ...]
    promise: dict[str, Any] | None
    risk: dict[str, Any]
    attribution: dict[str, str] | None
    policy_versions: dict[str, str]
    status: str
    journey: tuple[JourneyEvent, ...]
    returns: tuple[ReturnView, ...] = ()
    judgment: JudgmentView | None = None


@lru_cache(maxsize=256)  # the entries of one commit share their time
def rfc3339(unix_ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC with milliseconds."""
    seconds, millis = divmod(unix_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{millis:03d}Z"


def receipt(state: OrderState, recorded: Recorded) -> Receipt:
    """The answer to the command that led to the entry; `state` is the order right after it."""
    order = state.order
    return Receipt(
        order_id=order.order_id,
        display_number=order.display_number,
        order_type=order.order_type,
        status=state.status,
        revision=state.revision,
        placed_at=order.placed_at,
        recorded_at=rfc3339(recorded.entry.recorded_at_ms),
        business_date=order.business_date,
        currency=order.currency,
        grand_total_minor=order.totals.grand_total_minor,
        offline=order.offline,
        groups=tuple([_brief(state, group) for group in state.groups]),
        origin=recorded.origin,
        holds=_holds(state) if state.held else (),
    )


def in_order(entries: Iterable[Recorded]) -> list[Recorded]:
    """Entries in the order of the fold: hybrid clock, then node, incarnation, seq (the same at every replica)."""
    return sorted(
        entries,
        key=lambda r: (r.entry.hlc, r.origin.node_id, r.origin.incarnation.bytes, r.origin.seq),
    )


def state_of(entries: Sequence[Recorded]) -> OrderState:
    """Fold the entries of one order, which are in order."""
    return fold_all(None, (event for recorded in entries for event in recorded.entry.events))


def document(entries: Sequence[Recorded]) -> OrderDocument:
    """The whole order from its entries, which are in order and begin with its placing."""
    if not entries or not any(isinstance(event, OrderPlaced) for event in entries[0].entry.events):
        raise InvariantViolated("an order is rendered from its placing on")
    state, steps = _walk(entries)  # once for both: a long order is dear to fold
    order = state.order
    placing = entries[0].origin
    return OrderDocument(
        order_id=order.order_id,
        display_number=order.display_number,
        idempotency_key=order.idempotency_key,
        payload_hash=order.payload_hash.hex(),
        schema_version=SCHEMA_VERSION,
        revision=state.revision,
        order_type=order.order_type,
        channel=order.channel,
        store_id=order.store_id,
        node_id=placing.node_id,
        terminal_id=order.terminal_id,
        operator_id=order.operator_id,
        placed_at=order.placed_at,
        business_date=order.business_date,
        origin=placing,
        offline=order.offline,
        customer_ref=order.customer_ref,
        customer_tier=order.customer_tier,
        bill_to=named_part(order.bill_to),
        ship_to=named_part(order.ship_to),
        currency=order.currency,
        lines=_lines(state),
        adjustments=named_parts(order.adjustments),
        tax_lines=named_parts(order.tax_lines),
        totals=named_parts((order.totals,))[0],
        payments=_payments(state),
        payment_terms=named_part(order.payment_terms),
        fulfillment_groups=_groups(state),
        promise=named_part(order.promise),
        risk=_risk(state),
        attribution=order.attribution,
        policy_versions=order.policy_versions,
        status=state.status,
        journey=steps,
        returns=_returns(state),
        judgment=_judgment(entries[0]),
    )


def journey(entries: Sequence[Recorded]) -> tuple[JourneyEvent, ...]:
    """Every event of an order with the state after it, from its entries in order."""
    return _walk(entries)[1] if entries else ()


def _walk(entries: Sequence[Recorded]) -> tuple[OrderState, tuple[JourneyEvent, ...]]:
    """The state after all entries, and every event with the state after it."""
    state: OrderState | None = None
    steps: list[JourneyEvent] = []
    for recorded in entries:
        origin, entry = recorded.origin, recorded.entry
        for event in entry.events:
            state = fold(state, event)
            steps.append(
                JourneyEvent(
                    event=name_of(event),
                    at=rfc3339(wall_ms(entry.hlc)),
                    node_id=origin.node_id,
                    incarnation=origin.incarnation,
                    lane=origin.lane,
                    seq=origin.seq,
                    hlc=entry.hlc,
                    status=state.status,
                )
            )
    if state is None:
        raise InvariantViolated("an order without events")
    return state, tuple(steps)


def _lines(state: OrderState) -> tuple[dict[str, Any], ...]:
    returned, cancelled = dict(state.returned), dict(state.cancelled)
    return tuple(
        {
            **line,
            "returned_quantity_milli": returned.get(str(line["line_id"]), 0),
            "cancelled_quantity_milli": cancelled.get(str(line["line_id"]), 0),
        }
        for line in named_parts(state.order.lines)
    )


def _returns(state: OrderState) -> tuple[ReturnView, ...]:
    return tuple(
        ReturnView(
            one.return_id,
            one.status,
            tuple({"line_id": line_id, "quantity_milli": milli} for line_id, milli in one.quantities),
            one.exchanged_for,
        )
        for one in state.returns
    )


def _risk(state: OrderState) -> dict[str, Any]:
    reasons = dict.fromkeys(reason for hold in state.held for reason in hold.reasons)
    return {"score": None, "reasons": list(reasons), "holds": list(_holds(state))}


def _holds(state: OrderState) -> tuple[HoldView, ...]:
    return tuple(hold_view(hold, rfc3339(hold.due_at_ms)) for hold in state.held)


def _judgment(placing: Recorded) -> JudgmentView | None:
    """What the order's placing says that it was judged by; where it names nothing, by what is built in."""
    validated = next((event for event in placing.entry.events if isinstance(event, OrderValidated)), None)
    return None if validated is None else judgment_view(validated.basis or BUILT_IN)


def _payments(state: OrderState) -> tuple[PaymentView, ...]:
    return tuple(
        PaymentView(
            payment_id=posted.payment_id,
            tender=posted.tender,
            amount_minor=posted.amount_minor,
            status=now.status,
            authorization=posted.authorization,
            expires_at=posted.expires_at,
            token_ref=posted.token_ref,
            captured_minor=now.captured_minor,
            refunded_minor=now.refunded_minor,
        )
        for posted, now in zip(state.tenders, state.payments, strict=True)
    )


def _groups(state: OrderState) -> tuple[GroupView, ...]:
    """Groups as they stand; the customer's preference is that of the group that was split, if it was."""
    asked = {group.group_id: group.preference for group in state.order.fulfillment_groups}
    return tuple(
        GroupView(
            group_id=group.group_id,
            method=group.method,
            status=group.status,
            location_id=group.location_id,
            preference=asked.get(group.group_id),
            lines=tuple({"line_id": part.line_id, "quantity_milli": part.quantity_milli} for part in group.lines),
            reservations=tuple(_reservation(allocation) for allocation in group.allocations),
            attempts=group.rejections,
            pickup_until=None if group.expires_at_ms is None else rfc3339(group.expires_at_ms),
            ship_to=named_part(group.ship_to or state.order.ship_to) if group.method == "ship" else None,
            **_routed(state, group),
            carrier=group.carrier,
            services=state.services if group.method == "ship" else (),
        )
        for group in state.groups
    )


def _brief(state: OrderState, group: GroupState) -> GroupView:
    """A group as a receipt shows it, with when its goods arrive where routing has decided that."""
    view = GroupView(group.group_id, group.method, group.status, group.location_id)
    return view if group.decision_id is None else replace(view, **_routed(state, group))


def _routed(state: OrderState, group: GroupState) -> dict[str, Any]:
    return {
        "service_id": group.service_id,
        "arrives_at": None if group.arrives_at_ms is None else rfc3339(group.arrives_at_ms),
        "late_ms": _late_ms(state, group),
        "sorts_first": group.sorts_first,
        "decision_id": None if group.decision_id is None else group.decision_id.hex(),
    }


def _late_ms(state: OrderState, group: GroupState) -> int:
    """How much later than promised routing expects a group; 0 where it is in time, or where nothing is known."""
    promise = state.order.promise
    if promise is None or group.arrives_at_ms is None:
        return 0
    return max(0, group.arrives_at_ms - round(datetime.fromisoformat(promise.to).timestamp() * 1000))


def _reservation(allocation: Allocation) -> dict[str, str | int | None]:
    return {
        "line_id": allocation.line_id,
        "sku": allocation.sku,
        "lot": allocation.lot,
        "unit": allocation.unit,
        "quantity_milli": allocation.quantity_milli,
    }

"""An order as it stands: its parts, each in a state of its own table, and the order's state that follows from them."""

from uuid import UUID

from msgspec import Struct

from edge_core.orders.document import Address, Extra, GroupLine, Method, Order, Payment
from edge_core.orders.judgment import Finding, Proposal, Rung
from edge_core.orders.part_of import PartOf
from edge_core.orders.routing_events import Avoided
from edge_core.stock.ledger import Allocation


class PaymentState(Struct, frozen=True, array_like=True, gc=False):
    """One payment: where it is in its table, what was taken and what was given back, in minor units."""

    payment_id: str
    status: str
    captured_minor: int = 0
    refunded_minor: int = 0


class GroupState(Struct, frozen=True, array_like=True, gc=False):
    """One group: where it is in its table, its source, what is promised to it, how often it was refused.

    `lines` is what it still has to bring. `code_hash` and `expires_at_ms` are those of its pickup code. `ship_to` is
    the address that it was redirected to; without one it goes to that of the order.

    Where routing has decided: `service_id` brings it at `arrives_at_ms`, `decision_id` is the question's hash, and with
    `sorts_first` whoever picks takes it before others. `carrier` has the parcel; `avoided` has failed it before.
    """

    group_id: str
    status: str
    location_id: str | None = None
    allocations: tuple[Allocation, ...] = ()
    rejections: int = 0
    method: Method = "carry_out"
    lines: tuple[GroupLine, ...] = ()
    code_hash: bytes | None = None
    expires_at_ms: int | None = None
    ship_to: Address | None = None
    service_id: str | None = None
    arrives_at_ms: int | None = None
    decision_id: bytes | None = None
    sorts_first: bool = False
    carrier: str | None = None
    avoided: tuple[Avoided, ...] = ()


class ReturnState(Struct, frozen=True, array_like=True, gc=False):
    """Goods on their way back: how far they are, and how much of which line they are.

    `lots` are those that they turned out to be of, known once somebody has looked at them.
    """

    return_id: str
    status: str
    quantities: tuple[tuple[str, int], ...]
    exchanged_for: UUID | None = None
    lots: tuple[Allocation, ...] = ()


class HoldState(Struct, frozen=True, array_like=True, gc=False):
    """Who has to answer a hold until when (Unix ms), how far up its ladder it is, why, and what is proposed."""

    hold_id: str
    owner: str
    due_at_ms: int
    level: int = 0
    ladder: tuple[Rung, ...] = ()
    proposal: Proposal | None = None
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class Assigned(Struct, frozen=True, array_like=True, gc=False):
    """That the centre has assigned the order here; `ended` is why it is no longer this location's, if so."""

    central_order_id: UUID
    attempt: int
    accept_by_ms: int
    ended: str | None = None
    part_of: PartOf | None = None


class OrderState(Struct, frozen=True, array_like=True, gc=False):
    """An order as it stands. `revision` counts the events folded; parts keep the order of the document.

    `returned` and `cancelled` are thousandths by line. `payments_added` are the documents of the payments that came
    or were made after the placing; `credited_minor` went into other orders by exchange. `held` says more of the
    `holds`; `assigned` is there where the centre has assigned the order to this location, `services` are what the
    carrier is to do besides bringing the goods.
    """

    order: Order
    revision: int
    validated: bool
    holds: tuple[str, ...]
    approved: bool
    payments: tuple[PaymentState, ...]
    groups: tuple[GroupState, ...]
    returned: tuple[tuple[str, int], ...]
    cancelled: tuple[tuple[str, int], ...] = ()
    returns: tuple[ReturnState, ...] = ()
    payments_added: tuple[Payment, ...] = ()
    credited_minor: int = 0
    held: tuple[HoldState, ...] = ()
    assigned: Assigned | None = None
    services: tuple[Extra, ...] = ()

    @property
    def status(self) -> str:
        """The order's state, derived from its parts (docs/orders.md)."""
        return order_status(self)

    @property
    def tenders(self) -> tuple[Payment, ...]:
        """The documents of all payments as they were told last, in the order of `payments`."""
        if not self.payments_added:
            return self.order.payments
        return tuple({each.payment_id: each for each in (*self.order.payments, *self.payments_added)}.values())


def order_status(state: OrderState) -> str:
    """Derive the order's state from its parts; the ORDER table names what may follow what."""
    live = [group.status for group in state.groups if group.status != "cancelled"]
    if not live:
        return "cancelled"
    if state.holds:
        return "held"
    if live.count("delivered") == len(live):
        return _returned_status(state)
    if live.count("unrouted") + live.count("backordered") < len(live):
        return "in_fulfillment"
    if state.approved:
        return "approved"
    return "validated" if state.validated else "placed"


def _returned_status(state: OrderState) -> str:
    if not state.returned:
        return "completed"
    gone, returned = dict(state.cancelled), dict(state.returned)
    whole = all(
        returned.get(line.line_id, 0) + gone.get(line.line_id, 0) >= line.quantity_milli for line in state.order.lines
    )
    return "returned" if whole else "partially_returned"

"""What happens beside the 17 events of an order's life: to one of its groups, and to goods on their way back.

The rules are those of `edge_core.orders.events`: names are frozen, a field may be added at the end, with a default.
"""

from typing import Literal
from uuid import UUID

from msgspec import Struct

from edge_core.orders.document import Address, GroupLine, Method
from edge_core.orders.part_of import PartOf
from edge_core.stock.ledger import Allocation, StockDelta


class GroupQuantity(Struct, frozen=True, array_like=True, gc=False):
    """How much of a line leaves a group, in thousandths."""

    group_id: str
    line_id: str
    quantity_milli: int


class GroupSplit(Struct, frozen=True, array_like=True, gc=False, tag="group.split"):
    """A part of a group goes its own way: it waits under `new_group_id`, and what was promised to it is free again."""

    group_id: str
    new_group_id: str
    lines: tuple[GroupLine, ...]
    released: tuple[Allocation, ...]


class GroupRedirected(Struct, frozen=True, array_like=True, gc=False, tag="group.redirected"):
    """The customer wants the goods in another way or elsewhere: sent home instead of picked up, the other way round, or
    sent to another address."""

    group_id: str
    method: Method
    ship_to: Address | None
    operator_id: str | None = None


class ReturnRequested(Struct, frozen=True, array_like=True, gc=False, tag="return.requested"):
    """A customer wants to bring goods back; so much of each line is spoken for."""

    return_id: str
    quantities: tuple[tuple[str, int], ...]
    reason: str


class ReturnApproved(Struct, frozen=True, array_like=True, gc=False, tag="return.approved"):
    """The goods may come."""

    return_id: str
    operator_id: str | None


class ReturnRefused(Struct, frozen=True, array_like=True, gc=False, tag="return.refused"):
    """The goods stay with the customer."""

    return_id: str
    reason: str
    operator_id: str | None


class ReturnReceived(Struct, frozen=True, array_like=True, gc=False, tag="return.received"):
    """The goods are in the building, and nobody has looked at them: they are not for sale."""

    return_id: str


class ReturnInspected(Struct, frozen=True, array_like=True, gc=False, tag="return.inspected"):
    """Somebody has looked: `restocked` are for sale again, `damaged` are not."""

    return_id: str
    restocked: tuple[Allocation, ...]
    damaged: tuple[Allocation, ...]
    operator_id: str | None = None


class TakenBackLine(Struct, frozen=True, array_like=True, gc=False):
    """One line of goods without a receipt, as it was posted: thousandths of the unit, and what was given for it."""

    sku: str
    lot: str | None
    unit: str
    quantity_milli: int
    condition: str
    refund_minor: int


class GoodsTakenBack(Struct, frozen=True, array_like=True, gc=False, tag="return.unreceipted"):
    """Goods came back without a receipt: no order is known. What is resaleable is in `deltas`, the rest is damaged.

    `refund_minor` of `currency` was given in `tender`, on the word of `approved_by`. `lines` are all that came back,
    also what the ledger has no place for.
    """

    movement_id: UUID
    reason: str
    deltas: tuple[StockDelta, ...]
    damaged: tuple[StockDelta, ...]
    currency: str
    refund_minor: int
    tender: str
    operator_id: str
    approved_by: str
    business_date: str
    terminal_id: str
    lines: tuple[TakenBackLine, ...] = ()


class AssignmentTaken(Struct, frozen=True, array_like=True, gc=False, tag="assignment.taken"):
    """The centre has assigned its order `central_order_id` to this location: as this order, in its `attempt`th try.

    The location's word is wanted until `accept_by_ms` (Unix time, the centre's clock). `part_of` is there where the
    centre has divided a larger order, of which this is a part.
    """

    central_order_id: UUID
    attempt: int
    accept_by_ms: int
    part_of: PartOf | None = None


GroupChange = GroupSplit | GroupRedirected
ReturnStep = ReturnRequested | ReturnApproved | ReturnRefused | ReturnReceived | ReturnInspected
CancelKind = Literal["cancelled", "voided", "expired", "refused", "handed_back"]

"""What a client writes in the body of a command on an order, and which command takes which body.

Every body may name the revision that its writer has seen (`expected_revision`): an order that has moved on refuses it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import Meta

from edge_core.limits import LINES_MAX, REVISION_MAX
from edge_core.orders.document import (
    Address,
    Amount,
    Currency,
    Date,
    Identifier,
    Method,
    Part,
    Payment,
    Quantity,
    TillOrder,
    Unit,
    Utc,
)
from edge_core.orders.judgment import Owner

Revision = Annotated[int, Meta(ge=1, le=REVISION_MAX)]


class LineQuantity(Part, frozen=True):
    """How much of a line, in thousandths."""

    line_id: Identifier
    quantity_milli: Quantity


Lines = Annotated[tuple[LineQuantity, ...], Meta(max_length=LINES_MAX)]
SomeLines = Annotated[tuple[LineQuantity, ...], Meta(min_length=1, max_length=LINES_MAX)]


class CancelRequest(Part, frozen=True):
    """The body of `cancel`: everything that has not left is called off."""

    reason: Identifier
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class CancelLinesRequest(Part, frozen=True):
    """The body of `cancel-lines`: so much of each line is called off, and the rest goes on."""

    lines: SomeLines
    reason: Identifier
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class VoidRequest(Part, frozen=True):
    """The body of `void`: the order is taken back at the till, on its business day, before anything left."""

    reason: Identifier
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class HandBackRequest(Part, frozen=True):
    """The body of `hand-back`: an order that the centre assigned goes back to it, whole and unchanged."""

    reason: Identifier
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class StepRequest(Part, frozen=True):
    """The body of a step of a group that says no more than that it is done. One open group need not be named."""

    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class RejectRequest(Part, frozen=True):
    """The body of `reject`: why the location cannot serve a group, and for `short` and `damaged` how much is gone.

    `no_carrier`: the service that was to carry it did not come or does not run; another one may.
    """

    reason: Literal["not_found", "short", "damaged", "no_capacity", "closed", "no_carrier"]
    lines: Lines = ()
    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class SplitRequest(Part, frozen=True):
    """The body of `split`: so much of the group waits on its own, because it is not wanted yet or not there."""

    lines: SomeLines
    reason: Literal["not_found", "short", "damaged"] | None = None
    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class ShipRequest(Part, frozen=True):
    """The body of `ship`: who has the parcel now."""

    carrier: Identifier
    tracking: Identifier
    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class CollectRequest(Part, frozen=True):
    """The body of `collect`: the pickup code that the customer shows."""

    code: Identifier
    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class RedirectRequest(Part, frozen=True):
    """The body of `redirect`: the way that the goods go instead; an address where they are sent."""

    method: Method
    ship_to: Address | None = None
    group_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class HoldRequest(Part, frozen=True):
    """The body of `hold`: somebody of at least the rank of `owner` has to look at the order before it goes on."""

    reason: Identifier
    owner: Owner = "store"
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class ApproveRequest(Part, frozen=True):
    """The body of `approve`: the order may go on. One open hold need not be named."""

    hold_id: Identifier | None = None
    reason: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class RefuseRequest(Part, frozen=True):
    """The body of `refuse`: the order that is held is called off, as far as its goods have not left."""

    reason: Identifier
    hold_id: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class EscalateRequest(Part, frozen=True):
    """The body of `escalate`: nobody has answered a hold in time."""

    hold_id: Identifier
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class PayRequest(Part, frozen=True):
    """The body of `pay`: one more payment (the balance of a pre-order), or a pending one that was made."""

    payment: Payment
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class ReturnLine(Part, frozen=True):
    """Goods that came back, as they were found at the inspection."""

    line_id: Identifier
    quantity_milli: Quantity
    condition: Literal["resaleable", "damaged"] = "resaleable"


ReturnLines = Annotated[tuple[ReturnLine, ...], Meta(min_length=1, max_length=LINES_MAX)]


class ReturnRequest(Part, frozen=True):
    """The body of `return`. Without `refund_to` the payments are given back in their order, each up to what it took."""

    lines: ReturnLines
    reason: Identifier
    refund_to: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class ExchangeRequest(Part, frozen=True):
    """The body of `exchange`: what comes back, and the order of type `exchange` for what goes instead.

    The payments of that order are the difference alone.
    """

    lines: ReturnLines
    reason: Identifier
    order: TillOrder
    refund_to: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class ReturnWish(Part, frozen=True):
    """The body of `return-request`: what a customer wants to bring back."""

    lines: SomeLines
    reason: Identifier
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class ReturnStep(Part, frozen=True):
    """The body of a step of a return. `reason` is why it is refused, `refund_to` the payment that is given back."""

    return_id: Identifier
    reason: Identifier | None = None
    refund_to: Identifier | None = None
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class InspectRequest(Part, frozen=True):
    """The body of `return-inspect`: all goods of the return, as they were found."""

    return_id: Identifier
    lines: ReturnLines
    operator_id: Identifier | None = None
    expected_revision: Revision | None = None


class UnreceiptedLine(Part, frozen=True):
    """Goods that came back without a receipt, and what was given for them."""

    sku: Identifier
    quantity_milli: Quantity
    unit: Unit
    refund_minor: Amount
    condition: Literal["resaleable", "damaged"] = "resaleable"
    lot: Identifier | None = None


class UnreceiptedReturn(Part, frozen=True):
    """The body of `POST /v1/returns`: no order is known, so somebody else than the operator has to approve it."""

    terminal_id: Identifier
    operator_id: Identifier
    approved_by: Identifier
    returned_at: Utc
    currency: Currency
    tender: Literal["cash", "voucher", "gift_card"]
    reason: Identifier
    lines: Annotated[tuple[UnreceiptedLine, ...], Meta(min_length=1, max_length=LINES_MAX)]
    business_date: Date | None = None


class CloseRequest(Part, frozen=True):
    """The body of `POST /v1/days/{date}/close`: who counted the drawer."""

    operator_id: Identifier


GroupRequest = (
    StepRequest | RejectRequest | SplitRequest | ShipRequest | CollectRequest | RedirectRequest
)  # each names a group
OrderRequest = (
    GroupRequest
    | CancelRequest
    | CancelLinesRequest
    | HandBackRequest
    | VoidRequest
    | HoldRequest
    | ApproveRequest
    | RefuseRequest
    | EscalateRequest
    | PayRequest
    | ReturnRequest
    | ExchangeRequest
    | ReturnWish
    | ReturnStep
    | InspectRequest
)

GROUP_REQUESTS: Final[Mapping[str, type[GroupRequest]]] = MappingProxyType(
    {
        "accept": StepRequest,
        "collect": CollectRequest,
        "deliver": StepRequest,
        "expire": StepRequest,
        "pack": StepRequest,
        "pick": StepRequest,
        "ready": StepRequest,
        "redirect": RedirectRequest,
        "reject": RejectRequest,
        "renew": StepRequest,
        "route": StepRequest,
        "ship": ShipRequest,
        "split": SplitRequest,
    }
)
"""Every command on a group of an order, and the body that it takes."""

REQUESTS: Final[Mapping[str, type[OrderRequest]]] = MappingProxyType(
    {
        **GROUP_REQUESTS,
        "approve": ApproveRequest,
        "cancel": CancelRequest,
        "cancel-lines": CancelLinesRequest,
        "escalate": EscalateRequest,
        "exchange": ExchangeRequest,
        "hand-back": HandBackRequest,
        "hold": HoldRequest,
        "pay": PayRequest,
        "refuse": RefuseRequest,
        "return": ReturnRequest,
        "return-approve": ReturnStep,
        "return-inspect": InspectRequest,
        "return-receive": ReturnStep,
        "return-refund": ReturnStep,
        "return-refuse": ReturnStep,
        "return-request": ReturnWish,
        "void": VoidRequest,
    }
)
"""Every command on an order by its name in the API, and the body that it takes."""

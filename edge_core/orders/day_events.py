"""The close of a business day: the event, and the sums that it carries (docs/days.md).

The rules are those of `edge_core.orders.events`: names are frozen, a field may be added at the end, with a default.
"""

from uuid import UUID

from msgspec import Struct


class TenderSum(Struct, frozen=True, array_like=True, gc=False):
    """One means of payment over a day, in minor units: what was taken, given back, and taken back on the same day."""

    tender: str
    captured_minor: int = 0
    refunded_minor: int = 0
    voided_minor: int = 0


class CurrencySums(Struct, frozen=True, array_like=True, gc=False):
    """A day in one currency: the orders placed, in minor units, and how often something was called off or came back."""

    currency: str
    orders: int = 0
    gross_minor: int = 0
    discount_minor: int = 0
    net_minor: int = 0
    tax_minor: int = 0
    shipping_minor: int = 0
    grand_total_minor: int = 0
    cancellations: int = 0
    voids: int = 0
    returns: int = 0
    exchanges: int = 0
    unreceipted_returns: int = 0
    tenders: tuple[TenderSum, ...] = ()


class DayClosed(Struct, frozen=True, array_like=True, gc=False, tag="day.closed"):
    """A business day was closed under the next Z number.

    `sums` are of everything of the day up to `up_to_seq` of the stream `incarnation`; what comes of it later is late.
    """

    close_id: UUID
    business_date: str
    z_number: int
    incarnation: UUID
    up_to_seq: int
    operator_id: str
    sums: tuple[CurrencySums, ...]

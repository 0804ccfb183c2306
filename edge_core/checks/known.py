"""What a store itself has seen lately, as far as a judgement asks: baskets of a till, orders of a customer, coupons.

The shell reads it from the file before a batch is decided, and adds each order that the batch takes: an order that
comes a moment later in the same batch is judged with the ones before it.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from edge_core.orders.document import Order, TillOrder

_ENCODER: Final = msgspec.msgpack.Encoder()
_BASKET_BYTES: Final = 8


class Earlier(Struct, frozen=True, gc=False):
    """An order that a till has placed before. `basket` is the mark of its goods, `at_ms` when it was recorded."""

    order_id: UUID
    at_ms: int
    basket: int


class Use(Struct, frozen=True, gc=False):
    """What a customer did here: owed on account, bought on one business date, orders within the velocity window."""

    credit_minor: int = 0
    day_minor: int = 0
    orders: int = 0


class Known:
    """The working set of one batch. Customers are asked for with the business date of the order."""

    def __init__(
        self,
        earlier: Mapping[str, Iterable[Earlier]] | None = None,
        uses: Mapping[tuple[str, str], Use] | None = None,
        coupons: Iterable[str] = (),
    ) -> None:
        self._earlier = {terminal_id: list(several) for terminal_id, several in (earlier or {}).items()}
        self._uses = dict(uses or {})
        self._coupons = set(coupons)

    def earlier(self, terminal_id: str, basket: int, since_ms: int) -> Earlier | None:
        """The newest order of a till since a moment that has the same goods."""
        same = [e for e in self._earlier.get(terminal_id, ()) if e.basket == basket and e.at_ms >= since_ms]
        return max(same, key=lambda each: each.at_ms, default=None)

    def use(self, customer_ref: str, business_date: str) -> Use:
        """What a customer did here."""
        return self._uses.get((customer_ref, business_date), _UNUSED)

    def is_used(self, coupon: str) -> bool:
        """Whether a coupon was taken here before, by an order that stands."""
        return coupon in self._coupons

    def take(self, order: Order, at_ms: int) -> None:
        """An order was taken: the next one is judged with it."""
        seen = Earlier(order.order_id, at_ms, basket_mark(order))
        self._earlier.setdefault(order.terminal_id, []).append(seen)
        self._coupons.update(coupons_of(order))
        if order.customer_ref is None:
            return
        for ref, date in {*self._uses, (order.customer_ref, order.business_date)}:
            if ref == order.customer_ref:
                use = self.use(ref, date)
                today = order.totals.grand_total_minor if date == order.business_date else 0
                credit_minor = use.credit_minor + on_account_minor(order)
                self._uses[ref, date] = Use(credit_minor, use.day_minor + today, use.orders + 1)


_UNUSED: Final = Use()


def basket_mark(order: TillOrder | Order) -> int:
    """63 bits that stand for goods, quantities and prices of an order, in whatever order they were scanned."""
    goods = sorted((line.sku, line.quantity_milli, line.net_minor) for line in order.lines)
    digest = blake2b(_ENCODER.encode(goods), digest_size=_BASKET_BYTES).digest()
    return int.from_bytes(digest, "big") >> 1


def coupons_of(order: TillOrder | Order) -> list[str]:
    """The codes of the coupons that an order takes."""
    return [a.code for a in order.adjustments if a.kind == "coupon" and a.code is not None]


def on_account_minor(order: TillOrder | Order) -> int:
    """How much of an order the customer is to owe, as it is posted."""
    return sum(payment.amount_minor for payment in order.payments if payment.tender == "on_account")

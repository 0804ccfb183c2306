"""What a store itself has seen lately, as far as a judgement asks: baskets of a till, orders of a customer, coupons.

The shell reads it from the file before a batch is decided, and adds each order that the batch takes: an order that
comes a moment later in the same batch is judged with the ones before it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from edge_core.orders.document import Line, Order, TillOrder

_ENCODER: Final = msgspec.msgpack.Encoder()
_BASKET_BYTES: Final = 8


class Earlier(Struct, frozen=True, gc=False):
    """An order that has the same basket mark, and when its till says that it was placed (Unix ms)."""

    order_id: UUID
    placed_ms: int


class Basket(Struct, frozen=True, gc=False):
    """An order and the mark of its basket, as it is kept for the orders that come next."""

    mark: int
    seen: Earlier


class Use(Struct, frozen=True, gc=False):
    """What a customer did here: owed on account, bought on one business date, orders within the velocity window."""

    credit_minor: int = 0
    day_minor: int = 0
    orders: int = 0


class Known:
    """The working set of one batch. Customers are asked for with the business date of the order."""

    def __init__(
        self,
        earlier: Mapping[int, Iterable[Earlier]] | None = None,
        uses: Mapping[tuple[str, str], Use] | None = None,
        coupons: Iterable[str] = (),
        edits: Mapping[str, int] | None = None,
    ) -> None:
        self._earlier = {mark: list(several) for mark, several in (earlier or {}).items()}
        self._uses: dict[str, dict[str, Use]] = defaultdict(dict)
        for (customer_ref, business_date), use in (uses or {}).items():
            self._uses[customer_ref][business_date] = use
        self._coupons = set(coupons)
        self._edits = Counter(edits or {})
        self._marks: dict[tuple[int, str, str | None], tuple[tuple[Line, ...], int]] = {}
        self.taken: list[Basket] = []

    def mark_of(self, order: TillOrder | Order) -> int:
        """The mark of an order's basket, made once: a posted order and the document made of it have the same lines."""
        key = id(order.lines), order.terminal_id, _customer_of(order)  # lines are kept: the number stays theirs
        known = self._marks.get(key)
        if known is None:
            known = self._marks[key] = order.lines, basket_mark(order)
        return known[1]

    def earlier(self, mark: int, placed_ms: int, window_ms: int) -> Earlier | None:
        """The order with the same basket mark that was placed nearest to a moment, and no further from it than that."""
        near = [e for e in self._earlier.get(mark, ()) if abs(e.placed_ms - placed_ms) <= window_ms]
        return min(near, key=lambda each: abs(each.placed_ms - placed_ms), default=None)

    def use(self, customer_ref: str, business_date: str) -> Use:
        """What a customer did here."""
        return self._uses[customer_ref].get(business_date, _UNUSED)

    def is_used(self, coupon: str) -> bool:
        """Whether a coupon was taken here before, by an order that stands."""
        return coupon in self._coupons

    def edits(self, source: str) -> int:
        """How often addresses were edited from a source within the window of the rules."""
        return self._edits[source]

    def note_edit(self, sources: Iterable[str]) -> None:
        """An address was edited: the next edit is judged with it."""
        self._edits.update(sources)

    def owe(self, customer_ref: str, more_minor: int) -> None:
        """A customer owes more on account than before: the next order or payment is judged with it."""
        dates = self._uses[customer_ref]
        for date, use in dates.items():
            dates[date] = Use(use.credit_minor + more_minor, use.day_minor, use.orders)

    def take(self, order: Order) -> None:
        """An order was taken: the next one is judged with it. `taken` names the baskets that came so."""
        basket = Basket(self.mark_of(order), Earlier(order.order_id, placed_ms_of(order)))
        self._earlier.setdefault(basket.mark, []).append(basket.seen)
        self.taken.append(basket)
        self._coupons.update(coupons_of(order))
        if order.customer_ref is None:
            return
        dates = self._uses[order.customer_ref]
        dates.setdefault(order.business_date, _UNUSED)
        for date, use in dates.items():
            today = order.totals.grand_total_minor if date == order.business_date else 0
            credit_minor = use.credit_minor + on_account_minor(order)
            dates[date] = Use(credit_minor, use.day_minor + today, use.orders + 1)


_UNUSED: Final = Use()


def basket_mark(order: TillOrder | Order) -> int:
    """63 bits that stand for a till, its customer, and goods, quantities and prices, in whatever order they came."""
    goods = sorted((line.sku, line.quantity_milli, line.net_minor) for line in order.lines)
    whole = _ENCODER.encode((order.terminal_id, _customer_of(order), goods))
    return int.from_bytes(blake2b(whole, digest_size=_BASKET_BYTES).digest(), "big") >> 1


def _customer_of(order: TillOrder | Order) -> str | None:
    if isinstance(order, TillOrder):
        return None if order.customer is None else order.customer.ref
    return order.customer_ref


def placed_ms_of(order: TillOrder | Order) -> int:
    """When the till says that an order was placed, in Unix milliseconds."""
    return int(datetime.fromisoformat(order.placed_at).timestamp() * 1000)


def coupons_of(order: TillOrder | Order) -> list[str]:
    """The codes of the coupons that an order takes."""
    return [a.code for a in order.adjustments if a.kind == "coupon" and a.code is not None]


def on_account_minor(order: TillOrder | Order) -> int:
    """How much of an order the customer is to owe, as it is posted."""
    return sum(payment.amount_minor for payment in order.payments if payment.tender == "on_account")

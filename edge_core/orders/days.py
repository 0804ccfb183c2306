"""The books of a business day: which entries belong to it, what they add up to, and the decision to close it.

Every entry belongs to one day: one that places an order to the order's business date, goods without a receipt to
theirs, and everything else to the store's own date at the time that it was recorded.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from edge_core.errors import Rejected
from edge_core.orders.commands import CloseDay
from edge_core.orders.day_events import CurrencySums, DayClosed, TenderSum
from edge_core.orders.events import (
    Event,
    OrderCancelled,
    OrderPlaced,
    OrderReturned,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentReversal,
)
from edge_core.orders.exchanging import CREDIT_ID
from edge_core.orders.further_events import GoodsTakenBack
from edge_core.orders.rendering import Recorded
from edge_core.orders.validation import is_date

Books = Counter[tuple[str, str, str]]
"""Sums by currency, tender ('' for what is about the whole order) and the name of the field."""

EXCHANGE: Final = "exchange"
"""The tender of what came back and was spent at once: over an exchange its captures and refunds come to nothing."""

_SUMS: Final = tuple(name for name in CurrencySums.__struct_fields__ if name not in {"currency", "tenders"})
_OF_TENDER: Final = tuple(name for name in TenderSum.__struct_fields__ if name != "tender")
_TOTALS: Final = ("gross_minor", "discount_minor", "net_minor", "tax_minor", "shipping_minor", "grand_total_minor")


def day_of(recorded: Recorded, date_at: Callable[[int], str]) -> str:
    """The day that an entry belongs to. `date_at` is the store's calendar date at a Unix time in milliseconds."""
    first = recorded.entry.events[0]
    if isinstance(first, OrderPlaced):
        return first.order.business_date
    return first.business_date if isinstance(first, GoodsTakenBack) else date_at(recorded.entry.recorded_at_ms)


def add_order(books: Books, accepted: Iterable[Recorded], is_wanted: Callable[[Recorded], bool]) -> None:
    """Add those entries of an order that are wanted; `accepted` are all of them, in their order."""
    account: _Account | None = None
    for recorded in accepted:
        wanted = is_wanted(recorded)
        for event in recorded.entry.events:
            if isinstance(event, OrderPlaced):
                account = _Account(event.order.currency, {p.payment_id: p.tender for p in event.order.payments})
            elif isinstance(event, PaymentAuthorized | PaymentCaptured) and account and event.tender:
                account.tenders[event.payment_id] = event.tender.tender
            if wanted and account is not None:
                _add(books, account, event)


def add_unreceipted(books: Books, taken: GoodsTakenBack) -> None:
    """Add goods that came back without a receipt."""
    books[taken.currency, "", "unreceipted_returns"] += 1
    books[taken.currency, taken.tender, "refunded_minor"] += taken.refund_minor


def sums_of(books: Books) -> tuple[CurrencySums, ...]:
    """The books as they are recorded and shown, by currency and tender."""
    return tuple(_currency(books, currency) for currency in sorted({currency for currency, _, _ in books}))


def books_of(sums: Iterable[CurrencySums]) -> Books:
    """The way back from `sums_of`."""
    books: Books = Counter()
    for each in sums:
        for name in _SUMS:
            books[each.currency, "", name] += getattr(each, name)
        for tender in each.tenders:
            for name in _OF_TENDER:
                books[each.currency, tender.tender, name] += getattr(tender, name)
    return books


def late(now: Books, closed: DayClosed) -> tuple[CurrencySums, ...]:
    """What has come of a day since it was closed."""
    since: Books = Counter(now)
    since.subtract(books_of(closed.sums))
    return sums_of(Counter({key: amount for key, amount in since.items() if amount}))


def close_day(closed: Iterable[DayClosed], command: CloseDay) -> tuple[Event, ...] | Rejected:
    """Close a day that is not closed yet, under the next number. `closed` are all days that are."""
    known = tuple(closed)
    if not is_date(command.business_date) or command.business_date > command.today:
        return Rejected("invalid-time", f"{command.business_date} is no day that has begun; today is {command.today}")
    before = next((day for day in known if day.business_date == command.business_date), None)
    if before is not None:
        return Rejected("day-closed", f"{command.business_date} was closed under Z number {before.z_number}")
    return (
        DayClosed(
            close_id=command.close_id,
            business_date=command.business_date,
            z_number=1 + max((day.z_number for day in known), default=0),
            incarnation=command.incarnation,
            up_to_seq=command.up_to_seq,
            operator_id=command.request.operator_id,
            sums=command.sums,
        ),
    )


class _Account(Struct):
    """What the sums need to know of an order: its currency, and the tender of each payment."""

    currency: str
    tenders: dict[str, str]

    def tender_of(self, payment_id: str) -> str:
        return EXCHANGE if payment_id == CREDIT_ID else self.tenders[payment_id]


def _add(books: Books, account: _Account, event: Event) -> None:
    currency = account.currency
    match event:
        case OrderPlaced():
            books[currency, "", "orders"] += 1
            for name in _TOTALS:
                books[currency, "", name] += getattr(event.order.totals, name)
        case PaymentCaptured():
            books[currency, account.tender_of(event.payment_id), "captured_minor"] += event.amount_minor
        case OrderCancelled():
            books[currency, "", "voids" if event.kind == "voided" else "cancellations"] += 1
            _reverse(books, account, event.reversals)
        case OrderReturned():
            books[currency, "", "returns" if event.exchanged_for is None else "exchanges"] += 1
            _reverse(books, account, event.reversals)
            if event.credit_minor:
                books[currency, EXCHANGE, "refunded_minor"] += event.credit_minor
        case _:
            pass  # moves goods, not money


def _reverse(books: Books, account: _Account, reversals: Iterable[PaymentReversal]) -> None:
    for reversal in reversals:
        books[account.currency, account.tender_of(reversal.payment_id), f"{reversal.kind}_minor"] += (
            reversal.amount_minor
        )


def _currency(books: Books, currency: str) -> CurrencySums:
    tenders = sorted({tender for of, tender, _ in books if of == currency and tender})
    return CurrencySums(
        currency,
        **{name: books[currency, "", name] for name in _SUMS},
        tenders=tuple(
            TenderSum(tender, **{name: books[currency, tender, name] for name in _OF_TENDER}) for tender in tenders
        ),
    )

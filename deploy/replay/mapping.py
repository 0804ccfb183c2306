"""What becomes of each line of the ledger: a step that a till or the back office takes, or a refusal with its reason.

Pure, and in the ledger's own order: what comes back is matched with what was sold before it. The table of oddities that
this follows is in docs/replay.md.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from msgspec import Struct

from deploy.replay.source import SourceInvoice, SourceLine
from edge_core.limits import LINES_MAX

T = TypeVar("T")
Reason = Literal[
    "bad-debt", "own-cost", "stock-found", "no-quantity", "negative-price", "fraction-of-a-penny", "order-refused"
]

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bad-debt": "a debt that was written off (A...): a booking, nobody bought or brought anything",
        "own-cost": "a cost of the distributor's own, with no customer: fees, samples, charges",
        "stock-found": "more stock at no price and for nobody: a correction of stock, not a sale",
        "no-quantity": "a quantity of nought",
        "negative-price": "a price below nought",
        "fraction-of-a-penny": "a unit price that whole pence cannot say without another amount",
        "order-refused": "what would come back is of an order that the agent refused",
    }
)
"""Why a line is not sent to any agent, for people."""

_OWN_ACCOUNTS: Final = frozenset({"AMAZONFEE", "B", "BANK CHARGES", "CRUK", "S"})
_BAD_DEBT: Final = "A"


class Sale(Struct, frozen=True):
    """An order to be placed under a key: an invoice, or a part of one that has too many lines for an order."""

    key: str
    invoice: SourceInvoice
    lines: tuple[SourceLine, ...]


class Back(Struct, frozen=True):
    """A line that takes goods back, and the line of the order from which they are; its row is that line's id there."""

    line: SourceLine
    sold_row: int


class ReturnWithReceipt(Struct, frozen=True):
    """What one cancellation takes back of one order, the order's key being `sale_key`."""

    key: str
    invoice: SourceInvoice
    sale_key: str
    backs: tuple[Back, ...]


class ReturnWithoutReceipt(Struct, frozen=True):
    """What one cancellation takes back of nothing that is known."""

    key: str
    invoice: SourceInvoice
    lines: tuple[SourceLine, ...]


class WriteOff(Struct, frozen=True):
    """Goods that are gone: a quantity below nought at no price."""

    key: str
    invoice: SourceInvoice
    line: SourceLine


class Refused(Struct, frozen=True):
    """A line that no agent is asked about, and why."""

    invoice: SourceInvoice
    line: SourceLine
    reason: Reason


Step = Sale | ReturnWithReceipt | ReturnWithoutReceipt | WriteOff


class _Sold(Struct):
    """A line that a customer has, and how many pieces of it are left."""

    sale_key: str
    row: int
    left: int


class Mapper:
    """Goes through the invoices once, and remembers what each customer has."""

    def __init__(self) -> None:
        self._parts: Counter[str] = Counter()
        self._has: defaultdict[tuple[str, str, int], list[_Sold]] = defaultdict(list)

    def steps(self, invoice: SourceInvoice) -> Iterator[Step | Refused]:
        """Every line of an invoice, each in exactly one step or refusal."""
        sold: list[SourceLine] = []
        back: list[SourceLine] = []
        for line in invoice.lines:
            reason = refusal(invoice, line)
            if reason is not None:
                yield Refused(invoice, line, reason)
            elif line.quantity > 0:
                sold.append(line)
            elif line.price > 0:
                back.append(line)
            else:
                yield WriteOff(f"{invoice.number}-row-{line.row}", invoice, line)
        for part in _pieces(sold):
            yield self._sale(invoice, part)
        yield from self._returns(invoice, back)

    def _sale(self, invoice: SourceInvoice, lines: tuple[SourceLine, ...]) -> Sale:
        key = self._part(invoice.number)
        for line in lines:
            if invoice.customer is not None:
                place = invoice.customer, line.sku, line.price_minor
                self._has[place].append(_Sold(key, line.row, line.quantity))
        return Sale(key, invoice, lines)

    def _returns(self, invoice: SourceInvoice, lines: Iterable[SourceLine]) -> Iterator[Step]:
        receipted: defaultdict[str, list[Back]] = defaultdict(list)
        blind: list[SourceLine] = []
        for line in lines:
            sold = self._find(invoice, line)
            if sold is None:
                blind.append(line)
            else:
                sold.left += line.quantity
                receipted[sold.sale_key].append(Back(line, sold.row))
        for sale_key, backs in receipted.items():
            for part in _pieces(backs):
                yield ReturnWithReceipt(self._part(invoice.number), invoice, sale_key, part)
        for lines_without in _pieces(blind):
            yield ReturnWithoutReceipt(self._part(invoice.number), invoice, lines_without)

    def _find(self, invoice: SourceInvoice, line: SourceLine) -> _Sold | None:
        """The customer's latest line of the same goods at the same price that still has so many pieces."""
        if invoice.customer is None:
            return None
        found = self._has.get((invoice.customer, line.sku, line.price_minor), ())
        return next((sold for sold in reversed(found) if sold.left >= -line.quantity), None)

    def _part(self, number: str) -> str:
        """N, N-2, N-3 ...: an invoice of too many lines, or one that goes on later in the file, has several parts."""
        self._parts[number] += 1
        return number if self._parts[number] == 1 else f"{number}-{self._parts[number]}"


def refusal(invoice: SourceInvoice, line: SourceLine) -> Reason | None:
    """Why a line is nothing that a till or a back office could do, or None."""
    if invoice.number.startswith(_BAD_DEBT):
        return "bad-debt"
    if line.quantity == 0:
        return "no-quantity"
    if line.price < 0:
        return "negative-price"
    if invoice.customer is None and line.sku in _OWN_ACCOUNTS:
        return "own-cost"
    if line.quantity > 0 and line.price == 0 and invoice.customer is None:
        return "stock-found"
    if line.price_minor * line.quantity != line.amount_minor:
        return "fraction-of-a-penny"
    return None


def store_index(invoice: SourceInvoice, stores: int) -> int:
    """Which store: the customer's own, so that goods come back where they were sold; else by the number."""
    return zlib.crc32((invoice.customer or invoice.number).encode()) % stores


def _pieces(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """As many at once as a request takes."""
    for start in range(0, len(items), LINES_MAX):
        yield tuple(items[start : start + LINES_MAX])

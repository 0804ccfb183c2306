"""What follows an order in the demo: the steps of a parcel and of a pickup, returns and exchanges. Pure.

What the file takes back in part comes back here; every third of those customers takes the same goods again, in
another piece.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deploy.demo.invoices import Document, to_order
from deploy.demo.records import Cancellation, Invoice

_EXCHANGED_OF: Final = 3
_REASON: Final = "customer-request"


class Sold(Struct, frozen=True):
    """An order of this round: its id, its invoice, and how many pieces of each line are still with the customer."""

    order_id: str
    invoice: Invoice
    left: list[int]


class Back(Struct, frozen=True):
    """Pieces of a line that come back, by the line's place in the invoice."""

    index: int
    quantity: int


def steps_of(kind: str, tracking: str) -> tuple[tuple[str, Document], ...]:
    """The commands that bring an order of this type to its end; `collect` still lacks the pickup code."""
    match kind:
        case "ship":
            parcel = {"carrier": "Parcel post", "tracking": tracking}
            return (("accept", {}), ("pick", {}), ("pack", {}), ("ship", parcel), ("deliver", {}))
        case "pickup":
            return (("accept", {}), ("pick", {}), ("ready", {}), ("collect", {}))
        case _:
            return ()


def is_exchange(taken: Cancellation) -> bool:
    """Whether this customer wants goods instead of money, by a hash of the number."""
    return not taken.whole and zlib.crc32(taken.number.encode()) % _EXCHANGED_OF == 0


def coming_back(sold: Sold, taken: Cancellation) -> tuple[Back, ...]:
    """Which lines of an order a cancellation takes back; empty where the customer does not have it all."""
    left = list(sold.left)
    found: list[Back] = []
    for line in taken.lines:
        missing = line.quantity
        for index, bought in enumerate(sold.invoice.lines):
            part = min(missing, left[index]) if bought.sku == line.sku else 0
            if part:
                left[index] -= part
                missing -= part
                found.append(Back(index, part))
        if missing:
            return ()
    return tuple(found)


def to_return(parts: Sequence[Back]) -> Document:
    """The body of `return`."""
    lines = [{"line_id": str(part.index + 1), "quantity_milli": part.quantity * 1000} for part in parts]
    return {"lines": lines, "reason": _REASON}


def to_exchange(sold: Sold, parts: Sequence[Back], *, store_id: str, terminal_id: str, placed_at: datetime) -> Document:
    """The body of `exchange`: the same goods again at the same price, so that nothing is to be paid."""
    goods = tuple(replace(sold.invoice.lines[part.index], quantity=part.quantity) for part in parts)
    again = replace(sold.invoice, lines=goods)
    order = to_order(again, store_id=store_id, terminal_id=terminal_id, placed_at=placed_at, type_="sale")
    return {**to_return(parts), "order": {**order, "order_type": "exchange", "payments": []}}

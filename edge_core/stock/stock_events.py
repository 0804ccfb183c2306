"""What happens to stock beside orders and movements: counts (docs/events.md, "Stock of its own").

The rules are those of `edge_core.orders.events`: names are frozen, a field may be added at the end, with a default.
Each has a `movement_id` by which it counts once, however often it is heard, and the `deltas` that it makes.
"""

from typing import Literal
from uuid import UUID

from msgspec import Struct

from edge_core.stock.counting import CountLine, Shortage
from edge_core.stock.ledger import StockDelta

CountCause = Literal["cycle_count", "theft", "spoilage", "breakage", "correction"]


class StockCounted(Struct, frozen=True, array_like=True, gc=False, tag="stock.counted"):
    """Positions were counted: each line says what was found and what the book said; `deltas` bring the book to it.

    `shortages` are goods that were promised and are not there; they stay promised, and their orders have to be told.
    `approved_by` accepted what differed by more than the tolerance.
    """

    movement_id: UUID
    cause: CountCause
    reference: str | None
    lines: tuple[CountLine, ...]
    deltas: tuple[StockDelta, ...]
    shortages: tuple[Shortage, ...] = ()
    approved_by: str | None = None


StockEvent = StockCounted

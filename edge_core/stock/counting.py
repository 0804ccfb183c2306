"""Counting: what a cycle count says of the book, and what is done about the difference (docs/stock.md, "Counting").

A line keeps the book's figure of the moment at which it was counted. Only the difference of the two is ever posted, so
that what is sold or received between the counting and the posting stays right. Goods that were promised are not written
off: where fewer are there than were promised, the rest is a **shortage**, a figure of its own and never an oversell.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.limits import COUNT_LINES_MAX, COUNT_TOLERANCE_PERCENT_DEFAULT, QUANTITY_MILLI_MAX
from edge_core.orders.machines import Machine, Transition
from edge_core.people import is_same_person
from edge_core.stock.ledger import Position, StockDelta

COUNT: Final = Machine(
    "count",
    "open",
    frozenset({"posted", "cancelled"}),
    (
        Transition("open", "line_counted", "open"),
        Transition("open", "finished", "agreed"),
        Transition("open", "finished:doubtful", "doubtful"),
        Transition("open", "cancelled", "cancelled"),
        Transition("doubtful", "line_counted", "open"),
        Transition("doubtful", "approved", "agreed"),
        Transition("doubtful", "cancelled", "cancelled"),
        Transition("agreed", "posted", "posted"),
    ),
)

Place = tuple[str, str | None]


class CountLine(Struct, frozen=True, array_like=True):
    """One position as it was found: quantities in thousandths; `times` says how often it has been counted."""

    sku: str
    lot: str | None
    unit: str
    counted_milli: int
    book_milli: int
    operator_id: str
    times: int = 1
    expires_on: str | None = None

    @property
    def difference_milli(self) -> int:
        """What was found beyond the book; below zero where something is missing."""
        return self.counted_milli - self.book_milli


class Count(Struct, frozen=True, array_like=True):
    """A cycle count of some positions of one location."""

    count_id: UUID
    lines: tuple[CountLine, ...] = ()
    status: str = "open"
    approved_by: str | None = None
    tolerance_percent: int = COUNT_TOLERANCE_PERCENT_DEFAULT


class Shortage(Struct, frozen=True, array_like=True, gc=False):
    """Goods that were promised and are not there: their orders have to be told; thousandths of the unit."""

    sku: str
    lot: str | None
    unit: str
    quantity_milli: int


class Posted(Struct, frozen=True):
    """The count afterwards, what it changes in the stock, and what cannot be delivered."""

    count: Count
    deltas: tuple[StockDelta, ...]
    shortages: tuple[Shortage, ...]


def record(count: Count, position: Position, counted_milli: int, operator_id: str) -> Count | Rejected:
    """Write down how much of a position was found. Counted again, the later figure holds, with the book of its time.

    A position that the ledger never had is passed with nothing on hand. People count blind: nobody shows them the book.
    """
    if (found := _refused(count, "line_counted")) is not None:
        return found
    if not 0 <= counted_milli <= QUANTITY_MILLI_MAX:
        return Rejected(
            "invalid-parameter", f"0 to {QUANTITY_MILLI_MAX} thousandths can be counted, not {counted_milli}"
        )
    before = next((line for line in count.lines if (line.sku, line.lot) == (position.sku, position.lot)), None)
    if before is None and len(count.lines) >= COUNT_LINES_MAX:
        return Rejected("invalid-parameter", f"a count has at most {COUNT_LINES_MAX} lines")
    line = CountLine(
        position.sku,
        position.lot,
        position.unit,
        counted_milli,
        position.on_hand_milli,
        operator_id,
        1 if before is None else before.times + 1,
        position.expires_on,
    )
    others = tuple(each for each in count.lines if each is not before)
    return replace(count, lines=(*others, line), status=COUNT.next_state(count.status, "line_counted"))


def finish(count: Count) -> Count | Rejected:
    """End the counting. Where a line differs by more than the tolerance, somebody counts again or approves it."""
    if (found := _refused(count, "finished")) is not None:
        return found
    on = "finished:doubtful" if doubtful(count) else "finished"
    return replace(count, status=COUNT.next_state(count.status, on))


def doubtful(count: Count) -> tuple[CountLine, ...]:
    """The lines that differ by more than the tolerance; what the book does not have at all is always in doubt."""
    percent = count.tolerance_percent
    return tuple(each for each in count.lines if abs(each.difference_milli) * 100 > percent * each.book_milli)


def approve(count: Count, operator_id: str) -> Count | Rejected:
    """Accept the differences. Not by one who counted a line that is in doubt."""
    if (found := _refused(count, "approved")) is not None:
        return found
    if any(is_same_person(line.operator_id, operator_id) for line in doubtful(count)):
        detail = f"{operator_id} counted what is in doubt; another has to approve it"
        return Rejected("command-not-allowed", detail, state=count.status)
    return replace(count, status=COUNT.next_state(count.status, "approved"), approved_by=operator_id)


def cancel(count: Count) -> Count | Rejected:
    """Give the count up; nothing is posted."""
    return _refused(count, "cancelled") or replace(count, status=COUNT.next_state(count.status, "cancelled"))


def post(count: Count, positions: Mapping[Place, Position]) -> Posted | Rejected:
    """Bring the book to what was found, as far as nothing that was promised is taken away.

    `positions` are those of now, by SKU and lot; what was sold or received since the counting is in them.
    """
    if (found := _refused(count, "posted")) is not None:
        return found
    deltas: list[StockDelta] = []
    shortages: list[Shortage] = []
    for line in count.lines:
        change_milli, short_milli = _change(line, positions.get((line.sku, line.lot)))
        if change_milli:
            deltas.append(StockDelta(line.sku, line.lot, line.unit, change_milli, 0, line.expires_on))
        if short_milli:
            shortages.append(Shortage(line.sku, line.lot, line.unit, short_milli))
    after = replace(count, status=COUNT.next_state(count.status, "posted"))
    return Posted(after, tuple(deltas), tuple(shortages))


def next_to_count(
    positions: Iterable[Position], last_counted_ms: Mapping[Place, int], *, lines: int
) -> Sequence[Position]:
    """The positions that a cycle count should take next: those never counted first, then the longest ago."""
    order = sorted(positions, key=lambda p: (last_counted_ms.get((p.sku, p.lot), 0), p.sku, p.lot or ""))
    return order[: min(lines, COUNT_LINES_MAX)]


def _change(line: CountLine, position: Position | None) -> tuple[int, int]:
    """What to change on hand, and what is short beyond that."""
    free_milli = 0 if position is None else position.free_milli
    change_milli = max(line.difference_milli, -free_milli)
    return change_milli, change_milli - line.difference_milli


def _refused(count: Count, on: str) -> Rejected | None:
    if COUNT.is_legal(count.status, on):
        return None
    detail = f"a count that is {count.status} cannot be {on.replace('_', ' ')}"
    return Rejected("command-not-allowed", detail, state=count.status, allowed=COUNT.allowed(count.status))

"""A cycle count: what people found is held against the book, and the book brought to it (docs/stock.md, "Counting")."""

from collections.abc import Mapping

from edge_core.errors import Rejected
from edge_core.orders.commands import CountStock
from edge_core.orders.events import Event
from edge_core.orders.validation import is_date
from edge_core.orders.world import World
from edge_core.stock import counting
from edge_core.stock.counting import Count, CountLine, Place
from edge_core.stock.ledger import Position
from edge_core.stock.requests import CountedLine
from edge_core.stock.stock_events import StockCounted


def count_stock(world: World, command: CountStock) -> tuple[Event, ...] | Rejected:
    """The event of a count. Beyond the tolerance it takes a second count, or the word of somebody who did not count.

    The book is that of this moment, in the transaction that posts the difference: tills sell on while people count,
    and nobody has to stop them.
    """
    request = command.request
    positions = {(p.sku, p.lot): p for found in world.stock.values() for p in found}
    count = Count(command.count_id)
    for index, line in enumerate(request.lines):
        position = _position(index, line, positions, count)
        if isinstance(position, Rejected):
            return position
        recorded = counting.record(count, position, line.counted_milli, request.operator_id)
        if isinstance(recorded, Rejected):
            return recorded
        count = recorded
    return _post(command, count, positions)


def _post(command: CountStock, count: Count, positions: Mapping[Place, Position]) -> tuple[Event, ...] | Rejected:
    request = command.request
    finished = counting.finish(count)
    if isinstance(finished, Rejected):
        return finished
    if finished.status == "doubtful":
        approved = _approve(finished, request.approved_by)
        if isinstance(approved, Rejected):
            return approved
        finished = approved
    posted = counting.post(finished, positions)
    if isinstance(posted, Rejected):
        return posted
    return (
        StockCounted(
            command.count_id,
            request.cause,
            request.reference,
            posted.count.lines,
            posted.deltas,
            posted.shortages,
            posted.count.approved_by,
        ),
    )


def _approve(count: Count, approved_by: str | None) -> Count | Rejected:
    """People count blind: the answer names the lines that are in doubt, and not what the book says of them."""
    if approved_by is None:
        doubtful = counting.doubtful(count)
        names = ", ".join(_name(line) for line in doubtful[:5])
        detail = f"{len(doubtful)} lines differ by more than {count.tolerance_percent}% of the book: {names}"
        pointer = f"/lines/{count.lines.index(doubtful[0])}"
        return Rejected("recount-needed", detail, pointer, state=count.status)
    approved = counting.approve(count, approved_by)
    if isinstance(approved, Rejected):
        return Rejected("approval-needed", approved.detail, "/approved_by", state=count.status)
    return approved


def _position(index: int, line: CountedLine, positions: Mapping[Place, Position], count: Count) -> Position | Rejected:
    """The position that a line is about, checked against the ledger and the lines before it."""
    pointer = f"/lines/{index}"
    if any((line.sku, line.lot) == (each.sku, each.lot) for each in count.lines):
        return Rejected("duplicate-identifier", f"{line.sku} lot {line.lot or '-'} is counted twice", pointer)
    if line.expires_on is not None and not is_date(line.expires_on):
        return Rejected("invalid-time", f"{line.expires_on} does not exist", f"{pointer}/expires_on")
    units = {p.unit for p in positions.values() if p.sku == line.sku}
    if units and units != {line.unit}:
        detail = f"{line.sku} is kept in {min(units)}, the line says {line.unit}"
        return Rejected("unit-mismatch", detail, f"{pointer}/unit")
    position = positions.get((line.sku, line.lot))
    if position is None:
        return Position(line.sku, line.lot, line.unit, line.expires_on)
    if line.expires_on not in {None, position.expires_on}:
        detail = f"lot {line.lot} of {line.sku} is recorded as expiring on {position.expires_on}"
        return Rejected("lot-mismatch", detail, f"{pointer}/expires_on")
    return position


def _name(line: CountLine) -> str:
    return line.sku if line.lot is None else f"{line.sku} lot {line.lot}"

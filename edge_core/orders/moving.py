"""Goods that come and go with a cause of their own: receipts and write-offs."""

from edge_core.errors import Rejected
from edge_core.orders.commands import MovementLine, MoveStock
from edge_core.orders.events import Event, StockMoved
from edge_core.orders.validation import is_date
from edge_core.orders.world import World
from edge_core.stock.ledger import Position, StockDelta, apply_delta


def move_stock(world: World, command: MoveStock) -> tuple[Event, ...] | Rejected:
    """The event of goods that came or went, each line checked against the ledger and the lines before it."""
    request = command.request
    sign = 1 if request.movement == "receipt" else -1
    stock = {(p.sku, p.lot): p for positions in world.stock.values() for p in positions}
    deltas: list[StockDelta] = []
    for index, line in enumerate(request.lines):
        units = {p.unit for (sku, _), p in stock.items() if sku == line.sku}
        position = stock.get((line.sku, line.lot))
        found = _check_movement(index, line, units, position, sign)
        if found is not None:
            return found
        delta = StockDelta(
            line.sku, line.lot, line.unit, on_hand_milli=sign * line.quantity_milli, expires_on=line.expires_on
        )
        stock[line.sku, line.lot] = apply_delta(position, delta)
        deltas.append(delta)
    return (StockMoved(command.movement_id, request.movement, request.reference, tuple(deltas)),)


def _check_movement(
    index: int, line: MovementLine, units: set[str], position: Position | None, sign: int
) -> Rejected | None:
    pointer = f"/lines/{index}"
    if line.expires_on is not None and not is_date(line.expires_on):
        return Rejected("invalid-time", f"{line.expires_on} does not exist", f"{pointer}/expires_on")
    if units and units != {line.unit}:
        detail = f"{line.sku} is kept in {min(units)}, the line says {line.unit}"
        return Rejected("unit-mismatch", detail, f"{pointer}/unit")
    if position is not None and line.expires_on not in {None, position.expires_on}:
        detail = f"lot {line.lot} of {line.sku} is recorded as expiring on {position.expires_on}"
        return Rejected("lot-mismatch", detail, f"{pointer}/expires_on")
    free = position.free_milli if position is not None else 0
    if sign < 0 and line.quantity_milli > free:
        return Rejected("out-of-stock", f"{line.sku}: {line.quantity_milli} to write off, {free} free", pointer)
    return None

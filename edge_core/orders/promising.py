"""Promising goods to lines: from the positions of the ledger to allocations, together within what is free."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from edge_core.errors import Rejected
from edge_core.stock.ledger import Allocation, Position, StockDelta, allocate, apply_delta, is_expired


class Wanting(Protocol):
    """A line of an order, or of something that may become one."""

    @property
    def line_id(self) -> str:
        """Which line it is."""

    @property
    def sku(self) -> str:
        """What is wanted."""

    @property
    def unit(self) -> str:
        """In which unit."""


Wanted = tuple[Wanting, int, str | None, int | None]
"""A line, how much of it (thousandths), the lot that it must be, and its index in what was posted, if it was."""


def promise(
    stock: Mapping[str, Sequence[Position]], wanted: Sequence[Wanted], business_date: str
) -> tuple[Allocation, ...] | Rejected:
    """Allocations for everything that is wanted, or why the first thing that fails cannot be promised."""
    left: dict[str, Sequence[Position]] = dict(stock)
    is_repeated = len(wanted) > 1 and len({line.sku for line, _, _, _ in wanted}) < len(wanted)
    allocations: list[Allocation] = []
    for line, quantity_milli, lot, index in wanted:
        positions = left.get(line.sku, ())
        if positions and positions[0].unit != line.unit:
            detail = f"{line.sku} is kept in {positions[0].unit}, the line says {line.unit}"
            return Rejected("unit-mismatch", detail, None if index is None else f"/lines/{index}/unit")
        taken = allocate(
            positions, line_id=line.line_id, quantity_milli=quantity_milli, lot=lot, business_date=business_date
        )
        if taken is None:
            return _out_of_stock(line.sku, quantity_milli, positions, index, (lot, business_date))
        if is_repeated:  # a later line may want of the same
            left[line.sku] = [_less(position, taken) for position in positions]
        allocations += taken
    return tuple(allocations)


def _less(position: Position, taken: tuple[Allocation, ...]) -> Position:
    for allocation in taken:
        if allocation.lot == position.lot:
            delta = StockDelta(position.sku, position.lot, position.unit, reserved_milli=allocation.quantity_milli)
            return apply_delta(position, delta)
    return position


def _out_of_stock(
    sku: str, wanted_milli: int, positions: Sequence[Position], index: int | None, asked: tuple[str | None, str]
) -> Rejected:
    """Why there is not enough: goods that are there and past their date are another thing than an empty shelf."""
    lot, business_date = asked
    pointer = None if index is None else f"/lines/{index}"
    named = [position for position in positions if lot is None or position.lot == lot]
    expired = [position for position in named if is_expired(position, business_date)]
    if expired and sum(position.free_milli for position in named) >= wanted_milli:
        lots = ", ".join(f"{position.lot or '-'} ({position.expires_on})" for position in expired[:5])
        return Rejected("lot-expired", f"{sku}: lots past their date are not sold: {lots}", pointer)
    free = sum(position.free_milli for position in positions)
    detail = f"{sku}: {wanted_milli} thousandths wanted, {free} free (lots past their date are not sold)"
    return Rejected("out-of-stock", detail, pointer)

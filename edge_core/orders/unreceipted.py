"""Goods that come back without a receipt: no order is known, so the ledger and a second person are all there is."""

from edge_core.errors import Rejected
from edge_core.orders.commands import TakeBack
from edge_core.orders.currency import CURRENCIES
from edge_core.orders.events import Event
from edge_core.orders.further_events import GoodsTakenBack, TakenBackLine
from edge_core.orders.requests import UnreceiptedLine
from edge_core.orders.validation import is_date, is_moment
from edge_core.orders.world import World
from edge_core.people import is_same_person
from edge_core.stock.ledger import StockDelta, total


def take_back_unreceipted(world: World, command: TakeBack) -> tuple[Event, ...] | Rejected:
    """What is resaleable goes on the shelf, if its shelf is counted; what is damaged is only written down."""
    request = command.request
    refused = _check(command)
    units: dict[str, str] = {}
    for index, line in enumerate(request.lines):
        known = units.setdefault(line.sku, line.unit)
        refused = refused or _check_line(world, line, index, known)
    if refused is not None:
        return refused
    resaleable = [line for line in request.lines if line.condition == "resaleable"]
    damaged = [line for line in request.lines if line.condition == "damaged"]
    taken = GoodsTakenBack(
        movement_id=command.return_id,
        reason=request.reason,
        deltas=tuple(total(_delta(line) for line in resaleable if world.stock.get(line.sku))),
        damaged=tuple(total(_delta(line) for line in damaged)),
        currency=request.currency,
        refund_minor=sum(line.refund_minor for line in request.lines),
        tender=request.tender,
        operator_id=request.operator_id,
        approved_by=request.approved_by,
        business_date=command.business_date,
        terminal_id=request.terminal_id,
        lines=tuple(
            TakenBackLine(line.sku, line.lot, line.unit, line.quantity_milli, line.condition, line.refund_minor)
            for line in request.lines
        ),
    )
    return (taken,)


def _check(command: TakeBack) -> Rejected | None:
    request = command.request
    if is_same_person(request.approved_by, request.operator_id):
        return Rejected("approval-needed", "approved_by is the operator", "/approved_by")
    if request.currency not in CURRENCIES:
        return Rejected("unknown-currency", f"{request.currency!r} is not an active ISO 4217 code", "/currency")
    if not is_moment(request.returned_at):
        return Rejected("invalid-time", f"{request.returned_at} does not exist", "/returned_at")
    if not is_date(command.business_date):
        return Rejected("invalid-time", f"{command.business_date} does not exist", "/business_date")
    return None


def _check_line(world: World, line: UnreceiptedLine, index: int, unit: str) -> Rejected | None:
    """Whether the ledger takes the line; `unit` is that of the first line of the same SKU."""
    positions = world.stock.get(line.sku, ())
    kept = positions[0].unit if positions else unit
    if kept != line.unit:
        detail = f"{line.sku} is kept in {kept}, the line says {line.unit}"
        return Rejected("unit-mismatch", detail, f"/lines/{index}/unit")
    if positions and line.condition == "resaleable" and line.lot not in {position.lot for position in positions}:
        # It would be a lot without a date, and a later receipt that knows the date be refused.
        return Rejected("lot-mismatch", f"{line.sku} has no lot {line.lot} here", f"/lines/{index}/lot")
    return None


def _delta(line: UnreceiptedLine) -> StockDelta:
    return StockDelta(line.sku, line.lot, line.unit, on_hand_milli=line.quantity_milli)

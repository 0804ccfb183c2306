"""Goods that come back with their receipt: what may come back, where it goes, and what is paid back."""

from collections import defaultdict
from collections.abc import Sequence

from edge_core.errors import Rejected
from edge_core.orders.commands import AdvanceOrder, ReturnLine, ReturnRequest
from edge_core.orders.document import Line
from edge_core.orders.events import OrderReturned, PaymentReversal
from edge_core.orders.fold import OrderState
from edge_core.orders.machines import ORDER
from edge_core.orders.world import Accepted
from edge_core.stock.ledger import Allocation


def take_back(state: OrderState, command: AdvanceOrder) -> Accepted | Rejected:
    """Take goods of a completed order back. Each line's refund is exact however many parts it comes back in."""
    request = command.request
    assert isinstance(request, ReturnRequest)
    if not ORDER.is_legal(state.status, "order.returned"):
        detail = f"the order is {state.status}; goods come back after they were handed over"
        return Rejected("command-not-allowed", detail, state=state.status, allowed=ORDER.allowed(state.status))
    found = _check_quantities(state, request.lines)
    if found is not None:
        return found
    quantities = _by_line(request.lines)
    refund_minor = sum(_refund_minor(state, line_id, quantity) for line_id, quantity in quantities.items())
    reversals = _reversals(state, refund_minor, request.refund_to)
    if isinstance(reversals, Rejected):
        return reversals
    restocked = _restocked(state, [line for line in request.lines if line.condition == "resaleable"])
    returned = OrderReturned(command.new_id.hex, tuple(sorted(quantities.items())), restocked, reversals)
    return Accepted((returned,))


def _by_line(lines: Sequence[ReturnLine]) -> dict[str, int]:
    quantities: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        quantities[line.line_id] += line.quantity_milli
    return dict(quantities)


def _check_quantities(state: OrderState, lines: Sequence[ReturnLine]) -> Rejected | None:
    sold = {line.line_id: line.quantity_milli for line in state.order.lines}
    open_milli = {line_id: quantity - dict(state.returned).get(line_id, 0) for line_id, quantity in sold.items()}
    for index, line in enumerate(lines):
        if line.line_id not in sold:
            return Rejected("unknown-reference", f"there is no line {line.line_id!r}", f"/lines/{index}/line_id")
        open_milli[line.line_id] -= line.quantity_milli
        if open_milli[line.line_id] < 0:
            left = open_milli[line.line_id] + line.quantity_milli
            detail = f"{line.quantity_milli} thousandths of line {line.line_id!r}, of which {left} can still come back"
            return Rejected("return-too-large", detail, f"/lines/{index}/quantity_milli")
    return None


def _refund_minor(state: OrderState, line_id: str, quantity_milli: int) -> int:
    """What the customer paid for this part: the line's share up to now less the share up to before."""
    line = next(line for line in state.order.lines if line.line_id == line_id)
    before_milli = dict(state.returned).get(line_id, 0)
    paid_minor = line.net_minor if state.order.totals.prices_include_tax else line.net_minor + line.tax_minor
    return _share(paid_minor, before_milli + quantity_milli, line) - _share(paid_minor, before_milli, line)


def _share(amount_minor: int, part_milli: int, line: Line) -> int:
    return (2 * amount_minor * part_milli + line.quantity_milli) // (2 * line.quantity_milli)


def _reversals(state: OrderState, refund_minor: int, refund_to: str | None) -> tuple[PaymentReversal, ...] | Rejected:
    payments = [p for p in state.payments if refund_to in {None, p.payment_id}]
    if refund_to is not None and not payments:
        return Rejected("unknown-reference", f"there is no payment {refund_to!r}", "/refund_to")
    reversals: list[PaymentReversal] = []
    left_minor = refund_minor
    for payment in payments:
        amount_minor = min(left_minor, payment.captured_minor - payment.refunded_minor)
        if amount_minor > 0:
            reversals.append(PaymentReversal(payment.payment_id, "refunded", amount_minor))
            left_minor -= amount_minor
    if left_minor:
        detail = f"{refund_minor} are to be paid back, the payments can give {refund_minor - left_minor}"
        return Rejected("payment-mismatch", detail, "/refund_to" if refund_to is not None else None)
    return tuple(reversals)


def _restocked(state: OrderState, lines: Sequence[ReturnLine]) -> tuple[Allocation, ...]:
    """The lots that the goods came from, in the order in which they were promised; what came back before is skipped."""
    found: list[Allocation] = []
    before = dict(state.returned)
    for line_id, quantity_milli in _by_line(lines).items():
        skipped, missing = before.get(line_id, 0), quantity_milli
        for allocation in (a for group in state.groups for a in group.allocations if a.line_id == line_id):
            rest = max(0, allocation.quantity_milli - skipped)
            skipped = max(0, skipped - allocation.quantity_milli)
            part = min(rest, missing)
            if part:
                found.append(Allocation(line_id, allocation.sku, allocation.lot, allocation.unit, part))
                missing -= part
    return tuple(found)

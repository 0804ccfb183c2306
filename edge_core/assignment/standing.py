"""How an attempt stands at its node: from the order there, as its entries make it, and from the node's answers.

It is read anew each time from all that is known, so that no order of arrival and no repetition makes a difference.
"""

from msgspec import Struct

from edge_core.assignment.state import Standing
from edge_core.orders.state import OrderState

_LEFT = frozenset({"ready_for_pickup", "shipped", "delivered"})
_TAKEN_ON = frozenset({"accepted", "picked", "packed"})
_ENDED = frozenset({"completed", "returned", "partially_returned"})


class Answered(Struct, frozen=True):
    """What a node answered to an instruction: `applied`, `refused` with a code, or `parked`."""

    outcome: str
    code: str | None = None


def standing_of(
    order: OrderState | None, assign: Answered | None, withdraw: Answered | None
) -> tuple[Standing, str | None]:
    """How an attempt stands, and why where it was given back or kept. `order` is None while no entry of it is known."""
    is_kept = withdraw is not None and withdraw.outcome == "refused"
    if order is not None:
        return _of_order(order, withdraw.code if withdraw is not None and is_kept else None)
    if assign is not None and assign.outcome == "refused":
        return "given_back", assign.code
    if assign is not None and assign.outcome == "parked":
        return "unheard", None  # people of the node may use it yet, whatever became of the withdrawal
    if is_kept or (withdraw is not None and withdraw.outcome == "applied"):
        return "given_back", "not-there"  # the node has looked, and there was nothing to let go of
    return "unheard", None


def _of_order(order: OrderState, kept_for: str | None) -> tuple[Standing, str | None]:
    assigned, status = order.assigned, order.status
    if assigned is not None and assigned.ended is not None:
        return "given_back", assigned.ended
    if status == "cancelled":
        return "cancelled", None
    if status in _ENDED:
        return "completed", None
    statuses = {group.status for group in order.groups}
    if kept_for is not None:
        return "kept", kept_for
    if statuses & _LEFT:
        return "left", None
    return ("accepted", None) if statuses & _TAKEN_ON else ("reserved", None)

"""Calling an order off: all that has not left, some of its lines, at the till on its day, or because nobody came."""

from collections.abc import Mapping, Sequence

from edge_core.errors import InvariantViolated, Rejected
from edge_core.orders.events import Event, OrderCancelled
from edge_core.orders.further_events import CancelKind, GroupQuantity
from edge_core.orders.legality import allowed_commands
from edge_core.orders.machines import GROUP
from edge_core.orders.parts import add_up, by_group, cut_group
from edge_core.orders.requests import (
    CancelLinesRequest,
    CancelRequest,
    HandBackRequest,
    LineQuantity,
    ReturnLine,
    VoidRequest,
)
from edge_core.orders.settling import give_everything_back, settle
from edge_core.orders.state import GroupState, OrderState
from edge_core.orders.world import Case
from edge_core.stock.ledger import Allocation

EXPIRED = "pickup-expired"


def cancel_rest(
    state: OrderState, request: CancelRequest, kind: CancelKind = "cancelled"
) -> tuple[Event, ...] | Rejected:
    """Call off what has not left. Raises nothing: where everything has left the answer is no."""
    parts = _everything(open_groups(state))
    if not parts:
        detail = f"the order is {state.status}: what has left cannot be called off, it can come back"
        return Rejected("goods-left", detail, state=state.status, allowed=allowed_commands(state))
    return call_off(state, parts, request.reason, request.operator_id, kind)


def cancel_lines(case: Case) -> tuple[Event, ...] | Rejected:
    """Call off so much of each line, of the group that was split off last first: it is the furthest from leaving."""
    request = case.command.request
    if not isinstance(request, CancelLinesRequest):
        raise InvariantViolated(f"{request!r} is no request to cancel lines")
    parts: list[GroupQuantity] = []
    held = [(g.group_id, {line.line_id: line.quantity_milli for line in g.lines}) for g in open_groups(case.state)]
    unknown = unknown_line(case.state, request.lines)
    if unknown is not None:
        return unknown
    for line_id, quantity_milli in add_up((part.line_id, part.quantity_milli) for part in request.lines).items():
        found = _find(held, line_id, quantity_milli)
        left_milli = sum(part.quantity_milli for part in found)
        if left_milli < quantity_milli:
            slug = "quantity-too-large" if left_milli else "goods-left"
            detail = f"{quantity_milli} thousandths of line {line_id!r} to call off, {left_milli} have not left"
            allowed = allowed_commands(case.state)
            return Rejected(slug, detail, "/lines", state=case.state.status, allowed=allowed)
        parts += found
    return call_off(case.state, parts, request.reason, request.operator_id)


def void_order(case: Case) -> tuple[Event, ...] | Rejected:
    """Take the whole order back as if it had not been: what was taken is voided, not refunded."""
    request = case.command.request
    if not isinstance(request, VoidRequest):
        raise InvariantViolated(f"{request!r} is no request to void")
    parts = _everything(open_groups(case.state))
    return call_off(case.state, parts, request.reason, request.operator_id, kind="voided")


def cancel_group(case: Case) -> tuple[Event, ...] | Rejected:
    """Nobody came for a group: its goods go back to the shelf, and what was paid for them goes back too."""
    operator_id = case.command.request.operator_id
    return call_off(case.state, _everything([case.group]), EXPIRED, operator_id, kind="expired")


def hand_back(case: Case) -> tuple[Event, ...] | Rejected:
    """An assigned order goes back to the centre. What was paid is void here: it counts where the goods come from."""
    request = case.command.request
    if not isinstance(request, HandBackRequest):
        raise InvariantViolated(f"{request!r} says not why the order goes back")
    return hand_over(case.state, request.reason, request.operator_id)


def hand_over(state: OrderState, reason: str, operator_id: str | None) -> tuple[Event, ...] | Rejected:
    """The event of giving all of an assigned order back."""
    return call_off(state, _everything(open_groups(state)), reason, operator_id, kind="handed_back")


def open_groups(state: OrderState) -> list[GroupState]:
    """The groups that can still be called off."""
    return [group for group in state.groups if GROUP.is_legal(group.status, "order.cancelled")]


def call_off(
    state: OrderState,
    parts: Sequence[GroupQuantity],
    reason: str,
    operator_id: str | None,
    kind: CancelKind = "cancelled",
) -> tuple[Event, ...] | Rejected:
    """The event of calling these quantities off, with what is released and what is given back."""
    groups = {group.group_id: group for group in state.groups}
    released: list[Allocation] = []
    for group_id, quantities in by_group(parts).items():
        groups[group_id], gone = cut_group(groups[group_id], quantities)
        released += gone
    nothing_stays = all(not group.lines for group in groups.values())
    if nothing_stays:
        reversals = give_everything_back(state, is_void=kind in {"voided", "handed_back"})
    else:
        found = settle(state, cancelled=[(part.line_id, part.quantity_milli) for part in parts])
        if isinstance(found, Rejected):
            return found
        reversals = found
    is_whole = nothing_stays and not state.cancelled
    quantities_ = () if is_whole else tuple(parts)  # as every version before this one wrote it
    return (OrderCancelled(reason, operator_id, tuple(released), reversals, quantities_, kind),)


def unknown_line(state: OrderState, lines: Sequence[LineQuantity | ReturnLine]) -> Rejected | None:
    """The first line named that the order does not have."""
    known = {line.line_id for line in state.order.lines}
    for index, line in enumerate(lines):
        if line.line_id not in known:
            return Rejected("unknown-reference", f"there is no line {line.line_id!r}", f"/lines/{index}/line_id")
    return None


def _everything(groups: Sequence[GroupState]) -> list[GroupQuantity]:
    return [GroupQuantity(g.group_id, line.line_id, line.quantity_milli) for g in groups for line in g.lines]


def _find(held: Sequence[tuple[str, Mapping[str, int]]], line_id: str, quantity_milli: int) -> list[GroupQuantity]:
    """So much of a line in the groups (by line, what each has), the last group first; less where they have less."""
    found: list[GroupQuantity] = []
    missing = quantity_milli
    for group_id, lines in reversed(held):
        part = min(missing, lines.get(line_id, 0))
        if part:
            found.append(GroupQuantity(group_id, line_id, part))
            missing -= part
    return found

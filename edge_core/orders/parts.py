"""Quantities of an order's lines as they are cut, taken and summed: the small arithmetic that decide and fold share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from edge_core.errors import InvariantViolated
from edge_core.orders.document import GroupLine
from edge_core.orders.further_events import GroupQuantity
from edge_core.orders.state import GroupState, OrderState, ReturnState
from edge_core.stock.ledger import Allocation

TO_PICK = frozenset({"routed", "reserved", "accepted"})
"""States of a group whose goods have still to be picked."""
_ENDED = frozenset({"refused", "refunded", "exchanged"})

Quantities = tuple[tuple[str, int], ...]


def add_up(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Sums by name, in the order in which the names first came."""
    sums: defaultdict[str, int] = defaultdict(int)
    for name, quantity_milli in pairs:
        sums[name] += quantity_milli
    return dict(sums)


def cut_group(group: GroupState, parts: Iterable[tuple[str, int]]) -> tuple[GroupState, tuple[Allocation, ...]]:
    """The group without some quantities of its lines, in the same state, and what was promised to them.

    Its lines and its allocations are walked once, however many parts there are. Of several lots of a line those that
    were promised last go first; a group to which nothing is promised lets go of nothing. More of a line than the group
    has: `InvariantViolated`.
    """
    missing = add_up(parts)
    lines = _cut_lines(group, missing)
    kept: list[Allocation] = []
    released: list[Allocation] = []
    for each in reversed(group.allocations):
        part = min(missing.get(each.line_id, 0), each.quantity_milli)
        if not part:
            kept.append(each)
            continue
        missing[each.line_id] -= part
        released.append(_share(each, part))
        if part < each.quantity_milli:
            kept.append(_share(each, each.quantity_milli - part))
    kept.reverse()
    released.reverse()
    return replace(group, lines=lines, allocations=tuple(kept)), tuple(released)


def _cut_lines(group: GroupState, parts: Mapping[str, int]) -> tuple[GroupLine, ...]:
    """What the group still has to bring after so much of its lines left it."""
    left = {line.line_id: line.quantity_milli for line in group.lines}
    for line_id, quantity_milli in parts.items():
        if not 0 < quantity_milli <= left.get(line_id, 0):
            raise InvariantViolated(f"{quantity_milli} of line {line_id!r} cannot leave the group")
        left[line_id] -= quantity_milli
    return tuple([GroupLine(line_id, milli) for line_id, milli in left.items() if milli])


def by_group(quantities: Iterable[GroupQuantity]) -> dict[str, list[tuple[str, int]]]:
    """What leaves each group."""
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for part in quantities:
        found[part.group_id].append((part.line_id, part.quantity_milli))
    return dict(found)


def to_pick_milli(state: OrderState) -> int:
    """How much of the order the store has still to pick, in thousandths."""
    waiting = [group.lines for group in state.groups if group.status in TO_PICK and group.method != "carry_out"]
    return sum(line.quantity_milli for lines in waiting for line in lines) if waiting else 0


def is_open(one: ReturnState) -> bool:
    """Whether a return is still on its way."""
    return one.status not in _ENDED


def returnable(state: OrderState) -> dict[str, int]:
    """How much of each line may still come back: delivered, not back, and not on its way back."""
    delivered = (group for group in state.groups if group.status == "delivered")
    brought = add_up((line.line_id, line.quantity_milli) for group in delivered for line in group.lines)
    gone = add_up((*state.returned, *(pair for one in state.returns if is_open(one) for pair in one.quantities)))
    return {line.line_id: brought.get(line.line_id, 0) - gone.get(line.line_id, 0) for line in state.order.lines}


def _share(allocation: Allocation, quantity_milli: int) -> Allocation:
    return Allocation(allocation.line_id, allocation.sku, allocation.lot, allocation.unit, quantity_milli)

"""What commands on large orders cost, in steps and not in time: it grows with the lines, not with their square."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from msgspec.structs import replace

from edge_core.limits import LINES_MAX
from edge_core.orders.document import Address, FulfillmentRequest, GroupLine, Method
from edge_core.orders.parts import cut_group
from edge_core.orders.requests import (
    CancelLinesRequest,
    LineQuantity,
    OrderRequest,
    RejectRequest,
    ReturnLine,
    ReturnRequest,
)
from edge_core.orders.state import GroupState
from edge_core.stock.ledger import Allocation
from tests.rigs.counter import Counter, names
from tests.rigs.orders import till_order

FEW = LINES_MAX // 10
GROWTH_MAX = 15  # ten times the lines, and what grows a little faster


def steps_of(run: Callable[[], object]) -> int:
    """How many lines of code were run, those of comprehensions once for each element."""
    count = 0

    def one_more(_frame: FrameType, event: str, _what: Any) -> Any:
        nonlocal count
        count += event == "line"
        return one_more

    before = sys.gettrace()
    sys.settrace(one_more)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def cut_all(lines: int) -> Callable[[], object]:
    """A piece of each line leaves a group of so many lines, each of two lots."""
    ids = [str(number) for number in range(lines)]
    group = GroupState(
        "g1",
        "reserved",
        allocations=tuple(Allocation(name, name, lot, "H87", 1_000) for name in ids for lot in ("a", "b")),
        lines=tuple(GroupLine(name, 2_000) for name in ids),
    )
    return lambda: cut_group(group, [(name, 1) for name in ids])


def command(name: str, lines: int) -> Callable[[], object]:
    """A command on every line of an order of so many, of which each is of a thing of its own."""
    method: Method = "carry_out" if name == "return" else "ship"
    posted = till_order(lines=lines, method=method)
    each = tuple(replace(line, sku=f"s{line.line_id}") for line in posted.lines)
    address = FulfillmentRequest(method, ship_to=Address("A. Receiver", "DE"))
    at = Counter()
    for line in each:
        at.receive(line.sku, 10_000)
    placed = at.place(replace(posted, lines=each, fulfillment=address))
    some = tuple(LineQuantity(line.line_id, 1) for line in each)
    bodies: dict[str, OrderRequest] = {
        "cancel-lines": CancelLinesRequest(some, "changed-mind"),
        "reject": RejectRequest("short", some),
        "return": ReturnRequest(tuple(ReturnLine(line.line_id, 1) for line in each), "too-small"),
    }
    request = bodies[name]
    if name == "return":
        names(at.ask(placed, name, request))  # lots that came back before are looked through as well
    return lambda: names(at.ask(placed, name, request))


def test_cutting_many_lines_out_of_a_group_walks_it_once() -> None:
    assert steps_of(cut_all(LINES_MAX)) < GROWTH_MAX * steps_of(cut_all(FEW))


@pytest.mark.parametrize("name", ["cancel-lines", "reject", "return"])
def test_a_command_on_all_lines_of_an_order_costs_as_much_again_for_each_line(name: str) -> None:
    few, many = command(name, FEW), command(name, LINES_MAX)
    assert steps_of(many) < GROWTH_MAX * steps_of(few)

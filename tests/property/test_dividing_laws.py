"""An order in parts: each part is an order that is in order, and together they are the order, to the last cent."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from edge_core.assignment.dividing import divide, is_divisible, part_id, parts_of
from edge_core.assignment.spreading import corner, matrix, proportional
from edge_core.limits import ASSIGNMENT_DIVISIONS_MAX
from edge_core.orders.document import PaymentTerms, TillOrder
from edge_core.orders.validation import check_order
from tests.rigs.divided import divisions, orders
from tests.rigs.orders import order_id

SUMMED = (
    ("payments", "payment_id", "amount_minor"),
    ("tax_lines", "name", "amount_minor"),
    ("tax_lines", "name", "base_minor"),
    ("adjustments", "adjustment_id", "amount_minor"),
)


@given(st.data())
def test_each_part_adds_up_and_the_parts_add_up_to_the_order(data: st.DataObject) -> None:
    order = data.draw(orders())
    assert check_order(order) is None
    division = data.draw(divisions(order))
    parts = divide(order, division)
    assert [tuple(line.line_id for line in part.lines) for part in parts] == [
        tuple(line.line_id for line in order.lines if line.line_id in own) for own in division
    ]
    assert {line for part in parts for line in part.lines} == set(order.lines), "lines are as they were"
    for part in parts:
        assert check_order(part) is None, part
    for at, whole in enumerate(astuple(order.totals)):
        assert sum(astuple(part.totals)[at] for part in parts) == whole
    for name, key, amount in SUMMED:
        assert summed(parts, name, key, amount) == summed([order], name, key, amount), name


def summed(several: Sequence[TillOrder], name: str, key: str, amount: str) -> dict[str, int]:
    """What each named thing comes to over some orders; what comes to nothing is left out."""
    found: Counter[str] = Counter()
    for order in several:
        for each in getattr(order, name):
            found[getattr(each, key)] += getattr(each, amount)
    return {key: total for key, total in found.items() if total}


@given(st.data())
def test_parts_can_be_divided_again_and_the_same_division_makes_the_same_parts(data: st.DataObject) -> None:
    order = data.draw(orders())
    division = data.draw(divisions(order))
    parts = divide(order, division)
    assert divide(order, division) == parts
    names = parts_of(order_id(1), None, division)
    assert len({part_id(name) for name in names}) == len(division)
    for name, part in zip(names, parts, strict=True):
        if is_divisible(part, name):
            again = divide(part, data.draw(divisions(part)))
            assert sum(each.totals.grand_total_minor for each in again) == part.totals.grand_total_minor


@given(orders())
def test_what_hangs_together_is_not_divided(order: TillOrder) -> None:
    assert is_divisible(order)
    assert not is_divisible(replace(order, payment_terms=PaymentTerms(0, order.totals.grand_total_minor)))
    hanging = replace(order.lines[1], parent_line_id=order.lines[0].line_id)
    assert not is_divisible(replace(order, lines=(order.lines[0], hanging, *order.lines[2:])))
    assert not is_divisible(replace(order, lines=order.lines[:1]))
    assert not is_divisible(replace(order, fulfillment=replace(order.fulfillment, method="pickup")))
    name = None
    for _ in range(ASSIGNMENT_DIVISIONS_MAX):
        assert is_divisible(order, name)
        name = parts_of(order_id(1), name, (("L1",), ("L2",)))[0]
    assert not is_divisible(order, name)


def test_another_division_has_other_parts_under_other_names() -> None:
    one, *_ = parts_of(order_id(1), None, (("1",), ("2", "3")))
    other, *_ = parts_of(order_id(1), None, (("1",), ("3",), ("2",)))
    assert part_id(one) != part_id(other)
    below, *_ = parts_of(part_id(one), one, (("1",),))
    assert (below.order_id, below.above, one.above) == (order_id(1), one, None)


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_a_proportional_share_is_less_than_a_unit_off(amount: int, weights: list[int]) -> None:
    shares = proportional(amount, weights)
    assert sum(shares) == amount
    total = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert not total or abs(share * total - amount * weight) < total


@given(st.data())
def test_cells_add_up_to_every_row_and_every_column(data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.lists(st.integers(0, 1_000), min_size=3, max_size=3), min_size=1, max_size=4))
    rows, columns = [sum(own) for own in cells], [sum(own) for own in zip(*cells, strict=True)]
    for way in (matrix, corner):
        found = way(rows, columns)
        assert [sum(own) for own in found] == rows
        assert [sum(own) for own in zip(*found, strict=True)] == columns
        assert min(map(min, found)) >= 0
    assert sum(cell > 0 for own in corner(rows, columns) for cell in own) < len(rows) + len(columns)

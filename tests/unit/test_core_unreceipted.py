"""Goods that come back without a receipt: what they do to the shelf, and when they are refused."""

import pytest
from msgspec.structs import replace

from edge_core.orders.further_events import GoodsTakenBack
from edge_core.orders.requests import UnreceiptedLine, UnreceiptedReturn
from tests.rigs.counter import Counter, slug
from tests.rigs.orders import PLACED_AT, till_order

FIRST = till_order().lines[0].sku


def counted() -> Counter:
    """A store that knows what it has of the goods: ten pieces."""
    found = Counter()
    found.receive(FIRST, 10_000)
    return found


def found_goods(*lines: UnreceiptedLine, **changes: object) -> UnreceiptedReturn:
    request = UnreceiptedReturn("till-1", "op-1", "manager-1", PLACED_AT, "CNY", "voucher", "no-receipt", lines)
    return replace(request, **changes)


RESALEABLE = UnreceiptedLine(FIRST, 1_000, "H87", 250)
BROKEN = UnreceiptedLine(FIRST, 500, "H87", 0, "damaged")


def test_goods_without_a_receipt_go_on_the_shelf_if_they_can_be_sold_again() -> None:
    at = counted()
    (event,) = at.take_back(found_goods(RESALEABLE, BROKEN))  # type: ignore[misc]
    assert isinstance(event, GoodsTakenBack)
    assert (event.refund_minor, [delta.on_hand_milli for delta in event.damaged]) == (250, [500])
    assert at.positions[FIRST, None].on_hand_milli == 11_000


def test_goods_without_a_receipt_and_without_a_counted_shelf_change_no_stock() -> None:
    at = Counter()
    (event,) = at.take_back(found_goods(RESALEABLE, BROKEN))  # type: ignore[misc]
    assert at.positions == {}
    assert isinstance(event, GoodsTakenBack)
    assert [(line.sku, line.quantity_milli, line.condition, line.refund_minor) for line in event.lines] == [
        (FIRST, 1_000, "resaleable", 250),
        (FIRST, 500, "damaged", 0),
    ]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (found_goods(RESALEABLE, approved_by="op-1"), "approval-needed"),
        (found_goods(replace(RESALEABLE, unit="KGM")), "unit-mismatch"),
        (found_goods(RESALEABLE, replace(BROKEN, sku="new"), replace(BROKEN, sku="new", unit="KGM")), "unit-mismatch"),
        (found_goods(replace(RESALEABLE, lot="L9")), "lot-mismatch"),
        (found_goods(RESALEABLE, currency="XXX"), "unknown-currency"),
        (found_goods(RESALEABLE, returned_at="2026-02-30T00:00:00.000Z"), "invalid-time"),
    ],
)
def test_a_return_without_a_receipt_that_cannot_be_is_refused(request_: UnreceiptedReturn, why: str) -> None:
    assert slug(counted().take_back(request_)) == why

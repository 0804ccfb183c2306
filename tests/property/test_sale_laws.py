"""The glance and the fold agree: what `handed_over` recognises has the one end that it is said to have."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from central_sync.ingest.effects import changes_of, changes_of_sale
from edge_core.orders.decide import decide
from edge_core.orders.document import Payment
from edge_core.orders.events import Event, OrderPlaced, deltas_of
from edge_core.orders.fold import fold_all
from edge_core.orders.sale import STATUS, handed_over, state_of
from edge_core.orders.world import World
from edge_core.stock.ledger import Position, hand_over, total
from tests.rigs.orders import place, placed, till_order


def sale(lines: int = 2, payments: int = 1, lots: int = 1) -> list[Event]:
    """What the core decides on a carry-out sale of goods that the ledger holds, each in several lots."""
    posted = till_order(lines=lines)
    share = 2_000 // lots
    stock = {
        line.sku: tuple(Position(line.sku, f"L{n}" if lots > 1 else None, "H87", None, share) for n in range(lots))
        for line in posted.lines
    }
    tender = posted.payments[0]
    parts = tuple(Payment(f"p{n}", "cash", tender.amount_minor, "captured", "offline") for n in range(payments))
    decided = decide(World(None, stock), place(1, replace(posted, payments=parts)))
    return list(getattr(decided, "events"))  # noqa: B009 - a refusal has none, and fails here


ORIGINALS = [sale(), sale(1), sale(3, payments=3), sale(2, lots=2), sale(1, payments=0), list(placed(1))]
OTHERS: list[Event] = [event for events in ORIGINALS for event in events]
OTHERS += placed(2, till_order(method="ship"))


def test_a_decided_sale_of_known_goods_is_recognised() -> None:
    for events in ORIGINALS[:-1]:
        consumed = handed_over(events)
        assert consumed is not None
        assert all(change.on_hand_milli < 0 for change in changes_of_sale(consumed))


def test_goods_that_the_ledger_has_never_seen_are_folded() -> None:
    assert handed_over(ORIGINALS[-1]) is None


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A decided sale with events dropped, doubled, moved, exchanged, or with other names and quantities in them."""
    events = list(draw(st.sampled_from(ORIGINALS)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(events) - 1))
        match draw(st.sampled_from(["drop", "double", "other", "rename", "swap"])):
            case "drop" if len(events) > 1:
                del events[at]
            case "double":
                events.insert(at, events[at])
            case "other":
                events[at] = draw(st.sampled_from(OTHERS))
            case "swap":
                to = draw(st.integers(0, len(events) - 1))
                events[at], events[to] = events[to], events[at]
            case _:
                events[at] = renamed(draw, events[at])
    return events


def renamed(draw: st.DrawFn, event: Event) -> Event:
    """The same event with another value in one of its fields, or in a part of the order that it places."""
    if isinstance(event, OrderPlaced):
        order = event.order
        groups, payments = order.fulfillment_groups, order.payments
        change: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {"fulfillment_groups": groups * 2},
                    {"fulfillment_groups": ()},
                    {"fulfillment_groups": tuple(replace(group, group_id="g2") for group in groups)},
                    {"payments": payments * 2},
                    {"payments": ()},
                ]
            )
        )
        return OrderPlaced(replace(order, **change))
    options: list[dict[str, Any]] = []
    for field in event.__struct_fields__:
        value = getattr(event, field)
        if field in {"group_id", "payment_id"}:
            options.append({field: "another"})
        elif field == "decision":
            options += [{field: "backorder"}, {field: "pickup"}]
        elif field in {"allocations", "consumed"}:
            options += [{field: value[:-1]}, {field: value * 2}]
    return replace(event, **draw(st.sampled_from(options))) if options else event


@given(histories())
def test_what_is_recognised_folds_to_a_completed_order_and_moves_the_same_stock(events: list[Event]) -> None:
    consumed = handed_over(events)
    if consumed is None:
        return
    state = fold_all(None, events)
    assert state_of(events) == state
    assert (state.status, state.revision) == (STATUS, len(events))
    assert {payment.status for payment in state.payments} <= {"captured", "pending"}
    assert changes_of_sale(consumed) == changes_of(events)
    assert total(hand_over(consumed)) == total(delta for event in events for delta in deltas_of(event))

"""What the centre shows of orders and stock is what the store has, whatever became of the orders (promise G5)."""

from collections import Counter as Tally
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from central_sync.ingest.projection import Projection
from central_sync.ingest.reading import read_entry
from central_sync.store.streams import StreamKey
from edge_core import ids
from edge_core.errors import Rejected
from edge_core.sync.entry import ENTRY_VERSION, Entry, encode_entry
from tests.rigs.orders import START_MS, till_order
from tests.rigs.players import UNRECEIPTED, Player, a_basket, likely

KEY = StreamKey("store-0001", ids.uuid7(START_MS, 1), "orders")


def a_day(seed: int) -> Player:
    """Some orders that come as far as orders come, and a few sales."""
    at, chance = Player(), Random(seed)
    orders: list[UUID] = []
    for step in range(60):
        if step % 10 == 0:
            for sku in ("milk", "bread"):
                at.receive(sku, chance.randint(4, 12))
            command = at.placing(a_basket(chance) if chance.random() < 0.8 else till_order())
            if not isinstance(at.submit(command), Rejected):
                orders.append(command.order_id)
        if orders:
            order = chance.choice(orders)
            at.play(order, *likely(chance, at.states[order]))
    return at


@given(st.integers(0, 1 << 32), UNRECEIPTED)
def test_the_centres_views_are_the_stores_own(seed: int, unreceipted: object) -> None:
    at = a_day(seed)
    at.take_back(unreceipted)  # type: ignore[arg-type]
    projection = Projection({})
    for seq, (subject, events) in enumerate(at.entries, 1):
        body = encode_entry(Entry(ENTRY_VERSION, seq, seq << 16, START_MS + seq, subject, events))
        assert projection.take(KEY, read_entry(seq, body, b"")), projection.parked
    shown = {row.order_id: (row.status, row.revision) for row in projection.new_orders()}
    assert shown == {order_id: (state.status, state.revision) for order_id, state in at.states.items()}
    stock: Tally[tuple[str, str]] = Tally()
    for row in projection.stock_changes():
        stock[row.sku, row.lot] += row.on_hand_milli * 1_000 + row.reserved_milli
    kept = {(p.sku, p.lot or ""): p.on_hand_milli * 1_000 + p.reserved_milli for p in at.positions.values()}
    assert {place: sum_ for place, sum_ in stock.items() if sum_} == {p: k for p, k in kept.items() if k}

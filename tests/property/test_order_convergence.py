"""Any subset of what was decided of orders, in any order and however often, folds to the same bytes (promise G5)."""

from random import Random
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge_core import ids
from edge_core.errors import Rejected
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Origin, Recorded, document
from edge_core.sync.entry import ENTRY_VERSION, Entry, decode_entry, encode_entry
from tests.rigs.orders import START_MS
from tests.rigs.players import Player, likely, posted_orders

_RUNS = [ids.uuid7(START_MS, number) for number in range(2)]


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """The entries of one order, as two machines wrote them that both took themselves for its store.

    What the second one wrote was decided in a life of its own: some of it cannot follow what the first one wrote.
    """
    posted = draw(posted_orders())
    entries: list[Recorded] = []
    for run, incarnation in enumerate(_RUNS):
        at = Player()
        for sku in ("milk", "bread"):
            at.receive(sku, 20)
        command = at.placing(posted)
        if isinstance(at.submit(command), Rejected):
            return []
        chance = Random(draw(st.integers(0, 1 << 16)))
        for _ in range(draw(st.integers(0, 15))):
            at.play(command.order_id, *likely(chance, at.states[command.order_id]))
        mine = [events for subject, events in at.entries if subject == command.order_id]
        for seq, events in enumerate(mine if run == 0 else mine[1:], 1):
            at_ms = START_MS + draw(st.integers(seq, seq + 3))
            entry = Entry(ENTRY_VERSION, seq, at_ms << 16, at_ms, command.order_id, events)
            entries.append(Recorded(Origin("store-0001", incarnation, "orders", seq), entry))
    return entries


def outcome(entries: list[Recorded]) -> tuple[bytes, list[tuple[UUID, int]]]:
    """What a replica has: the bytes of state and document, and which entries it set aside."""
    merged = merge(Recorded(r.origin, decode_entry(encode_entry(r.entry))) for r in entries)
    aside = [(r.origin.incarnation, r.origin.seq) for r in merged.refused]
    if merged.state is None:
        return b"", aside
    return msgspec.msgpack.encode(merged.state) + msgspec.json.encode(document(merged.accepted)), aside


@given(histories(), st.data())
def test_replicas_that_hold_the_same_entries_are_equal_however_these_came(
    entries: list[Recorded], data: st.DataObject
) -> None:
    some = data.draw(st.lists(st.sampled_from(entries), max_size=20)) if entries else []
    held = [each for each in entries if each in some]
    assert outcome(some) == outcome(held) == outcome(list(reversed(held)))
    assert outcome(entries + some) == outcome(entries)


@given(histories())
def test_what_was_set_aside_might_as_well_never_have_come(entries: list[Recorded]) -> None:
    merged = merge(entries)
    again = merge(merged.accepted)
    assert (again.state, again.refused) == (merged.state, ())
    assert list(again.deltas()) == list(merged.deltas())

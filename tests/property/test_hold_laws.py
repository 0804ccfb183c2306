"""Whatever is asked of an order that is held: it has an owner, a time, and a way to its end."""

from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core.checks.judge import OWNERS, rank_of
from edge_core.checks.known import Known
from edge_core.checks.question import Evidence
from edge_core.errors import Rejected
from edge_core.orders.document import TillOrder
from edge_core.orders.fold import OrderState
from edge_core.orders.requests import ApproveRequest, RefuseRequest, StepRequest
from edge_core.reference.documents import Offer, Price
from tests.rigs.counter import HOUR_MS
from tests.rigs.judged import reference
from tests.rigs.players import ASKED, Player, likely, posted_orders

BOOK = reference(prices=[Price(sku, (Offer("CNY", 1),)) for sku in ("milk", "bread")])


def judged_player(posted: TillOrder) -> tuple[Player, UUID]:
    """A counter with a price book in which everything costs something else, and an order that is held for it."""
    player = Player()
    for sku in ("milk", "bread"):
        player.receive(sku, 12)
    player.evidence = Evidence(BOOK, Known())
    lines = tuple(replace(line, lot=None) for line in posted.lines)
    return player, player.place(replace(posted, lines=lines))


def check(state: OrderState) -> None:
    """What holds of every order at every moment."""
    assert tuple(hold.hold_id for hold in state.held) == state.holds
    assert all(hold.owner in OWNERS for hold in state.held)
    for hold in state.held:
        owners = [hold.owner, *(rung.owner for rung in hold.ladder)]
        assert [rank_of(owner) for owner in owners] == sorted({rank_of(owner) for owner in owners})


def lead_to_its_end(player: Player, order: UUID) -> OrderState:
    """The centre answers every hold, what is open is called off, what has left is delivered."""
    while player.states[order].held:
        found = player.ask(order, "refuse", RefuseRequest("odd", player.states[order].holds[0]), "centre")
        if isinstance(found, Rejected):
            assert found.slug == "goods-left"
            answer = ApproveRequest(player.states[order].holds[0])
            assert not isinstance(player.ask(order, "approve", answer, "centre"), Rejected)
    player.cancel(order)
    while any(group.status == "shipped" for group in player.states[order].groups):
        shipped = next(group for group in player.states[order].groups if group.status == "shipped")
        assert not isinstance(player.ask(order, "deliver", StepRequest(shipped.group_id)), Rejected)
    return player.states[order]


@given(posted_orders("sale"), st.lists(ASKED, max_size=12), st.integers(0, 1 << 16), st.integers(0, 100))
def test_no_sequence_of_commands_leaves_an_order_held_without_a_way_to_its_end(
    posted: TillOrder, asked: list[tuple[str, object]], seed: int, hours: int
) -> None:
    player, order = judged_player(posted)
    assert player.states[order].status == "held"
    chance = Random(seed)
    for name, request in asked:
        player.now_ms += hours * HOUR_MS
        player.play(order, name, request)  # type: ignore[arg-type]
        player.play(order, *likely(chance, player.states[order]))
        check(player.states[order])
    end = lead_to_its_end(player, order)
    check(end)
    assert (end.held, end.status) == ((), end.status)
    assert end.status in {"cancelled", "completed", "partially_returned", "returned"}
    held_back = sum(position.reserved_milli for position in player.positions.values())
    assert held_back == 0


@given(posted_orders("sale"), st.lists(ASKED, max_size=8))
def test_nothing_of_an_order_that_is_held_leaves_the_store(posted: TillOrder, asked: list[tuple[str, object]]) -> None:
    player, order = judged_player(posted)
    before = {place: position.on_hand_milli for place, position in player.positions.items()}
    for name, request in asked:
        if name in {"approve", "reject", "split"}:  # an answer; and what says that goods are missing
            continue
        player.play(order, name, request)  # type: ignore[arg-type]
        if not player.states[order].held:
            break
        now = {place: position.on_hand_milli for place, position in player.positions.items()}
        assert now == before

"""A reservation's life: held for a while, made hard in time, consumed or given back, once."""

from collections import defaultdict
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import RESERVATION_TTL_MS_MAX
from edge_core.orders.machines import MACHINES, Machine
from edge_core.stock import reservations as rules
from edge_core.stock.counting import COUNT
from edge_core.stock.ledger import Allocation
from edge_core.stock.reservations import RESERVATION, Changed, Reservation

NOW_MS = 1_795_000_000_000
TTL_MS = 60_000
GOODS = (Allocation("1", "milk", "L1", "H87", 2_000), Allocation("1", "milk", "L2", "H87", 1_000))


def done(outcome: Changed | Rejected | None) -> Reservation:
    assert isinstance(outcome, Changed), outcome
    return outcome.reservation


def refused(outcome: Changed | Rejected | None) -> str:
    assert isinstance(outcome, Rejected)
    return outcome.slug


def held() -> Reservation:
    return done(rules.hold(UUID(int=1), GOODS, now_ms=NOW_MS, ttl_ms=TTL_MS))


def test_a_hold_reserves_and_an_order_makes_it_hard_and_takes_the_goods() -> None:
    first = rules.hold(UUID(int=1), GOODS, now_ms=NOW_MS, ttl_ms=TTL_MS)
    assert isinstance(first, Changed)
    assert [delta.reserved_milli for delta in first.deltas] == [2_000, 1_000]
    hard = done(rules.harden(first.reservation, now_ms=NOW_MS + TTL_MS - 1))
    gone = rules.consume(hard)
    assert isinstance(gone, Changed)
    assert [(d.lot, d.on_hand_milli, d.reserved_milli) for d in gone.deltas] == [
        ("L1", -2_000, -2_000),
        ("L2", -1_000, -1_000),
    ]


def test_a_hold_that_ran_out_cannot_be_made_hard_though_no_timer_came_round_to_it() -> None:
    late = NOW_MS + TTL_MS
    assert refused(rules.harden(held(), now_ms=late)) == "reservation-expired"
    assert refused(rules.extend(held(), now_ms=late, ttl_ms=TTL_MS)) == "reservation-expired"
    over = rules.expire(held(), now_ms=late)
    assert isinstance(over, Changed)
    assert over.reservation.status == "expired"
    assert [delta.reserved_milli for delta in over.deltas] == [-2_000, -1_000]


def test_nothing_runs_out_early_and_what_is_hard_never_does() -> None:
    assert rules.expire(held(), now_ms=NOW_MS + TTL_MS - 1) is None
    hard = done(rules.harden(held(), now_ms=NOW_MS))
    assert rules.expire(hard, now_ms=NOW_MS + RESERVATION_TTL_MS_MAX) is None


def test_an_extension_never_shortens_and_never_lasts_beyond_a_day() -> None:
    assert done(rules.extend(held(), now_ms=NOW_MS, ttl_ms=1)).expires_at_ms == NOW_MS + TTL_MS
    assert done(rules.extend(held(), now_ms=NOW_MS + 10, ttl_ms=TTL_MS)).expires_at_ms == NOW_MS + TTL_MS + 10
    longest = done(rules.extend(held(), now_ms=NOW_MS + 10, ttl_ms=10 * RESERVATION_TTL_MS_MAX))
    assert longest.expires_at_ms == NOW_MS + RESERVATION_TTL_MS_MAX


@pytest.mark.parametrize("ttl_ms", [0, -1, RESERVATION_TTL_MS_MAX + 1])
def test_a_hold_without_a_sensible_end_is_refused(ttl_ms: int) -> None:
    assert refused(rules.hold(UUID(int=1), GOODS, now_ms=NOW_MS, ttl_ms=ttl_ms)) == "invalid-parameter"


def test_a_hold_of_nothing_is_a_bug() -> None:
    with pytest.raises(InvariantViolated, match="nothing"):
        rules.hold(UUID(int=1), (), now_ms=NOW_MS, ttl_ms=TTL_MS)


def test_what_is_not_legal_says_what_would_be() -> None:
    outcome = rules.consume(held())
    assert isinstance(outcome, Rejected)
    assert (outcome.slug, outcome.state) == ("command-not-allowed", "soft")
    assert outcome.allowed == ("extended", "hardened", "released", "expired")


COMMANDS = st.sampled_from(["extend", "harden", "consume", "release", "expire"])


def ask(command: str, reservation: Reservation, now_ms: int) -> Changed | Rejected | None:
    match command:
        case "extend":
            return rules.extend(reservation, now_ms=now_ms, ttl_ms=TTL_MS)
        case "harden":
            return rules.harden(reservation, now_ms=now_ms)
        case "consume":
            return rules.consume(reservation)
        case "release":
            return rules.release(reservation)
        case _:
            return rules.expire(reservation, now_ms=now_ms)


@given(st.lists(st.tuples(COMMANDS, st.integers(0, TTL_MS)), max_size=12))
def test_whatever_is_asked_the_goods_are_given_back_or_gone_exactly_once(asked: list[tuple[str, int]]) -> None:
    first = rules.hold(UUID(int=1), GOODS, now_ms=NOW_MS, ttl_ms=TTL_MS)
    assert isinstance(first, Changed)
    reservation, deltas, now_ms = first.reservation, list(first.deltas), NOW_MS
    for command, wait_ms in asked:
        now_ms += wait_ms
        outcome = ask(command, reservation, now_ms)
        if isinstance(outcome, Changed):
            assert reservation.status not in RESERVATION.finals
            reservation, deltas = outcome.reservation, [*deltas, *outcome.deltas]
    sums: defaultdict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for delta in deltas:
        sums[delta.lot][0] += delta.on_hand_milli
        sums[delta.lot][1] += delta.reserved_milli
    for each in GOODS:
        gone = -each.quantity_milli if reservation.status == "consumed" else 0
        kept = 0 if reservation.status in RESERVATION.finals else each.quantity_milli
        assert sums[each.lot] == [gone, kept]


@pytest.mark.parametrize("machine", [*MACHINES, RESERVATION, COUNT], ids=lambda machine: machine.name)
def test_every_state_of_a_table_can_be_reached_and_has_a_way_to_a_final_one(machine: Machine) -> None:
    def reach(starts: set[str], arrows: set[tuple[str, str]]) -> set[str]:
        found = set(starts)
        while more := {target for source, target in arrows if source in found} - found:
            found |= more
        return found

    arrows = {(row.source, row.target) for row in machine.transitions}
    states = {machine.initial, *machine.finals, *(state for arrow in arrows for state in arrow)}
    assert reach({machine.initial}, arrows) == states
    assert reach(set(machine.finals), {(target, source) for source, target in arrows}) == states
    assert not any(source in machine.finals for source, _ in arrows), "a final state is left"

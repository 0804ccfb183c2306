"""Whatever is parted, moved and promised: nothing comes from nowhere, nobody is below zero, and it settles."""

from hypothesis import example, given
from hypothesis import strategies as st

from edge_core.errors import Rejected
from edge_core.stock import quotas, shares
from edge_core.stock.quotas import DEFAULT_PLAN, Budget
from edge_core.stock.shares import Holding

STEPS = st.sampled_from([1, 1_000])
TOTALS = st.integers(0, 100_000)
WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1)
CHANNELS = st.sampled_from([quota.channel for quota in DEFAULT_PLAN])


@st.composite
def holdings(draw: st.DrawFn) -> list[Holding]:
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True))
    return [Holding(name, draw(st.integers(0, 30_000)), draw(st.integers(0, 9_000))) for name in names]


@given(TOTALS, WEIGHTS, st.integers(0, 5_000), STEPS)
def test_shares_add_up_and_follow_the_weights(total: int, weights: dict[str, int], minimum: int, step: int) -> None:
    parts = shares.shares(total, weights, minimum_milli=minimum, step_milli=step)
    assert sum(parts.values()) == total
    assert sum(part % step != 0 for part in parts.values()) <= 1, "only one may hold less than a step"
    assert min(parts.values()) >= min(minimum, total // step // len(weights) * step)
    for one, weight in weights.items():
        assert all(parts[one] >= parts[other] for other, less in weights.items() if less < weight)


@given(holdings(), st.integers(0, 3_000), STEPS, st.integers(0, 100))
def test_after_the_moves_everybody_holds_enough_and_nobody_moves_again(
    before: list[Holding], minimum: int, step: int, tolerance: int
) -> None:
    def moves_of(each: list[Holding]) -> tuple[shares.Transfer, ...]:
        return shares.rebalance(each, minimum_milli=minimum, step_milli=step, tolerance_percent=tolerance)

    held = {each.name: each.held_milli for each in before}
    moves = moves_of(before)
    for move in moves:
        assert move.quantity_milli >= step
        assert move.quantity_milli % step == 0
        held[move.giver] -= move.quantity_milli
        held[move.taker] += move.quantity_milli
        assert held[move.giver] >= 0
    assert len(moves) <= max(0, len(before) - 1)
    assert {move.giver for move in moves} & {move.taker for move in moves} == set()
    assert moves_of([Holding(each.name, held[each.name], each.per_day_milli) for each in before]) == ()


@given(TOTALS, STEPS, st.lists(st.tuples(CHANNELS, st.integers(1, 20_000), st.integers(0, 3)), max_size=30))
def test_budgets_always_add_up_to_what_is_free(total: int, step: int, asked: list[tuple[str, int, int]]) -> None:
    budgets, free = quotas.allot(total, DEFAULT_PLAN, step_milli=step), total
    promised: list[tuple[Budget, ...]] = []
    for channel, quantity, what in asked:
        if what == 0 and promised:
            drawn = promised.pop()
            budgets, free = quotas.give_back(budgets, drawn), free + sum(each.quantity_milli for each in drawn)
        elif what == 1:
            free = quantity
            budgets = quotas.resize(budgets, DEFAULT_PLAN, free, step_milli=step)
        elif what == 2:
            budgets = quotas.rebalance(budgets, {channel: quantity}, step_milli=step)  # type: ignore[dict-item]
        else:
            before = quotas.available_milli(budgets, DEFAULT_PLAN, channel)  # type: ignore[arg-type]
            taken = quotas.take(budgets, DEFAULT_PLAN, channel, quantity)  # type: ignore[arg-type]
            assert isinstance(taken, Rejected) == (quantity > before)
            if not isinstance(taken, Rejected):
                budgets, free = taken.budgets, free - quantity
                promised.append(taken.drawn)
        assert sum(each.quantity_milli for each in budgets) == free
        assert min(each.quantity_milli for each in budgets) >= 0


@example([0, 0, 0, 1, 1_001], 1_001, 1_000)
@given(st.lists(st.integers(0, 20_000), min_size=5, max_size=5), st.integers(0, 100_000), STEPS)
def test_goods_that_went_leave_where_most_is_left(quantities: list[int], free: int, step: int) -> None:
    before = tuple(Budget(quota.channel, n) for quota, n in zip(DEFAULT_PLAN, quantities, strict=True))
    after = quotas.resize(before, DEFAULT_PLAN, free, step_milli=step)
    assert sum(each.quantity_milli for each in after) == free
    if free < sum(quantities):
        pairs = [(was.quantity_milli, kept.quantity_milli) for was, kept in zip(before, after, strict=True)]
        ceiling = max((kept for was, kept in pairs if kept < was), default=0)
        assert all(kept <= ceiling + step for _, kept in pairs), "somebody kept more than those who gave"
        assert all(was >= kept for was, kept in pairs)

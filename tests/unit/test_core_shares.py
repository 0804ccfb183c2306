"""Shares by rate of sale and channel quotas, on examples that can be checked by hand."""

import pytest

from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import SALE_RATE_WINDOW_MS
from edge_core.stock import quotas, shares
from edge_core.stock.quotas import DEFAULT_PLAN, Budget, Quota
from edge_core.stock.shares import Holding, SaleRate, Transfer

DAY_MS = 86_400_000


def left(budgets: tuple[Budget, ...]) -> dict[str, int]:
    return {each.channel: each.quantity_milli for each in budgets}


def test_pieces_are_shared_whole_and_the_larger_remainder_gets_the_odd_one() -> None:
    assert shares.shares(10_000, {"a": 2, "b": 1}, step_milli=1_000) == {"a": 7_000, "b": 3_000}
    assert shares.shares(10_500, {"a": 2, "b": 1}, step_milli=1_000) == {"a": 7_500, "b": 3_000}


def test_the_minimum_comes_first_and_is_parted_equally_where_it_does_not_suffice() -> None:
    assert shares.shares(10_000, {"a": 1, "b": 0}, minimum_milli=2_000) == {"a": 8_000, "b": 2_000}
    assert shares.shares(3_000, {"a": 9, "b": 1}, minimum_milli=2_000) == {"a": 1_500, "b": 1_500}


def test_who_sells_nothing_anywhere_shares_equally_and_nobody_cannot_share() -> None:
    assert shares.shares(9_000, {"a": 0, "b": 0, "c": 0}) == {"a": 3_000, "b": 3_000, "c": 3_000}
    with pytest.raises(InvariantViolated, match="nobody"):
        shares.shares(1, {})


def test_a_rate_is_of_about_the_last_week() -> None:
    rate = SaleRate()
    for _ in range(30):
        rate = shares.observe(rate, 7_000, DAY_MS)
    assert rate.span_ms == SALE_RATE_WINDOW_MS
    assert rate.per_day_milli == 7_000
    for _ in range(30):
        rate = shares.observe(rate, 0, DAY_MS)
    assert rate.per_day_milli < 200, "old sales fade"


def test_one_sale_in_the_first_minute_is_no_trend() -> None:
    assert shares.observe(SaleRate(), 1_000, 60_000).per_day_milli == 1_000


def test_time_and_sales_do_not_run_backwards() -> None:
    for sold, elapsed in ((-1, 0), (0, -1)):
        with pytest.raises(InvariantViolated):
            shares.observe(SaleRate(), sold, elapsed)


def test_stock_moves_to_where_it_sells_once_somebody_is_far_below_its_share() -> None:
    slow, fast, new = Holding("slow", 6_000, 1_000), Holding("fast", 3_000, 7_000), Holding("new", 0, 0)
    moves = shares.rebalance([slow, fast, new], minimum_milli=1_000, step_milli=1_000)
    assert moves == (Transfer("slow", "fast", 3_000), Transfer("slow", "new", 1_000))


def test_small_swings_move_nothing() -> None:
    near = [Holding("a", 5_000, 1_000), Holding("b", 4_000, 1_000)]
    assert shares.rebalance(near) == ()
    assert shares.rebalance(near, tolerance_percent=5) == (Transfer("a", "b", 500),)
    assert shares.rebalance(near[:1]) == ()


def test_a_channel_spends_its_own_budget_first_and_then_what_its_plan_lets_it_draw_on() -> None:
    budgets = quotas.allot(100_000, DEFAULT_PLAN, step_milli=1_000)
    assert left(budgets) == {"walk_in": 50_000, "online": 20_000, "pickup": 15_000, "peer": 10_000, "vip": 5_000}
    taken = quotas.take(budgets, DEFAULT_PLAN, "walk_in", 75_000)
    assert not isinstance(taken, Rejected)
    assert left(taken.drawn) == {"walk_in": 50_000, "online": 20_000, "pickup": 5_000}
    assert quotas.give_back(taken.budgets, taken.drawn) == budgets


def test_what_is_kept_for_vips_nobody_else_is_promised() -> None:
    budgets = quotas.allot(100_000, DEFAULT_PLAN)
    assert quotas.available_milli(budgets, DEFAULT_PLAN, "vip") == 100_000
    assert quotas.available_milli(budgets, DEFAULT_PLAN, "walk_in") == 95_000
    refused = quotas.take(budgets, DEFAULT_PLAN, "walk_in", 95_001)
    assert isinstance(refused, Rejected)
    assert (refused.slug, refused.detail) == ("quota-exhausted", "95001 thousandths wanted, 95000 left for walk_in")


def test_a_channel_that_the_plan_does_not_have_is_promised_nothing() -> None:
    plan = (Quota("walk_in", 1),)
    assert quotas.available_milli(quotas.allot(1_000, plan), plan, "vip") == 0


def test_minima_are_given_in_the_order_of_the_plan() -> None:
    plan = (Quota("vip", 0, 2_000), Quota("walk_in", 1, 5_000))
    assert left(quotas.allot(6_000, plan)) == {"vip": 2_000, "walk_in": 4_000}
    assert left(quotas.allot(9_000, plan)) == {"vip": 2_000, "walk_in": 7_000}


def test_budgets_follow_goods_that_come_and_go() -> None:
    plan = (Quota("walk_in", 3), Quota("online", 1))
    budgets = quotas.resize(quotas.allot(8_000, plan), plan, 12_000)
    assert left(budgets) == {"walk_in": 9_000, "online": 3_000}
    assert left(quotas.resize(budgets, plan, 7_000, step_milli=1_000)) == {"walk_in": 4_000, "online": 3_000}
    assert left(quotas.resize(budgets, plan, 0)) == {"walk_in": 0, "online": 0}


def test_budgets_move_to_the_channel_that_sells() -> None:
    plan = (Quota("walk_in", 1), Quota("online", 1))
    budgets = quotas.rebalance(quotas.allot(8_000, plan), {"online": 3_000, "walk_in": 1_000}, step_milli=1_000)
    assert left(budgets) == {"walk_in": 2_000, "online": 6_000}


def test_a_budget_never_falls_below_zero() -> None:
    with pytest.raises(InvariantViolated, match="the budget of vip"):
        quotas.give_back((Budget("vip", 1),), [Budget("vip", -2)])
    with pytest.raises(InvariantViolated, match="no quantity"):
        quotas.take((), DEFAULT_PLAN, "vip", 0)

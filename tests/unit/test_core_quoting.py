"""Quotas beside orders: which channel an order is, what it draws, and what is kept from it."""

import pytest

from edge_core.errors import Rejected
from edge_core.limits import QUOTA_RATE_MS_MIN
from edge_core.orders.commands import SetQuota, TakeAssignment
from edge_core.orders.decide import decide
from edge_core.orders.events import Event, name_of
from edge_core.orders.quoting import channel_of
from edge_core.orders.world import Accepted, World
from edge_core.stock import quota_book
from edge_core.stock.ledger import Position
from edge_core.stock.quota_book import SkuQuota
from edge_core.stock.quotas import Budget, Quota
from edge_core.stock.requests import QuotaRequest
from edge_core.stock.rights import Life
from edge_core.stock.stock_events import QuotaChanged
from tests.rigs.orders import BUSINESS_DATE, START_MS, order_id, place, till_order

SKU = till_order().lines[0].sku
PLAN = (Quota("walk_in", 3, draws_on=("online",)), Quota("online", 1), Quota("vip", 0, 2_000, ("walk_in", "online")))


def shelf(on_hand_milli: int, **changes: object) -> Position:
    return Position(SKU, None, "H87", None, on_hand_milli, **changes)  # type: ignore[arg-type]


def planned(on_hand_milli: int, plan: tuple[Quota, ...] = PLAN) -> SkuQuota:
    command = SetQuota(order_id(9), QuotaRequest(SKU, plan), BUSINESS_DATE, START_MS)
    decided = decide(World(None, {SKU: (shelf(on_hand_milli),)}), command)
    assert isinstance(decided, Accepted), decided
    return changed(decided.events)


def changed(events: tuple[Event, ...]) -> SkuQuota:
    (event,) = (event for event in events if isinstance(event, QuotaChanged))
    (quota,) = event.quotas
    return quota


def ordered(quota: SkuQuota, position: Position, method: str = "ship") -> tuple[Event, ...] | Rejected:
    """An order of two pieces."""
    world = World(None, {SKU: (position,)}, quotas={SKU: quota})
    decided = decide(world, place(1, till_order(lines=1, method=method)))  # type: ignore[arg-type]
    return decided if isinstance(decided, Rejected) else decided.events


def left(quota: SkuQuota) -> dict[str, int]:
    return {each.channel: each.quantity_milli for each in quota.budgets}


@pytest.mark.parametrize(
    ("channel", "tier", "method", "found"),
    [
        ("pos", None, "carry_out", "walk_in"),
        ("pos", None, "pickup", "pickup"),
        ("web", "gold", "ship", "online"),
        ("peer", None, "ship", "peer"),
        ("pos", "vip", "carry_out", "vip"),
    ],
)
def test_the_channel_of_an_order_follows_from_who_buys_where(
    channel: str, tier: str | None, method: str, found: str
) -> None:
    assert channel_of(channel, tier, method) == found  # type: ignore[arg-type]


def test_a_plan_parts_what_is_free_and_an_empty_one_ends_it() -> None:
    assert left(planned(10_000)) == {"walk_in": 6_000, "online": 2_000, "vip": 2_000}
    assert planned(10_000, ()).budgets == ()


def test_an_order_draws_on_its_channel_in_the_same_entry_until_that_is_exhausted() -> None:
    events = ordered(planned(10_000), shelf(10_000))
    assert not isinstance(events, Rejected)
    assert [name_of(e) for e in events].index("stock.quota_changed") < [name_of(e) for e in events].index(
        "fulfillment.routed"
    )
    after = changed(events)
    assert left(after) == {"walk_in": 6_000, "online": 0, "vip": 2_000}
    refused = ordered(after, shelf(10_000, reserved_milli=2_000))
    assert isinstance(refused, Rejected)
    assert (refused.slug, refused.pointer) == ("quota-exhausted", "/lines/0")


def test_an_order_that_the_centre_assigns_draws_on_the_web_and_is_refused_once_that_is_exhausted() -> None:
    place_ = place(1, till_order(lines=1, method="ship"))
    command = TakeAssignment(place_, order_id(8), 1, START_MS, is_accepted=True, life=Life("store-0001", order_id(7)))
    quota = planned(10_000)
    taken = decide(World(None, {SKU: (shelf(10_000),)}, quotas={SKU: quota}), command)
    assert isinstance(taken, Accepted), taken
    assert left(changed(taken.events))["online"] == 0
    refused = decide(World(None, {SKU: (shelf(8_000),)}, quotas={SKU: changed(taken.events)}), command)
    assert isinstance(refused, Rejected)
    assert refused.slug == "quota-exhausted"


def test_a_customer_in_the_shop_gets_what_was_meant_for_the_web_and_not_what_is_kept_for_vips() -> None:
    quota = planned(4_000)
    events = ordered(quota, shelf(4_000), "carry_out")
    assert not isinstance(events, Rejected)
    assert left(changed(events)) == {"walk_in": 0, "online": 0, "vip": 2_000}
    refused = ordered(changed(events), shelf(2_000), "carry_out")
    assert isinstance(refused, Rejected)
    assert refused.slug == "quota-exhausted"


def test_goods_that_come_are_parted_by_the_plan_before_the_next_promise() -> None:
    quota = SkuQuota(SKU, PLAN, (Budget("walk_in", 0), Budget("online", 0), Budget("vip", 2_000)))
    events = ordered(quota, shelf(10_000))
    assert not isinstance(events, Rejected)
    assert left(changed(events)) == {"walk_in": 6_000, "online": 0, "vip": 2_000}


def test_budgets_follow_the_rates_once_a_day_was_watched_and_leave_what_a_plan_keeps() -> None:
    quota = planned(10_000)
    rebalanced = [
        quota_book.rebalanced(
            sold,
            step_milli=1_000,
        )
        for sold in (quota, _sold(quota, QUOTA_RATE_MS_MIN))
    ]
    assert left(rebalanced[0]) == left(quota)
    assert left(rebalanced[1]) == {"walk_in": 0, "online": 6_000, "vip": 2_000}


def _sold(quota: SkuQuota, elapsed_ms: int) -> SkuQuota:
    drawn = quota_book.draw(
        quota, "online", 2_000, free_milli=10_000, step_milli=1_000, now_ms=quota.seen_at_ms + elapsed_ms
    )
    assert not isinstance(drawn, Rejected)
    return drawn


@pytest.mark.parametrize(
    ("plan", "slug"),
    [
        ((Quota("vip", 1), Quota("vip", 2)), "duplicate-identifier"),
        ((Quota("vip", 0),), "invalid-parameter"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(plan: tuple[Quota, ...], slug: str) -> None:
    command = SetQuota(order_id(9), QuotaRequest(SKU, plan), BUSINESS_DATE, START_MS)
    refused = decide(World(None, {SKU: (shelf(1_000),)}), command)
    assert isinstance(refused, Rejected)
    assert refused.slug == slug


def test_goods_that_nobody_counts_have_no_quotas() -> None:
    refused = decide(World(None, {}), SetQuota(order_id(9), QuotaRequest(SKU, PLAN), BUSINESS_DATE, START_MS))
    assert isinstance(refused, Rejected)
    assert refused.slug == "sku-not-found"

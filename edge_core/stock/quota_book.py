"""The quotas of one SKU as a value: the plan, what each channel may still promise, how fast each sells.

A value is replaced as a whole by each event that changes it (`stock.quota_changed`), and of two the later one holds, so
that any order of hearing leads to the same. It never decides whether goods are there: that is the ledger's.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.limits import QUOTA_RATE_MS_MIN
from edge_core.stock import quotas, shares
from edge_core.stock.quotas import Budget, Channel, Quota
from edge_core.stock.shares import SaleRate


class ChannelRate(Struct, frozen=True, array_like=True, gc=False):
    """How fast a channel sells."""

    channel: Channel
    rate: SaleRate


class SkuQuota(Struct, frozen=True, array_like=True):
    """The quotas of one SKU at one location. Without a plan there are none. `seen_at_ms`: rates are up to then."""

    sku: str
    plan: tuple[Quota, ...]
    budgets: tuple[Budget, ...]
    rates: tuple[ChannelRate, ...] = ()
    seen_at_ms: int = 0


def begin(sku: str, plan: tuple[Quota, ...], *, free_milli: int, step_milli: int, now_ms: int) -> SkuQuota:
    """Part what is free by a plan. An empty plan ends the quotas: whoever comes first may have what is there."""
    if not plan:
        return SkuQuota(sku, (), (), (), now_ms)
    rates = tuple(ChannelRate(quota.channel, SaleRate()) for quota in plan)
    return SkuQuota(sku, plan, quotas.allot(free_milli, plan, step_milli=step_milli), rates, now_ms)


def fitted(quota: SkuQuota, *, free_milli: int, step_milli: int) -> tuple[Budget, ...]:
    """The budgets as they are now: they always add up to what is free, whatever has changed that meanwhile."""
    return quotas.resize(quota.budgets, quota.plan, free_milli, step_milli=step_milli)


def draw(
    quota: SkuQuota, channel: Channel, quantity_milli: int, *, free_milli: int, step_milli: int, now_ms: int
) -> SkuQuota | Rejected:
    """Promise a quantity through a channel; all of it, or `quota-exhausted`."""
    budgets = fitted(quota, free_milli=free_milli, step_milli=step_milli)
    taken = quotas.take(budgets, quota.plan, channel, quantity_milli)
    if isinstance(taken, Rejected):
        return replace(taken, detail=f"{quota.sku}: {taken.detail}")
    elapsed_ms = max(0, now_ms - quota.seen_at_ms)
    rates = tuple(
        ChannelRate(each.channel, shares.observe(each.rate, quantity_milli * (each.channel == channel), elapsed_ms))
        for each in quota.rates
    )
    return replace(quota, budgets=taken.budgets, rates=rates, seen_at_ms=max(now_ms, quota.seen_at_ms))


def rebalanced(quota: SkuQuota, *, step_milli: int) -> SkuQuota:
    """Budgets by rate of sale, once a day has been watched. What a plan keeps for a channel stays with it."""
    if not quota.rates or any(each.rate.span_ms < QUOTA_RATE_MS_MIN for each in quota.rates):
        return quota
    floors = {each.channel: each.minimum_milli for each in quota.plan}
    kept = {each.channel: min(each.quantity_milli, floors.get(each.channel, 0)) for each in quota.budgets}
    above = [replace(each, quantity_milli=each.quantity_milli - kept[each.channel]) for each in quota.budgets]
    per_day = {each.channel: each.rate.per_day_milli for each in quota.rates}
    moved = quotas.rebalance(above, per_day, step_milli=step_milli)
    budgets = tuple(replace(each, quantity_milli=each.quantity_milli + kept[each.channel]) for each in moved)
    return replace(quota, budgets=budgets)


def check_plan(plan: Sequence[Quota]) -> Rejected | None:
    """A plan names each channel once, and gives something a weight."""
    names = [each.channel for each in plan]
    if len(set(names)) < len(names):
        index = next(i for i, name in enumerate(names) if name in names[:i])
        return Rejected("duplicate-identifier", f"channel {names[index]!r} occurs twice", f"/plan/{index}/channel")
    if plan and not any(each.weight for each in plan):
        return Rejected("invalid-parameter", "a plan gives at least one channel a weight", "/plan")
    return None

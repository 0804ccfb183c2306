"""Channel quotas: how much of what is free at a location each way of selling may promise (docs/stock.md, "Quotas").

Every free piece belongs to one channel's budget, so that budgets always add up to what is free. A channel spends its
own first, then what its plan lets it take of others; what no plan lets others touch is kept for its own customers.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import QUANTITY_MILLI_MAX, QUOTA_CHANNELS_MAX, QUOTA_WEIGHT_MAX
from edge_core.orders.document import Part
from edge_core.stock import shares
from edge_core.stock.shares import Holding

Channel = Literal["walk_in", "online", "pickup", "peer", "vip"]


class Quota(Part, frozen=True):
    """A channel's part in the plan: its weight, what it is given before all weights, whose budgets it may draw on."""

    channel: Channel
    weight: Annotated[int, Meta(ge=0, le=QUOTA_WEIGHT_MAX)]
    minimum_milli: Annotated[int, Meta(ge=0, le=QUANTITY_MILLI_MAX)] = 0
    draws_on: Annotated[tuple[Channel, ...], Meta(max_length=QUOTA_CHANNELS_MAX)] = ()


class Budget(Struct, frozen=True, array_like=True, gc=False):
    """What a channel may still promise of its own, or what a promise took of it; thousandths of the unit."""

    channel: Channel
    quantity_milli: int


class Taken(Struct, frozen=True):
    """The budgets after a promise, and of which of them it was taken: what is to be given back if it is called off."""

    budgets: tuple[Budget, ...]
    drawn: tuple[Budget, ...]


# A customer who stands in the shop comes before one who may go elsewhere; what is kept for VIPs is theirs.
DEFAULT_PLAN: Final = (
    Quota("walk_in", 50, draws_on=("online", "pickup", "peer")),
    Quota("online", 20),
    Quota("pickup", 15, draws_on=("online",)),
    Quota("peer", 10),
    Quota("vip", 5, draws_on=("walk_in", "online", "pickup", "peer")),
)


def allot(free_milli: int, plan: Sequence[Quota], *, step_milli: int = 1) -> tuple[Budget, ...]:
    """Part what is free by the plan: minima in the order of the plan, the rest by weight. In the order of the plan."""
    left_milli, minima = free_milli, {}
    for quota in plan:
        minima[quota.channel] = min(quota.minimum_milli, left_milli)
        left_milli -= minima[quota.channel]
    rest = shares.shares(left_milli, _weights(plan), step_milli=step_milli)
    return tuple(Budget(quota.channel, minima[quota.channel] + rest[quota.channel]) for quota in plan)


def available_milli(budgets: Iterable[Budget], plan: Sequence[Quota], channel: Channel) -> int:
    """What a channel may promise now, with what it may draw on."""
    left = _left(budgets)
    return sum(left.get(each, 0) for each in _sources(plan, channel))


def take(budgets: Sequence[Budget], plan: Sequence[Quota], channel: Channel, quantity_milli: int) -> Taken | Rejected:
    """Promise all of a quantity through a channel, or nothing: from its own budget first, then as its plan says."""
    if quantity_milli <= 0:
        raise InvariantViolated(f"{quantity_milli} thousandths are no quantity")
    left, missing_milli, drawn = _left(budgets), quantity_milli, []
    for source in _sources(plan, channel):
        part_milli = min(left.get(source, 0), missing_milli)
        if part_milli > 0:
            drawn.append(Budget(source, part_milli))
            missing_milli -= part_milli
    if missing_milli:
        detail = f"{quantity_milli} thousandths wanted, {quantity_milli - missing_milli} left for {channel}"
        return Rejected("quota-exhausted", detail)
    return Taken(_changed(budgets, drawn, -1), tuple(drawn))


def give_back(budgets: Sequence[Budget], drawn: Iterable[Budget]) -> tuple[Budget, ...]:
    """A promise was called off: each budget gets what was taken of it."""
    return _changed(budgets, drawn, 1)


def resize(
    budgets: Sequence[Budget], plan: Sequence[Quota], free_milli: int, *, step_milli: int = 1
) -> tuple[Budget, ...]:
    """Follow what is free: goods that came are parted by weight, goods that went leave where most is left."""
    total_milli = sum(each.quantity_milli for each in budgets)
    if free_milli >= total_milli:
        more = shares.shares(free_milli - total_milli, _weights(plan), step_milli=step_milli)
        return _changed(budgets, [Budget(quota.channel, more[quota.channel]) for quota in plan], 1)
    kept = _cut([each.quantity_milli for each in budgets], free_milli, step_milli)
    return tuple(Budget(each.channel, quantity_milli) for each, quantity_milli in zip(budgets, kept, strict=True))


def rebalance(
    budgets: Sequence[Budget], per_day_milli: Mapping[Channel, int], *, minimum_milli: int = 0, step_milli: int = 1
) -> tuple[Budget, ...]:
    """Budgets by each channel's rate of sale, where one is far below its share (`edge_core.stock.shares`)."""
    holdings = [Holding(b.channel, b.quantity_milli, per_day_milli.get(b.channel, 0)) for b in budgets]
    left = {each.channel: each.quantity_milli for each in budgets}
    names = {str(channel): channel for channel in left}
    for move in shares.rebalance(holdings, minimum_milli=minimum_milli, step_milli=step_milli):
        left[names[move.giver]] -= move.quantity_milli
        left[names[move.taker]] += move.quantity_milli
    return tuple(replace(each, quantity_milli=left[each.channel]) for each in budgets)


def _cut(quantities: list[int], total_milli: int, step_milli: int) -> list[int]:
    """The same quantities under one ceiling, those that it cuts in whole steps; less than a step stays with one."""
    order, left_milli = sorted(range(len(quantities)), key=lambda at: quantities[at]), total_milli
    kept = list(quantities)
    for rank, at in enumerate(order):
        kept[at] = min(quantities[at], left_milli // (len(order) - rank))
        left_milli -= kept[at]
    cut = [at for at in reversed(order) if kept[at] < quantities[at]]
    for at in cut:
        left_milli += kept[at] % step_milli
        kept[at] -= kept[at] % step_milli
    for at in cut:
        more_milli = min(step_milli, left_milli, quantities[at] - kept[at])
        kept[at] += more_milli
        left_milli -= more_milli
    return kept


def _sources(plan: Sequence[Quota], channel: Channel) -> tuple[Channel, ...]:
    quota = next((each for each in plan if each.channel == channel), None)
    return () if quota is None else (channel, *(each for each in quota.draws_on if each != channel))


def _weights(plan: Sequence[Quota]) -> dict[str, int]:
    return {quota.channel: quota.weight for quota in plan}


def _left(budgets: Iterable[Budget]) -> dict[Channel, int]:
    return {each.channel: each.quantity_milli for each in budgets}


def _changed(budgets: Sequence[Budget], by: Iterable[Budget], sign: int) -> tuple[Budget, ...]:
    left = _left(budgets)
    for each in by:
        left[each.channel] = left.get(each.channel, 0) + sign * each.quantity_milli
        if left[each.channel] < 0:
            raise InvariantViolated(f"the budget of {each.channel} would be {left[each.channel]}")
    return tuple(Budget(channel, quantity_milli) for channel, quantity_milli in left.items())

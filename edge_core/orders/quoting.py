"""Channel quotas beside orders: which channel an order sells through, and what it draws of that channel's budgets."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, get_args
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.orders.commands import SetQuota
from edge_core.orders.document import Line, Method
from edge_core.orders.events import Event
from edge_core.orders.world import World
from edge_core.stock import quota_book
from edge_core.stock.holds import draw_id
from edge_core.stock.ledger import Allocation, is_expired
from edge_core.stock.quota_book import SkuQuota
from edge_core.stock.quotas import Channel
from edge_core.stock.shares import step_of
from edge_core.stock.stock_events import QuotaChanged

VIP_TIER: Final = "vip"
_BY_METHOD: Final[Mapping[Method, Channel]] = {"carry_out": "walk_in", "pickup": "pickup", "ship": "online"}
_CHANNELS: Final[Mapping[str, Channel]] = {name: name for name in get_args(Channel)}


def channel_of(channel: str, tier: str | None, method: Method) -> Channel:
    """The quota channel of an order: its customer's tier, its own channel where that is one, else the way it goes."""
    if tier == VIP_TIER:
        return "vip"
    return _CHANNELS.get(channel) or _BY_METHOD[method]


def set_quota(world: World, command: SetQuota) -> tuple[Event, ...] | Rejected:
    """Give a SKU another plan, or none; its budgets begin anew from what is free."""
    request = command.request
    refused = quota_book.check_plan(request.plan)
    if refused is not None:
        return refused
    if not world.stock.get(request.sku):
        return Rejected("sku-not-found", f"no stock of {request.sku!r} was ever recorded here")
    quota = quota_book.begin(
        request.sku,
        request.plan,
        free_milli=sellable_milli(world, request.sku, command.business_date),
        step_milli=step_milli(world, request.sku),
        now_ms=command.now_ms,
    )
    return (QuotaChanged(command.movement_id, "set", (quota,)),)


class Draw(Struct, frozen=True):
    """Who draws on quotas: an order or a hold (`subject`), its channel, the store's date, and Unix time.

    `kept` was drawn before, by a hold that the order follows; by SKU, in thousandths. `is_connected` lets budgets move.
    """

    subject: UUID
    channel: Channel
    business_date: str
    now_ms: int
    kept: Mapping[str, int] = MappingProxyType({})
    is_connected: bool = False


def draw_quotas(
    world: World, draw: Draw, allocations: Iterable[Allocation], lines: Iterable[Line] = ()
) -> tuple[QuotaChanged, ...] | Rejected:
    """What a promise takes of budgets: nothing where no SKU has a quota."""
    if not world.quotas:
        return ()
    wanted: defaultdict[str, int] = defaultdict(int)
    for allocation in allocations:
        wanted[allocation.sku] += allocation.quantity_milli
    changed = []
    for sku, quantity_milli in wanted.items():
        quota, kept_milli = world.quotas.get(sku), draw.kept.get(sku, 0)
        if quota is None or not quota.plan or quantity_milli <= kept_milli:
            continue
        drawn = _draw_one(world, draw, quota, quantity_milli - kept_milli)
        if isinstance(drawn, Rejected):
            index = next((i for i, line in enumerate(lines) if line.sku == sku), None)
            return replace(drawn, pointer=None if index is None else f"/lines/{index}")
        changed.append(drawn)
    return (QuotaChanged(draw_id(draw.subject), "drawn", tuple(changed)),) if changed else ()


def _draw_one(world: World, draw: Draw, quota: SkuQuota, quantity_milli: int) -> SkuQuota | Rejected:
    free_milli = sellable_milli(world, quota.sku, draw.business_date) - draw.kept.get(quota.sku, 0)
    step = step_milli(world, quota.sku)
    drawn = quota_book.draw(
        quota, draw.channel, quantity_milli, free_milli=free_milli, step_milli=step, now_ms=draw.now_ms
    )
    if isinstance(drawn, Rejected) or not draw.is_connected:
        return drawn
    return quota_book.rebalanced(drawn, step_milli=step)


def sellable_milli(world: World, sku: str, business_date: str) -> int:
    """What may be promised of a SKU: what is free of the lots that are not past their date."""
    return sum(p.free_milli for p in world.stock.get(sku, ()) if not is_expired(p, business_date))


def step_milli(world: World, sku: str) -> int:
    """The least that can be handed over: a piece, or a thousandth of what is sold by weight."""
    positions = world.stock.get(sku, ())
    return step_of(positions[0].unit) if positions else 1

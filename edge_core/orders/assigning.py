"""Taking on what the centre assigned: placed with goods of this location in one decision, or not at all."""

from msgspec.structs import replace

from edge_core import ids
from edge_core.errors import Rejected
from edge_core.orders.commands import TakeAssignment
from edge_core.orders.events import Event, FulfillmentAccepted, OrderHeld, StockReserved
from edge_core.orders.further_events import AssignmentTaken
from edge_core.orders.placing import place_order
from edge_core.orders.world import World
from edge_core.stock import rights_book
from edge_core.stock.ledger import release, stock_after
from edge_core.stock.stock_events import RightsSpent


def take_assignment(world: World, command: TakeAssignment) -> tuple[Event, ...] | Rejected:
    """The events of an order that is this location's now. Without all of its goods it is refused, and nothing stays."""
    posted = command.place.posted
    if posted.fulfillment.method == "carry_out":
        return Rejected("flow-not-available", "goods that are carried out are not assigned", "/fulfillment/method")
    freed = _free_promised(world, command)
    if isinstance(freed, Rejected):
        return freed
    after, spent = freed
    made = place_order(after, command.place, _kept(command))
    if isinstance(made, Rejected):
        return made
    placed, *rest = made
    reserved = [event.group_id for event in rest if isinstance(event, StockReserved)]
    if not reserved:
        return Rejected("out-of-stock", "the goods are not kept here, or none are free")
    taken = AssignmentTaken(command.central_order_id, command.attempt, command.accept_by_ms, command.part_of)
    is_held = any(isinstance(event, OrderHeld) for event in rest)  # somebody has to look first: then people accept it
    is_accepted = command.is_accepted and not is_held
    accepted = [FulfillmentAccepted(group_id) for group_id in reserved] if is_accepted else []
    return placed, taken, *spent, *rest, *accepted


def _free_promised(world: World, command: TakeAssignment) -> tuple[World, tuple[RightsSpent, ...]] | Rejected:
    """The centre promised goods with its rights: they are set aside here, and now free for the order alone."""
    owner_id = command.place.location_id
    rights, events = dict(world.rights), []
    for number, spent in enumerate(command.spent):
        key = owner_id, spent.sku
        taken = rights_book.take_out(rights.get(key) or rights_book.empty(*key), command.life, spent)
        if isinstance(taken, Rejected):
            return taken
        granted, allocations = taken
        rights[key] = granted.book
        name = ids.named(b"holdfast/spent\x00", f"{command.order_id}/{number}")
        events.append(RightsSpent(name, granted.news, spent.holder, spent.quantity_milli, allocations))
    deltas = [delta for event in events for delta in release(event.allocations)]
    return replace(world, stock=stock_after(world.stock, deltas), rights=rights), tuple(events)


def _kept(command: TakeAssignment) -> dict[str, int]:
    """What the order draws on no channel's quota: it was set aside before."""
    kept: dict[str, int] = {}
    for spent in command.spent:
        kept[spent.sku] = kept.get(spent.sku, 0) + spent.quantity_milli
    return kept

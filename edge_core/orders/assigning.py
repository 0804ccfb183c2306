"""Taking on what the centre assigned: placed with goods of this location in one decision, or not at all."""

from edge_core.errors import Rejected
from edge_core.orders.commands import TakeAssignment
from edge_core.orders.events import Event, FulfillmentAccepted, StockReserved
from edge_core.orders.further_events import AssignmentTaken
from edge_core.orders.placing import place_order
from edge_core.orders.world import World


def take_assignment(world: World, command: TakeAssignment) -> tuple[Event, ...] | Rejected:
    """The events of an order that is this location's now. Without all of its goods it is refused, and nothing stays."""
    posted = command.place.posted
    if posted.fulfillment.method == "carry_out":
        return Rejected("flow-not-available", "goods that are carried out are not assigned", "/fulfillment/method")
    made = place_order(world, command.place)
    if isinstance(made, Rejected):
        return made
    placed, *rest = made
    reserved = [event.group_id for event in rest if isinstance(event, StockReserved)]
    if not reserved:
        return Rejected("out-of-stock", "the goods are not kept here, or none are free")
    taken = AssignmentTaken(command.central_order_id, command.attempt, command.accept_by_ms)
    accepted = [FulfillmentAccepted(group_id) for group_id in reserved] if command.is_accepted else []
    return placed, taken, *rest, *accepted

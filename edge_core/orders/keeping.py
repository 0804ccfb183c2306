"""Soft holds: goods kept for a while for somebody who has not decided yet (docs/stock.md, "Reservations").

An order that comes in time makes its hold hard: the hold ends and the order promises the same goods, two entries of one
transaction. From then on the order's own process says what becomes of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from edge_core.errors import Rejected
from edge_core.orders.commands import ChangeHold, HoldStock, OrderHeldGoods
from edge_core.orders.events import Event
from edge_core.orders.placing import place_order
from edge_core.orders.promising import Wanted, promise
from edge_core.orders.quoting import Draw, draw_quotas
from edge_core.orders.world import Accepted, Follow, World
from edge_core.stock import reservations
from edge_core.stock.holds import end_id
from edge_core.stock.ledger import Position, apply_delta, release, total
from edge_core.stock.reservations import Reservation
from edge_core.stock.stock_events import HoldEnded, HoldExtended, StockHeld


def hold_stock(world: World, command: HoldStock) -> tuple[Event, ...] | Rejected:
    """Keep goods that are free, all of them or none."""
    request = command.request
    wanted: list[Wanted] = [(line, line.quantity_milli, line.lot, i) for i, line in enumerate(request.lines)]
    names = [line.line_id for line in request.lines]
    if len(set(names)) < len(names):
        index = next(i for i, name in enumerate(names) if name in names[:i])
        return Rejected("duplicate-identifier", f"line_id {names[index]!r} occurs twice", f"/lines/{index}/line_id")
    allocations = promise(world.stock, wanted, command.business_date)
    if isinstance(allocations, Rejected):
        return allocations
    held = reservations.hold(command.reservation_id, allocations, now_ms=command.now_ms, ttl_ms=request.ttl_ms)
    if isinstance(held, Rejected):
        return held
    draw = Draw(command.reservation_id, request.channel, command.business_date, command.now_ms)
    drawn = draw_quotas(world, draw, allocations)
    if isinstance(drawn, Rejected):
        return drawn
    begun = held.reservation
    kept = StockHeld(command.reservation_id, allocations, begun.held_at_ms, begun.expires_at_ms, request.reference)
    return kept, *drawn


def change_hold(world: World, command: ChangeHold) -> tuple[Event, ...] | Rejected:
    """Extend a hold, or end it: by its holder, or by the clock once its time is over."""
    hold = world.hold
    if hold is None:
        return _not_found(command)
    match command.name:
        case "extend":
            changed = reservations.extend(hold, now_ms=command.now_ms, ttl_ms=command.ttl_ms)
            if isinstance(changed, Rejected):
                return changed
            after = changed.reservation
            moved = HoldExtended(
                command.movement_id, hold.reservation_id, hold.allocations, hold.held_at_ms, after.expires_at_ms
            )
            return (moved,)
        case "release":
            released = reservations.release(hold)
            return released if isinstance(released, Rejected) else (_ended(released.reservation),)
        case "expire":
            expired = reservations.expire(hold, now_ms=command.now_ms)
            if expired is None:
                return Rejected("command-not-allowed", "the hold has not run out", state=hold.status)
            return (_ended(expired.reservation),)


def order_held_goods(world: World, command: OrderHeldGoods) -> Accepted | Rejected:
    """Place the order on the shelf as it is without the hold; one that comes too late is refused."""
    if world.hold is None:
        return _not_found(command)
    hardened = reservations.harden(world.hold, now_ms=command.now_ms)
    if isinstance(hardened, Rejected):
        return hardened
    kept: defaultdict[str, int] = defaultdict(int)
    for allocation in world.hold.allocations:
        kept[allocation.sku] += allocation.quantity_milli
    shelf = World(None, _without(world.stock, world.hold), evidence=world.evidence, quotas=world.quotas)
    placed = place_order(shelf, command.place, kept)
    if isinstance(placed, Rejected):
        return placed
    ended = HoldEnded(
        end_id(command.reservation_id),
        command.reservation_id,
        "hardened",
        world.hold.allocations,
        command.place.order_id,
    )
    return Accepted((ended,), Follow(command.place.order_id, placed))


def _without(stock: Mapping[str, Sequence[Position]], hold: Reservation) -> dict[str, tuple[Position, ...]]:
    """The shelf with the goods of a hold free again."""
    given_back = {(delta.sku, delta.lot): delta for delta in total(release(hold.allocations))}
    return {
        sku: tuple(
            apply_delta(position, given_back[sku, position.lot]) if (sku, position.lot) in given_back else position
            for position in positions
        )
        for sku, positions in stock.items()
    }


def _ended(reservation: Reservation) -> HoldEnded:
    return HoldEnded(
        end_id(reservation.reservation_id),
        reservation.reservation_id,
        "expired" if reservation.status == "expired" else "released",
        reservation.allocations,
    )


def _not_found(command: ChangeHold | OrderHeldGoods) -> Rejected:
    return Rejected("reservation-not-found", f"there is no reservation {command.reservation_id} here, or it has ended")

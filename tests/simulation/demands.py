"""When all is mended: wait until nothing moves any more, then demand every promise by its name."""

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, TypeGuard
from uuid import UUID

import msgspec

from edge_agent.store.log import subject_of
from edge_agent.store.verify import verify_file
from edge_core.orders.events import Event, Movement, OrderPlaced, OrderReturned, StockMoved, deltas_of
from edge_core.orders.further_events import ReturnInspected
from edge_core.orders.merge import Merged, merge
from edge_core.orders.parts import is_open
from edge_core.orders.rendering import Origin, Recorded
from edge_core.orders.state import OrderState
from edge_core.sync.chain import genesis, link
from edge_core.sync.conservation import differences
from edge_core.sync.entry import decode_entry
from tests.simulation.closing import demand_days
from tests.simulation.machine import Machine
from tests.simulation.office import demand_instructions, unanswered
from tests.simulation.once import demand_each_once
from tests.simulation.promises import Broken, decision_of, on_disk
from tests.simulation.replays import demand_replays
from tests.simulation.views import demand_views

if TYPE_CHECKING:
    from tests.simulation.house import House

_FINISHED = frozenset({"completed", "partially_returned", "returned", "cancelled", "rejected"})
_ENCODER = msgspec.msgpack.Encoder(uuid_format="bytes")


class _Log:
    """What one end holds of a node, and what that makes of each order: folded once, and asked for by many demands."""

    def __init__(self, entries: list[Recorded]) -> None:
        self.entries = entries
        by_order: defaultdict[UUID, list[Recorded]] = defaultdict(list)
        for recorded in entries:
            if recorded.entry.order_id is not None:
                by_order[recorded.entry.order_id].append(recorded)
        self.orders: dict[UUID, Merged] = {order_id: merge(several) for order_id, several in by_order.items()}


def is_superseded(machine: Machine) -> bool:
    """Whether the machine says that another one is its node now."""
    return machine.agent is not None and machine.agent.intake._fenced is not None


async def wait_until_quiet(house: "House", seconds: float) -> None:
    """Until everyone is greeted, everything is acked and nothing is being restored; for so long at most (G6, G10)."""
    begun, calm = house.loop.time(), 0
    while calm < 3:
        await asyncio.sleep(1)
        restless = _restless(house)
        calm = 0 if restless else calm + 1
        if house.loop.time() - begun > seconds:
            raise Broken("G6", f"not quiet after {seconds:.0f} s: {restless}")


def _restless(house: "House") -> str:
    if house.centre.process is None or not house.centre.process.is_alive:
        return "the centre is down"
    for machine in house.machines:
        if machine.agent is None:
            return f"{machine.name} is down"
        state = machine.agent.session.state
        if state.phase != "streaming" or state.unchecked or state.recalls:
            return f"{machine.name} is {state.phase}, {len(state.recalls)} to recall, {state.stop_reason}"
        for stream in state.streams:
            tail = machine.agent.file.tails[stream.lane].seq
            if not stream.durable_seq == stream.tail_seq == tail:
                return f"{machine.name}: {stream.lane} is acked up to {stream.durable_seq} of {tail}"
    untold = [machine.name for machine in house.machines if _is_replaced(house, machine) != is_superseded(machine)]
    if untold:
        return f"{untold} have not heard who their node is"
    unserved = _unserved(house)
    if unserved:
        return f"no machine of {unserved} may sell"
    waiting = unanswered(house.centre.tables)
    if waiting:
        return waiting
    return _differing(house)


def _differing(house: "House") -> str:
    unheard = [machine.name for machine in house.machines if house.people.are_there and _has_old_books(house, machine)]
    if unheard:
        return f"{unheard} have not heard what became of what was parked"
    found = {node_id: texts for node_id, texts in house.centre.tables.differences.items() if texts}
    return f"the centre sees differences: {found}" if found else ""


def _has_old_books(house: "House", machine: Machine) -> bool:
    """Whether a machine counts something else as parked or settled than the centre does."""
    agent, cursors = machine.agent, house.centre.tables.cursors
    if agent is None:
        return True
    rows = {key[1:]: row for key, row in cursors.items()}
    ledgers = [
        (rows.get((agent.session.state.incarnation, books.lane)), books) for books in agent.session._books.ledgers()
    ]
    return any(row is None or (row.parked, row.settled) != (books.parked, books.settled) for row, books in ledgers)


async def demand_all(house: "House") -> None:
    """Every promise. Raises `Broken` for the first that was not kept."""
    for machine in house.machines:
        await _demand_sound_file(machine)
        _demand_books(house, machine)
        _demand_true_pictures(house, machine)
    _demand_sound_centre(house)
    demand_views(house)
    demand_days(house)
    for node_id in sorted({machine.node_id for machine in house.machines}):
        _demand_node(house, node_id)


async def _demand_sound_file(machine: Machine) -> None:
    verdict = await verify_file(machine.path)
    if not verdict.is_sound:
        raise Broken("G1", f"{machine.name}: verify finds {[f'{f.where}: {f.what}' for f in verdict.findings]}")


def _demand_books(house: "House", machine: Machine) -> None:
    """`accepted = confirmed + pending + parked`, at both ends (G8)."""
    agent = machine.agent
    if agent is None:
        raise Broken("G6", f"{machine.name} is down")
    tables = house.centre.tables
    for books in agent.session._books.ledgers():
        key = next(
            k for k in tables.cursors if (k.incarnation, k.lane) == (agent.session.state.incarnation, books.lane)
        )
        row = tables.cursors[key]
        found = differences(books, durable_seq=row.durable_seq, parked=row.parked, settled=row.settled)
        there = row.durable_seq, row.parked, row.settled
        if found or books.pending or (books.accepted, books.parked, books.settled) != there:
            raise Broken("G8", f"{machine.name}: {books} against {there}; {found}")


def _demand_true_pictures(house: "House", machine: Machine) -> None:
    """What a newcomer was told of its stock is what its history says, unless the centre could not use some of it.

    Nor where several copies of a disk took one order different ways: the centre used what it heard first.
    """
    heard = house.story.heard
    is_excused = ("ingest.entry_parked", machine.node_id) in heard or house.disk_faults[machine.node_id] > 1
    if ("recovery.picture_differed", machine.name) in heard and not is_excused:
        raise Broken("G3", f"{machine.name} was told of a stock that its history does not make")


def _demand_sound_centre(house: "House") -> None:
    for key, entries in house.centre.tables.entries.items():
        previous = genesis(*key)
        for seq, entry in enumerate(entries, 1):
            previous = link(previous, entry.body)
            if entry.seq != seq or entry.hash != previous:
                raise Broken("G5", f"the centre's chain of {key} breaks at {seq}")
        row = house.centre.tables.cursors[key]
        if (row.durable_seq, row.durable_hash) != (len(entries), previous):
            raise Broken("G5", f"the centre's cursor of {key} is at {row.durable_seq}, it holds {len(entries)}")
        parked = [entry.seq for entry in entries if entry.is_parked and not entry.is_discarded]
        rows = house.centre.tables.parked.values()
        listed = sorted(p.seq for p in rows if (p.node_id, p.incarnation, p.lane) == key)
        if parked != listed or row.parked != len(parked):
            raise Broken("G7", f"{key} has {parked} parked; its books say {row.parked}, the list {listed}")
        discarded = sum(entry.is_discarded for entry in entries)
        if row.discarded != discarded:
            raise Broken("G8", f"{key} has {discarded} discarded; its books say {row.discarded}")


def _demand_node(house: "House", node_id: str) -> None:
    machines = [machine for machine in house.machines if machine.node_id == node_id]
    selling = [machine for machine in machines if not is_superseded(machine)]
    if not selling:
        raise Broken("G6", f"{node_id}: no machine may sell")
    claimants = {machine.agent.session.state.incarnation for machine in selling if machine.agent is not None}
    if len(claimants) > 1:
        raise Broken("G11", f"{node_id}: {[machine.name for machine in selling]} sell under different names")
    there = _centre_log(house, node_id)
    _demand_owed(house, node_id, there)
    demand_each_once(house, node_id, there.entries)
    demand_replays(f"{node_id} at the centre", there.entries)
    orders = _known_orders(house, there)
    is_whole = not any(loss.node_id == node_id for loss in house.centre.tables.losses)
    has_let_go = any(machine.look("SELECT 1 FROM stream WHERE pruned_seq > 0") for machine in machines)
    demand_instructions(house, node_id, orders, is_whole=is_whole, has_let_go=has_let_go)
    for machine in selling:
        here = _edge_log(machine)
        demand_replays(machine.name, here.entries)
        _demand_kept_orders(machine, _known_orders(house, here), orders, is_whole=is_whole)
        back_elsewhere = _back_elsewhere(machine, there.entries) if len(machines) > 1 else frozenset()
        _demand_stock(machine, here, there if is_whole else None, besides=back_elsewhere)


def _unserved(house: "House") -> list[str]:
    """Nodes whose machines have all been replaced: one of them has to notice that nobody else is there (G6)."""
    serving = {machine.node_id for machine in house.machines if not is_superseded(machine)}
    return sorted({machine.node_id for machine in house.machines} - serving)


def _is_replaced(house: "House", machine: Machine) -> bool:
    """Whether the centre says that another machine is this one's node: then it takes no orders, else it does (G11)."""
    agent = machine.agent
    incarnation = agent.session.state.incarnation if agent is not None else None
    rows = [row for key, row in house.centre.tables.cursors.items() if key.incarnation == incarnation]
    return any(row.superseded_by is not None for row in rows)


def let_go_in_vain(house: "House", machine: Machine) -> int:
    """How many entries a file has let go of that a centre which was put back lacks, and has not told us of."""
    there = {key[1:]: row.durable_seq for key, row in house.centre.tables.cursors.items()}
    streams = machine.look("SELECT incarnation, lane, pruned_seq FROM stream") if machine.path.exists() else []
    lacking: int = sum(max(0, seq - there.get((UUID(bytes=name), lane), 0)) for name, lane, seq in streams)
    return max(0, lacking - _told(house, machine.node_id))


def _told(house: "House", node_id: str) -> int:
    """How many entries of a node the centre has recorded as lost."""
    return sum(loss.to_seq - loss.from_seq + 1 for loss in house.centre.tables.losses if loss.node_id == node_id)


def _demand_owed(house: "House", node_id: str, there: _Log) -> None:
    """Whatever was answered or held is at the centre, exactly once in effect (G1, G6)."""
    counts: defaultdict[bytes, int] = defaultdict(int)
    for key, entries in house.centre.tables.entries.items():
        if key.node_id == node_id:
            for entry in entries:
                counts[decision_of(entry.body).content] += 1
    missing = [d.words for c, (node, d) in house.promises.owed.items() if node == node_id and not counts[c]]
    # What a limit made a machine let go of in vain, the centre has told us.
    if len(missing) > _told(house, node_id):
        raise Broken("G1", f"{node_id}: the centre lacks {len(missing)}: {missing[:3]}")
    for order_id, merged in there.orders.items():
        placed = [r for r in merged.accepted if isinstance(r.entry.events[0], OrderPlaced)]
        if len(placed) != 1 and not (not placed and order_id in house.promises.lost_orders):
            raise Broken("G1", f"order {order_id} takes effect {len(placed)} times at the centre")


def _demand_same_orders(machine: Machine, here: dict[UUID, Merged], there: dict[UUID, Merged]) -> None:
    """Both ends make the same of every order, byte for byte (G5), and both have them all (G6)."""
    if here.keys() != there.keys():
        only_here, only_there = sorted(here.keys() - there.keys()), sorted(there.keys() - here.keys())
        raise Broken("G6", f"{machine.name}: only here {only_here[:3]}, only at the centre {only_there[:3]}")
    for order_id, merged in here.items():
        if _ENCODER.encode(merged.state) != _ENCODER.encode(there[order_id].state):
            raise Broken("G5", f"{machine.name}: order {order_id} is {merged.state}, not {there[order_id].state}")
    heads = _heads(machine)
    for order_id, merged in here.items():
        state = merged.state
        if state is None or heads.get(order_id) != (state.revision, state.status):
            raise Broken("G5", f"{machine.name}: the list has {heads.get(order_id)} for {order_id}, the log {state}")


def _demand_kept_orders(
    machine: Machine, here: dict[UUID, Merged], there: dict[UUID, Merged], *, is_whole: bool
) -> None:
    """A machine may have let go of orders that are finished, whole; of the others both ends make the same.

    Where entries are known to be lost, an order may have been finished by one of those.
    """
    if machine.look("SELECT 1 FROM stream WHERE pruned_seq > 0"):
        here = {order_id: merged for order_id, merged in here.items() if merged.state is not None}
        gone = {order_id: merged.state for order_id, merged in there.items() if order_id not in here}
        still_open = [order_id for order_id, state in gone.items() if state and not _is_finished(state)]
        if still_open and is_whole:
            raise Broken("G6", f"{machine.name} has let go of orders that are still open: {still_open[:3]}")
        there = {order_id: merged for order_id, merged in there.items() if order_id in here}
    _demand_same_orders(machine, here, there)


def _is_finished(state: OrderState) -> bool:
    return state.status in _FINISHED and not any(is_open(one) for one in state.returns)


def _back_elsewhere(machine: Machine, there: list[Recorded]) -> frozenset[tuple[str, str]]:
    """Where goods lie that may have come back at another copy of a disk, of orders that this copy had let go of."""
    gone = {subject for (subject,) in machine.look("SELECT subject FROM pruned_subject")}
    deltas = (
        delta
        for recorded in there
        if subject_of(recorded.entry) in gone and not isinstance(recorded.entry.events[0], OrderPlaced)
        for event in recorded.entry.events
        if isinstance(event, OrderReturned | ReturnInspected | StockMoved)
        for delta in deltas_of(event)
    )
    return frozenset((delta.sku, delta.lot or "") for delta in deltas)


def _demand_stock(machine: Machine, here: _Log, there: _Log | None, *, besides: frozenset[tuple[str, str]]) -> None:
    """No more was promised than there was, found goods counted as minted; all books of it say the same (G3)."""
    sums = _with_pruned(machine, _stock_of(here))
    theirs = sums if there is None else _stock_of(there)
    if any(sums.get(place) != theirs.get(place) for place in (sums.keys() | theirs.keys()) - besides):
        raise Broken("G3", f"{machine.name}: the log makes {sums}, the centre's {theirs}")
    for place, (on_hand, reserved) in sums.items():
        if reserved < 0 or on_hand < reserved:
            raise Broken("G3", f"{machine.name}: {place} has {on_hand} and promised {reserved}")
    table = _stock_table(machine)
    if {p: q for p, q in table.items() if any(q)} != {p: q for p, q in sums.items() if any(q)}:
        raise Broken("G3", f"{machine.name}: the table says {table}, the log {sums}")


# --- reading ---------------------------------------------------------------------------------------------------------


def _edge_log(machine: Machine) -> _Log:
    """The log, without what was let go of and has come again: that changes nothing."""
    gone = {subject for (subject,) in machine.look("SELECT subject FROM pruned_subject")}
    entries = [
        Recorded(Origin(machine.node_id, UUID(bytes=incarnation), lane, seq), decode_entry(body))
        for incarnation, lane, seq, body in on_disk(machine)
    ]
    return _Log([recorded for recorded in entries if subject_of(recorded.entry) not in gone])


def _centre_log(house: "House", node_id: str) -> _Log:
    entries = [
        Recorded(Origin(*key, entry.seq), decode_entry(entry.body))
        for key, held in house.centre.tables.entries.items()
        if key.node_id == node_id
        for entry in held
    ]
    return _Log(entries)


def _known_orders(house: "House", log: _Log) -> dict[UUID, Merged]:
    """The orders, without those of which no more than what followed a lost placing is left: nobody can list them."""
    lost = house.promises.lost_orders
    return {key: merged for key, merged in log.orders.items() if merged.state is not None or key not in lost}


def _stock_of(log: _Log) -> dict[tuple[str, str], tuple[int, int]]:
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    deltas = [delta for merged in log.orders.values() for delta in merged.deltas()]
    moved = {e.movement_id: e for r in log.entries for e in r.entry.events if r.entry.order_id is None and _moves(e)}
    deltas += [delta for event in moved.values() for delta in deltas_of(event)]
    for delta in deltas:
        place = sums[delta.sku, delta.lot or ""]
        place[0] += delta.on_hand_milli
        place[1] += delta.reserved_milli
    return {place: (on_hand, reserved) for place, (on_hand, reserved) in sorted(sums.items())}


def _with_pruned(
    machine: Machine, sums: dict[tuple[str, str], tuple[int, int]]
) -> dict[tuple[str, str], tuple[int, int]]:
    """What the log makes, and what was let go of had made before."""
    total = dict(sums)
    for sku, lot, on_hand, reserved in machine.look("SELECT sku, lot, on_hand_milli, reserved_milli FROM pruned_stock"):
        before = total.get((sku, lot), (0, 0))
        total[sku, lot] = before[0] + on_hand, before[1] + reserved
    return dict(sorted(total.items()))


def _moves(event: Event) -> TypeGuard[Movement]:
    return isinstance(event, Movement)


def _heads(machine: Machine) -> dict[UUID, tuple[int, str]]:
    rows = machine.look("SELECT order_id, revision, status FROM order_head")
    return {UUID(bytes=order_id): (revision, status) for order_id, revision, status in rows}


def _stock_table(machine: Machine) -> dict[tuple[str, str], tuple[int, int]]:
    rows = machine.look("SELECT sku, lot, on_hand_milli, reserved_milli FROM stock")
    return {(sku, lot): (on_hand, reserved) for sku, lot, on_hand, reserved in rows}

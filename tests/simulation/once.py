"""What the centre holds of a node: nothing is there twice."""

from typing import TYPE_CHECKING

from edge_core.orders.events import InstructionAnswered
from edge_core.orders.rendering import Origin, Recorded
from edge_core.sync.entry import encode_entry
from tests.simulation.promises import Broken, decision_of

if TYPE_CHECKING:
    from tests.simulation.house import House


def demand_each_once(house: "House", node_id: str, there: list[Recorded]) -> None:
    """Every decision is at the centre once, and so are its effects (G1).

    Two copies of one disk may each record what both held and nobody else did: then it is there twice, and is not asked.
    """
    if house.disk_faults[node_id] > 1 or house.centre_was_restored:
        return
    seen: dict[bytes, Origin] = {}
    for recorded in there:
        if isinstance(recorded.entry.events[0], InstructionAnswered):
            continue  # two lives may answer alike
        first = seen.setdefault(decision_of(encode_entry(recorded.entry)).content, recorded.origin)
        if first != recorded.origin:
            raise Broken("G1", f"{node_id}: {recorded.origin} was recorded before, at {first}")

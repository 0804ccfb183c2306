"""What the centre says of days that were closed."""

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from edge_core.orders.day_events import DayClosed
from edge_core.sync.entry import decode_entry
from tests.simulation.promises import Broken

if TYPE_CHECKING:
    from tests.simulation.house import House


def demand_days(house: "House") -> None:
    """The centre shows the earliest close of each day that its entries have (G5); numbers have no gap and no double.

    Where a disk was lost, put back or copied, two lives of a node may have counted on their own.
    """
    tables = house.centre.tables
    closes: defaultdict[str, dict[UUID, DayClosed]] = defaultdict(dict)
    for key, entries in tables.entries.items():
        for event in (e for entry in entries if not entry.is_parked for e in decode_entry(entry.body).events):
            if isinstance(event, DayClosed):
                closes[key.node_id][event.close_id] = event
    first: dict[tuple[str, date], UUID] = {}
    for node_id, found in closes.items():
        for close_id in sorted(found, reverse=True):
            first[node_id, date.fromisoformat(found[close_id].business_date)] = close_id
        numbers = sorted(closed.z_number for closed in found.values())
        if house.disks_are_whole and numbers != list(range(1, len(numbers) + 1)):
            raise Broken("G1", f"{node_id} has closed days under {numbers}")
    shown = {place: row.close_id for place, row in tables.closed_days.items()}
    if shown != first:
        raise Broken("G5", f"the centre shows {shown} as closed, its entries make {first}")

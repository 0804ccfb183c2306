"""What `verify` looks at of holds: the table must be what the log makes of it."""

from collections.abc import Iterable
from uuid import UUID

import aiosqlite

from edge_agent.store import holds, retention
from edge_core.orders.events import Event
from edge_core.stock.holds import end_id
from edge_core.stock.reservations import Reservation
from edge_core.stock.stock_events import HoldEnded, HoldExtended, StockHeld


class StockBook:
    """What the entries that were walked say of holds, in whatever order they came."""

    def __init__(self) -> None:
        self._held: dict[UUID, Reservation] = {}
        self._ended: set[UUID] = set()

    def note(self, event: Event) -> None:
        """One event of the log."""
        if isinstance(event, HoldEnded):
            self._ended.add(event.reservation_id)
        elif isinstance(event, StockHeld | HoldExtended):
            hold = event.reservation()
            before = self._held.get(hold.reservation_id)
            if before is None or before.expires_at_ms < hold.expires_at_ms:
                self._held[hold.reservation_id] = hold

    async def check(self, connection: aiosqlite.Connection, *, is_whole: bool) -> Iterable[tuple[str, str]]:
        """Each thing that is wrong: where, and what. Raises `StorageFault`.

        Where the log is not whole, because it was let go of, a hold may have begun or ended before it.
        """
        kept = await holds.read_all(connection)
        ends = {end_id(each).bytes: each for each in self._held}
        gone = {ends[subject] for subject in await retention.read_gone(connection, list(ends))} if ends else set()
        living = {each: hold for each, hold in self._held.items() if each not in self._ended | gone}
        found = [(each, "is kept, and the log says that it ended") for each in kept.keys() & self._ended]
        found += [(each, "lives, and the file does not keep it") for each in living.keys() - kept.keys()]
        other = [each for each in living if kept.get(each, living[each]) != living[each]]
        found += [(each, "is kept otherwise than the log says") for each in other]
        if is_whole:
            strange = kept.keys() - living.keys() - self._ended
            found += [(each, "is kept, and the log does not know it") for each in strange]
        return [(f"hold {each}", what) for each, what in sorted(found)]

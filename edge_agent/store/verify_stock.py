"""What `verify` looks at of holds, quotas and rights: the tables must be what the log makes of them."""

from collections.abc import Iterable
from uuid import UUID

import aiosqlite

from edge_agent.store import holds, quotas, retention, rights, stock
from edge_agent.store.connection import fetch
from edge_core.stock import rights_book
from edge_core.stock.holds import end_id
from edge_core.stock.quota_book import SkuQuota
from edge_core.stock.reservations import Reservation
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.stock_events import RIGHTS_EVENTS, HoldEnded, HoldExtended, QuotaChanged, StockEvent, StockHeld


class StockBook:
    """What the entries that were walked say of holds, quotas and rights, in whatever order they came."""

    def __init__(self) -> None:
        self._held: dict[UUID, Reservation] = {}
        self._ended: set[UUID] = set()
        self._quotas: dict[str, tuple[int, SkuQuota]] = {}
        self._rights: dict[tuple[str, str], RightsBook] = {}

    def note(self, hlc: int, event: StockEvent) -> None:
        """One event of the log, and the hybrid clock of its entry."""
        if isinstance(event, RIGHTS_EVENTS):
            key = event.news.rights.owner_id, event.news.rights.sku
            self._rights[key] = rights_book.merge(self._rights.get(key, rights_book.empty(*key)), event.news)
        elif isinstance(event, QuotaChanged):
            for quota in event.quotas:
                known = self._quotas.get(quota.sku)
                if known is None or _later((hlc, quota), known):
                    self._quotas[quota.sku] = hlc, quota
        if isinstance(event, HoldEnded):
            self._ended.add(event.reservation_id)
        elif isinstance(event, StockHeld | HoldExtended):
            hold = event.reservation()
            before = self._held.get(hold.reservation_id)
            if before is None or before.expires_at_ms < hold.expires_at_ms:
                self._held[hold.reservation_id] = hold

    async def check(self, connection: aiosqlite.Connection, *, is_whole: bool) -> Iterable[tuple[str, str]]:
        """Each thing that is wrong: where, and what. Raises `StorageFault`."""
        return [
            *await self._check_holds(connection, is_whole=is_whole),
            *await self._check_quotas(connection, is_whole=is_whole),
            *await self._check_rights(connection, is_whole=is_whole),
        ]

    async def _check_quotas(self, connection: aiosqlite.Connection, *, is_whole: bool) -> Iterable[tuple[str, str]]:
        """Of what was let go of a later value may have come."""
        kept = await quotas.read_all(connection)
        found = []
        for sku in sorted(kept.keys() | self._quotas.keys()):
            here, log = kept.get(sku), self._quotas.get(sku)
            is_later = here is not None and (log is None or _later(here, log))
            if here != log and (is_whole or not is_later):
                found.append((f"quota {sku}", "is not what the log says last"))
        return found

    async def _check_rights(self, connection: aiosqlite.Connection, *, is_whole: bool) -> Iterable[tuple[str, str]]:
        """Figures only grow: the file has all of the log's. What is set aside is within what is reserved."""
        ((node_id,),) = await fetch(connection, "SELECT node_id FROM identity")
        kept, found = await rights.read_all(connection), []
        for key in sorted(kept.keys() | self._rights.keys()):
            here, log = (books.get(key, rights_book.empty(*key)) for books in (kept, self._rights))
            if rights_book.merge(here, log) != here or (is_whole and here != log):
                found.append((f"rights {key[0]} {key[1]}", "are not what the log says"))
            if key[0] == node_id:
                reserved = {p.lot: p.reserved_milli for p in await stock.read_positions(connection, [key[1]])}
                over = [lot for lot, left in here.lots.items() if not 0 <= left <= reserved.get(lot, 0)]
                where = [f"rights {key[1]} lot {lot or '-'}" for lot in over]
                found += [(each, "stand on goods that are not set aside") for each in where]
        return found

    async def _check_holds(self, connection: aiosqlite.Connection, *, is_whole: bool) -> Iterable[tuple[str, str]]:
        """A hold that lives is kept as it was last extended.

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


def _later(one: tuple[int, SkuQuota], other: tuple[int, SkuQuota]) -> bool:
    return (one[0], quotas.encoded(one[1])) > (other[0], quotas.encoded(other[1]))

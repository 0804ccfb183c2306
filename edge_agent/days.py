"""The books of a business day, added up from the log when somebody asks for them (docs/days.md).

Nothing is kept beside the log, so nothing can disagree with it: after a lost disk, a fork or a restored copy the books
are those of the entries that are there. They are read in small steps, between which tills are served.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Final
from uuid import UUID

from msgspec import Struct

from edge_agent.store import days, log, retention
from edge_agent.store.file import StoreFile
from edge_agent.store.log import Stream
from edge_agent.store.orders import read_orders
from edge_agent.submission import Close, z_report
from edge_agent.surroundings import Surroundings
from edge_core.limits import DAY_CLOCK_SKEW_MS, DAY_ORDERS_PER_STEP
from edge_core.orders.day_events import CurrencySums, DayClosed
from edge_core.orders.days import Books, add_order, add_unreceipted, day_of, late, sums_of
from edge_core.orders.further_events import GoodsTakenBack
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Recorded
from edge_core.orders.requests import CloseRequest

_ORDERS: Final = "orders"  # the lane


class DayReport(Struct, frozen=True):
    """A business day: its X report while it is open, its Z report once it is closed, and what came of it after that.

    `is_whole` is not set where entries of the day are gone from the file, or are still to come.
    """

    business_date: str
    state: str
    is_whole: bool
    currencies: tuple[CurrencySums, ...]
    late: tuple[CurrencySums, ...] = ()
    z_number: int | None = None
    z_code: str | None = None
    closed_at: str | None = None
    operator_id: str | None = None


class DayBooks:
    """Adds up days of one file."""

    def __init__(self, file: StoreFile, surroundings: Surroundings) -> None:
        self._file = file
        self._here = surroundings

    async def report(self, business_date: str) -> DayReport:
        """A day as it stands. Raises `StorageFault`."""
        closes = await days.read_closes(self._file.reader)
        books, _ = await self._books(business_date)
        is_whole = await self.is_whole(business_date)
        for recorded in closes:
            closed = recorded.entry.events[0]
            if isinstance(closed, DayClosed) and closed.business_date == business_date:
                z = z_report(recorded)
                since = late(books, closed) if is_whole else ()
                return DayReport(
                    business_date=business_date,
                    state="closed",
                    is_whole=is_whole,
                    currencies=z.currencies,
                    late=since,
                    z_number=z.z_number,
                    z_code=z.z_code,
                    closed_at=z.closed_at,
                    operator_id=z.operator_id,
                )
        return DayReport(business_date, "open", is_whole, sums_of(books))

    async def close(self, business_date: str, request: CloseRequest) -> Close:
        """The wish to close a day, with its books as they are now. Raises `StorageFault`."""
        stream = self._file.streams[_ORDERS]
        books, up_to_seq = await self._books(business_date)
        return Close(business_date, request, stream.incarnation, up_to_seq, sums_of(books))

    async def is_whole(self, business_date: str) -> bool:
        """Whether all that this store ever recorded of a day is in its file."""
        is_awaited = any(stream.is_awaited for stream in self._file.former)
        return not is_awaited and not await days.has_let_go(self._file.reader, business_date)

    async def _books(self, business_date: str) -> tuple[Books, int]:
        """The sums of a day, and the last seq of the present stream that they cover."""
        stream = self._file.streams[_ORDERS]
        up_to_seq = self._file.tails[_ORDERS].seq
        since = await self._since(business_date)

        def is_wanted(recorded: Recorded) -> bool:
            origin = recorded.origin
            is_later = origin.incarnation == stream.incarnation and origin.seq > up_to_seq
            return not is_later and day_of(recorded, self._date_at) == business_date

        books: Books = Counter()
        found = await days.orders_of(self._file.reader, business_date, since)
        for start in range(0, len(found), DAY_ORDERS_PER_STEP):
            step = [UUID(bytes=order_id) for order_id in found[start : start + DAY_ORDERS_PER_STEP]]
            by_order: defaultdict[UUID | None, list[Recorded]] = defaultdict(list)
            for recorded in await read_orders(self._file.reader, step):
                by_order[recorded.entry.order_id].append(recorded)
            for entries in by_order.values():
                # Most orders are one entry, which nothing can contradict.
                add_order(books, merge(entries).accepted if len(entries) > 1 else entries, is_wanted)
            await asyncio.sleep(0)  # a till first
        for taken in await self._taken_back(since, is_wanted):
            add_unreceipted(books, taken)
        return books, up_to_seq

    async def _taken_back(
        self, since: dict[Stream, int], is_wanted: Callable[[Recorded], bool]
    ) -> list[GoodsTakenBack]:
        """Goods of the day that came without a receipt; one that was appended again counts once."""
        found: dict[UUID, GoodsTakenBack] = {}
        entry_ids = await days.others_since(self._file.reader, since)
        for start in range(0, len(entry_ids), DAY_ORDERS_PER_STEP):
            for recorded in await days.read_others(self._file.reader, entry_ids[start : start + DAY_ORDERS_PER_STEP]):
                first = recorded.entry.events[0]
                if isinstance(first, GoodsTakenBack) and is_wanted(recorded):
                    found[first.movement_id] = first
            await asyncio.sleep(0)
        return list(found.values())

    async def _since(self, business_date: str) -> dict[Stream, int]:
        """For each stream of orders, a seq up to which everything is surely older than the day.

        The marks of retention say so, by the centre's clock; a store that never heard that clock is read whole.
        """
        begun = datetime.combine(date.fromisoformat(business_date), time(), self._here.zone)
        before_ms = int(begun.timestamp() * 1000) - DAY_CLOCK_SKEW_MS
        marks = await retention.read_marks(self._file.reader)
        return {
            stream: max((mark.seq for mark in marks.get(stream.stream_no, ()) if mark.at_ms < before_ms), default=0)
            for stream in await log.read_streams(self._file.reader)
            if stream.lane == _ORDERS
        }

    def _date_at(self, at_ms: int) -> str:
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._here.zone).date().isoformat()

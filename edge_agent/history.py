"""How a newcomer, whose file has nothing of its node's past, gets it: what is needed to sell first, then the rest.

The picture of the centre makes each former stream look like one that was let go of: a cut at its end, the entries of
open orders below it, and sums of what all the others have made of the stock. From that moment on orders and stock are
right. The history then comes from the newest entry to the oldest: a step puts entries below the cut into the log, takes
what they make out of the sums, and lowers the cut. So the stock is the sums and the log together after every step, and
a crash between two steps leaves nothing half done. When no cut is left, the log alone must make the stock.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct, field

from edge_agent.backfill import Backfill, Settled
from edge_agent.intake import Intake
from edge_agent.store import log, losses
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_core.errors import PeerFault
from edge_core.limits import HISTORY_STEP_ENTRIES, LOST_NAMED_MAX, PUSH_ENTRIES_MAX
from edge_core.orders.events import deltas_of
from edge_core.stock.ledger import StockDelta
from edge_core.sync.entry import decode_entry
from edge_core.sync.link_types import FormerKey
from edge_core.sync.messages import Deliver, Mark, Recall, lane_of
from edge_core.sync.need_messages import Need, Needed
from edge_core.sync.needed import Picture
from edge_core.sync.receive_stream import Batch, prepare

_LOG: Final = structlog.get_logger()


class _Own(Struct):
    """What the present incarnation's own entries up to `seq` have made of the stock."""

    incarnation: UUID
    seq: int = 0
    sums: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


class History:
    """What comes to a newcomer, delivery by delivery."""

    def __init__(
        self, file: StoreFile, intake: Intake, now_ms: Callable[[], int], random_bits: Callable[[], int]
    ) -> None:
        self._file = file
        self._intake = intake
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._picture = Picture()
        self._own = _Own(UUID(int=0))
        self.on_damage: Callable[[], None] = lambda: None

    # --- what is needed first ----------------------------------------------------------------------------------------

    @property
    def is_newcomer(self) -> bool:
        """Whether the file has nothing but its present life, and all of that."""
        return not self._file.former and all(stream.pruned_seq == 0 for stream in self._file.streams.values())

    def need(self) -> Need:
        """The word for the next page."""
        present = self._file.streams["orders"].incarnation
        if self._own.incarnation != present:
            self._picture, self._own = Picture(), _Own(present)
        return Need(self._file.node_id, present, self._picture.as_of, self._picture.after)

    async def take_page(self, page: Needed) -> bool | None:
        """Take a page; True when there is nothing more to ask, None where it is not the one that was asked for.

        Raises `PeerFault` for one that cannot be; then the picture begins anew.
        """
        picture = self._picture
        try:
            progress = picture.take(page, await self._own_until(page.at_seq))
        except PeerFault:
            self._picture = Picture()
            raise
        if progress in {"whole", "none"}:
            self._picture = Picture()
        if progress == "whole":
            await self._draw(picture)
        if progress == "none":
            _LOG.warning("recovery.no_picture", entries=sum(ground.seq for ground in page.grounds))
        return None if progress == "stale" else progress != "more"

    async def _own_until(self, seq: int) -> Mapping[tuple[str, str], tuple[int, int]]:
        """The own sales that the centre has in its figures, from the log. What is acked does not change any more."""
        stream, tail = self._file.streams["orders"], self._file.tails["orders"]
        if seq > tail.seq:
            raise PeerFault("range-invalid", f"a picture with {seq} own entries, where there are {tail.seq}")
        if self._own.incarnation != stream.incarnation or seq < self._own.seq:
            self._own = _Own(stream.incarnation)
        while self._own.seq < seq:
            count = min(PUSH_ENTRIES_MAX, seq - self._own.seq)
            for at, _, body in await log.read_range(self._file.link_reader, stream, self._own.seq + 1, count):
                _add(self._own.sums, [delta for event in decode_entry(body).events for delta in deltas_of(event)])
                self._own.seq = at
        return self._own.sums

    async def _draw(self, picture: Picture) -> None:
        """The picture is whole: orders and stock become what it says, in one transaction."""
        present = self._file.streams["orders"].incarnation

        async def change(connection: Connection) -> None:
            streams = await log.read_streams(connection)
            if any(ground.incarnation == present for ground in picture.grounds):
                raise PeerFault("range-invalid", "a picture of the past with the present in it")
            if all(stream.incarnation == present for stream in streams):
                await self._work(connection).draw(picture)

        await self._intake.change_log(change)
        _LOG.warning(
            "recovery.picture_taken",
            orders=len({held.entry.order_id for held in picture.entries}),
            positions=len(picture.bases),
            entries_to_come=sum(ground.seq for ground in picture.grounds) - len(picture.entries),
        )

    # --- the rest ----------------------------------------------------------------------------------------------------

    def ask(self, key: FormerKey) -> Recall | None:
        """The word for what lies before a stream's cut; None where nothing is to come."""
        stream = next((s for s in self._file.former if (s.incarnation, s.lane) == (key.incarnation, key.lane)), None)
        if stream is None or not stream.is_awaited or stream.pruned_hash is None:
            return None
        present = self._file.streams["orders"].incarnation
        before = Mark(stream.pruned_seq, stream.pruned_hash)
        return Recall(stream.node_id, present, key.incarnation, lane_of(key.lane), (), before)

    async def take_before(self, key: FormerKey, deliver: Deliver) -> bool | None:
        """Take what lies before a stream's cut, from its end, a step in each transaction; between two tills are served.

        True when nothing more is to come, None where the delivery does not end at the cut. Raises `PeerFault`.
        """
        parts = _parts(prepare(deliver)) if deliver.to_seq >= deliver.from_seq else [None]
        if deliver.lacking and deliver.to_seq + deliver.lacking != deliver.before:
            raise PeerFault("range-invalid", f"{deliver.lacking} entries between {deliver.to_seq} and {deliver.before}")
        end = deliver.before
        for part in parts:
            if not await self._put(key, end, part):
                return None
            end = part.from_seq - 1 if part is not None else 0
        if deliver.lacking:
            tell_lacking(key, range(deliver.to_seq + 1, deliver.before + 1))
            self.on_damage()
        return end == 0

    async def _put(self, key: FormerKey, end: int, part: Batch | None) -> bool:
        """One step; False where the cut is not at `end`. What lies between that and the part is lacking."""
        is_at_cut, settled = False, None

        async def change(connection: Connection) -> None:
            nonlocal is_at_cut, settled
            stream = await log.find_stream(connection, key.incarnation, key.lane)
            if stream is None or not stream.is_awaited or stream.pruned_seq != end:
                return
            if part is not None and part.to_seq == end and part.hashes[-1] != stream.pruned_hash:
                raise PeerFault("fork", f"the history does not lead to the cut at {end}")
            work = self._work(connection)
            if part is not None and part.to_seq < end and stream.pruned_hash is not None:
                await losses.note_lacking(connection)
                lacking = range(part.to_seq + 1, end + 1)
                await losses.mark_places(connection, stream, lacking, stream.pruned_hash, losses.IN_SUMS)
            is_at_cut, settled = True, await (work.end(stream) if part is None else work.put_before(stream, part))

        await self._intake.change_log(change)
        if is_at_cut:
            _tell(key, end, part, settled)
        return is_at_cut

    def _work(self, connection: Connection) -> Backfill:
        return Backfill(connection, self._file, self._now_ms(), self._random_bits)


def _parts(batch: Batch) -> list[Batch | None]:
    """The steps of a delivery, its end first."""
    parts: list[Batch | None] = []
    end = len(batch.bodies)
    while end:
        first = max(0, end - HISTORY_STEP_ENTRIES)
        ground = batch.hashes[first - 1] if first else batch.previous_hash
        parts.append(Batch(batch.from_seq + first, ground, batch.bodies[first:end], batch.hashes[first:end]))
        end = first
    return parts


def tell_lacking(key: FormerKey, seqs: range) -> None:
    """Entries of the past are in no copy that can be read; the scrub lists them, and asks for them again for ever."""
    named = list(seqs[:LOST_NAMED_MAX])
    where = {"incarnation": str(key.incarnation), "lane": key.lane}
    _LOG.error("recovery.entries_lacking", entries=len(seqs), seqs=named, **where)


def _tell(key: FormerKey, before: int, part: Batch | None, settled: Settled | None) -> None:
    where = {"incarnation": str(key.incarnation), "lane": key.lane}
    if part is None:
        _LOG.error("recovery.history_lost", up_to=before, **where)
    elif part.from_seq == 1:
        _LOG.warning("recovery.history_whole", **where)
    if settled is not None and settled.differing:
        _LOG.warning("recovery.picture_differed", positions=settled.differing)


def _add(sums: dict[tuple[str, str], tuple[int, int]], deltas: Iterable[StockDelta]) -> None:
    for delta in deltas:
        place = delta.sku, delta.lot or ""
        on_hand_milli, reserved_milli = sums.get(place, (0, 0))
        sums[place] = on_hand_milli + delta.on_hand_milli, reserved_milli + delta.reserved_milli

"""The daily round: every record of the file is read, checked against the chain, and compared with the centre.

One segment at a time, the newest of a stream first, with a pause after each so that a round takes about a day; while
requests wait for a commit nothing is read. How far it has come is in the file. Damage is listed until it is mended:
the record and its order are named at once, everything else serves on, and the centre's copy mends it when there is one.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from msgspec.structs import replace

from edge_agent.intake import Intake
from edge_agent.mending import Compared, Mender
from edge_agent.store import scrubbing
from edge_agent.store.connection import Connection
from edge_agent.store.day_totals import read_day_totals
from edge_agent.store.file import StoreFile
from edge_agent.store.log import Stream
from edge_agent.store.scrubbing import Damaged, Round
from edge_agent.surroundings import Surroundings
from edge_core.errors import PeerFault, StorageFault
from edge_core.limits import (
    AUDIT_REPLY_TIMEOUT_MS,
    AUDIT_TRIES_MAX,
    DAMAGE_ROWS_MAX,
    DAY_TOTALS_INTERVAL_MS,
    SCRUB_BUSY_PAUSE_MS,
    SCRUB_BUSY_PAUSES_MAX,
    SCRUB_INTERVAL_MS,
    SCRUB_PAUSE_MS,
    SCRUB_PAUSE_MS_MAX,
    SCRUB_RETRY_MS,
)
from edge_core.sync.audit import segments
from edge_core.sync.audit_messages import AuditCall, DayTotals, Digest, DigestReply, Run, ScrubReport

_LOG: Final = structlog.get_logger()
_TABLES: Final = ("entry", "order_head", "stock", "idempotency")


class Line(Protocol):
    """The way to the centre, as far as the scrub needs it."""

    @property
    def is_settled(self) -> bool:
        """Whether the centre has greeted back and nothing of earlier incarnations is being restored."""

    def durable_seq(self, lane: str) -> int:
        """How far the centre has a lane of the present incarnation."""

    def send_audit(self, message: Digest | DayTotals) -> bool:
        """Hand a message over; False where there is no room or no connection."""


class Scrub:
    """The round of one file. `run` is its task; `begin` asks for a round now; `line` is None without a broker."""

    def __init__(self, file: StoreFile, intake: Intake, surroundings: Surroundings, line: Line | None) -> None:
        self._file = file
        self._intake = intake
        self._here = surroundings
        self._line = line
        self._mender = Mender(file, intake, surroundings, self._let_tills_go_first)
        self._wake = asyncio.Event()
        self._reply: asyncio.Future[DigestReply] | None = None
        self._asked: Digest | None = None
        self._is_called = False
        self._hurries = False
        self._next_retry_ms = 0
        self._next_totals_ms = 0
        self._next_suspicion_ms = 0
        self._totals_at: tuple[int, int] | None = None
        self._round = Round(0, 0, None, 0, 0, "")
        self.damage: tuple[Damaged, ...] = ()
        self._given_up: frozenset[tuple[int, int]] = frozenset()
        self.sheds: Callable[[], bool] = lambda: False
        self.mended = 0
        self.rounds = 0

    @property
    def report(self) -> ScrubReport:
        """How the file was found, for the heartbeat and the status page."""
        return ScrubReport(self._round.ended_at_ms, self._round.entries, len(self.damage))

    @property
    def pages(self) -> str:
        """What SQLite's own check said at the end of the last round; '' for nothing."""
        return self._round.pages

    @property
    def is_under_way(self) -> bool:
        """Whether a round was begun, or is asked for, and has not ended."""
        return self._is_called or self._round.next_stream is not None

    def begin(self) -> None:
        """Have a whole round made now, without pauses; one that was asked for and still runs is enough."""
        if not (self._hurries and self.is_under_way):
            self._is_called = self._hurries = True
            self._next_totals_ms, self._totals_at = 0, None
            self._wake.set()

    def suspect(self) -> None:
        """A request met a damaged record: look at the whole file now, unless that was done just before."""
        now_ms = self._here.monotonic_ms()
        if now_ms >= self._next_suspicion_ms:
            self._next_suspicion_ms = now_ms + SCRUB_RETRY_MS
            self.begin()

    def is_given_up(self, stream_no: int, seq: int) -> bool:
        """Whether a record is damaged and the last round of this start could not have it mended.

        Of a file with more damage than is listed, everything is given up.
        """
        return (stream_no, seq) in self._given_up or len(self._given_up) >= DAMAGE_ROWS_MAX

    def heard(self, message: DigestReply | AuditCall) -> None:
        """A message of the centre."""
        if isinstance(message, AuditCall):
            self.begin()
            return
        asked, waiting = self._asked, self._reply
        if asked is None or waiting is None or waiting.done():
            return
        if (message.of, message.lane, message.from_seq, message.to_seq) == (
            asked.of,
            asked.lane,
            asked.from_seq,
            asked.to_seq,
        ):
            waiting.set_result(message)

    async def run(self) -> None:
        """Go round until cancelled. A fault of the disk ends one step: the writer recovers, and the next one tries."""
        await self._load()
        while True:
            await self._rest()
            if self.sheds():
                await asyncio.sleep(SCRUB_PAUSE_MS / 1000)
                continue
            try:
                await self._step()
            except (StorageFault, PeerFault) as fault:  # what a step stands on may be damaged itself
                _LOG.warning("scrub.step_failed", error=str(fault))
                await asyncio.sleep(SCRUB_PAUSE_MS / 1000)

    async def _load(self) -> None:
        try:
            self._round = await scrubbing.read_round(self._file.scrub_reader)
            self.damage = tuple(await scrubbing.read_damage(self._file.scrub_reader))
        except StorageFault as fault:
            _LOG.warning("scrub.step_failed", error=str(fault))

    async def _rest(self) -> None:
        """Until the next step is due, or a round is asked for."""
        pause_ms = 0 if self._hurries else self._pause_ms() * (0.5 + self._here.jitter())
        try:
            async with asyncio.timeout(pause_ms / 1000):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _pause_ms(self) -> int:
        """A round is spread over the day."""
        entries = sum(tail.seq for tail in self._file.tails.values())
        steps = len(segments(1, entries)) + len(self._file.streams) + len(self._file.former)
        longest_ms = SCRUB_RETRY_MS if self.damage else SCRUB_PAUSE_MS_MAX
        return min(max(SCRUB_INTERVAL_MS // steps, SCRUB_PAUSE_MS), longest_ms)

    async def _let_tills_go_first(self) -> None:
        """Before each step of reading; a store that is never idle is read all the same, more slowly."""
        for _ in range(SCRUB_BUSY_PAUSES_MAX):
            if not self._intake.waiting:
                return
            await asyncio.sleep(SCRUB_BUSY_PAUSE_MS / 1000)

    async def _step(self) -> None:
        await self._retry()
        await self._compare_days()
        if self._is_called:
            self._is_called = False
            await self._go_on(replace(self._round, next_stream=0, next_seq=0, seen=0))
        elif self._round.next_stream is None and self._is_due():
            await self._go_on(replace(self._round, next_stream=0, next_seq=0, seen=0))
        if self._round.next_stream is not None:
            await self._look_on(self._round.next_stream)

    def _is_due(self) -> bool:
        """A day after the last round; a clock that was put back makes it due as well."""
        return not 0 <= self._here.now_ms() - self._round.ended_at_ms < SCRUB_INTERVAL_MS

    async def _look_on(self, stream_no: int) -> None:
        """The next segment of the round; after the last one, SQLite's own check, and the end."""
        streams = sorted((*self._file.former, *self._file.streams.values()), key=lambda stream: stream.stream_no)
        stream = next((stream for stream in streams if stream.stream_no >= stream_no), None)
        if stream is None:
            await self._end_round()
            return
        is_begun = stream.stream_no == stream_no and self._round.next_seq > 0
        held = await self._held(stream)
        left = segments(held.from_seq, self._round.next_seq if is_begun else held.to_seq)
        if left:
            await self._look_at(stream, left[0])
            self._round = replace(self._round, seen=self._round.seen + left[0].to_seq - left[0].from_seq + 1)
        more = len(left) > 1
        await self._go_on(
            replace(
                self._round,
                next_stream=stream.stream_no if more else stream.stream_no + 1,
                next_seq=left[0].from_seq - 1 if more else 0,
            )
        )

    async def _held(self, stream: Stream) -> Run:
        """What the file should hold of a stream. The end of a present one is in memory since its COMMIT."""
        held = await scrubbing.held(self._file.scrub_reader, stream)
        present = self._file.streams.get(stream.lane)
        if present is not None and present.stream_no == stream.stream_no:
            return Run(held.from_seq, self._file.tails[stream.lane].seq)
        return held

    async def _look_at(self, stream: Stream, segment: Run) -> None:
        """Examine a segment, compare what the centre has of it, and list what stays damaged."""
        compared: Compared | None = None
        shared = Run(segment.from_seq, min(segment.to_seq, self._shared_seq(stream)))
        if self._line is not None and self._line.is_settled and shared.to_seq >= shared.from_seq:
            compared = await self._mender.compare(stream, shared, self._ask)
            self.mended += compared.mended
            if compared.mended_there:
                _LOG.warning("scrub.centre_mended", lane=stream.lane, entries=compared.mended_there)
            if compared.verdict == "unmendable":
                _LOG.error("scrub.unmendable", lane=stream.lane, from_seq=shared.from_seq, to_seq=shared.to_seq)
        examination = await self._mender.examine(stream, segment)
        await self._list(stream, segment, examination.damaged)

    def _shared_seq(self, stream: Stream) -> int:
        """How far the centre should have a stream."""
        present = self._file.streams.get(stream.lane)
        if self._line is None:
            return 0
        is_present = present is not None and present.stream_no == stream.stream_no
        return self._line.durable_seq(stream.lane) if is_present else (1 << 40) - 1

    async def _list(self, stream: Stream, segment: Run, runs: tuple[Run, ...]) -> None:
        """Write down what is damaged in a segment, and tell what is new."""
        listed = {d.seq for d in self.damage if d.stream_no == stream.stream_no and _is_in(d.seq, segment)}
        found = [d for run in runs for d in await self._named(stream, run)]
        if listed == {damaged.seq for damaged in found}:
            return
        for damaged in found:
            if damaged.seq not in listed:
                about = damaged.order_id.hex() if damaged.order_id else None
                _LOG.error("scrub.record_damaged", lane=stream.lane, seq=damaged.seq, order_id=about)

        async def change(connection: Connection) -> None:
            await scrubbing.note_damage(connection, stream, segment, found, self._here.now_ms())

        await self._intake.write(change)
        self.damage = tuple(await scrubbing.read_damage(self._file.scrub_reader))

    async def _named(self, stream: Stream, run: Run) -> list[Damaged]:
        about = await scrubbing.subjects(self._file.scrub_reader, stream, run)
        return [Damaged(stream.stream_no, seq, about.get(seq)) for seq in range(run.from_seq, run.to_seq + 1)]

    async def _retry(self) -> None:
        """What is known to be damaged is tried again, without waiting for the next round."""
        now_ms = self._here.monotonic_ms()
        if not self.damage or self._line is None or not self._line.is_settled or now_ms < self._next_retry_ms:
            return
        self._next_retry_ms = now_ms + SCRUB_RETRY_MS
        streams = {s.stream_no: s for s in (*self._file.former, *self._file.streams.values())}
        places = {}
        for damaged in self.damage:
            stream = streams.get(damaged.stream_no)
            if stream is not None:
                held = await self._held(stream)
                for segment in segments(held.from_seq, max(damaged.seq, held.to_seq)):
                    if _is_in(damaged.seq, segment):
                        places[stream.stream_no, segment.from_seq] = stream, segment
        for stream, segment in places.values():
            await self._look_at(stream, segment)

    async def _end_round(self) -> None:
        said = [await scrubbing.check_table(self._file.scrub_reader, table) for table in _TABLES]
        pages = "; ".join(text for text in said if text)
        entries = self._round.seen
        self._hurries = False
        self.rounds += 1
        self._given_up = frozenset((damaged.stream_no, damaged.seq) for damaged in self.damage)
        await self._go_on(Round(self._here.now_ms(), entries, None, 0, 0, pages))
        _LOG.info("scrub.round_ended", entries=entries, damaged=len(self.damage), pages=pages)

    async def _go_on(self, at: Round) -> None:
        """The round is here now; kept in the file, so that the next start goes on there."""
        self._round = at

        async def change(connection: Connection) -> None:
            await scrubbing.put_round(connection, at)

        await self._intake.write(change)

    # --- the centre --------------------------------------------------------------------------------------------------

    async def _ask(self, digest: Digest) -> DigestReply | None:
        """Send a digest until its reply comes, a few times."""
        for _ in range(AUDIT_TRIES_MAX):
            self._asked, self._reply = digest, asyncio.get_running_loop().create_future()
            if self._line is not None and self._line.send_audit(digest):
                try:
                    async with asyncio.timeout(AUDIT_REPLY_TIMEOUT_MS / 1000):
                        return await self._reply
                except TimeoutError:
                    continue
                finally:
                    self._asked = self._reply = None
        return None

    async def _compare_days(self) -> None:
        """Send the books of the business days when the centre has everything and orders came since the last time."""
        now_ms, line = self._here.monotonic_ms(), self._line
        if line is None or not line.is_settled or now_ms < self._next_totals_ms:
            return
        stream = self._file.streams["orders"]
        at = stream.stream_no, self._file.tails["orders"].seq
        if line.durable_seq("orders") != at[1] or (at == self._totals_at and not self._hurries):
            return
        seq, days = await read_day_totals(self._file.scrub_reader, stream)
        if line.send_audit(DayTotals(stream.node_id, stream.incarnation, seq, days)):
            self._totals_at = at
            self._next_totals_ms = now_ms + DAY_TOTALS_INTERVAL_MS


def _is_in(seq: int, segment: Run) -> bool:
    return segment.from_seq <= seq <= segment.to_seq

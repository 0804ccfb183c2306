"""The books of the link: what was accepted, confirmed, is pending and parked, and how old the oldest pending is."""

import shutil
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from edge_agent.instructions import Instructions
from edge_agent.store import log
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_core.errors import PeerFault, StorageFault
from edge_core.sync.audit_messages import ScrubReport
from edge_core.sync.conservation import ledger
from edge_core.sync.entry import decode_entry
from edge_core.sync.link_types import LinkState, Rebook, RecordDurable, RecordHistory
from edge_core.sync.messages import Heartbeat, LaneLedger
from edge_core.sync.policy_messages import PolicyReport
from edge_core.sync.reference_messages import Held
from holdfast_runtime.log import bounded

_LOG: Final = structlog.get_logger()


class Books:
    """Counts that the heartbeat, the status page and the metrics share."""

    def __init__(self, file: StoreFile, now_ms: Callable[[], int], software_version: str) -> None:
        self._file = file
        self._now_ms = now_ms
        self._software_version = software_version
        self._durable = {lane: stream.durable_seq for lane, stream in file.streams.items()}
        self._parked = {lane: stream.parked for lane, stream in file.streams.items()}
        self.scrub_report: Callable[[], ScrubReport | None] = lambda: None
        self.reference_held: Callable[[], tuple[Held, ...]] = tuple
        self.policy_report: Callable[[], PolicyReport | None] = lambda: None
        self._settled = dict.fromkeys(file.streams, 0)
        self._held: dict[str, str] = {}
        self._backed_up = {lane: stream.backed_up_seq for lane, stream in file.streams.items()}
        self.pruned_entries = 0
        self.forced_prunings = 0
        self.last_error: str | None = None
        self.last_ack_ms: int | None = None
        self.peer_faults = 0
        self.pushed_entries = 0
        self.pushed_bytes = 0
        self.acks = 0

    def restart(self) -> None:
        """The log goes on in a new incarnation: its books begin at zero."""
        self._durable = {lane: stream.durable_seq for lane, stream in self._file.streams.items()}
        self._parked = {lane: stream.parked for lane, stream in self._file.streams.items()}
        self._settled = dict.fromkeys(self._file.streams, 0)
        self._backed_up = {lane: stream.backed_up_seq for lane, stream in self._file.streams.items()}

    def acked(self, position: RecordDurable) -> None:
        """The centre holds a lane up to here."""
        self._durable[position.lane] = position.durable_seq
        self._parked[position.lane] = position.parked
        self._settled[position.lane] = position.settled
        self._backed_up[position.lane] = max(self._backed_up[position.lane], position.backed_up_seq)
        self._note_held(position)
        self.last_ack_ms = self._now_ms()
        self.acks += 1

    def _note_held(self, position: RecordDurable) -> None:
        if position.held is None:
            return
        before, self._held[position.lane] = self._held.get(position.lane, ""), position.held
        if position.held:
            self.last_error = bounded(f"the centre holds {position.lane} at {position.durable_seq}: {position.held}")
        if position.held and not before:
            _LOG.warning("link.stream_held", lane=position.lane, seq=position.durable_seq, reason=position.held)
        elif before and not position.held:
            _LOG.info("link.stream_released", lane=position.lane, seq=position.durable_seq)

    def greeted(self, history: RecordHistory) -> None:
        """The centre's backup covers so much: less than before where the centre came back from an older one."""
        for position in history.lanes:
            self._backed_up[position.lane] = min(position.backed_up_seq, position.durable_seq)

    def rebook(self, position: Rebook) -> None:
        """The centre greeted with this position: what it lost is pending again."""
        self._durable[position.lane] = position.durable_seq
        self._parked[position.lane] = position.parked
        self._settled[position.lane] = position.settled

    def pushed(self, entries: int, size_bytes: int) -> None:
        """A push has left."""
        self.pushed_entries += entries
        self.pushed_bytes += size_bytes

    def ledgers(self) -> tuple[LaneLedger, ...]:
        """The books of each lane."""
        return tuple(
            ledger(
                lane,
                tail_seq=self._file.tails[lane].seq,
                durable_seq=min(self._durable[lane], self._file.tails[lane].seq),
                parked=self._parked[lane],
                settled=self._settled[lane],
                backed_up_seq=self._backed_up[lane],
                pruned_seq=stream.pruned_seq,
            )
            for lane, stream in self._file.streams.items()
        )

    async def oldest_unacked_age_ms(self) -> int:
        """How long ago the oldest entry was recorded that the centre has not confirmed; 0 when there is none."""
        ages = [0]
        for lane, stream in self._file.streams.items():
            if self._durable[lane] >= self._file.tails[lane].seq:
                continue
            try:
                rows = await log.read_range(self._file.link_reader, stream, self._durable[lane] + 1, 1)
                ages += [self._now_ms() - decode_entry(body).recorded_at_ms for _, _, body in rows]
            except (StorageFault, PeerFault) as fault:
                self.last_error = str(fault)
                _LOG.warning("link.oldest_unreadable", error=str(fault))
        return max(ages)

    def disk_free_bytes(self) -> int:
        """What the file's disk has left; 0 where it cannot be asked."""
        try:
            return shutil.disk_usage(self._file.path.parent).free
        except OSError as error:
            self.last_error = str(error)
            return 0

    async def heartbeat(self, state: LinkState, instructions: Instructions) -> Heartbeat:
        """What the centre is told every few seconds."""
        return Heartbeat(
            node_id=self._file.node_id,
            incarnation=state.incarnation,
            lanes=self.ledgers(),
            oldest_unacked_age_ms=await self.oldest_unacked_age_ms(),
            disk_free_bytes=self.disk_free_bytes(),
            wall_clock_ms=self._now_ms(),
            software_version=self._software_version,
            last_error=self.last_error,
            downlink=instructions.position_in(state.downlink) if state.takes_instructions else None,
            parked_instructions=instructions.parked,
            scrub=self.scrub_report(),
            reference=self.reference_held(),
            policies=self.policy_report(),
        )


def advance(durable: Mapping[int, RecordDurable | Rebook]) -> Callable[[Connection], Awaitable[None]]:
    """A change of the file: how far each stream, by its number, is durable at the centre."""

    async def change(connection: Connection) -> None:
        for stream_no, position in durable.items():
            await log.advance_durable(
                connection,
                stream_no,
                durable_seq=position.durable_seq,
                backed_up_seq=position.backed_up_seq if isinstance(position, RecordDurable) else 0,
                parked=position.parked,
            )

    return change

"""What the agent says of itself: to the store's staff, to `edge-agent status`, to systemd. Lag is never hidden."""

from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from edge_agent.instructions import Instructions
from edge_agent.intake import Intake
from edge_agent.link.books import Books
from edge_agent.link.outgoing import Introduction
from edge_agent.link.session import Session
from edge_agent.policies import PolicyKeeper, PolicyStatus
from edge_agent.reference import ReferenceKeeper
from edge_agent.reference_status import DatasetStatus, dataset_status
from edge_agent.scrub import Scrub
from edge_agent.shedding import Shedding
from edge_agent.store.file import StoreFile
from edge_agent.surroundings import wall_ms
from edge_core.limits import PAGE_ROWS_DEFAULT
from edge_core.orders.rendering import rfc3339
from edge_core.reference.datasets import KINDS
from edge_core.sync.messages import LaneLedger

LinkWord = Literal["not_configured", "offline", "greeting", "online", "renewing", "stopped"]
_WORDS: Final[dict[str, LinkWord]] = {
    "offline": "offline",
    "greeting": "greeting",
    "streaming": "online",
    "renewing": "renewing",
    "stopped": "stopped",
}


class LaneStatus(Struct, frozen=True):
    """The books of one lane: accepted = confirmed + pending + parked."""

    lane: str
    accepted: int
    confirmed: int
    pending: int
    parked: int


class LinkStatus(Struct, frozen=True):
    """How the link to the centre is; where it is stopped, when it tries again by itself."""

    state: LinkWord
    reason: str
    last_ack_at: str | None
    oldest_unacked_age_ms: int
    attempts_since_ack: int
    retry_at: str | None = None


class DamagedRecord(Struct, frozen=True):
    """A record of the file that does not lead to the chain, and the order or movement that it is about, if known."""

    incarnation: UUID
    lane: str
    seq: int
    order_id: UUID | None


class ScrubStatus(Struct, frozen=True):
    """The daily round over the file: when the last one ended, what it read, what is damaged (the first of it)."""

    last_ended_at: str | None
    entries: int
    running: bool
    damaged: int
    records: tuple[DamagedRecord, ...]
    mended: int
    pages: str


class ReferenceStatus(Struct, frozen=True):
    """The reference data. `last_error` is what went wrong with the last download, until one succeeds."""

    configured: bool
    datasets: tuple[DatasetStatus, ...]
    last_error: str | None


class HoldStatus(Struct, frozen=True):
    """Since the start: orders held, holds with a proposal that were answered, and those answered as proposed."""

    held: int
    answered: int
    followed: int


class AgentStatus(Struct, frozen=True):
    """The answer of `GET /v1/status`."""

    node_id: str
    name: str
    region: str
    incarnation: UUID
    software_version: str
    now: str
    accepting: bool
    storage_fault: str | None
    lanes: tuple[LaneStatus, ...]
    link: LinkStatus
    disk_free_bytes: int
    last_error: str | None
    parked_instructions: int = 0
    scrub: ScrubStatus | None = None
    entries_to_come: int = 0
    shedding: bool = False
    reference: ReferenceStatus | None = None
    holds: HoldStatus | None = None
    policies: PolicyStatus | None = None


class Reporter:
    """Puts the status together from the parts that know."""

    def __init__(  # noqa: PLR0913 - the composition root gives each part by its name
        self,
        *,
        file: StoreFile,
        intake: Intake,
        books: Books,
        instructions: Instructions,
        session: Session | None,
        scrub: Scrub,
        introduction: Introduction,
        shedding: Shedding,
        reference: ReferenceKeeper,
        policies: PolicyKeeper,
    ) -> None:
        self._file = file
        self._intake = intake
        self._books = books
        self._instructions = instructions
        self._session = session
        self._scrub = scrub
        self._introduction = introduction
        self._shedding = shedding
        self._reference = reference
        self._policies = policies

    @property
    def is_ready(self) -> bool:
        """Whether an order would be taken now."""
        return self._intake.fault is None and self._intake.fenced is None and not self._intake.is_closed

    async def status(self) -> AgentStatus:
        """The agent as it is now."""
        fault = self._intake.fault
        return AgentStatus(
            node_id=self._file.node_id,
            name=self._introduction.name,
            region=self._introduction.region,
            incarnation=self._file.streams["orders"].incarnation,
            software_version=self._introduction.software_version,
            now=rfc3339(wall_ms()),
            accepting=self.is_ready,
            storage_fault=str(fault) if fault is not None else None,
            lanes=tuple(_lane(books) for books in self._books.ledgers()),
            link=await self._link(),
            disk_free_bytes=self._books.disk_free_bytes(),
            last_error=self._books.last_error,
            parked_instructions=self._instructions.parked,
            scrub=self._scrubbed(),
            entries_to_come=sum(stream.pruned_seq for stream in self._file.former if stream.is_awaited),
            shedding=self._shedding.is_on(),
            holds=HoldStatus(self._intake.holds.held, self._intake.holds.answered, self._intake.holds.followed),
            reference=self._referred(),
            policies=self._policies.status,
        )

    def _referred(self) -> ReferenceStatus:
        keeper = self._reference
        return ReferenceStatus(
            configured=keeper.is_configured,
            datasets=tuple(dataset_status(name, keeper.used.get(name), keeper.fetching(name)) for name in KINDS),
            last_error=keeper.last_error,
        )

    def _scrubbed(self) -> ScrubStatus:
        scrub, report = self._scrub, self._scrub.report
        streams = {s.stream_no: s for s in (*self._file.former, *self._file.streams.values())}
        records = tuple(
            DamagedRecord(
                streams[damaged.stream_no].incarnation,
                streams[damaged.stream_no].lane,
                damaged.seq,
                UUID(bytes=damaged.order_id) if damaged.order_id else None,
            )
            for damaged in scrub.damage[:PAGE_ROWS_DEFAULT]
        )
        return ScrubStatus(
            last_ended_at=rfc3339(report.ended_at_ms) if report.ended_at_ms else None,
            entries=report.entries,
            running=scrub.is_under_way,
            damaged=report.damaged,
            records=records,
            mended=scrub.mended,
            pages=scrub.pages,
        )

    async def _link(self) -> LinkStatus:
        last_ack_ms = self._books.last_ack_ms
        state = self._session.state if self._session else None
        retry_in_ms = self._session.retry_in_ms if self._session else None
        return LinkStatus(
            state=_WORDS[state.phase] if state else "not_configured",
            reason=self._intake.fenced or state.stop_reason if state else "the configuration names no broker",
            last_ack_at=rfc3339(last_ack_ms) if last_ack_ms is not None else None,
            oldest_unacked_age_ms=await self._books.oldest_unacked_age_ms(),
            attempts_since_ack=state.attempt if state else 0,
            retry_at=rfc3339(wall_ms() + retry_in_ms) if retry_in_ms is not None else None,
        )


def _lane(books: LaneLedger) -> LaneStatus:
    return LaneStatus(books.lane, books.accepted, books.confirmed, books.pending, books.parked)

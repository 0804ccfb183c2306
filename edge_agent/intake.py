"""From a till's request to its answer, through a single transaction (docs/architecture.md, "The intake").

A single task owns the writing connection. It takes whatever waits, decides it in one batch, commits it with one sync,
and only then answers: nobody hears `201` before COMMIT has returned (promise G1). After a fault of the disk everyone
who waits is told so, nothing more is taken, and the file is opened and checked again before the next order (G9).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
from msgspec import Struct
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential

from edge_agent.batch import Batch, Shelves
from edge_agent.batch_file import read_replay, write_batch
from edge_agent.commanding import Circumstances, skus_asked
from edge_agent.evidence import Lookup, gather_evidence
from edge_agent.hold_count import HoldCount
from edge_agent.routing import OwnRouting
from edge_agent.store import days, holds, idempotency, orders, quotas, rights, stock
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.submission import (
    Answer,
    Ask,
    Cancel,
    Close,
    OnHold,
    Request,
    Submission,
    rejected_answer,
    submission,
)
from edge_agent.surroundings import Surroundings
from edge_core.errors import Fault, OutcomeUnknown, RecordDamaged, Rejected, StorageFault
from edge_core.limits import (
    IDEMPOTENCY_DAYS_MAX,
    INTAKE_BATCH_MAX,
    INTAKE_QUEUE_MAX,
    STORE_REOPEN_DELAY_MS,
    STORE_REOPEN_DELAY_MS_MAX,
)
from edge_core.orders.document import TillOrder
from edge_core.orders.events import skus_in
from edge_core.orders.sending import Router
from edge_core.reference.lookup import needs_of
from edge_core.stock.requests import RightsRequest
from holdfast_runtime.problems import INTERNAL_ERROR, problem_body

_LOG: Final = structlog.get_logger()
_DAY_MS: Final = 86_400_000

BUSY: Final = Rejected("busy", f"{INTAKE_QUEUE_MAX} requests are waiting already")
STOPPING: Final = Rejected("stopping", "the agent is finishing what it has accepted")
_UNKNOWN: Final = "whether this was recorded is not known yet"
_NOT_TAKEN: Final = "this request was not looked at"  # an earlier one with its key may have been recorded


class Write(Struct, frozen=True):
    """A small change of the file that is not a decision, made in the next batch's transaction."""

    change: Callable[[Connection], Awaitable[None]]
    done: "asyncio.Future[None]"


class LogChange(Struct, frozen=True):
    """A change of the log itself, made in a transaction of its own, after which the tails are read anew."""

    change: Callable[[Connection], Awaitable[None]]
    done: "asyncio.Future[None]"


class Intake:
    """Takes submissions from any number of clients and answers each after its commit."""

    def __init__(
        self,
        file: StoreFile,
        surroundings: Surroundings,
        *,
        is_offline: Callable[[], bool],
        key_days: int = IDEMPOTENCY_DAYS_MAX,
        is_greeted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._file = file
        self._here = surroundings
        self._is_offline = is_offline
        self._key_days = key_days
        self._is_greeted = is_greeted
        self._is_confirmed = False
        self.on_damage: Callable[[], None] = lambda: None
        self.lookup: Lookup | None = None
        self.routing = OwnRouting(file.node_id, surroundings.zone)
        self.on_commit: Callable[[str, int], None] = lambda _lane, _seq: None
        self._queue: asyncio.Queue[Submission | Write | LogChange | None] = asyncio.Queue()
        self._fault: StorageFault | None = None
        self._fenced: str | None = None
        self._closing = asyncio.Event()
        self._pruned_day = -1
        self.accepted = 0
        self.rejected = 0
        self.faults = 0
        self.holds = HoldCount()

    @property
    def fault(self) -> StorageFault | None:
        """Why nothing is taken at present, if so."""
        return self._fault

    @property
    def fenced(self) -> str | None:
        """Which machine is this node now, if another one is: then nothing is taken here."""
        return self._fenced

    @property
    def is_confirmed(self) -> bool:
        """Whether the centre was seen to greet this very file since it was opened."""
        return self._confirmed()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing.is_set()

    @property
    def waiting(self) -> int:
        """How many requests wait for a commit."""
        return self._queue.qsize()

    async def submit(self, request: Request, key: str, traceparent: str | None) -> Answer:
        """Have a request decided. The answer comes after its COMMIT; a fault of the disk is an answer too."""
        refusal = self._refusal()
        if refusal is not None:
            return rejected_answer(refusal, problem_body(refusal))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(submission(request, key, traceparent, answer))
        return await answer

    async def write(self, change: Callable[[Connection], Awaitable[None]]) -> None:
        """Make a change within the next transaction. Raises `StorageFault` where that fails."""
        if self.is_closed:
            raise StorageFault("storage-unavailable", STOPPING.detail)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Write(change, done))
        await done

    async def change_log(self, change: Callable[[Connection], Awaitable[None]]) -> None:
        """Change the log in a transaction between two batches. Raises the `Fault` that the change ends with."""
        if self.is_closed:
            raise StorageFault("storage-unavailable", STOPPING.detail)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(LogChange(change, done))
        await done

    async def report(self, fault: StorageFault) -> None:
        """Recover from a fault that somebody else met on the same disk."""

        async def fail(_: Connection) -> None:
            raise fault

        if self._fault is None:
            with suppress(StorageFault):
                await self.write(fail)

    def fence(self, reason: str | None) -> None:
        """Another machine is this node now: take nothing more. None: this machine is the node after all."""
        self._fenced = reason

    def close(self) -> None:
        """Take nothing more; `run` returns once everything accepted is answered."""
        self._closing.set()
        self._queue.put_nowait(None)

    async def run(self) -> None:
        """The writer's loop. It is never cancelled: `close` ends it."""
        items: list[Submission | Write | LogChange | None] = []
        try:
            while not (self.is_closed and self._queue.empty()):
                items = [await self._queue.get()]
                while len(items) < INTAKE_BATCH_MAX and not self._queue.empty():
                    items.append(self._queue.get_nowait())
                await self._serve([item for item in items if item is not None])
        finally:
            self._abandon(items)

    def _refusal(self) -> Rejected | None:
        if self.is_closed:
            return STOPPING
        if self._fenced is not None:
            return Rejected("node-fenced", self._fenced)
        if self._fault is not None:
            return _told(self._fault, _NOT_TAKEN)
        return BUSY if self._queue.qsize() >= INTAKE_QUEUE_MAX else None

    async def _serve(self, items: list[Submission | Write | LogChange]) -> None:
        # By `type`: an `isinstance` of a struct that fails costs 0.3 us, and most items are submissions.
        for item in items:
            if type(item) is LogChange:
                await self._change_log(item)
        submissions = [item for item in items if type(item) is Submission]
        writes = [item for item in items if type(item) is Write]
        if not items:
            return
        try:
            answers = await self._commit(submissions, writes)
        except RecordDamaged as fault:
            await self._serve_apart(submissions, writes, fault)
        except StorageFault as fault:
            self.faults += 1
            _settle(submissions, [_refused(fault)] * len(submissions))
            _fail(writes, fault)
            await self._recover(fault)
        else:
            _settle(submissions, answers)
            _fail(writes, None)

    async def _change_log(self, item: LogChange) -> None:
        try:
            async with self._file.transaction() as connection:
                await item.change(connection)
            await self._file.load()
        except RecordDamaged as fault:  # a page of the file, not the disk
            _fail([item], fault)
        except StorageFault as fault:
            self.faults += 1
            _fail([item], fault)
            await self._recover(fault)
        except Fault as fault:
            _fail([item], fault)
        else:
            _fail([item], None)
            self._tell_tails()

    def _tell_tails(self) -> None:
        """The log was read anew: whoever waits for it to grow hears where it ends."""
        for lane, tail in self._file.tails.items():
            self.on_commit(lane, tail.seq)

    async def _commit(self, submissions: list[Submission], writes: list[Write]) -> list[Answer]:
        async with self._file.transaction() as connection:
            for write in writes:
                await write.change(connection)
            if not submissions:
                return []
            batch = await self._prefetch(connection, submissions)
            answers = [batch.decide(submission) for submission in submissions]
            await self._append(connection, batch)
        self.accepted += len(batch.rows)
        self.holds.count(batch.eventful)
        self.routing.times.note(batch.timed)
        self.rejected += sum(1 for row in batch.new_answered if row.entry_id is None)
        if batch.rows:
            self._file.tails["orders"] = batch.tail
            self.on_commit("orders", batch.tail.seq)
        return answers

    async def _prefetch(self, connection: Connection, submissions: list[Submission]) -> Batch:
        answered = await idempotency.read_answered(connection, [s.key_digest for s in submissions])
        replays = {
            row.key: await read_replay(connection, row.entry_id)
            for row in answered
            if row.entry_id is not None and row.answer is None
        }
        skus = {sku for s in submissions for sku in skus_asked(s.request)}
        others = [s.request for s in submissions if type(s.request) is not TillOrder]  # an order names nothing else
        named = {request.order_id for request in others if isinstance(request, Cancel | Ask)}
        recorded = await orders.read_orders(connection, sorted(named)) if named else []
        skus |= {sku for r in recorded for event in r.entry.events for sku in skus_in(event)}
        held = {request.reservation_id for request in others if isinstance(request, OnHold)}
        living = await holds.read_holds(connection, held) if held else {}
        skus |= {allocation.sku for hold in living.values() for allocation in hold.allocations}
        shared = [request.key(self._file.node_id) for request in others if isinstance(request, RightsRequest)]
        evidence = await gather_evidence(connection, self.lookup, submissions, recorded, self._here)
        return Batch(
            Circumstances(
                stream=self._file.streams["orders"],
                now_ms=self._here.now_ms(),
                random_bits=self._here.random_bits,
                zone=self._here.zone,
                is_offline=self._is_offline(),
                life=self._here.life,
                is_confirmed=self._confirmed(),
            ),
            self._file.tails["orders"],
            positions=await stock.read_positions(connection, sorted(skus)) if skus else [],
            orders=recorded,
            answered=answered,
            replays=replays,
            closed=await days.read_closed(connection) if any(isinstance(each, Close) for each in others) else (),
            evidence=evidence,
            router=await self.routing.router(connection, evidence.reference),
            stopwatch_ns=self._here.stopwatch_ns,
            shelves=Shelves(
                living,
                await quotas.read_quotas(connection, sorted(skus)) if skus else {},
                await rights.read_books(connection, shared) if shared else {},
            ),
        )

    async def router_for(self, connection: Connection, order: TillOrder) -> Router | None:
        """How an order that the centre has assigned goes: it chose the store, and the store its carrier."""
        found = None if self.lookup is None else await self.lookup(connection, lambda: needs_of([order]))
        return None if found is None else await self.routing.router(connection, found)

    def _confirmed(self) -> bool:
        """Whether the centre has greeted this very file since it was opened: before that it may be an older copy."""
        self._is_confirmed = self._is_confirmed or self._is_greeted()
        return self._is_confirmed

    async def _append(self, connection: Connection, batch: Batch) -> None:
        await write_batch(connection, batch)
        if batch.new_answered:
            day = self._here.now_ms() // _DAY_MS
            await idempotency.put_answered(connection, day, batch.new_answered)
            if day != self._pruned_day:
                await idempotency.forget_old_days(connection, self._key_days)
                self._pruned_day = day

    async def _serve_apart(self, submissions: list[Submission], writes: list[Write], fault: RecordDamaged) -> None:
        """One record that somebody asked for is damaged: only who needs it is told so, the others go on (G7)."""
        if len(submissions) + len(writes) > 1:
            for write in writes:
                await self._serve([write])
            for submission_ in submissions:
                await self._serve([submission_])
            return
        self.faults += 1
        _LOG.error("store.record_damaged", error=str(fault))
        self.on_damage()
        _settle(submissions, [_refused(fault)] * len(submissions))
        _fail(writes, fault)

    async def _recover(self, fault: StorageFault) -> None:
        """Take nothing, open the file again and check it, as often as it takes or until the agent stops."""
        self._fault = fault
        _LOG.error("store.fault", slug=fault.slug, error=str(fault))
        wait = wait_exponential(STORE_REOPEN_DELAY_MS / 1000, max=STORE_REOPEN_DELAY_MS_MAX / 1000)
        failed = retry_if_exception_type(StorageFault)
        async for attempt in AsyncRetrying(retry=failed, wait=wait, sleep=self._pause):
            self._refuse_waiting(fault)
            if self.is_closed:
                return
            with attempt:
                await self._file.reopen()
        self._fault = None
        _LOG.warning("store.recovered", tail_seq=self._file.tails["orders"].seq)
        self._tell_tails()  # a commit that failed may be in the file all the same

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def _abandon(self, items: list[Submission | Write | LogChange | None]) -> None:
        """A bug ends the writer, and so the process: nobody may wait for it. What was answered stays answered."""
        self._closing.set()
        left = [*items, *(self._queue.get_nowait() for _ in range(self._queue.qsize()))]
        answer = rejected_answer(INTERNAL_ERROR, problem_body(INTERNAL_ERROR))
        submissions = [item for item in left if isinstance(item, Submission)]
        _settle(submissions, [answer] * len(submissions))
        changes = [item for item in left if isinstance(item, Write | LogChange)]
        _fail(changes, StorageFault("storage-unavailable", INTERNAL_ERROR.detail))

    def _refuse_waiting(self, fault: StorageFault) -> None:
        """Nobody waits for a disk: those who queued meanwhile are told as well."""
        items = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        told = _told(fault, _NOT_TAKEN)
        submissions = [item for item in items if isinstance(item, Submission)]
        _settle(submissions, [rejected_answer(told, problem_body(told))] * len(submissions))
        _fail([item for item in items if isinstance(item, Write | LogChange)], fault)


def _told(fault: StorageFault, became: str) -> Rejected:
    return Rejected(fault.slug, f"{fault}; {became}, the same request with the same key is safe to repeat")


def _refused(fault: StorageFault) -> Answer:
    """To those whose transaction failed. What a COMMIT that failed has left, the next answer to their key will say."""
    told = _told(fault, _UNKNOWN if isinstance(fault, OutcomeUnknown) else "nothing was recorded")
    return rejected_answer(told, problem_body(told))


def _settle(submissions: list[Submission], answers: list[Answer]) -> None:
    for submission_, answer in zip(submissions, answers, strict=True):
        if not submission_.answer.done():  # the client may have gone; what was committed stays
            submission_.answer.set_result(answer)


def _fail(writes: Sequence[Write | LogChange], fault: Fault | None) -> None:
    for write in writes:
        if write.done.done():
            continue
        if fault is None:
            write.done.set_result(None)
        else:
            write.done.set_exception(fault)

"""The ingester: reads the inbox, applies batches, answers. Three tasks that live and die together.

A database that is away stops nothing but the acks: the batch is tried again until it commits, the inbox fills, and the
edges send again what was not acked. Only a bug ends the process.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar, assert_never
from uuid import UUID

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from central_sync.downlink import Downlink
from central_sync.ingest import auditing, greetings
from central_sync.ingest.announcing import announcements
from central_sync.ingest.apply import Outcome, apply
from central_sync.ingest.audit_desk import AuditDesk
from central_sync.ingest.backlog import Backlog, Work, fill, read_in_turns
from central_sync.ingest.copies import Copies
from central_sync.ingest.counting import count
from central_sync.ingest.early import ReadEarly
from central_sync.ingest.granting import Granting
from central_sync.ingest.greetings import Reported
from central_sync.ingest.leases import ShardLeases
from central_sync.ingest.listening import Listening
from central_sync.ingest.progress import Progress
from central_sync.ingest.reading import ReadPush, part_of, unusable
from central_sync.ingest.recall_desk import RecallDesk
from central_sync.ingest.recalling import lost_by
from central_sync.ingest.restores import present_history
from central_sync.instructions import Claim, RandomBits, machine_bits
from central_sync.store import nodes
from central_sync.store.database import AlreadyThere, Connection, Database
from central_sync.store.parked import ForeignMessage, shown
from central_sync.telemetry import Telemetry
from edge_core.errors import PeerFault, PermanentFault, TransientFault
from edge_core.limits import (
    BROKER_CONNECT_DELAY_MS_MAX,
    CONNECT_DELAY_MS,
    DATABASE_RETRY_DELAY_MS,
    DATABASE_RETRY_DELAY_MS_MAX,
)
from edge_core.sync.admission import Admit
from edge_core.sync.audit import checked_days
from edge_core.sync.audit_messages import DayTotals, Digest
from edge_core.sync.grants import Batch
from edge_core.sync.messages import (
    Bye,
    DeliverAck,
    DownMessage,
    Early,
    Heartbeat,
    Hello,
    Push,
    Recall,
    decode_up,
    encode_message,
    is_push,
)
from edge_core.sync.need_messages import Need
from edge_core.sync.topics import node_of, topic
from holdfast_runtime.mqtt import MqttLink

T = TypeVar("T")

_log = structlog.get_logger("ingest")


class Ingester:
    """Takes what the nodes of the leased shards send, and answers after COMMIT. `now_ms` is the wall clock."""

    def __init__(  # noqa: PLR0913 - the composition root gives each part by its name
        self,
        *,
        link: MqttLink,
        database: Database,
        leases: ShardLeases,
        history_id: UUID,
        telemetry: Telemetry,
        now_ms: Callable[[], int],
        backlog: Backlog | None = None,
        random_bits: RandomBits = machine_bits,
        admit: Admit = "any",
    ) -> None:
        self._link = link
        self._database = database
        self._leases = leases
        self._history_id = history_id
        self._telemetry = telemetry
        self._now_ms = now_ms
        self._backlog = backlog or Backlog()
        self.progress = Progress()
        self._granting = Granting()
        self._audits = AuditDesk(database, telemetry, self._retrying, self._send)
        self._recalls = RecallDesk(database, telemetry, self._retrying, self._send)
        self._copies = Copies(database, telemetry)
        self._random_bits = random_bits
        self._admit = admit
        self._listening = Listening(_monotonic_ms)
        leases.on_subscribed = self._listening.listen
        self._downlink = Downlink(link=link, database=database, leases=leases, telemetry=telemetry)

    async def run(self) -> None:
        """Work until cancelled. Raises what only a bug can raise."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected(), name="broker")
            tasks.create_task(self._leases.run(), name="leases")
            tasks.create_task(fill(self._backlog, self._link.inbox, self._understand), name="read")
            tasks.create_task(self._apply(), name="apply")
            tasks.create_task(self._downlink.run(), name="downlink")

    # --- connection --------------------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        while True:
            await self._connect()
            self._telemetry.broker_connected.set(1)
            _log.info("ingest.broker_connected", broker=self._link.address)
            await self._leases.subscribe()
            await self._link.disconnected.wait()
            self._listening.end()
            self._telemetry.broker_connected.set(0)
            _log.warning("ingest.broker_lost", broker=self._link.address, reason=self._link.reason)

    async def _connect(self) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(TransientFault),
            wait=wait_random_exponential(CONNECT_DELAY_MS / 1000, BROKER_CONNECT_DELAY_MS_MAX / 1000),
            before_sleep=_log_retry("ingest.broker_unreachable"),
        ):
            with attempt:
                await self._link.connect()

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _understand(self, name: str, payload: bytes) -> Work | None:
        """What a message is. One that breaks the protocol is counted and parked."""
        node_id = ""
        try:
            node_id = node_of(name)
            message = decode_up(payload)
            _check_sender(message.node_id, node_id)
            match message:
                case Push():
                    return await read_in_turns(message, payload)
                case Early():
                    return self._copies.read(message, waiting=self._link.inbox.qsize())
                case Hello() | Heartbeat() | Recall() | Need() | DeliverAck() | Digest() | Bye():
                    return message
                case DayTotals():
                    return checked_days(message)
                case _:
                    assert_never(message)
        except PeerFault as fault:
            self._telemetry.faults.labels(fault.reason).inc()
            _log.warning("ingest.message_parked", node_id=node_id, reason=fault.reason, error=shown(str(fault)))
            return ForeignMessage(node_id, name, fault.reason, str(fault), payload)

    # --- applying ----------------------------------------------------------------------------------------------------

    async def _apply(self) -> None:
        while True:
            batch = await self._backlog.take()
            self._telemetry.inbox_dropped.set(self._link.inbox.dropped)
            self.progress.touch()
            await self.settle(batch)
            self.progress.rest()

    async def settle(self, batch: Sequence[Work]) -> None:
        """Record a batch and answer it, trying again for as long as the database is away."""
        pushes = [work for work in batch if isinstance(work, ReadPush)]
        if pushes:
            await self._push(pushes)
        await self._welcome([work for work in batch if isinstance(work, Hello)])
        await self._recalls.settle(batch)
        await self._audits.settle(batch)
        await self._copies.take([work for work in batch if isinstance(work, ReadEarly)])
        await self._note(batch)

    async def _welcome(self, hellos: Sequence[Hello]) -> None:
        if not hellos:
            return
        async for attempt in self._retrying():
            with attempt:
                async with self._database.transaction() as connection:
                    history_id, noticed = await present_history(connection, hellos, self._admit)
                    answers = await greetings.welcome(
                        connection,
                        hellos,
                        history_id=history_id,
                        now_ms=self._now_ms(),
                        random_bits=self._random_bits,
                        admit=self._admit,
                        hears_silence_of=self._listening.hears_silence_of,
                    )
        self._history_id = history_id
        if noticed is not None:
            self._telemetry.restores.inc()
            _log.error(
                "ingest.restore_noticed", detail=shown(noticed.detail), old=str(noticed.old), new=str(noticed.new)
            )
        for loss in (loss for hello, answer in answers for loss in lost_by(hello, answer)):
            await self._recalls.note_loss(loss)
        granted = self._granting.greeted(answers, _monotonic_ms())
        for node_id, answer in zip((hello.node_id for hello, _ in answers), granted, strict=True):
            _log.info("ingest.node_welcomed", node_id=node_id, decision=answer.decision, detail=answer.detail)
            await self._send(node_id, answer)
        self._downlink.wake()

    async def _push(self, pushes: Sequence[ReadPush]) -> None:
        started_s = asyncio.get_running_loop().time()
        try:
            async for attempt in self._retrying():
                with attempt:
                    outcome = await self._transact(pushes)
        except PermanentFault as fault:
            await self._divide(pushes, fault)
            return
        took_s = asyncio.get_running_loop().time() - started_s
        self._backlog.committed(outcome.entries, took_s)
        self._observe(took_s, pushes)
        count(self._telemetry, pushes, outcome)
        await self._answer(outcome)

    def _observe(self, took_s: float, pushes: Sequence[ReadPush]) -> None:
        """Tell the regulator; what is not yet read is taken to be like this batch."""
        entries = sum(len(push.readings) for push in pushes)
        unread = self._link.inbox.count(is_push) * entries // len(pushes)
        self._granting.committed(Batch(int(took_s * 1000), entries, self._backlog.entries + unread), _monotonic_ms())
        self._telemetry.batch_seconds.observe(took_s)
        self._telemetry.granted(self._granting.regulator, self._granting.backlogged)

    async def _transact(self, pushes: Sequence[ReadPush]) -> Outcome:
        self.progress.touch()
        try:
            return await self._try(pushes, careful=False)
        except AlreadyThere:
            return await self._try(pushes, careful=True)

    async def _try(self, pushes: Sequence[ReadPush], *, careful: bool) -> Outcome:
        async with self._database.transaction() as connection:
            self._history_id = await nodes.history_id(connection)  # a command may have changed it
            return await apply(connection, pushes, careful=careful)

    async def _divide(self, pushes: Sequence[ReadPush], fault: PermanentFault) -> None:
        """The database refuses a value for good: halve the batch until the entry that holds it stands alone (G7)."""
        if len(pushes) > 1:
            middle = len(pushes) // 2
            await self._push(pushes[:middle])
            await self._push(pushes[middle:])
            return
        push = pushes[0]
        if len(push.readings) > 1:
            middle = len(push.readings) // 2
            await self._push([part_of(push, 0, middle)])
            await self._push([part_of(push, middle, len(push.readings))])
            return
        if push.readings[0].fault is not None:
            raise fault  # it changes no view, and its bytes always fit: this is not the entry's doing
        _log.warning("ingest.entry_refused", node_id=push.key.node_id, seq=push.batch.from_seq, error=shown(str(fault)))
        refused = unusable(push.readings[0], "unstorable", str(fault))
        await self._push([ReadPush(push.key, push.batch, (refused,), push.payload)])

    async def _note(self, batch: Sequence[Work]) -> None:
        beats = [work for work in batch if isinstance(work, Heartbeat)]
        byes = [work for work in batch if isinstance(work, Bye)]
        foreign = [work for work in batch if isinstance(work, ForeignMessage)]
        acks = [work for work in batch if isinstance(work, DeliverAck)]
        if not (beats or byes or foreign or acks):
            return
        renewed = {beat.node_id: self._granting.reported(beat, _monotonic_ms()) for beat in beats}
        rates = {node_id: self._granting.rate_of(node_id) for node_id in sorted(renewed)}
        async for attempt in self._retrying():
            with attempt:
                async with self._database.transaction() as connection:
                    self._history_id = await nodes.history_id(connection)
                    reported = await self._report(connection, beats) if beats else Reported()
                    wanted = await auditing.note(connection, beats)
                    announced = await announcements(connection, beats, self._granting.nodes)
                    if rates:
                        await nodes.note_grants(connection, rates)
                    wrong = await greetings.claimed(connection, beats, acks)
                    await greetings.leave(connection, byes)
                    await greetings.park(connection, foreign)
        for node_id, grant in renewed.items():
            if grant is not None:
                await self._send(node_id, grant)
        for node_id, news in announced.items():
            await self._send(node_id, news)
        for difference in reported.news:
            self._telemetry.differences.inc()
            _log.error("ingest.books_differ", node_id=difference.node_id, differences=list(difference.found))
        await self._audits.call(wanted)
        await self._call(reported, wrong)
        if acks:
            self._downlink.wake()

    async def _report(self, connection: Connection, beats: Sequence[Heartbeat]) -> Reported:
        hears = self._listening.hears_silence_of
        return await greetings.report(connection, beats, self._now_ms(), admit=self._admit, hears_silence_of=hears)

    async def _call(self, reported: Reported, wrong: Sequence[Claim]) -> None:
        """Tell nodes that are elsewhere than they think."""
        for key, row in reported.told.items():
            await self._send(key.node_id, greetings.told(self._history_id, key, row))
        for key, (decision, why) in reported.called.items():
            await self._send(key.node_id, greetings.call(key, decision, why, self._history_id))
        for claim in wrong:
            await self._send(claim.node_id, greetings.call_about_downlink(claim, self._history_id))

    # --- answering ---------------------------------------------------------------------------------------------------

    async def _answer(self, outcome: Outcome) -> None:
        for key, row in outcome.cursors.items():
            if key in outcome.fences:
                self._granting.stopped(*key)
                await self._send(key.node_id, greetings.fence(key, row, outcome.fences[key], self._history_id))
            else:
                await self._send(key.node_id, greetings.ack(self._history_id, key, row, outcome.held.get(key)))
                if key in outcome.held:
                    self._granting.stopped(*key)
                    continue
                grant = self._granting.acked(*key, row.durable_seq, _monotonic_ms())
                if grant is not None:
                    await self._send(key.node_id, grant)

    async def _send(self, node_id: str, message: DownMessage) -> None:
        """Publish, waiting for room. Without a connection the answer is lost, and the edge asks again."""
        name, payload = topic(node_id, "down"), encode_message(message)
        while not self._link.publish(name, payload):
            if not self._link.connected:
                self._telemetry.replies_lost.inc()
                return
            await self._link.room()
        self.progress.touch()

    def _retrying(self) -> AsyncRetrying:
        def before_sleep(state: RetryCallState) -> None:
            self.progress.touch()
            self._listening.interrupt()
            self._telemetry.database_faults.inc()
            _log_retry("ingest.database_unreachable")(state)

        return AsyncRetrying(
            retry=retry_if_exception_type(TransientFault),
            wait=wait_random_exponential(DATABASE_RETRY_DELAY_MS / 1000, DATABASE_RETRY_DELAY_MS_MAX / 1000),
            before_sleep=before_sleep,
        )


def _monotonic_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


def _check_sender(claimed: str, node_id: str) -> None:
    """The broker lets a node write to its own topic only, so the topic says who it is."""
    if claimed != node_id:
        raise PeerFault("wrong-topic", f"a message of node {claimed!r} on the topic of {node_id!r}")


def _log_retry(event: str) -> Callable[[RetryCallState], None]:
    def log(state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        _log.warning(event, attempt=state.attempt_number, error=shown(str(failure)))

    return log

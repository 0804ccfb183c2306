"""The link's loop: what happened goes into the state machine, what it asks for is done, in order, by one task.

Selling never waits for this task. It reads the log on a connection of its own, wakes when the intake has committed, and
keeps nothing in memory but the pushes on their way; what waits, waits in the file.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, assert_never

import structlog

from edge_agent.instructions import Instructions
from edge_agent.intake import Intake
from edge_agent.link.asides import Aside, Asides
from edge_agent.link.background import Background
from edge_agent.link.bandwidth import UNLIMITED, Bandwidth
from edge_agent.link.books import Books
from edge_agent.link.centre_clock import CentreClock, tells_the_time
from edge_agent.link.outgoing import Introduction, Outgoing
from edge_agent.link.positions import Positions
from edge_agent.link.uploads import Uploads
from edge_agent.recovery import Recovery
from edge_agent.store import log
from edge_agent.store.file import StoreFile
from edge_agent.surroundings import Surroundings
from edge_core.errors import PeerFault, RecordDamaged, StorageFault, TransientFault
from edge_core.limits import LINK_TICK_INTERVAL_MS
from edge_core.sync.audit_messages import DayTotals, Digest
from edge_core.sync.edge_link import step
from edge_core.sync.link_types import (
    AwaitEnrolment,
    BeginIncarnation,
    CheckHash,
    CompareFormer,
    Connect,
    Effect,
    FormerCompared,
    GoOnSelling,
    HashChecked,
    LinkInput,
    LinkState,
    LogGrew,
    PushFailed,
    Rebook,
    Received,
    RecordAttempt,
    RecordDurable,
    RecordHistory,
    Renewed,
    Restore,
    Restored,
    RestoreFailed,
    SendEarly,
    SendHeartbeat,
    SendHello,
    SendPush,
    SendRecall,
    Stop,
    StopSelling,
    TakeInstructions,
    Tick,
    TransportDown,
    TransportUp,
)
from edge_core.sync.messages import (
    DOWN,
    Bye,
    Deliver,
    DeliverAck,
    UpMessage,
    Welcome,
    decode_down,
    encode_message,
)
from edge_core.sync.pacing import first_delay_ms
from edge_core.sync.send_stream import SendStream
from edge_core.sync.topics import topic
from holdfast_runtime.config import ConfigError
from holdfast_runtime.log import bounded
from holdfast_runtime.mqtt import MqttLink
from holdfast_runtime.waiting import wait_for_word

_LOG: Final = structlog.get_logger()


class Session:
    """The link of one node. `run` is its task; `wake` tells it that the log has grown."""

    def __init__(  # noqa: PLR0913 - the composition root gives each part by its name
        self,
        *,
        file: StoreFile,
        intake: Intake,
        books: Books,
        introduction: Introduction,
        mqtt: MqttLink,
        recovery: Recovery,
        instructions: Instructions,
        surroundings: Surroundings,
        bandwidth: Bandwidth = UNLIMITED,
    ) -> None:
        self._file = file
        self._intake = intake
        self._books = books
        self._introduction = introduction
        self._outgoing = Outgoing(file, introduction, surroundings.now_ms)
        self._mqtt = mqtt
        self._recovery = recovery
        recovery.on_damage = lambda: self.on_damage()  # noqa: PLW0108 - which is set later
        self._instructions = instructions
        self._here = surroundings
        self._bandwidth = bandwidth
        self.clock = CentreClock()
        mqtt.on_activity = self._notice
        self._topic = topic(introduction.node_id, "up")
        self._wake = asyncio.Event()
        self._stopping = False
        self._grown: dict[str, int] = {}
        self._inputs: deque[LinkInput] = deque()
        self._background = Background(on_failure=self._wake.set)
        self._positions = Positions(file, intake, books, self._background)
        self._uploads = Uploads(self._outgoing, books, self._send)
        self._connected = False
        self._next_tick_ms = 0
        self.on_damage: Callable[[], None] = lambda: None
        self.asides = Asides()
        self._incarnation = file.streams["orders"].incarnation
        self.state = LinkState(
            incarnation=self._incarnation,
            streams=tuple(
                SendStream(lane, tail_seq=file.tails[lane].seq, durable_seq=stream.durable_seq)
                for lane, stream in file.streams.items()
            ),
            attempt=file.connect_attempt,
            history_id=file.history_id,
        )

    @property
    def is_online(self) -> bool:
        """Whether the centre has greeted back on this connection."""
        return self.state.phase == "streaming"

    @property
    def is_settled(self) -> bool:
        """Whether both ends know what the other has: greeted, this machine is the node, nothing is being restored."""
        state = self.state
        return self.is_online and not (state.unchecked or state.recalls or state.is_restoring or state.is_replaced)

    @property
    def retry_in_ms(self) -> int | None:
        """How soon a stopped link tries again; None where it is not stopped."""
        return max(0, self.state.retry_ms - self._here.monotonic_ms()) if self.state.phase == "stopped" else None

    def durable_seq(self, lane: str) -> int:
        """How far the centre has a lane of the present incarnation."""
        return next(stream.durable_seq for stream in self.state.streams if stream.lane == lane)

    def send_audit(self, message: Digest | DayTotals) -> bool:
        """Hand a message of the audit over; False where there is no room or no connection."""
        return self._send(message)

    def centre_now_ms(self) -> int | None:
        """The centre's clock, as far as it was ever heard."""
        return self.clock.now_ms(self._here.monotonic_ms())

    def wake(self, lane: str, tail_seq: int) -> None:
        """The log of a lane has grown. Cheap; called after each commit."""
        self._grown[lane] = tail_seq
        self._wake.set()

    def _notice(self) -> None:
        """A message has come, or the connection has gone."""
        self._wake.set()

    def stop(self) -> None:
        """Say goodbye and end `run`."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Serve the link until `stop`."""
        with suppress(StorageFault):
            await self._instructions.load()  # for the status; each hello reads it again
        self._connect_after(first_delay_ms(self.state.attempt, self._here.jitter()))
        try:
            while not self._stopping:
                await self._wait()
                self._background.check()
                await self._drain()
        finally:
            await self._leave()

    async def _wait(self) -> None:
        """Until something happened, or it is time to look at the clock; a busy store looks at it just as often."""
        await wait_for_word(self._wake, max(0, self._next_tick_ms - self._here.monotonic_ms()) / 1000)
        now_ms = self._here.monotonic_ms()
        if now_ms >= self._next_tick_ms:
            self._next_tick_ms = now_ms + LINK_TICK_INTERVAL_MS
            self._inputs.append(Tick(self._bandwidth.at(self._here.now_ms(), self._here.zone)))

    async def _drain(self) -> None:
        """Feed everything that has happened, and what that leads to."""
        self._collect()
        while self._inputs:
            self.state, effects = step(self.state, self._inputs.popleft(), self._here.monotonic_ms())
            for effect in effects:
                await self._try_effect(effect)
            self._collect()

    def _collect(self) -> None:
        if self._connected and self._mqtt.disconnected.is_set():
            self._connected = False
            self._books.last_error = bounded(f"broker: {self._mqtt.reason}")
            _LOG.warning("link.disconnected", reason=self._mqtt.reason)
            self._inputs.append(TransportDown(self._here.jitter()))
        self._notice_renewal()
        grown, self._grown = self._grown, {}
        self._inputs.extend(LogGrew(lane, tail_seq) for lane, tail_seq in grown.items())
        while not self._mqtt.inbox.empty():
            _, payload = self._mqtt.inbox.get_nowait()
            self._receive(payload)

    def _notice_renewal(self) -> None:
        """The file says which incarnation is the present one: a COMMIT of unknown outcome may have begun it."""
        present = self._file.streams["orders"].incarnation
        if present != self._incarnation:
            self._incarnation = present
            self._books.restart()
            self._inputs.append(Renewed(present))

    def _receive(self, payload: bytes) -> None:
        try:
            message = decode_down(payload)
        except PeerFault as fault:
            self._books.peer_faults += 1
            self._books.last_error = bounded(fault)
            _LOG.warning("link.message_refused", reason=fault.reason, error=bounded(fault))
            return
        if isinstance(message, Aside):
            self.asides.hand_on(message, self.state.incarnation)
            return
        if isinstance(message, Welcome) and tells_the_time(message, self.state):
            self.clock.heard(self._here.now_ms() + message.clock_offset_ms, self._here.monotonic_ms())
        self._inputs.append(Received(message))

    async def _try_effect(self, effect: Effect) -> None:
        """Where the file cannot be read, the connection is given up: the next one begins with what can be read then."""
        try:
            await self._run_effect(effect)
        except StorageFault as fault:
            self._books.last_error = bounded(fault)
            _LOG.warning("link.file_unreadable", error=bounded(fault))
            await self._mqtt.close()

    async def _run_effect(self, effect: Effect) -> None:
        match effect:
            case Connect():
                self._connect_after(effect.delay_ms)
            case SendHello():
                self._send(await self._outgoing.hello(self.state, await self._instructions.load()))
            case SendHeartbeat():
                await self._heartbeat()
            case SendPush() | SendEarly():
                await self._upload(effect)
            case CheckHash():
                self._inputs.append(await self._check(effect))
            case RecordDurable() | Rebook() | RecordHistory() | RecordAttempt():
                self._positions.write_down(effect, self.state.incarnation)
            case BeginIncarnation() | CompareFormer() | SendRecall() | Restore() | StopSelling() | GoOnSelling():
                await self._recover(effect)
            case TakeInstructions():
                await self._take(effect.deliver)
            case AwaitEnrolment() | Stop():
                self._tell(effect)
            case _:
                assert_never(effect)

    def _tell(self, effect: AwaitEnrolment | Stop) -> None:
        """People should do something; selling goes on."""
        self._books.last_error = bounded(effect.reason)
        if isinstance(effect, Stop):
            _LOG.error("link.stopped", reason=effect.reason, retry_in_s=effect.pause_ms // 1000)
        else:
            _LOG.warning("link.not_enrolled", reason=effect.reason)

    def _bar(self, effect: StopSelling | GoOnSelling) -> None:
        """Take no orders while another machine is this node."""
        if isinstance(effect, GoOnSelling):
            self._intake.fence(None)
            return
        self._books.last_error = bounded(effect.reason)
        self._intake.fence(effect.reason)
        _LOG.error("link.superseded", reason=effect.reason)

    async def _recover(
        self, effect: BeginIncarnation | CompareFormer | SendRecall | Restore | StopSelling | GoOnSelling
    ) -> None:
        match effect:
            case BeginIncarnation():
                self._books.last_error = bounded(f"began anew: {effect.reason}")
                await self._recovery.begin_incarnation(effect.reason)
            case CompareFormer():
                asks = await self._recovery.asks(effect.former, is_own_only=effect.is_own_only)
                self._inputs.append(FormerCompared(asks))
            case SendRecall():
                if self._recovery.rests(effect.key):
                    return  # the next look at the clock tries again
                if (word := await self._recovery.ask(effect.key)) is None:
                    self._inputs.append(Restored(effect.key, is_complete=True))
                else:
                    self._send(word)
            case Restore():
                await self._restore(effect)
            case StopSelling() | GoOnSelling():
                self._bar(effect)
            case _:
                assert_never(effect)

    async def _restore(self, effect: Restore) -> None:
        try:
            is_complete = await self._recovery.take(effect.key, effect.deliver)
        except PeerFault as fault:
            self._refuse_delivery(fault)
            is_complete = None
        except RecordDamaged as fault:  # the connection is not to blame; the audit may mend it
            self._books.last_error = bounded(fault)
            _LOG.warning("link.file_unreadable", error=bounded(fault))
            self.on_damage()
            is_complete = None
        done = RestoreFailed(effect.key) if is_complete is None else Restored(effect.key, is_complete)
        self._inputs.append(done)

    def _refuse_delivery(self, fault: PeerFault) -> None:
        self._books.peer_faults += 1
        self._books.last_error = bounded(fault)
        _LOG.warning("link.delivery_refused", reason=fault.reason, error=bounded(fault))

    # --- the downlink ------------------------------------------------------------------------------------------------

    async def _take(self, deliver: Deliver) -> None:
        """Do what the centre asks for; after the COMMIT say how far its log is taken here."""
        try:
            at = await self._instructions.take(deliver)
        except PeerFault as fault:
            self._refuse_delivery(fault)
        else:
            who = self._introduction.node_id
            self._send(DeliverAck(who, at.incarnation, DOWN, at.seq, at.hash, by=self.state.incarnation))

    async def _heartbeat(self) -> None:
        self._recovery.sheds()  # the heartbeat says so
        if self.state.takes_instructions:
            await self._instructions.grant_wishes()
        self._send(await self._books.heartbeat(self.state, self._instructions))

    # --- the transport -----------------------------------------------------------------------------------------------

    def _connect_after(self, delay_ms: int) -> None:
        self._background.start(self._connect(delay_ms))

    async def _connect(self, delay_ms: int) -> None:
        await asyncio.sleep(delay_ms / 1000)
        if self._stopping:
            return
        try:
            await self._mqtt.connect()
        except (TransientFault, ConfigError) as fault:  # a certificate may be half renewed: selling goes on (G2)
            self._books.last_error = bounded(f"broker: {fault}")
            self._inputs.append(TransportDown(self._here.jitter()))
        else:
            self._connected = True
            _LOG.info("link.connected", broker=self._mqtt.address)
            self._inputs.append(TransportUp())
        self._wake.set()

    def _send(self, message: UpMessage) -> bool:
        return self._mqtt.publish(self._topic, encode_message(message))

    async def _upload(self, asked: SendPush | SendEarly) -> None:
        answer = await self._uploads.answer(asked)
        if answer is None:
            return
        self._inputs.append(answer)
        if isinstance(answer, PushFailed) and answer.damaged_seq is not None:
            self.on_damage()

    async def _check(self, asked: CheckHash) -> HashChecked:
        own = await log.read_hash(self._file.link_reader, self._file.streams[asked.lane], asked.seq)
        return HashChecked(asked, own == asked.expected)

    async def _leave(self) -> None:
        if self._connected:
            self._send(Bye(self._introduction.node_id, self.state.incarnation, "the agent is stopping"))
        await self._mqtt.close()
        await self._background.stop()

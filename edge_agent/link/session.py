"""The link's loop: what happened goes into the state machine, what it asks for is done, in order, by one task.

Selling never waits for this task. It reads the log on a connection of its own, wakes when the intake has committed, and
keeps nothing in memory but the pushes on their way; what waits, waits in the file.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Final, assert_never

import structlog
from msgspec import Struct

from edge_agent.intake import Intake
from edge_agent.link.books import Books, wall_ms
from edge_agent.store import log
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_core.errors import PeerFault, StorageFault, TransientFault
from edge_core.limits import LINK_TICK_INTERVAL_MS, PUSH_BYTES_MAX, PUSH_ENTRIES_MAX
from edge_core.sync.edge_link import (
    CheckHash,
    Connect,
    Effect,
    HashChecked,
    LinkInput,
    LinkState,
    LogGrew,
    PushFailed,
    PushSent,
    Rebook,
    Received,
    RecordDurable,
    RecordHistory,
    SendHeartbeat,
    SendHello,
    SendPush,
    Stop,
    Tick,
    TransportDown,
    TransportUp,
    step,
)
from edge_core.sync.messages import (
    Bye,
    Deliver,
    Hello,
    LanePosition,
    Push,
    UpMessage,
    decode_down,
    encode_message,
    pack_block,
)
from edge_core.sync.send_stream import InFlight, SendStream
from edge_core.sync.topics import topic
from holdfast_runtime.config import ConfigError
from holdfast_runtime.log import bounded
from holdfast_runtime.mqtt import MqttLink

_LOG: Final = structlog.get_logger()
_INLINE_BYTES_MAX: Final = 32 * 1024  # a small push compresses faster than a thread is woken


class Introduction(Struct, frozen=True):
    """How the node introduces itself."""

    node_id: str
    name: str
    region: str
    software_version: str
    schema_version: int


class Session:
    """The link of one node. `run` is its task; `wake` tells it that the log has grown."""

    def __init__(
        self, *, file: StoreFile, intake: Intake, books: Books, introduction: Introduction, mqtt: MqttLink
    ) -> None:
        self._file = file
        self._intake = intake
        self._books = books
        self._introduction = introduction
        self._mqtt = mqtt
        mqtt.on_activity = self._notice
        self._topic = topic(introduction.node_id, "up")
        self._wake = asyncio.Event()
        self._stopping = False
        self._grown: dict[str, int] = {}
        self._inputs: deque[LinkInput] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._durable: dict[str, RecordDurable] = {}
        self._recorder: asyncio.Task[None] | None = None
        self._connected = False
        self._failure: BaseException | None = None
        self._next_tick_ms = 0
        self.state = LinkState(
            incarnation=file.streams["orders"].incarnation,
            streams=tuple(
                SendStream(lane, tail_seq=file.tails[lane].seq, durable_seq=stream.durable_seq)
                for lane, stream in file.streams.items()
            ),
        )

    @property
    def is_online(self) -> bool:
        """Whether the centre has greeted back on this connection."""
        return self.state.phase == "streaming"

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
        self._connect_after(0)
        try:
            while not self._stopping:
                await self._wait()
                if self._failure is not None:
                    raise self._failure
                await self._drain()
        finally:
            await self._leave()

    async def _wait(self) -> None:
        """Until something happened, or it is time to look at the clock; a busy store looks at it just as often."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, self._next_tick_ms - _monotonic_ms()) / 1000):
                await self._wake.wait()
        self._wake.clear()
        now_ms = _monotonic_ms()
        if now_ms >= self._next_tick_ms:
            self._next_tick_ms = now_ms + LINK_TICK_INTERVAL_MS
            self._inputs.append(Tick())

    async def _drain(self) -> None:
        """Feed everything that has happened, and what that leads to."""
        self._collect()
        while self._inputs:
            self.state, effects = step(self.state, self._inputs.popleft(), _monotonic_ms())
            for effect in effects:
                await self._try_effect(effect)
            self._collect()

    def _collect(self) -> None:
        if self._connected and self._mqtt.disconnected.is_set():
            self._connected = False
            self._books.last_error = bounded(f"broker: {self._mqtt.reason}")
            _LOG.warning("link.disconnected", reason=self._mqtt.reason)
            self._inputs.append(TransportDown(random.random()))  # noqa: S311 - jitter, not a secret
        grown, self._grown = self._grown, {}
        self._inputs.extend(LogGrew(lane, tail_seq) for lane, tail_seq in grown.items())
        while not self._mqtt.inbox.empty():
            _, payload = self._mqtt.inbox.get_nowait()
            self._receive(payload)

    def _receive(self, payload: bytes) -> None:
        try:
            message = decode_down(payload)
        except PeerFault as fault:
            self._books.peer_faults += 1
            self._books.last_error = bounded(fault)
            _LOG.warning("link.message_refused", reason=fault.reason, error=bounded(fault))
            return
        if not isinstance(message, Deliver):
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
                self._send(await self._hello())
            case SendHeartbeat():
                self._send(await self._books.heartbeat(self.state))
            case SendPush():
                self._inputs.append(await self._push(effect))
            case CheckHash():
                self._inputs.append(await self._check(effect))
            case RecordDurable():
                self._books.acked(effect)
                self._durable[effect.lane] = effect
                self._record()
            case Rebook():
                self._books.rebook(effect)
            case RecordHistory():
                _LOG.info("link.welcomed", history_id=str(effect.history_id))
                self._in_background(self._write_history(effect))
            case Stop():
                self._books.last_error = bounded(effect.reason)
                _LOG.error("link.stopped", reason=effect.reason)
            case _:
                assert_never(effect)

    # --- the transport -----------------------------------------------------------------------------------------------

    def _connect_after(self, delay_ms: int) -> None:
        self._in_background(self._connect(delay_ms))

    async def _connect(self, delay_ms: int) -> None:
        await asyncio.sleep(delay_ms / 1000)
        if self._stopping:
            return
        try:
            await self._mqtt.connect()
        except (TransientFault, ConfigError) as fault:  # a certificate may be half renewed: selling goes on (G2)
            self._books.last_error = bounded(f"broker: {fault}")
            self._inputs.append(TransportDown(random.random()))  # noqa: S311
        else:
            self._connected = True
            _LOG.info("link.connected", broker=self._mqtt.address)
            self._inputs.append(TransportUp())
        self._wake.set()

    def _send(self, message: UpMessage) -> bool:
        return self._mqtt.publish(self._topic, encode_message(message))

    # --- the log -----------------------------------------------------------------------------------------------------

    async def _hello(self) -> Hello:
        lanes = []
        for lane, stream in self._file.streams.items():
            tail = self._file.tails[lane]
            first = await log.first_seq(self._file.link_reader, stream)
            lanes.append(LanePosition("bulk" if lane == "bulk" else "orders", first, tail.seq, tail.hash))
        who = self._introduction
        return Hello(
            node_id=who.node_id,
            incarnation=self.state.incarnation,
            lanes=tuple(lanes),
            history_id=self.state.history_id,
            wall_clock_ms=wall_ms(),
            software_version=who.software_version,
            schema_version=who.schema_version,
            name=who.name,
            region=who.region,
        )

    async def _push(self, asked: SendPush) -> PushSent | PushFailed:
        """Load entries, pack them, hand them over."""
        stream = self._file.streams[asked.lane]
        reader = self._file.link_reader
        rows = _within_bytes(await log.read_range(reader, stream, asked.from_seq, PUSH_ENTRIES_MAX))
        previous = await log.read_hash(reader, stream, asked.from_seq - 1)
        if not rows or rows[0][0] != asked.from_seq or previous is None:
            self._books.last_error = f"{asked.lane}: the log has no entry {asked.from_seq}"
            return PushFailed(asked.lane)
        bodies = [body for _, _, body in rows]
        small = sum(map(len, bodies)) <= _INLINE_BYTES_MAX
        codec, block = pack_block(bodies) if small else await asyncio.to_thread(pack_block, bodies)
        to_seq, tail_hash, _ = rows[-1]
        push = Push(
            self._introduction.node_id,
            self.state.incarnation,
            "bulk" if asked.lane == "bulk" else "orders",
            asked.from_seq,
            to_seq,
            previous,
            tail_hash,
            codec,
            block,
        )
        if not self._send(push):
            return PushFailed(asked.lane)
        self._books.pushed(to_seq - asked.from_seq + 1, len(block))
        return PushSent(asked.lane, asked.from_seq, InFlight(to_seq, tail_hash))

    async def _check(self, asked: CheckHash) -> HashChecked:
        own = await log.read_hash(self._file.link_reader, self._file.streams[asked.lane], asked.seq)
        return HashChecked(asked, own == asked.expected)

    # --- what is written down ----------------------------------------------------------------------------------------

    def _record(self) -> None:
        """Have the newest positions written down; while that runs, newer ones replace each other."""
        if self._recorder is None or self._recorder.done():
            self._recorder = self._in_background(self._write_durable())

    async def _write_durable(self) -> None:
        while self._durable:
            durable, self._durable = self._durable, {}
            try:
                await self._intake.write(_advance(self._file, durable))
            except StorageFault as fault:
                # Only a hint for the next start: the centre says in its welcome what it has.
                _LOG.warning("link.position_not_written", error=str(fault))

    async def _write_history(self, effect: RecordHistory) -> None:
        async def change(connection: Connection) -> None:
            await log.put_history(connection, effect.history_id)

        try:
            await self._intake.write(change)
        except StorageFault as fault:
            _LOG.warning("link.history_not_written", error=str(fault))

    async def _leave(self) -> None:
        if self._connected:
            self._send(Bye(self._introduction.node_id, self.state.incarnation, "the agent is stopping"))
        await self._mqtt.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A background task that failed ends the link, and so the agent: nothing may fail unseen."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._wake.set()


def _advance(file: StoreFile, durable: dict[str, RecordDurable]) -> Callable[[Connection], Awaitable[None]]:
    async def change(connection: Connection) -> None:
        for lane, position in durable.items():
            await log.advance_durable(
                connection,
                file.streams[lane].stream_no,
                durable_seq=position.durable_seq,
                backed_up_seq=position.backed_up_seq,
                parked=position.parked,
            )

    return change


def _within_bytes(rows: list[tuple[int, bytes, bytes]]) -> list[tuple[int, bytes, bytes]]:
    """As many of the first rows as fit a push; one that alone is larger goes alone."""
    size = 0
    for index, (_, _, body) in enumerate(rows):
        size += len(body)
        if size > PUSH_BYTES_MAX and index:
            return rows[:index]
    return rows


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000

"""The edge's end of the link as a state machine without sockets: `step(state, input) -> (state, effects)`.

    offline --TransportUp--> greeting --Welcome--> streaming
       ^                        |                     |
       +------TransportDown-----+---------------------+     Welcome(fence | refuse), another hash --> stopped

The shell feeds what happened and runs the effects; time and randomness come in with the inputs. Deliveries are answered
by the shell's receiving end. Bounds: `limits.py`; the whole table: docs/protocol.md.
"""

from typing import Final, Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import (
    CONNECT_DELAY_MS,
    CONNECT_DELAY_MS_MAX,
    HEARTBEAT_INTERVAL_MS,
    HELLO_TIMEOUT_MS,
    HELLO_TIMEOUT_MS_MAX,
    PUSH_WINDOW_MAX,
)
from edge_core.sync import send_stream
from edge_core.sync.messages import Ack, GrantMessage, Welcome
from edge_core.sync.send_stream import InFlight, SendStream

Phase = Literal["offline", "greeting", "streaming", "stopped"]


# --- inputs ----------------------------------------------------------------------------------------------------------


class TransportUp(Struct, frozen=True):
    """The broker took the connection and the subscription."""


class TransportDown(Struct, frozen=True):
    """The connection is gone. `jitter` is a random number from 0 to 1."""

    jitter: float


class LogGrew(Struct, frozen=True):
    """The log of a lane ends at `tail_seq` now."""

    lane: str
    tail_seq: int


class Received(Struct, frozen=True):
    """A message of the centre."""

    message: Welcome | Ack | GrantMessage


class PushSent(Struct, frozen=True):
    """A push that was asked for has left."""

    lane: str
    from_seq: int
    push: InFlight


class PushFailed(Struct, frozen=True):
    """A push that was asked for could not be loaded or handed over."""

    lane: str


class HashChecked(Struct, frozen=True):
    """The answer to a `CheckHash`: whether the own chain has that hash at that seq."""

    check: "CheckHash"
    is_same: bool


class Tick(Struct, frozen=True):
    """Time has passed."""


LinkInput = TransportUp | TransportDown | LogGrew | Received | PushSent | PushFailed | HashChecked | Tick


# --- effects ---------------------------------------------------------------------------------------------------------


class Connect(Struct, frozen=True):
    """Connect to the broker after a pause."""

    delay_ms: int


class SendHello(Struct, frozen=True):
    """Say hello with the log's present positions."""


class SendHeartbeat(Struct, frozen=True):
    """Send the books and the state of the node."""


class SendPush(Struct, frozen=True):
    """Load entries of a lane from a seq on and push them; answer with `PushSent` or `PushFailed`."""

    lane: str
    from_seq: int


class CheckHash(Struct, frozen=True):
    """Compare a hash with the own chain; answer with `HashChecked`. `ack` is what waits for the answer, if anything."""

    lane: str
    seq: int
    expected: bytes
    ack: Ack | None = None


class RecordDurable(Struct, frozen=True):
    """Write down how far a lane is durable at the centre."""

    lane: str
    durable_seq: int
    backed_up_seq: int
    parked: int


class Rebook(Struct, frozen=True):
    """Correct the books: the centre greeted with this position, be it less than it had acked before."""

    lane: str
    durable_seq: int


class RecordHistory(Struct, frozen=True):
    """Write down which history of the centre was seen last."""

    history_id: UUID


class Stop(Struct, frozen=True):
    """Stop sending: this incarnation may not go on. Selling goes on; an operator or the next protocol step acts."""

    reason: str


Effect = Connect | SendHello | SendHeartbeat | SendPush | CheckHash | RecordDurable | Rebook | RecordHistory | Stop


class LinkState(Struct, frozen=True):
    """Where the link is. `attempt` counts lost connections since the centre last acked something."""

    incarnation: UUID
    streams: tuple[SendStream, ...]
    phase: Phase = "offline"
    attempt: int = 0
    window: int = PUSH_WINDOW_MAX
    history_id: UUID | None = None
    unchecked: tuple[str, ...] = ()
    hello_ms: int = 0
    hello_wait_ms: int = HELLO_TIMEOUT_MS
    heartbeat_ms: int = 0
    stop_reason: str = ""


Stepped = tuple[LinkState, tuple[Effect, ...]]
_NOTHING: Final[tuple[Effect, ...]] = ()


def step(state: LinkState, event: LinkInput, now_ms: int) -> Stepped:
    """Take one input at monotonic time `now_ms`. The shell runs the effects in order."""
    state, effects = _take(state, event, now_ms)
    state, pushes = _pump(state)
    return state, effects + pushes


def _take(state: LinkState, event: LinkInput, now_ms: int) -> Stepped:
    match event:
        case TransportUp():
            return replace(state, phase=_unless_stopped(state, "greeting"), hello_ms=now_ms), (SendHello(),)
        case TransportDown():
            return _disconnected(state, event.jitter)
        case LogGrew():
            return _with_stream(state, send_stream.grow(_stream(state, event.lane), event.tail_seq)), _NOTHING
        case Received():
            return _received(state, event.message, now_ms)
        case PushSent():
            stream = send_stream.pushed(_stream(state, event.lane), event.from_seq, event.push, now_ms)
            return _with_stream(state, stream), _NOTHING
        case PushFailed():
            return _with_stream(state, send_stream.not_pushed(_stream(state, event.lane))), _NOTHING
        case HashChecked():
            return _checked(state, event, now_ms)
        case Tick():
            return _tick(state, now_ms)
        case _:
            assert_never(event)


def _pump(state: LinkState) -> Stepped:
    """Ask for a push of every lane that has something to send and room for it; orders come first."""
    if state.phase != "streaming" or state.unchecked:
        return state, _NOTHING
    effects: list[Effect] = []
    for stream in state.streams:
        from_seq = send_stream.wants(stream, state.window)
        if from_seq is not None:
            state = _with_stream(state, send_stream.loading(stream))
            effects.append(SendPush(stream.lane, from_seq))
    return state, tuple(effects)


def _disconnected(state: LinkState, jitter: float) -> Stepped:
    """Full jitter (Brooker 2015): a random part of a bound that doubles; only an ack of the centre resets it."""
    bound_ms = min(CONNECT_DELAY_MS << min(state.attempt, 16), CONNECT_DELAY_MS_MAX)
    streams = tuple(send_stream.rewind(stream, stream.durable_seq) for stream in state.streams)
    state = replace(
        state,
        phase=_unless_stopped(state, "offline"),
        attempt=state.attempt + 1,
        streams=tuple(replace(stream, is_loading=False, is_blocked=False) for stream in streams),
        unchecked=(),
    )
    return state, (Connect(int(bound_ms * jitter)),)


def _received(state: LinkState, message: Welcome | Ack | GrantMessage, now_ms: int) -> Stepped:
    if message.incarnation != state.incarnation or state.phase == "stopped":
        return state, _NOTHING
    match message:
        case Welcome():
            if state.phase == "streaming" and message.decision != "resume":
                # About a push, or about a hello of long ago that was delivered twice: ask, and obey that answer.
                return _greet_again(state, now_ms)
            return _welcomed(state, message) if state.phase == "greeting" else (state, _NOTHING)
        case Ack():
            return _acked(state, message, now_ms) if state.phase == "streaming" else (state, _NOTHING)
        case GrantMessage():
            return replace(state, window=min(message.grant.window, PUSH_WINDOW_MAX)), _NOTHING
        case _:
            assert_never(message)


def _welcomed(state: LinkState, welcome: Welcome) -> Stepped:
    if welcome.decision in {"fence", "refuse"}:
        return _stopped(state, f"{welcome.decision}: {welcome.detail}")
    effects: list[Effect] = [RecordHistory(welcome.history_id)]
    for position in welcome.lanes:
        stream = _stream(state, position.lane)
        if position.durable_seq > stream.tail_seq:
            return _stopped(state, f"{position.lane}: the centre holds more than this file; the file was rolled back")
        state = _with_stream(state, send_stream.rewind(stream, position.durable_seq))
        effects.append(CheckHash(position.lane, position.durable_seq, position.durable_hash))
    state = replace(
        state,
        phase="streaming",
        hello_wait_ms=HELLO_TIMEOUT_MS,
        history_id=welcome.history_id,
        window=min(welcome.grant.window, PUSH_WINDOW_MAX),
        unchecked=tuple(position.lane for position in welcome.lanes),
        heartbeat_ms=0,
    )
    return state, tuple(effects)


def _acked(state: LinkState, ack: Ack, now_ms: int) -> Stepped:
    stream = _stream(state, ack.lane)
    if ack.history_id != state.history_id or ack.durable_seq < stream.durable_seq:
        # The centre came back from a backup while the connection held: greet again and learn what it has.
        return _greet_again(state, now_ms)
    if ack.durable_seq > stream.tail_seq:
        return _stopped(state, f"{ack.lane}: the centre acked {ack.durable_seq}, this file ends at {stream.tail_seq}")
    if ack.durable_seq == stream.durable_seq:
        return replace(_with_stream(state, send_stream.heard(stream)), attempt=0), _NOTHING
    known = send_stream.known_hash(stream, ack.durable_seq)
    if known is None:
        return state, (CheckHash(ack.lane, ack.durable_seq, ack.durable_hash, ack),)
    if known != ack.durable_hash:
        return _stopped(state, f"{ack.lane}: the centre holds another history at {ack.durable_seq}")
    return _confirmed(state, ack, now_ms)


def _greet_again(state: LinkState, now_ms: int) -> Stepped:
    return replace(state, phase="greeting", hello_ms=now_ms, unchecked=()), (SendHello(),)


def _confirmed(state: LinkState, ack: Ack, now_ms: int) -> Stepped:
    """The centre holds our history up to `durable_seq`: move on, unless that was learnt in the meantime."""
    if ack.history_id != state.history_id or ack.durable_seq <= _stream(state, ack.lane).durable_seq:
        return state, _NOTHING
    stream = send_stream.acked(_stream(state, ack.lane), ack.durable_seq, now_ms)
    effect = RecordDurable(ack.lane, ack.durable_seq, ack.backed_up_seq, ack.parked)
    return replace(_with_stream(state, stream), attempt=0), (effect,)


def _checked(state: LinkState, checked: HashChecked, now_ms: int) -> Stepped:
    if state.phase != "streaming":
        return state, _NOTHING
    check = checked.check
    if not checked.is_same:
        return _stopped(state, f"{check.lane}: the centre holds another history at {check.seq}")
    if check.ack is not None:
        return _confirmed(state, check.ack, now_ms)
    state = replace(state, unchecked=tuple(lane for lane in state.unchecked if lane != check.lane))
    state, beat = (state, _NOTHING) if state.unchecked else _tick(state, now_ms)
    return state, (Rebook(check.lane, check.seq), *beat)


def _tick(state: LinkState, now_ms: int) -> Stepped:
    match state.phase:
        case "greeting":
            if 0 <= now_ms - state.hello_ms < state.hello_wait_ms:
                return state, _NOTHING
            patience_ms = min(state.hello_wait_ms * 2, HELLO_TIMEOUT_MS_MAX)
            return replace(state, hello_ms=now_ms, hello_wait_ms=patience_ms), (SendHello(),)
        case "streaming":
            unblocked = [send_stream.unblocked(stream) for stream in state.streams]
            streams = tuple(send_stream.resend_if_stalled(stream, now_ms) for stream in unblocked)
            return _beat(replace(state, streams=streams), now_ms)
        case "stopped":
            return _beat(state, now_ms)
        case "offline":
            return state, _NOTHING
        case _:
            assert_never(state.phase)


def _beat(state: LinkState, now_ms: int) -> Stepped:
    """A heartbeat when it is time; a stopped link goes on saying why it stopped."""
    if state.heartbeat_ms and 0 <= now_ms - state.heartbeat_ms < HEARTBEAT_INTERVAL_MS:
        return state, _NOTHING
    return replace(state, heartbeat_ms=now_ms), (SendHeartbeat(),)


def _stopped(state: LinkState, reason: str) -> Stepped:
    return replace(state, phase="stopped", stop_reason=reason, unchecked=(), heartbeat_ms=0), (Stop(reason),)


def _unless_stopped(state: LinkState, phase: Phase) -> Phase:
    return "stopped" if state.phase == "stopped" else phase


def _stream(state: LinkState, lane: str) -> SendStream:
    return next(stream for stream in state.streams if stream.lane == lane)


def _with_stream(state: LinkState, changed: SendStream) -> LinkState:
    return replace(state, streams=tuple(changed if stream.lane == changed.lane else stream for stream in state.streams))

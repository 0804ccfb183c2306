"""The edge's end of the link as a state machine without sockets: `step(state, input) -> (state, effects)`.

    offline --TransportUp--> greeting --Welcome--> streaming        a TransportDown leads back to offline
                                |                     |
                                +-- Welcome(fence), or a hash that differs --> renewing --Renewed--> greeting

A node that was rolled back or has forked begins a new incarnation by itself (`renewing`); one that another claimant
has replaced (`refuse`) sends what it still has and takes no more orders. While streaming, what earlier incarnations of
the node lost is recalled from the centre, one stream at a time. The shell feeds what happened and runs the effects;
time and randomness come in with the inputs. Bounds: `limits.py`; the whole table: docs/protocol.md.
"""

from typing import Final, assert_never
from uuid import UUID

from msgspec.structs import replace

from edge_core.limits import (
    CONNECT_DELAY_MS,
    CONNECT_DELAY_MS_MAX,
    HEARTBEAT_INTERVAL_MS,
    HELLO_TIMEOUT_MS,
    HELLO_TIMEOUT_MS_MAX,
    PUSH_WINDOW_MAX,
    RECALL_TIMEOUT_MS,
    RENEWALS_MAX,
)
from edge_core.sync import send_stream
from edge_core.sync.link_types import (
    AwaitEnrolment,
    BeginIncarnation,
    CheckHash,
    CompareFormer,
    Connect,
    Effect,
    FormerCompared,
    FormerKey,
    GoOnSelling,
    HashChecked,
    LinkInput,
    LinkState,
    LogGrew,
    Phase,
    PushFailed,
    PushSent,
    Rebook,
    Received,
    RecordDurable,
    RecordHistory,
    Renewed,
    Restore,
    Restored,
    RestoreFailed,
    SendHeartbeat,
    SendHello,
    SendPush,
    SendRecall,
    Stepped,
    Stop,
    StopSelling,
    Tick,
    TransportDown,
    TransportUp,
)
from edge_core.sync.messages import Ack, Deliver, GrantMessage, Welcome
from edge_core.sync.send_stream import SendStream

_NOTHING: Final[tuple[Effect, ...]] = ()


def step(state: LinkState, event: LinkInput, now_ms: int) -> Stepped:
    """Take one input at monotonic time `now_ms`. The shell runs the effects in order."""
    state, effects = _take(state, event, now_ms)
    state, pushes = _pump(state)
    return state, effects + pushes


def _take(state: LinkState, event: LinkInput, now_ms: int) -> Stepped:
    match event:
        case TransportUp() | TransportDown() | Received() | Tick():
            return _hear(state, event, now_ms)
        case LogGrew():
            return _with_stream(state, send_stream.grow(_stream(state, event.lane), event.tail_seq)), _NOTHING
        case PushSent():
            stream = send_stream.pushed(_stream(state, event.lane), event.from_seq, event.push, now_ms)
            return _with_stream(state, stream), _NOTHING
        case PushFailed():
            return _with_stream(state, send_stream.not_pushed(_stream(state, event.lane))), _NOTHING
        case HashChecked():
            return _checked(state, event, now_ms)
        case Renewed():
            return _renewed(state, event.incarnation, now_ms)
        case FormerCompared():
            return _recall_next(replace(state, recalls=event.differing, is_restoring=False), now_ms)
        case Restored():
            return _restored(state, event, now_ms)
        case RestoreFailed():
            return replace(state, is_restoring=False), _NOTHING
        case _:
            assert_never(event)


def _hear(state: LinkState, event: TransportUp | TransportDown | Received | Tick, now_ms: int) -> Stepped:
    """What comes from outside: the transport, the centre, the clock."""
    match event:
        case TransportUp():
            return replace(state, phase=_unless_stopped(state, "greeting"), hello_ms=now_ms), (SendHello(),)
        case TransportDown():
            return _disconnected(state, event.jitter)
        case Received():
            return _received(state, event.message, now_ms)
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
        recalls=(),
        is_restoring=False,
    )
    return state, (Connect(int(bound_ms * jitter)),)


def _received(state: LinkState, message: Welcome | Ack | GrantMessage | Deliver, now_ms: int) -> Stepped:
    if isinstance(message, Deliver):
        return _delivered(state, message)
    if message.incarnation != state.incarnation or state.phase in {"stopped", "renewing"}:
        return state, _NOTHING
    match message:
        case Welcome():
            if state.phase == "streaming" and message.decision == "refuse" and state.is_replaced:
                return state, _NOTHING  # it is known
            if state.phase == "streaming" and message.decision != "resume":
                # About a push, or about a hello of long ago that was delivered twice: ask, and obey that answer.
                return _greet_again(state, now_ms)
            if state.phase == "greeting" and message.decision == "enrol":
                patient = replace(state, hello_ms=now_ms, hello_wait_ms=HELLO_TIMEOUT_MS_MAX)
                return patient, (AwaitEnrolment(message.detail),)
            return _welcomed(state, message) if state.phase == "greeting" else (state, _NOTHING)
        case Ack():
            return _acked(state, message, now_ms) if state.phase == "streaming" else (state, _NOTHING)
        case GrantMessage():
            return replace(state, window=min(message.grant.window, PUSH_WINDOW_MAX)), _NOTHING
        case _:
            assert_never(message)


def _welcomed(state: LinkState, welcome: Welcome) -> Stepped:
    if welcome.decision == "fence":
        return _renew(state, welcome.detail)
    effects: list[Effect] = [RecordHistory(welcome.history_id)]
    for position in welcome.lanes:
        stream = _stream(state, position.lane)
        if position.durable_seq > stream.tail_seq:
            return _renew(state, f"{position.lane}: the centre holds more than this file; the file was rolled back")
        state = _with_stream(state, send_stream.rewind(stream, position.durable_seq))
        effects.append(CheckHash(position.lane, position.durable_seq, position.durable_hash))
    is_refused = welcome.decision == "refuse"
    effects.append(StopSelling(welcome.detail) if is_refused else GoOnSelling())
    effects.append(CompareFormer(welcome.former, is_own_only=is_refused))
    state = replace(
        state,
        phase="streaming",
        hello_wait_ms=HELLO_TIMEOUT_MS,
        is_replaced=is_refused,
        history_id=welcome.history_id,
        window=min(welcome.grant.window, PUSH_WINDOW_MAX),
        unchecked=tuple(position.lane for position in welcome.lanes),
        heartbeat_ms=0,
    )
    return state, tuple(effects)


def _acked(state: LinkState, ack: Ack, now_ms: int) -> Stepped:
    stream = _stream(state, ack.lane)
    if ack.history_id != state.history_id or ack.durable_seq < stream.durable_seq:
        # The centre came back from a backup while the connection held: greet again and learn what it has. (An old ack
        # that was late looks the same, and costs one greeting.)
        return _greet_again(state, now_ms)
    if ack.durable_seq > stream.tail_seq:
        return _renew(state, f"{ack.lane}: the centre acked {ack.durable_seq}, this file ends at {stream.tail_seq}")
    if ack.durable_seq == stream.durable_seq:
        # Known from the welcome, perhaps, but not yet in the books: the acks that brought it there were lost.
        return replace(_with_stream(state, send_stream.heard(stream)), attempt=0), (_recorded(ack),)
    known = send_stream.known_hash(stream, ack.durable_seq)
    if known is None:
        return state, (CheckHash(ack.lane, ack.durable_seq, ack.durable_hash, ack),)
    if known != ack.durable_hash:
        return _renew(state, f"{ack.lane}: the centre holds another history at {ack.durable_seq}")
    return _confirmed(state, ack, now_ms)


def _greet_again(state: LinkState, now_ms: int) -> Stepped:
    return replace(state, phase="greeting", hello_ms=now_ms, unchecked=()), (SendHello(),)


def _confirmed(state: LinkState, ack: Ack, now_ms: int) -> Stepped:
    """The centre holds our history up to `durable_seq`: move on, unless that was learnt in the meantime."""
    if ack.history_id != state.history_id or ack.durable_seq <= _stream(state, ack.lane).durable_seq:
        return state, _NOTHING
    stream = send_stream.acked(_stream(state, ack.lane), ack.durable_seq, now_ms)
    return replace(_with_stream(state, stream), attempt=0, renewals=0), (_recorded(ack),)


def _recorded(ack: Ack) -> RecordDurable:
    return RecordDurable(ack.lane, ack.durable_seq, ack.backed_up_seq, ack.parked)


def _checked(state: LinkState, checked: HashChecked, now_ms: int) -> Stepped:
    if state.phase != "streaming":
        return state, _NOTHING
    check = checked.check
    if not checked.is_same:
        return _renew(state, f"{check.lane}: the centre holds another history at {check.seq}")
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
            state, recall = _recall_again(replace(state, streams=streams), now_ms)
            state, beat = _beat(state, now_ms)
            return state, recall + beat
        case "stopped":
            return _beat(state, now_ms)
        case "offline" | "renewing":
            return state, _NOTHING
        case _:
            assert_never(state.phase)


def _beat(state: LinkState, now_ms: int) -> Stepped:
    """A heartbeat when it is time; a stopped link goes on saying why it stopped."""
    if state.heartbeat_ms and 0 <= now_ms - state.heartbeat_ms < HEARTBEAT_INTERVAL_MS:
        return state, _NOTHING
    return replace(state, heartbeat_ms=now_ms), (SendHeartbeat(),)


# --- a new incarnation, and what the earlier ones lost ----------------------------------------------------------------


def _renew(state: LinkState, reason: str) -> Stepped:
    """Begin again under a new name, unless that was tried in vain already: then something else is wrong."""
    if state.renewals >= RENEWALS_MAX:
        stopped = replace(state, phase="stopped", stop_reason=reason, unchecked=(), recalls=(), heartbeat_ms=0)
        return stopped, (Stop(reason),)
    return replace(state, phase="renewing", unchecked=(), recalls=()), (BeginIncarnation(reason),)


def _renewed(state: LinkState, incarnation: UUID, now_ms: int) -> Stepped:
    """The log goes on in empty streams; what was on its way under the old name is void."""
    streams = tuple(SendStream(stream.lane) for stream in state.streams)
    state = replace(
        state, incarnation=incarnation, streams=streams, renewals=state.renewals + 1, unchecked=(), heartbeat_ms=0
    )
    if state.phase != "renewing":  # the connection went meanwhile; the next one greets under the new name
        return state, _NOTHING
    return replace(state, phase="greeting", hello_ms=now_ms, hello_wait_ms=HELLO_TIMEOUT_MS), (SendHello(),)


def _delivered(state: LinkState, deliver: Deliver) -> Stepped:
    key = FormerKey(deliver.incarnation, deliver.lane)
    if state.phase != "streaming" or state.is_restoring or state.recalls[:1] != (key,):
        return state, _NOTHING
    return replace(state, is_restoring=True), (Restore(key, deliver),)


def _restored(state: LinkState, restored: Restored, now_ms: int) -> Stepped:
    if state.recalls[:1] != (restored.key,):
        return replace(state, is_restoring=False), _NOTHING
    rest = state.recalls[1:] if restored.is_complete else state.recalls
    return _recall_next(replace(state, recalls=rest, is_restoring=False), now_ms)


def _recall_next(state: LinkState, now_ms: int) -> Stepped:
    if not state.recalls or state.phase != "streaming":
        return state, _NOTHING
    return replace(state, recall_ms=now_ms), (SendRecall(state.recalls[0]),)


def _recall_again(state: LinkState, now_ms: int) -> Stepped:
    if not state.recalls or state.is_restoring or 0 <= now_ms - state.recall_ms < RECALL_TIMEOUT_MS:
        return state, _NOTHING
    return _recall_next(state, now_ms)


def _unless_stopped(state: LinkState, phase: Phase) -> Phase:
    return "stopped" if state.phase == "stopped" else phase


def _stream(state: LinkState, lane: str) -> SendStream:
    return next(stream for stream in state.streams if stream.lane == lane)


def _with_stream(state: LinkState, changed: SendStream) -> LinkState:
    return replace(state, streams=tuple(changed if stream.lane == changed.lane else stream for stream in state.streams))

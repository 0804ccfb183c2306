"""The edge's end of the link as a state machine without sockets: `step(state, input) -> (state, effects)`.

    offline --TransportUp--> greeting --Welcome--> streaming        a TransportDown leads back to offline
                                |                     |
                                +-- Welcome(fence), or a hash that differs --> renewing --Renewed--> greeting

A node that was rolled back or has forked begins a new incarnation by itself (`renewal.py`); one that another claimant
has replaced (`refuse`) sends what it still has and takes no more orders. While streaming, what earlier incarnations of
the node lost is recalled from the centre, one stream at a time. The shell feeds what happened and runs the effects;
time and randomness come in with the inputs. Bounds: `limits.py`; the whole table: docs/protocol.md.
"""

from typing import Final, assert_never
from uuid import UUID

from msgspec.structs import replace

from edge_core.limits import (
    BULK_TURN_ENTRIES,
    HEARTBEAT_INTERVAL_MS,
    HELLO_TIMEOUT_MS,
    HELLO_TIMEOUT_MS_MAX,
    PUSH_WINDOW_MAX,
)
from edge_core.sync import early, pacing, recalls, send_stream
from edge_core.sync.link_types import (
    AwaitEnrolment,
    CheckHash,
    CompareFormer,
    Connect,
    EarlySent,
    Effect,
    FormerCompared,
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
    RecordAttempt,
    RecordDurable,
    RecordHistory,
    Renewed,
    Restored,
    RestoreFailed,
    SendEarly,
    SendHeartbeat,
    SendHello,
    SendPush,
    Stepped,
    StopSelling,
    TakeInstructions,
    Tick,
    TransportDown,
    TransportUp,
)
from edge_core.sync.messages import DOWN, Ack, Deliver, DurablePosition, Grant, GrantMessage, Welcome
from edge_core.sync.need_messages import Needed
from edge_core.sync.renewal import renew, renewed, retry
from edge_core.sync.send_stream import SendStream

_NOTHING: Final[tuple[Effect, ...]] = ()


def step(state: LinkState, event: LinkInput, now_ms: int) -> Stepped:
    """Take one input at monotonic time `now_ms`. The shell runs the effects in order."""
    state, effects = _take(state, event, now_ms)
    state, pushes = _pump(state, now_ms)
    return state, effects + pushes


def _take(state: LinkState, event: LinkInput, now_ms: int) -> Stepped:
    match event:
        case TransportUp() | TransportDown() | Received() | Tick():
            return _hear(state, event, now_ms)
        case LogGrew():
            return _with_stream(state, send_stream.grow(_stream(state, event.lane), event.tail_seq)), _NOTHING
        case PushSent() | EarlySent():
            return _left(state, event, now_ms), _NOTHING
        case PushFailed():
            return _not_pushed(state, event, now_ms)
        case HashChecked():
            return _checked(state, event, now_ms)
        case Renewed():
            return renewed(state, event.incarnation, now_ms)
        case FormerCompared() | Restored() | RestoreFailed():
            return recalls.take(state, event, now_ms)
        case _:
            assert_never(event)


def _hear(state: LinkState, event: TransportUp | TransportDown | Received | Tick, now_ms: int) -> Stepped:
    """What comes from outside: the transport, the centre, the clock."""
    match event:
        case TransportUp():
            greeting = replace(state, phase=_unless_stopped(state, "greeting"), hello_ms=now_ms, is_connected=True)
            return greeting, (SendHello(),)
        case TransportDown():
            return _disconnected(state, event.jitter)
        case Received():
            return _received(state, event.message, now_ms)
        case Tick():
            return _tick(replace(state, pace=pacing.capped(state.pace, event.cap_bytes_per_s, now_ms)), now_ms)
        case _:
            assert_never(event)


def _pump(state: LinkState, now_ms: int) -> Stepped:
    """Ask for a push of every lane that has something to send, room for it and tokens; orders come first."""
    if state.phase != "streaming" or state.unchecked:
        return state, _NOTHING
    state, effects = _pump_early(state, now_ms)
    turn = _turn(state, now_ms)
    for stream in state.streams:
        from_seq = send_stream.wants(stream, state.window)
        if from_seq is None or turn not in {None, stream.lane}:
            continue
        allowed = pacing.allowance(state.pace, now_ms, stream.tail_seq - stream.sent_seq)
        if allowed is not None:
            entries_max = min(allowed.entries_max, BULK_TURN_ENTRIES) if turn == "bulk" else allowed.entries_max
            state = _with_stream(state, send_stream.loading(stream))
            effects.append(SendPush(stream.lane, from_seq, entries_max, allowed.bytes_max))
    return state, tuple(effects)


def _pump_early(state: LinkState, now_ms: int) -> tuple[LinkState, list[Effect]]:
    """Ask for a copy of the newest orders where a backlog would keep them back."""
    from_seq = early.wants(state.early, _stream(state, "orders"), state.pace, now_ms)
    if from_seq is None:
        return state, []
    return replace(state, early=early.asked(state.early, now_ms)), [SendEarly(from_seq)]


def _turn(state: LinkState, now_ms: int) -> str | None:
    """Which lane takes the tokens where they are scarce and both have something to send; None where each may."""
    if not pacing.is_limited(state.pace, now_ms):
        return None
    hungry = {stream.lane for stream in state.streams if send_stream.is_hungry(stream, state.window)}
    if hungry != {"orders", "bulk"}:
        return None
    return "bulk" if pacing.is_bulks_turn(state.pace) else "orders"


def _left(state: LinkState, event: PushSent | EarlySent, now_ms: int) -> LinkState:
    """Something left: it moves its stream, takes its tokens, and whose turn it was is remembered."""
    if isinstance(event, EarlySent):
        pace = pacing.left(state.pace, 0, event.size_bytes, now_ms)
        return replace(state, pace=pace, early=early.sent(state.early, event.to_seq))
    entries = event.push.to_seq - event.from_seq + 1
    bulk_waits = any(s.lane == "bulk" and send_stream.is_hungry(s, state.window) for s in state.streams)
    pace = pacing.left(state.pace, entries, event.size_bytes, now_ms)
    pace = pacing.took_turn(pace, event.lane, entries, bulk_waits=bulk_waits)
    stream = send_stream.pushed(_stream(state, event.lane), event.from_seq, event.push, now_ms)
    return _with_stream(replace(state, pace=pace), stream)


def _disconnected(state: LinkState, jitter: float) -> Stepped:
    """Full jitter (Brooker 2015): a random part of a bound that doubles; only an ack of the centre resets it."""
    delay_ms = pacing.connect_delay_ms(state.attempt, jitter)
    streams = tuple(send_stream.rewind(stream, stream.durable_seq) for stream in state.streams)
    state = replace(
        state,
        phase=_unless_stopped(state, "offline"),
        is_connected=False,
        attempt=state.attempt + 1,
        streams=tuple(replace(stream, is_loading=False, is_blocked=False) for stream in streams),
        unchecked=(),
        recalls=(),
        is_restoring=False,
    )
    return state, (Connect(delay_ms), RecordAttempt(state.attempt))


def _received(state: LinkState, message: Welcome | Ack | GrantMessage | Deliver | Needed, now_ms: int) -> Stepped:
    if isinstance(message, Deliver | Needed):
        return _delivered(state, message, now_ms)
    if message.incarnation != state.incarnation or state.phase in {"stopped", "renewing"}:
        return state, _NOTHING
    match message:
        case Welcome():
            if message.decision == "confirm":
                return _confirm(state, message.current, now_ms)
            if state.phase == "streaming" and message.decision == "refuse" and state.is_replaced:
                return state, _NOTHING  # it is known
            if state.phase == "streaming" and message.decision != "resume":
                # About a push, or about a hello of long ago that was delivered twice: ask, and obey that answer.
                return _greet_again(state, now_ms)
            if state.phase == "greeting" and message.decision == "enrol":
                patient = replace(state, hello_ms=now_ms, hello_wait_ms=HELLO_TIMEOUT_MS_MAX)
                return patient, (AwaitEnrolment(message.detail),)
            return _welcomed(state, message, now_ms) if state.phase == "greeting" else (state, _NOTHING)
        case Ack():
            return _acked(state, message, now_ms) if state.phase == "streaming" else (state, _NOTHING)
        case GrantMessage():
            return _granted(state, message.grant, now_ms), _NOTHING
        case _:
            assert_never(message)


def _confirm(state: LinkState, current: UUID | None, now_ms: int) -> Stepped:
    """Another incarnation is the node so far: say that this one, which is here now, means to take its place.

    Asked twice for the same, the hello's own patience says it again.
    """
    if state.phase != "greeting" or current in {None, state.succeeds}:
        return state, _NOTHING
    return replace(state, succeeds=current, hello_ms=now_ms), (SendHello(),)


def _granted(state: LinkState, grant: Grant, now_ms: int) -> LinkState:
    window = min(grant.window, PUSH_WINDOW_MAX)
    return replace(state, window=window, pace=pacing.granted(state.pace, grant, now_ms))


def _welcomed(state: LinkState, welcome: Welcome, now_ms: int) -> Stepped:
    if welcome.decision == "fence":
        return renew(state, welcome.detail, now_ms)
    if {position.lane for position in welcome.lanes} != {stream.lane for stream in state.streams}:
        return state, _NOTHING  # the centre's call to greet again, which is no answer to a hello
    effects: list[Effect] = [RecordHistory(welcome.history_id, welcome.lanes, welcome.former)]
    for position in welcome.lanes:
        stream = _stream(state, position.lane)
        if position.durable_seq > stream.tail_seq:
            return renew(
                state, f"{position.lane}: the centre holds more than this file; the file was rolled back", now_ms
            )
        state = _with_stream(state, send_stream.rewind(stream, position.durable_seq))
        effects.append(_check_of(position))
    is_refused = welcome.decision == "refuse"
    effects.append(StopSelling(welcome.detail) if is_refused else GoOnSelling())
    effects.append(CompareFormer(welcome.former, is_own_only=is_refused))
    state = replace(
        _granted(state, welcome.grant, now_ms),
        phase="streaming",
        early=early.greeted(_stream(state, "orders").tail_seq),
        hello_wait_ms=HELLO_TIMEOUT_MS,
        is_replaced=is_refused,
        stop_reason="",
        succeeds=None,
        history_id=welcome.history_id,
        downlink=welcome.downlink,
        is_compared=False,
        unchecked=tuple(position.lane for position in welcome.lanes),
        heartbeat_ms=0,
    )
    return state, tuple(effects)


def _check_of(position: DurablePosition) -> CheckHash:
    return CheckHash(
        position.lane, position.durable_seq, position.durable_hash, parked=position.parked, settled=position.settled
    )


def _acked(state: LinkState, ack: Ack, now_ms: int) -> Stepped:
    stream = _stream(state, ack.lane)
    if ack.history_id != state.history_id or ack.durable_seq < stream.durable_seq:
        # The centre came back from a backup while the connection held: greet again and learn what it has. (An old ack
        # that was late looks the same, and costs one greeting.)
        return _greet_again(state, now_ms)
    if ack.durable_seq > stream.tail_seq:
        return renew(
            state, f"{ack.lane}: the centre acked {ack.durable_seq}, this file ends at {stream.tail_seq}", now_ms
        )
    if ack.durable_seq == stream.durable_seq:
        # Known from the welcome, perhaps, but not yet in the books: the acks that brought it there were lost.
        stream = send_stream.held(stream) if _is_held(stream, ack) else send_stream.heard(stream)
        state, answered = _answered(_with_stream(state, stream))
        return state, (_recorded(ack), *answered)
    known = send_stream.known_hash(stream, ack.durable_seq)
    if known is None:
        return state, (CheckHash(ack.lane, ack.durable_seq, ack.durable_hash, ack),)
    if known != ack.durable_hash:
        return renew(state, f"{ack.lane}: the centre holds another history at {ack.durable_seq}", now_ms)
    return _confirmed(state, ack, now_ms)


def _greet_again(state: LinkState, now_ms: int) -> Stepped:
    return replace(state, phase="greeting", hello_ms=now_ms, unchecked=()), (SendHello(),)


def _confirmed(state: LinkState, ack: Ack, now_ms: int) -> Stepped:
    """The centre holds our history up to `durable_seq`: move on, unless that was learnt in the meantime."""
    if ack.history_id != state.history_id or ack.durable_seq <= _stream(state, ack.lane).durable_seq:
        return state, _NOTHING
    before = _stream(state, ack.lane)
    stream = send_stream.acked(before, ack.durable_seq, now_ms)
    stream = send_stream.held(stream) if _is_held(before, ack) else stream
    state, answered = _answered(replace(_with_stream(state, stream), renewals=0, stops=0))
    return state, (_recorded(ack), *answered)


def _is_held(stream: SendStream, ack: Ack) -> bool:
    """Whether the centre takes nothing more for now: what answers no push leaves that as it was."""
    return stream.is_held if ack.held is None else bool(ack.held)


def _answered(state: LinkState) -> Stepped:
    """An ack of the centre is the only thing that ends the backoff."""
    return (replace(state, attempt=0), (RecordAttempt(0),)) if state.attempt else (state, _NOTHING)


def _recorded(ack: Ack) -> RecordDurable:
    return RecordDurable(ack.lane, ack.durable_seq, ack.backed_up_seq, ack.parked, ack.settled, ack.held)


def _checked(state: LinkState, checked: HashChecked, now_ms: int) -> Stepped:
    if state.phase != "streaming":
        return state, _NOTHING
    check = checked.check
    if not checked.is_same:
        return renew(state, f"{check.lane}: the centre holds another history at {check.seq}", now_ms)
    if check.ack is not None:
        return _confirmed(state, check.ack, now_ms)
    state = replace(state, unchecked=tuple(lane for lane in state.unchecked if lane != check.lane))
    state, beat = (state, _NOTHING) if state.unchecked else _tick(state, now_ms)
    return state, (Rebook(check.lane, check.seq, check.parked, check.settled), *beat)


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
            state, recall = recalls.recall_again(replace(state, streams=streams), now_ms)
            state, beat = _beat(state, now_ms)
            return state, recall + beat
        case "stopped":
            return _beat(state, now_ms) if now_ms < state.retry_ms else retry(state, now_ms)
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


def _not_pushed(state: LinkState, event: PushFailed, now_ms: int) -> Stepped:
    """Once the centre has all up to a damaged entry, which nobody else has, what is left begins anew without it."""
    state = _with_stream(state, stream := send_stream.not_pushed(_stream(state, event.lane)))
    if state.phase != "streaming" or state.unchecked or event.damaged_seq != stream.durable_seq + 1:
        return state, _NOTHING
    return renew(state, f"{event.lane}: the entry {event.damaged_seq} is damaged, and the centre has no copy", now_ms)


def _delivered(state: LinkState, message: Deliver | Needed, now_ms: int) -> Stepped:
    if isinstance(message, Deliver) and message.lane == DOWN:
        return _instructed(state, message, now_ms)
    return recalls.delivered(state, message)


def _instructed(state: LinkState, deliver: Deliver, now_ms: int) -> Stepped:
    """Instructions wait until the node has its past again: what was lost may say that they are done already."""
    if not state.takes_instructions:
        return state, _NOTHING
    if deliver.incarnation != state.downlink:  # the centre has begun its log anew, or this one is late
        return _greet_again(state, now_ms)
    return state, (TakeInstructions(deliver),)


def _unless_stopped(state: LinkState, phase: Phase) -> Phase:
    return "stopped" if state.phase == "stopped" else phase


def _stream(state: LinkState, lane: str) -> SendStream:
    return next(stream for stream in state.streams if stream.lane == lane)


def _with_stream(state: LinkState, changed: SendStream) -> LinkState:
    return replace(state, streams=tuple(changed if stream.lane == changed.lane else stream for stream in state.streams))

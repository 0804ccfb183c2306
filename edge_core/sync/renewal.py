"""When a history may not go on: a new incarnation; after several in vain a long pause, and then one more.

    renew -> renewing --Renewed--> greeting         (with the connection gone meanwhile: offline)
      |
      +-- RENEWALS_MAX in vain --> stopped --pause over--> greeting or offline; fenced again: stopped, for twice as long

New incarnations in vain mean that something else is wrong: a second centre, a defect. People are told, and selling
goes on; but what was wrong may be mended at the centre, and then nobody should have to visit thousands of stores.
"""

from hashlib import blake2b
from uuid import UUID

from msgspec.structs import replace

from edge_core.limits import HELLO_TIMEOUT_MS, RENEWALS_MAX, STOPPED_PAUSE_MS, STOPPED_PAUSE_MS_MAX
from edge_core.sync.link_types import BeginIncarnation, LinkState, SendHello, Stepped, Stop
from edge_core.sync.send_stream import SendStream

_SHARE_BITS = 32


def renew(state: LinkState, reason: str, now_ms: int) -> Stepped:
    """Begin again under a new name, unless that was tried in vain already: then something else is wrong."""
    if state.renewals < RENEWALS_MAX:
        return replace(state, phase="renewing", unchecked=(), recalls=()), (BeginIncarnation(reason),)
    pause_ms = stopped_pause_ms(state.incarnation, state.stops)
    stopped = replace(
        state,
        phase="stopped",
        stop_reason=reason,
        stops=state.stops + 1,
        retry_ms=now_ms + pause_ms,
        unchecked=(),
        recalls=(),
        heartbeat_ms=0,
    )
    return stopped, (Stop(reason, pause_ms),)


def renewed(state: LinkState, incarnation: UUID, now_ms: int) -> Stepped:
    """The log goes on in empty streams; what was on its way under the old name is void."""
    streams = tuple(SendStream(stream.lane) for stream in state.streams)
    state = replace(
        state,
        incarnation=incarnation,
        streams=streams,
        renewals=state.renewals + 1,
        unchecked=(),
        heartbeat_ms=0,
        succeeds=None,
    )
    if state.phase != "renewing":  # the connection went meanwhile; the next one greets under the new name
        return state, ()
    return replace(state, phase="greeting", hello_ms=now_ms, hello_wait_ms=HELLO_TIMEOUT_MS), (SendHello(),)


def retry(state: LinkState, now_ms: int) -> Stepped:
    """The pause of a stopped link is over: it may greet, and begin one more incarnation if it has to."""
    state = replace(state, renewals=RENEWALS_MAX - 1, hello_ms=now_ms, hello_wait_ms=HELLO_TIMEOUT_MS)
    if not state.is_connected:
        return replace(state, phase="offline"), ()
    return replace(state, phase="greeting"), (SendHello(),)


def stopped_pause_ms(incarnation: UUID, stops: int) -> int:
    """How long a link stays stopped that was stopped `stops` times before: the second half of it is jitter.

    The jitter comes from the incarnation, which is random and another one after each attempt: what stops a whole fleet
    at once does not bring it back at once, and the state machine asks nobody for chance.
    """
    bound_ms = min(STOPPED_PAUSE_MS << min(stops, _SHARE_BITS), STOPPED_PAUSE_MS_MAX)
    share = int.from_bytes(blake2b(incarnation.bytes, digest_size=_SHARE_BITS // 8).digest(), "big")
    return bound_ms // 2 + (bound_ms // 2 * share >> _SHARE_BITS)

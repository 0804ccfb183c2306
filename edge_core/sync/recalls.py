"""Getting back what earlier incarnations of the node lost, one ask at a time: pure steps of the edge's link.

A newcomer asks for what it needs to sell first, then for what the streams have that the file has not, then for their
history. Who answers none of a newcomer's first asks may not know them: then the history comes without a picture.
"""

from typing import Final

from msgspec.structs import replace

from edge_core.limits import NEEDED_TRIES_MAX, RECALL_TIMEOUT_MS
from edge_core.sync.link_types import (
    NEEDED,
    Effect,
    FormerCompared,
    FormerKey,
    LinkState,
    Restore,
    Restored,
    RestoreFailed,
    SendRecall,
    Stepped,
)
from edge_core.sync.messages import Deliver
from edge_core.sync.need_messages import Needed

_NOTHING: Final[tuple[Effect, ...]] = ()


def take(state: LinkState, event: FormerCompared | Restored | RestoreFailed, now_ms: int) -> Stepped:
    """What the shell found, or did with a delivery."""
    if isinstance(event, FormerCompared):
        compared = replace(state, recalls=event.differing, recall_tries=0, is_restoring=False, is_compared=True)
        return recall_next(compared, now_ms)
    if isinstance(event, RestoreFailed):
        return replace(state, is_restoring=False), _NOTHING
    return _restored(state, event, now_ms)


def delivered(state: LinkState, message: Deliver | Needed) -> Stepped:
    """A part of what was lost has come. One that nobody asked for changes nothing."""
    if isinstance(message, Needed):
        key = NEEDED if message.incarnation == state.incarnation else None
    else:
        key = FormerKey(message.incarnation, message.lane, "before" if message.before else "after")
    if key is None or state.phase != "streaming" or state.is_restoring or state.recalls[:1] != (key,):
        return state, _NOTHING
    return replace(state, is_restoring=True), (Restore(key, message),)


def _restored(state: LinkState, restored: Restored, now_ms: int) -> Stepped:
    """It is in the file: go on with the same stream, or with the next."""
    if state.recalls[:1] != (restored.key,):
        return replace(state, is_restoring=False), _NOTHING
    rest = state.recalls[1:] if restored.is_complete else state.recalls
    if not rest:
        state = replace(state, heartbeat_ms=0)  # say soon that the node has its past again, and takes instructions
    return recall_next(replace(state, recalls=rest, recall_tries=0, is_restoring=False), now_ms)


def recall_next(state: LinkState, now_ms: int) -> Stepped:
    """Ask for what is missing, the oldest stream first."""
    if not state.recalls or state.phase != "streaming":
        return state, _NOTHING
    return replace(state, recall_ms=now_ms, recall_tries=state.recall_tries + 1), (SendRecall(state.recalls[0]),)


def recall_again(state: LinkState, now_ms: int) -> Stepped:
    """Ask once more where no answer came."""
    if not state.recalls or state.is_restoring or 0 <= now_ms - state.recall_ms < RECALL_TIMEOUT_MS:
        return state, _NOTHING
    if state.recalls[0] == NEEDED and state.recall_tries >= NEEDED_TRIES_MAX:
        state = replace(state, recalls=state.recalls[1:], recall_tries=0)
    return recall_next(state, now_ms)

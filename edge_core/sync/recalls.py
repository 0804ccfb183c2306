"""Getting back what earlier incarnations of the node lost, one stream at a time: pure steps of the edge's link."""

from typing import Final

from msgspec.structs import replace

from edge_core.limits import RECALL_TIMEOUT_MS
from edge_core.sync.link_types import Effect, FormerKey, LinkState, Restore, Restored, SendRecall, Stepped
from edge_core.sync.messages import Deliver

_NOTHING: Final[tuple[Effect, ...]] = ()


def delivered(state: LinkState, deliver: Deliver) -> Stepped:
    """A part of what was lost has come. One that nobody asked for changes nothing."""
    key = FormerKey(deliver.incarnation, deliver.lane)
    if state.phase != "streaming" or state.is_restoring or state.recalls[:1] != (key,):
        return state, _NOTHING
    return replace(state, is_restoring=True), (Restore(key, deliver),)


def restored(state: LinkState, restored: Restored, now_ms: int) -> Stepped:
    """It is in the file: go on with the same stream, or with the next."""
    if state.recalls[:1] != (restored.key,):
        return replace(state, is_restoring=False), _NOTHING
    rest = state.recalls[1:] if restored.is_complete else state.recalls
    if not rest:
        state = replace(state, heartbeat_ms=0)  # say soon that the node has its past again, and takes instructions
    return recall_next(replace(state, recalls=rest, is_restoring=False), now_ms)


def recall_next(state: LinkState, now_ms: int) -> Stepped:
    """Ask for what is missing, the oldest stream first."""
    if not state.recalls or state.phase != "streaming":
        return state, _NOTHING
    return replace(state, recall_ms=now_ms), (SendRecall(state.recalls[0]),)


def recall_again(state: LinkState, now_ms: int) -> Stepped:
    """Ask once more where no answer came."""
    if not state.recalls or state.is_restoring or 0 <= now_ms - state.recall_ms < RECALL_TIMEOUT_MS:
        return state, _NOTHING
    return recall_next(state, now_ms)

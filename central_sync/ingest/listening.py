"""For how long an ingester has listened: who was not heard is silent only where somebody could have heard it."""

from collections.abc import Callable, Set

from edge_core.limits import REPLACED_SILENT_MS
from edge_core.sync.topics import shard_of


class Listening:
    """Since when each shard is listened to. `now_ms` is a monotonic clock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._since_ms: dict[int, int] = {}

    def listen(self, shards: Set[int]) -> None:
        """The broker has granted the subscriptions of just these shards, and what their nodes say comes in."""
        now_ms = self._now_ms()
        self._since_ms = {shard: self._since_ms.get(shard, now_ms) for shard in shards}

    def interrupt(self) -> None:
        """The database is away: what is said meanwhile waits, and is not written down."""
        self._since_ms = dict.fromkeys(self._since_ms, self._now_ms())

    def end(self) -> None:
        """The broker is away."""
        self._since_ms = {}

    def hears_silence_of(self, node_id: str) -> bool:
        """Whether a node that was not heard for `REPLACED_SILENT_MS` has not spoken."""
        since_ms = self._since_ms.get(shard_of(node_id))
        return since_ms is not None and self._now_ms() - since_ms > REPLACED_SILENT_MS

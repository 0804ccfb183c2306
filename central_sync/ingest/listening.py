"""For how long an ingester has listened: who was not heard is silent only where somebody could have heard it."""

from collections.abc import Callable

from edge_core.limits import REPLACED_SILENT_MS


class Listening:
    """`now_ms` is a monotonic clock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._since_ms: int | None = None

    def begin(self) -> None:
        """The broker is there, and what the nodes say comes in."""
        self._since_ms = self._now_ms()

    def interrupt(self) -> None:
        """The database is away: what is said meanwhile waits, and is not written down."""
        if self._since_ms is not None:
            self._since_ms = self._now_ms()

    def end(self) -> None:
        """The broker is away."""
        self._since_ms = None

    @property
    def hears_silence(self) -> bool:
        """Whether a node that was not heard for `REPLACED_SILENT_MS` has not spoken."""
        return self._since_ms is not None and self._now_ms() - self._since_ms > REPLACED_SILENT_MS

"""The centre's clock as a store knows it: said once in a greeting, carried on by a clock that no one can set."""

from edge_core.sync.link_types import LinkState
from edge_core.sync.messages import Welcome


def tells_the_time(welcome: Welcome, state: LinkState) -> bool:
    """Whether a welcome says how far this machine's clock is from the centre's: the one that it waits for does.

    A call, a question and a fence about a push say 0, and a welcome of another machine with this node's name speaks of
    that one's clock. Either may be years off, and the log is let go of by this clock.
    """
    is_awaited = state.phase == "greeting" and welcome.incarnation == state.incarnation
    return is_awaited and bool(welcome.lanes) and welcome.decision in {"resume", "rewind", "refuse"}


class CentreClock:
    """What the centre's clock shows now, however the store's own wall clock jumps."""

    def __init__(self) -> None:
        self._ahead_ms: int | None = None

    def heard(self, centre_ms: int, monotonic_ms: int) -> None:
        """A welcome said that the centre's clock showed `centre_ms` at this monotonic time."""
        self._ahead_ms = centre_ms - monotonic_ms

    def now_ms(self, monotonic_ms: int) -> int | None:
        """Unix milliseconds, or None before the first greeting of this start."""
        return None if self._ahead_ms is None else monotonic_ms + self._ahead_ms

"""The centre's clock as a store knows it: said once in a greeting, carried on by a clock that no one can set."""


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

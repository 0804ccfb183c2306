"""Whether the ingester gets on: a batch that neither ends nor waits for the database is a defect, not patience."""

import time
from collections.abc import Callable


class Progress:
    """When something was last done about the present batch. `now` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._touched_at: float | None = None

    def touch(self) -> None:
        """A batch was begun, or a step of it was done: a transaction, an attempt, an answer."""
        self._touched_at = self._now()

    def rest(self) -> None:
        """The batch is done; waiting for the next one is no stall."""
        self._touched_at = None

    def stalled_ms(self) -> int:
        """For how long nothing was done about the present batch; 0 between batches."""
        return 0 if self._touched_at is None else int((self._now() - self._touched_at) * 1000)

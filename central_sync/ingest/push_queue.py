"""The pushes that wait for a transaction: fresh orders go before backlogs, and no stream gets out of its order."""

from collections import Counter, deque

from central_sync.ingest.reading import ReadPush
from central_sync.store.streams import StreamKey
from edge_core.limits import INGEST_PROMPT_ENTRIES_MAX


class PushQueue:
    """Pushes in two queues: prompt ones, of what a store sells, and long ones, of what it has saved up.

    Prompt ones are taken first, so that a fresh order waits for the transaction that runs and for its own (promise
    G10). One long push goes with each batch all the same: however many stores sell, no backlog stands still. A push
    that follows a long one of its own stream waits behind it.
    """

    def __init__(self) -> None:
        self._prompt: deque[ReadPush] = deque()
        self._long: deque[ReadPush] = deque()
        self._behind: Counter[StreamKey] = Counter()  # the streams of the long ones
        self.entries = 0
        self.bytes = 0

    def __len__(self) -> int:
        """How many pushes wait."""
        return len(self._prompt) + len(self._long)

    def put(self, push: ReadPush) -> None:
        """Add a push."""
        if len(push.readings) > INGEST_PROMPT_ENTRIES_MAX or push.key in self._behind:
            self._long.append(push)
            self._behind[push.key] += 1
        else:
            self._prompt.append(push)
        self.entries += len(push.readings)
        self.bytes += bytes_of(push)

    def take(self, pushes_max: int, entries_max: int) -> list[ReadPush]:
        """As many as the bounds allow, at least one where any waits."""
        long = self._long[0] if self._long else None
        kept_free = len(long.readings) if long is not None else 0
        batch = self._fitting(self._prompt, [], pushes_max - (long is not None), entries_max - kept_free)
        if long is None or any(push.key == long.key for push in self._prompt):
            return batch  # what is left is before it in its stream
        return self._fitting(self._long, batch, pushes_max, entries_max)

    def _fitting(
        self, queue: deque[ReadPush], batch: list[ReadPush], pushes_max: int, entries_max: int
    ) -> list[ReadPush]:
        entries = sum(len(push.readings) for push in batch)
        while queue and (not batch or (len(batch) < pushes_max and entries + len(queue[0].readings) <= entries_max)):
            push = queue.popleft()
            batch.append(push)
            entries += len(push.readings)
            self._left(push, was_long=queue is self._long)
        return batch

    def _left(self, push: ReadPush, *, was_long: bool) -> None:
        self.entries -= len(push.readings)
        self.bytes -= bytes_of(push)
        if was_long:
            self._behind[push.key] -= 1
            if not self._behind[push.key]:
                del self._behind[push.key]


def bytes_of(push: ReadPush) -> int:
    """What a push holds in memory: its message and its bodies, twice as much once they are read."""
    return len(push.payload) + 2 * sum(map(len, push.batch.bodies))

"""The link's side tasks: a pause before a connection, a position that is written down. None may fail unseen."""

import asyncio
from collections.abc import Callable, Coroutine


class Background:
    """Tasks that run beside the link's loop. The first failure is kept, and `on_failure` wakes the loop to raise it."""

    def __init__(self, on_failure: Callable[[], None]) -> None:
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run this beside the loop, until it ends or `stop`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def check(self) -> None:
        """Raise what a task has failed with: it ends the link, and so the agent."""
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._on_failure()

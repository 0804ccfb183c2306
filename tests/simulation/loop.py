"""An event loop without a clock of its own: where the others would wait, this one moves its time forward.

Nothing in it depends on the machine: no sockets, no threads, no wall clock. Tasks run in the order in which they became
ready, so that the same program gives the same run.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(AssertionError):  # noqa: N818 - it says what everybody is
    """Everyone waits for somebody else, and no timer is left to change that."""


class _Patience:
    """What stands where a selector would: waiting is adding."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck("every task waits and no timer is set")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """`time()` is virtual seconds since the loop was made."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Patience()

    def time(self) -> float:
        return self._selector.now

    @property
    def now_ms(self) -> int:
        """Virtual milliseconds since the loop was made."""
        return round(self._selector.now * 1000)

    def _process_events(self, _events: list[Any]) -> None:
        """There are none: everything happens inside."""

    def _write_to_self(self) -> None:
        raise AssertionError("another thread called; a simulation has one")


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end on a loop of its own, then drop whatever still runs there."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main(loop))
    finally:
        _drop_tasks(loop)
        asyncio.set_event_loop(None)
        loop.close()


def _drop_tasks(loop: VirtualLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

"""An event loop without a clock of its own: where the others would wait, this one moves its time forward.

Nothing in it depends on the machine: no sockets, no threads, no wall clock. Tasks run in the order in which they became
ready, so that the same program gives the same run.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_TIMERS_SWEPT = 100  # as in `asyncio`: from so many on, cancelled timers are swept out where they are the majority


class Stuck(AssertionError):  # noqa: N818 - it says what everybody is
    """Everyone waits for somebody else, and no timer is left to change that."""


class _Call(asyncio.Handle):
    """Something to be called, as `asyncio` has it, without what that adds for people who debug."""

    __slots__ = ()
    _context: Context
    _loop: asyncio.AbstractEventLoop
    _callback: Callable[..., object]
    _repr: str | None
    _source_traceback: None

    def __init__(
        self, callback: Callable[..., object], args: Any, loop: asyncio.AbstractEventLoop, context: Context | None
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class _Timer(asyncio.TimerHandle):
    """The same at a time of the loop."""

    __slots__ = ()
    _when: float
    _scheduled: bool

    def __init__(
        self, when: float, callback: Callable[..., object], args: Any, loop: asyncio.AbstractEventLoop, context: Any
    ) -> None:
        _Call.__init__(self, callback, args, loop, context)  # type: ignore[arg-type]  # as its base has them
        self._when = when
        self._scheduled = True


class VirtualLoop(asyncio.BaseEventLoop):
    """`time()` is virtual seconds since the loop was made.

    A run is tens of thousands of calls, most of them shorter than what the loop of `asyncio` does around each. So the
    ways in and the turn are written anew here, in the same order of everything, without sockets, threads and debugging.
    """

    _ready: deque[Any]
    _scheduled: list[tuple[float, Any]]  # when and what: pairs of numbers are compared faster than timers
    _timer_cancelled_count: int
    _stopping: bool
    _clock_resolution: float

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    @property
    def now_ms(self) -> int:
        """Virtual milliseconds since the loop was made."""
        return round(self._now * 1000)

    @property
    def has_others(self) -> bool:
        """Whether anybody would come before the task that runs now, if it let them."""
        scheduled = self._scheduled
        return bool(self._ready) or bool(scheduled and scheduled[0][0] < self._now + self._clock_resolution)

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Call(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heappush(self._scheduled, (when, timer))
        return timer

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        """One turn: where nobody is ready, it is as late as the next timer says; then everyone who is due has a go."""
        ready = self._ready
        self._sweep()
        if not ready and not self._stopping:
            self._wait()
        self._ring()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _wait(self) -> None:
        """What stands where a selector would: waiting is adding."""
        if not self._scheduled:
            raise Stuck("every task waits and no timer is set")
        self._now += max(0.0, self._scheduled[0][0] - self._now)

    def _ring(self) -> None:
        """The timers whose time has come are ready, in the order of their times."""
        scheduled, due = self._scheduled, self._now + self._clock_resolution
        while scheduled and scheduled[0][0] < due:
            _, timer = heappop(scheduled)
            timer._scheduled = False
            self._ready.append(timer)

    def _sweep(self) -> None:
        """Forget timers that were cancelled: those that come next, or all where they are many."""
        scheduled = self._scheduled
        if len(scheduled) > _TIMERS_SWEPT and self._timer_cancelled_count * 2 > len(scheduled):
            for _, timer in scheduled:
                timer._scheduled = not timer._cancelled
            scheduled = self._scheduled = [timed for timed in scheduled if timed[1]._scheduled]
            heapify(scheduled)
            self._timer_cancelled_count = 0
        while scheduled and scheduled[0][1]._cancelled:
            self._timer_cancelled_count -= 1
            heappop(scheduled)[1]._scheduled = False

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

"""The loop of the simulation: its order is what makes a seed a story."""

import asyncio

from tests.simulation.loop import VirtualLoop
from tests.simulation.loop import run as run_loop


def test_a_task_that_is_alone_has_nobody_to_wait_for_and_one_that_is_not_has() -> None:
    async def live(loop: VirtualLoop) -> list[bool]:
        alone = loop.has_others
        loop.call_later(1, lambda: None)
        later = loop.has_others
        loop.call_later(0, lambda: None)
        due = loop.has_others
        await asyncio.sleep(0)
        loop.call_soon(lambda: None)
        return [alone, later, due, loop.has_others]

    assert run_loop(live) == [False, False, True, True]


def test_timers_ring_in_the_order_of_their_times_and_cancelled_ones_never() -> None:
    async def live(loop: VirtualLoop) -> list[int]:
        rung: list[int] = []
        timers = [loop.call_at(at, rung.append, at) for at in range(300, 0, -1)]
        for timer in timers[::2]:
            timer.cancel()
        end = loop.create_future()
        loop.call_at(400, end.set_result, None)
        await end
        return rung

    assert run_loop(live) == [*range(1, 301, 2)]

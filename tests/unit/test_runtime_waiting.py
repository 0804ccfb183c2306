"""Waiting for word: woken at once, or by the clock, and never for ever."""

import asyncio

from holdfast_runtime.waiting import wait_for_word
from tests.simulation.loop import VirtualLoop
from tests.simulation.loop import run as run_loop


def test_word_that_was_left_is_taken_at_once_and_once_only() -> None:
    async def live(loop: VirtualLoop) -> tuple[float, float]:
        wake = asyncio.Event()
        wake.set()
        await wait_for_word(wake, 60)
        heard_s = loop.time()
        await wait_for_word(wake, 60)
        return heard_s, loop.time()

    assert run_loop(live) == (0, 60)


def test_word_that_comes_ends_the_wait_and_leaves_no_timer_behind() -> None:
    async def live(loop: VirtualLoop) -> tuple[float, bool]:
        wake = asyncio.Event()
        loop.call_later(5, wake.set)
        await wait_for_word(wake, 60)
        heard_s = loop.time()
        await _passed(loop, 100)
        return heard_s, wake.is_set()

    assert run_loop(live) == (5, False)


def test_a_wait_that_is_cancelled_leaves_the_event_as_it_was() -> None:
    async def live(loop: VirtualLoop) -> bool:
        wake = asyncio.Event()
        waiting = asyncio.create_task(wait_for_word(wake, 60))
        await _passed(loop, 1)
        waiting.cancel()
        await _passed(loop, 100)
        return waiting.cancelled() and not wake.is_set()

    assert run_loop(live)


async def _passed(loop: VirtualLoop, seconds: float) -> None:
    """Until so many virtual seconds have passed."""
    passed = loop.create_future()
    loop.call_later(seconds, passed.set_result, None)
    await passed

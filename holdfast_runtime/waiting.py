"""Waiting for word, but not for ever: what every loop does that is woken by others and looks at the clock besides."""

import asyncio


async def wait_for_word(wake: asyncio.Event, seconds: float) -> None:
    """Wait until `wake` is set, or so long; leave it cleared.

    A timer sets the event. `asyncio.timeout` would cancel the task, with an exception through all its frames, each time
    that nothing has happened, which is what happens most.
    """
    timer = asyncio.get_running_loop().call_later(seconds, wake.set)
    try:
        await wake.wait()
    finally:
        timer.cancel()
    wake.clear()

"""Waiting for what is bound to happen: look, and look again, until it is so or the time is up."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

_LOOK_INTERVAL_S: Final = 0.05
_LOOK_INTERVAL_S_MAX: Final = 0.25
_PART_WAITED: Final = 10  # the longer it takes, the rarer the looks, which take time from what they wait for


async def eventually(look: Callable[[], Awaitable[T | None]], timeout_s: float = 30) -> T:
    """The first true answer of `look`. What it last answered, or raised as an `AssertionError`, is the failure."""
    began = time.monotonic()
    while True:
        try:
            found = await look()
            failure = f"still {found!r}"
        except AssertionError as error:
            found, failure = None, str(error)
        if found:
            return found
        waited = time.monotonic() - began
        if waited > timeout_s:
            raise AssertionError(f"not within {timeout_s:g} s: {failure}")
        await asyncio.sleep(min(_LOOK_INTERVAL_S_MAX, max(_LOOK_INTERVAL_S, waited / _PART_WAITED)))

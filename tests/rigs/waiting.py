"""Waiting for what is bound to happen: look, and look again, until it is so or the time is up."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

_LOOK_INTERVAL_S: Final = 0.05


async def eventually(look: Callable[[], Awaitable[T | None]], timeout_s: float = 30) -> T:
    """The first true answer of `look`. What it last answered, or raised as an `AssertionError`, is the failure."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = await look()
            failure = f"still {found!r}"
        except AssertionError as error:
            found, failure = None, str(error)
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {failure}")
        await asyncio.sleep(_LOOK_INTERVAL_S)

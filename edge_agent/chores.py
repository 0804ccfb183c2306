"""What the agent sees to now and then, beside the tills: one loop for all such chores."""

import asyncio
from collections.abc import Awaitable, Callable

from edge_core.errors import StorageFault


async def look_now_and_then(
    look: Callable[[], Awaitable[int]], interval_ms: int, postponed: Callable[[StorageFault], None]
) -> None:
    """Look for ever; `postponed` hears of a disk that failed (the intake mends it), and the next look comes in time."""
    while True:
        await asyncio.sleep(interval_ms / 1000)
        try:
            await look()
        except StorageFault as fault:
            postponed(fault)

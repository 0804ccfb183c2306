"""What goes wrong in the demo, and when: the script, in the order in which it is told."""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from deploy.demo.watch import Watch
from deploy.house.services import in_thread
from deploy.house.stage import Stage, Store

_QUIET_S: Final = 4.0
_CUT_OFF_S: Final = 3.0  # twice: before and after the kill
_DEAD_S: Final = 2.0
_IN_TOUCH_TIMEOUT_S: Final = 20.0  # after ten seconds without a line, a link waits for up to 16 s (full jitter)
_CAUGHT_UP_S: Final = 2.0
_NO_BROKER_S: Final = 4.0  # the longer, the later links try again

Say = Callable[[str], None]


class CutOff(Struct, frozen=True):
    """What a store sold while it was cut off: the orders answered to its tills meanwhile, and how many had to wait."""

    node_id: str
    orders_sold: int
    pending_max: int


async def play(stage: Stage, watch: Watch, say: Say) -> CutOff:
    """Play the script. Ends when everything that was broken runs again; what waits may still be on its way."""
    cut_off, killed, _ = stage.stores
    await watch.until(lambda views: all(view.is_in_touch for view in views), _IN_TOUCH_TIMEOUT_S)
    say("Three stores sell, send parcels, hand pickups over and take goods back; the centre sees it a moment later.")
    await asyncio.sleep(_QUIET_S)
    sold_before = _sold(watch, cut_off)
    cut_off.line.cut()
    say(f"{cut_off.place.name} is cut off from the broker. Its tills notice nothing; its log grows: see Pending.")
    await asyncio.sleep(_CUT_OFF_S)
    await _kill_and_restart(killed, say)
    await asyncio.sleep(_CUT_OFF_S)
    view = watch.of(cut_off)
    told = CutOff(cut_off.place.node_id, _sold(watch, cut_off) - sold_before, view.pending_max)
    cut_off.line.heal()
    say(f"The line to {cut_off.place.name} is back. What waited goes up, in order, each entry once.")
    await watch.until(lambda _: view.is_in_touch, _IN_TOUCH_TIMEOUT_S)
    await asyncio.sleep(_CAUGHT_UP_S)
    await in_thread(stage.broker.stop)
    say("The broker is stopped. No store reaches the centre now; all three go on selling.")
    await asyncio.sleep(_NO_BROKER_S)
    await in_thread(stage.broker.start)
    say("The broker is back, and nobody asks it what it remembers: logs and acks decide what is sent again.")
    return told


async def _kill_and_restart(store: Store, say: Say) -> None:
    name = store.place.name
    await store.agent.kill()
    say(f"kill -9 of the agent in {name}. Its tills ask again, with the same Idempotency-Key, until it answers.")
    await asyncio.sleep(_DEAD_S)
    await store.agent.start()
    say(f"The agent in {name} runs again, from its file alone. A sale that it had recorded is not recorded twice.")


def _sold(watch: Watch, store: Store) -> int:
    return len(watch.of(store).book.orders)

"""The demo as a whole: the stage is opened, the tills sell, the script is played, all is healed, the books compared."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from rich.console import Console

from deploy.demo import office
from deploy.demo.assortment import datasets
from deploy.demo.audit import Result, audit
from deploy.demo.network import network
from deploy.demo.records import load
from deploy.demo.screen import Screen, make_screen
from deploy.demo.story import play
from deploy.demo.tills import Tills
from deploy.demo.watch import View, Watch
from deploy.house.stage import PLACES, opened_stage

_SETTLE_TIMEOUT_S: Final = 45.0  # after some seconds without a broker a link waits for up to 16 s, or 32 s if unlucky
_SLOW_RATE: Final = 2.0  # orders a second, while somebody looks at the page


class Plan(Struct, frozen=True):
    """How the demo is to run. `rate` is orders a second, all stores together; `once` ends it after the script."""

    folder: Path
    page_port: int
    rate: float
    once: bool


async def run(plan: Plan, console: Console, enough: asyncio.Event, on_told: Callable[[], None]) -> Result:
    """Run it. `on_told` is called when the script has been told; then, unless `once`, `enough` ends the selling.

    Raises a `Fault`, alone or in a group, for what will not start or stays away.
    """
    start = time.monotonic()

    def clock() -> float:
        return time.monotonic() - start

    console.print(f"Starting PostgreSQL, a broker, the centre and three stores in {plan.folder}", soft_wrap=True)
    async with opened_stage(plan.folder, plan.page_port) as stage:
        ledger = load()
        published = {**datasets(ledger), **network(PLACES)}
        await office.publish(stage, published)
        rows = ", ".join(f"{dataset} ({len(rows):,})" for dataset, rows in published.items())
        console.print(f"The office has published {rows}", soft_wrap=True)
        tills = Tills(stage.stores, ledger, plan.rate)
        watch = Watch(stage, tills.books)
        screen = make_screen(console, clock, watch, tills, stage.url)
        async with asyncio.TaskGroup() as group:
            observers = [group.create_task(watch.run()), group.create_task(screen.run())]
            selling = group.create_task(tills.run())
            cut_off = await play(stage, watch, screen.say)
            on_told()
            await _sell_on(plan, tills, screen, enough)
            await selling
            screen.say("The tills are closed. Waiting until the centre has confirmed the last entry of every store.")
            await watch.until(_is_settled, _SETTLE_TIMEOUT_S)
            screen.say("Every store closes its day: the Z reports go to the centre like everything else.")
            days = await office.close_all(stage, tills.books)
            await watch.until(_is_settled, _SETTLE_TIMEOUT_S)
            for observer in observers:
                observer.cancel()
        console.print("Comparing what the tills were answered, what the logs hold and what the centre holds")
        left_out = tills.cancellations_left_out
        return await audit(stage, tills.books, days, cut_off=cut_off, cancellations_left_out=left_out, seconds=clock())


async def _sell_on(plan: Plan, tills: Tills, screen: Screen, enough: asyncio.Event) -> None:
    """Once: to the end of the sample. Else slowly, until somebody has seen enough."""
    if plan.once:
        tills.stop_after_sample()
        return
    tills.rate = min(plan.rate, _SLOW_RATE)
    screen.say("All is healed, and the stores sell on slowly. Look at the page. Ctrl-C ends with the check.")
    await enough.wait()
    tills.stop()


def _is_settled(views: Sequence[View]) -> bool:
    return all(view.is_settled for view in views)

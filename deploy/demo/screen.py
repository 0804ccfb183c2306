"""What the demo shows while it runs: a live table on a terminal, plain lines elsewhere."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deploy.demo.tills import Tills
from deploy.demo.watch import View, Watch

_INTERVAL_S: Final = 0.25
_PLAIN_INTERVAL_S: Final = 2.0
_ACTS_SHOWN: Final = 4  # so that all of it fits a terminal of 24 lines
_STYLES: Final = {"online": "green", "lagging": "yellow", "greeting": "yellow", "offline": "red", "down": "bold red"}


Clock = Callable[[], float]


class Screen(Protocol):
    """Shows the demo while it runs."""

    def say(self, text: str) -> None:
        """Tell what happens now."""

    async def run(self) -> None:
        """Show, until cancelled."""


def make_screen(console: Console, clock: Clock, watch: Watch, tills: Tills, url: str) -> Screen:
    """The live one where the console is a terminal, the plain one elsewhere. `clock` is seconds since the start."""
    if console.is_terminal:
        return LiveScreen(console, clock, watch, tills, url)
    console.print(f"The centre's page: {url}/")
    return PlainScreen(console, clock, watch, tills)


class LiveScreen:
    """A table that is drawn again four times a second."""

    def __init__(self, console: Console, clock: Clock, watch: Watch, tills: Tills, url: str) -> None:
        self._console = console
        self._watch = watch
        self._tills = tills
        self._url = url
        self._acts: list[tuple[float, str]] = []
        self._clock = clock

    def say(self, text: str) -> None:
        """Tell what happens now; what happened before stays readable for a while."""
        self._acts.append((self._clock(), text))

    async def run(self) -> None:
        """Draw, until cancelled; the last picture stays."""
        with Live(console=self._console, auto_refresh=False) as live:
            try:
                while True:
                    live.update(self._picture(), refresh=True)
                    await asyncio.sleep(_INTERVAL_S)
            finally:
                live.update(self._picture(), refresh=True)

    def _picture(self) -> Group:
        done, of = self._tills.records_done, self._tills.records_of_a_round
        ports = ", ".join(f":{view.store.agent.port}" for view in self._watch.views[1:])
        progress = Table.grid(padding=(0, 2))
        progress.add_row(ProgressBar(total=of, completed=min(done, of), width=40), self._tills.progress)
        return Group(
            Text.assemble(("Holdfast", "bold"), "   the centre's page: ", (f"{self._url}/", "underline cyan")),
            Text(f"tills post to {self._watch.views[0].store.url} and {ports}", style="dim"),
            Text(),
            _live_table(self._watch.views),
            Text(),
            progress,
            *self._told(),
        )

    def _told(self) -> list[Text]:
        shown = self._acts[-_ACTS_SHOWN:]
        texts = [Text(f"{at:5.0f} s  {text}", style="dim") for at, text in shown]
        if texts:
            texts[-1].style = "bold"
        return texts


class PlainScreen:
    """One line for each thing that happens, and one for the figures every two seconds."""

    def __init__(self, console: Console, clock: Clock, watch: Watch, tills: Tills) -> None:
        self._console = console
        self._watch = watch
        self._tills = tills
        self._clock = clock

    def say(self, text: str) -> None:
        """Tell what happens now."""
        self._print(text)

    async def run(self) -> None:
        """Print the figures, until cancelled."""
        while True:
            await asyncio.sleep(_PLAIN_INTERVAL_S)
            figures = "   ".join(_figures(view) for view in self._watch.views)
            self._print(f"  {self._tills.progress}   {figures}")

    def _print(self, text: str) -> None:
        self._console.print(f"{self._clock():5.0f} s  {text}", soft_wrap=True)


def _live_table(views: list[View]) -> Table:
    """Fits a terminal of 80 columns."""
    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for column in ("Store", "Its link", "At the\ncentre"):
        table.add_column(column)
    for column in ("Sold", "In its\nlog", "Confirmed", "Pending", "Parked", "Oldest\nwaits", "Asked\nagain"):
        table.add_column(column, justify="right")
    for view in views:
        link, centre = _words(view)
        table.add_row(
            Text.assemble((view.store.place.name, "bold"), "\n", (view.store.place.node_id, "dim")),
            Text(link, style=_STYLES.get(link, "")),
            Text(centre, style=_STYLES.get(centre, "")),
            f"{len(view.book.orders):,}",
            *_lane_cells(view),
            f"{view.book.asked_again:,}",
        )
    return table


def _lane_cells(view: View) -> list[Text | str]:
    if view.agent is None:
        return ["-"] * 5
    lane, age_ms = view.agent.orders, view.agent.link.oldest_unacked_age_ms
    pending = Text(f"{lane.pending:,}", style="bold yellow" if lane.pending else "")
    age = f"{age_ms / 1000:.1f} s" if lane.pending else "-"
    return [f"{lane.accepted:,}", f"{lane.confirmed:,}", pending, f"{lane.parked:,}", age]


def _words(view: View) -> tuple[str, str]:
    link = view.agent.link.state if view.is_up and view.agent is not None else "down"
    return link, view.node.state if view.node is not None else "not seen yet"


def _figures(view: View) -> str:
    link, _ = _words(view)
    lane = view.agent.orders if view.agent is not None else None
    logged = f"{lane.confirmed}+{lane.pending}+{lane.parked}" if lane is not None else "-"
    return f"{view.store.place.node_id} {link}: sold {len(view.book.orders)}, confirmed+pending+parked {logged}"

"""How far the replay is: a bar on a terminal, a line now and then elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

_BAR_INTERVAL_S: Final = 0.25
_LINE_INTERVAL_S: Final = 5.0


class Progress:
    """Tells on a console. A thread of its own looks, so that it moves while the replay is busy."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        """What begins now."""
        self._console.print(f"{time.monotonic() - self._start:5.0f} s  {text}", markup=False, soft_wrap=True)

    @contextmanager
    def counting(self, total: int, done: Callable[[], int]) -> Iterator[None]:
        """Show how many of so many source lines have been answered."""
        is_over = threading.Event()
        show = self._bar if self._console.is_terminal else self._lines
        thread = threading.Thread(target=show, args=(total, done, is_over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _bar(self, total: int, done: Callable[[], int], is_over: threading.Event) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(40), MofNCompleteColumn(), TimeRemainingColumn())
        with RichProgress(*columns, console=self._console, auto_refresh=False) as bar:
            task = bar.add_task("source lines answered", total=total)
            while not is_over.wait(_BAR_INTERVAL_S):
                bar.update(task, completed=done(), refresh=True)
            bar.update(task, completed=done(), refresh=True)

    def _lines(self, total: int, done: Callable[[], int], is_over: threading.Event) -> None:
        began = time.monotonic()
        while not is_over.wait(_LINE_INTERVAL_S):
            per_s = done() / (time.monotonic() - began)
            self.say(f"  {done():,} of {total:,} source lines answered, {per_s:,.0f} a second")

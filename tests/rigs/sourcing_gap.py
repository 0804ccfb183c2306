"""`make sourcing`: our plans against those of a MIP solver, on random problems and on those of a real network.

The table says how many problems had a plan, how many of our plans were not the cheapest, by how much in the mean (the
gap), how many searches were cut short, and how long both took. Above ten lines a plan need not be the cheapest one.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.results import percentile
from edge_core.routing.grouping import solve_any
from edge_core.routing.problem import Problem
from tests.rigs.brunel import EXCERPT, WHOLE, Network
from tests.rigs.sourcing import random_problem
from tests.rigs.sourcing_mip import cheapest_by_mip

_LINES_MAX, _PLACES_MAX, _CARRIERS_MAX = 10, 30, 3

_EPILOG: Final = f"""\
examples:
  make sourcing                                2,000 random problems, all of {WHOLE}
                                               where that is, else the excerpt of the tests, and 20 with more lines
  make sourcing PROBLEMS=100 ARGS="--first 7"  other ones
  make sourcing DATA=folder                    another folder with the tables of the Brunel data

exit codes: 0 every plan of up to ten lines is as cheap as the MIP's, 1 one is not or a search was cut short, 2 wrong
usage.
"""


class Compared(Struct, frozen=True):
    """One problem, solved twice. Costs in thousandths of the minor unit, None where there is no plan."""

    name: str
    ours_milli: int | None
    mip_milli: int | None
    is_truncated: bool
    ours_s: float
    mip_s: float
    lines: int

    @property
    def is_wrong(self) -> bool:
        """Our plan should be the cheapest one, and is not, or only one of the two found any."""
        return self.lines <= _LINES_MAX and (self.ours_milli != self.mip_milli or self.is_truncated)


def compare(named: tuple[str, Problem]) -> Compared:
    """Solve a problem both ways."""
    name, problem = named
    began = time.perf_counter()
    found = solve_any(problem)
    ours_s, began = time.perf_counter() - began, time.perf_counter()
    mip_milli = cheapest_by_mip(problem)
    mip_s = time.perf_counter() - began
    ours_milli = None if found is None else found.plan.cost_milli
    is_truncated, lines = found is not None and found.is_truncated, len(problem.weights_g)
    return Compared(name, ours_milli, mip_milli, is_truncated, ours_s, mip_s, lines)


def random_problems(seeds: range) -> Iterator[tuple[str, Problem]]:
    """Problems of every size up to ten lines, thirty places and three carriers, each from its seed."""
    for seed in seeds:
        random = Random(seed)
        lines, places = random.randint(1, _LINES_MAX), random.randint(1, _PLACES_MAX)
        carriers = random.randint(1, _CARRIERS_MAX)
        yield f"random {seed}", random_problem(random, lines=lines, places=places, carriers=carriers)


def long_problems(seeds: range) -> Iterator[tuple[str, Problem]]:
    """Problems of more lines than an exact search takes, of places that a MIP solver can still cope with."""
    for seed in seeds:
        random = Random(seed)
        lines = random.randint(_LINES_MAX + 1, _LINES_MAX + 3)
        yield f"long {seed}", random_problem(random, lines=lines, places=6, carriers=2)


def brunel_problems(folder: Path, limit: int | None = None) -> Iterator[tuple[str, Problem]]:
    """The first problems of a folder of Brunel tables that somebody could send anything of."""
    problems = enumerate(Network(folder).problems())
    return islice(((f"brunel {at}", problem) for at, problem in problems if problem.options), limit)


def main(words: Sequence[str] | None = None) -> int:
    """Compare, print the table, and say by the exit code whether all are equal."""
    arguments = _parser().parse_args(words)
    folder = arguments.data or (WHOLE if WHOLE.exists() else EXCERPT)
    seeds = range(arguments.first, arguments.first + arguments.problems)
    console = Console(stderr=True)
    table = Table("problems", "count", "with a plan", "not the cheapest", "gap", "cut short", "ours ms", "HiGHS ms")
    compared: list[Compared] = []
    for name, problems, total in (
        (f"up to {_LINES_MAX} x {_PLACES_MAX} x {_CARRIERS_MAX}", random_problems(seeds), len(seeds)),
        ("Brunel", brunel_problems(folder), None),
        (f"above {_LINES_MAX} lines", long_problems(range(arguments.long)), arguments.long),
    ):
        own = list(_shown(console, name, _all(problems, arguments.jobs), total))
        table.add_row(name, *_cells(own))
        compared += own
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    for each in compared:
        if each.is_wrong:
            console.print(f"{each.name}: ours {each.ours_milli}, HiGHS {each.mip_milli}", style="bold red")
    return 1 if any(each.is_wrong for each in compared) else 0


def _all(problems: Iterable[tuple[str, Problem]], jobs: int) -> Iterator[Compared]:
    if jobs == 1:
        yield from map(compare, problems)
        return
    with get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(compare, problems, chunksize=4)


def _shown(console: Console, name: str, compared: Iterable[Compared], total: int | None) -> Iterator[Compared]:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(40), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield from bar.track(compared, total=total, description=name)


def _cells(compared: Sequence[Compared]) -> Iterator[str]:
    yield f"{len(compared):,}"
    yield f"{sum(each.mip_milli is not None for each in compared):,}"
    yield str(sum(each.ours_milli != each.mip_milli for each in compared))
    pairs = [(each.ours_milli, each.mip_milli) for each in compared if each.ours_milli and each.mip_milli]
    yield f"{sum(ours / mip - 1 for ours, mip in pairs) / max(1, len(pairs)):.2%}"
    yield str(sum(each.is_truncated for each in compared))
    for times in ([each.ours_s * 1e3 for each in compared], [each.mip_s * 1e3 for each in compared]):
        yield f"p50 {percentile(times, 50):.1f}, p99 {percentile(times, 99):.1f}" if times else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make sourcing ARGS=...",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--problems", type=int, default=2_000, metavar="N", help="random ones; PROBLEMS= of make")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the seed of the first of them")
    parser.add_argument("--long", type=int, default=20, metavar="N", help="problems of more than ten lines")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the Brunel tables, compressed; DATA= of make")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default 2)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

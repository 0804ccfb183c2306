"""`python -m bench`: measure, print, and never fail for a figure."""

import argparse
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import uvloop
from msgspec import Struct
from msgspec.structs import replace

from bench.checked import measure_checks
from bench.drain import measure_drain
from bench.footprint import measure_footprint
from bench.hellos import measure_hellos
from bench.house import opened_folder, raise_file_limit
from bench.intake import measure_intake
from bench.newcomer import measure_newcomer
from bench.policies import measure_policies
from bench.restore import measure_restore
from bench.results import Row, print_json, print_table, say
from bench.routing import measure_routing
from bench.visible import measure_visibility


class Sizes(Struct, frozen=True):
    """How much is measured."""

    rounds: int
    visible_s: float
    drain_entries: int
    drain_rounds: int
    backlog_entries: int
    backlog_drain_s: float
    restore_orders: int
    hello_nodes: int
    newcomer_entries: int
    questions: int


FULL: Final = Sizes(3, 15, 100_000, 2, 1_000_000, 10, 400, 5_000, 50_000, 400)
QUICK: Final = Sizes(1, 5, 30_000, 1, 100_000, 4, 40, 1_000, 5_000, 100)

Measure = Callable[[Path, Sizes], Awaitable[list[Row]]]
GROUPS: Final[dict[tuple[str, ...], Measure]] = {
    (
        "fdatasync_p50_ms",
        "fdatasync_p99_ms",
        "http_floor_per_s",
        "commit_floor_per_s",
        "intake_orders_per_s_64",
        "intake_p50_ms_1",
        "intake_p99_ms_1",
    ): lambda folder, sizes: measure_intake(folder, rounds=sizes.rounds),
    (
        "checked_orders_per_s_64",
        "checked_order_us",
        "checked_p99_ms_1",
        "reference_fetch_s",
        "agent_rss_mb_checked",
    ): lambda folder, sizes: measure_checks(folder, rounds=sizes.rounds),
    ("policy_evals_per_s", "agent_rss_mb_policies"): lambda folder, sizes: measure_policies(
        folder, rounds=sizes.rounds
    ),
    ("visible_p50_ms", "visible_p99_ms"): lambda folder, sizes: measure_visibility(folder, seconds=sizes.visible_s),
    (
        "drain_entries_per_s",
        "drain_fresh_visible_p99_ms",
        "drain_fresh_answered_p99_ms",
    ): lambda folder, sizes: measure_drain(folder, entries=sizes.drain_entries, rounds=sizes.drain_rounds),
    ("agent_rss_mb_backlog_1m", "start_ms_backlog_1m"): lambda folder, sizes: measure_footprint(
        folder, entries=sizes.backlog_entries, drain_s=sizes.backlog_drain_s
    ),
    ("restore_seconds_50_nodes",): lambda folder, sizes: measure_restore(folder, orders=sizes.restore_orders),
    ("hellos_admitted", "hellos_admitted_s", "hellos_fresh_visible_p99_ms"): lambda folder, sizes: measure_hellos(
        folder, nodes=sizes.hello_nodes
    ),
    ("newcomer_right_stock_s", "newcomer_whole_history_s"): lambda folder, sizes: measure_newcomer(
        folder, entries=sizes.newcomer_entries
    ),
    (
        "route_3x30x3_p50_ms",
        "route_3x30x3_p99_ms",
        "route_10x30x3_p50_ms",
        "route_10x30x3_p99_ms",
        "stock_checks_per_s",
    ): lambda _, sizes: measure_routing(questions=sizes.questions),
}
NAMES: Final = [name for names in GROUPS for name in names]
_EPILOG: Final = f"names: {', '.join(NAMES)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for. A missed budget is a line of the table and not an exit code."""
    options = _parser().parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    if options.entries:
        sizes = replace(sizes, drain_entries=options.entries)
    if options.quick:
        say("quick: fewer rounds, and the backlog of the *_1m figures is 100,000 entries")
    raise_file_limit()
    began = time.monotonic()
    rows: list[Row] = []
    try:
        with opened_folder(options.folder) as folder:
            uvloop.run(_measure(folder, sizes, options.only, rows))
    finally:  # what was measured before something broke, or before Ctrl-C, is worth its time
        say(f"took {time.monotonic() - began:.0f} s")
        (print_json if options.json else print_table)(rows)


async def _measure(folder: Path, sizes: Sizes, only: set[str], rows: list[Row]) -> None:
    for names, measure in GROUPS.items():
        if only.isdisjoint(names):
            continue
        say(f"{names[-1]} ...")
        rows += [row for row in await measure(folder, sizes) if row.name in only]
        gc.collect()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure what Holdfast claims about speed, each figure beside its floor. Takes some six minutes.",
        epilog=_EPILOG,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument("--only", type=_names, default=set(NAMES), metavar="NAME,...", help="only these figures")
    parser.add_argument("--quick", action="store_true", help="a look in a minute; figures are rough")
    parser.add_argument("--entries", type=int, default=0, metavar="N", help="backlog of the drain (default 100,000)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("/var/tmp"),
        help=f"where the files go, on the disk to be measured (default /var/tmp, not {tempfile.gettempdir()})",
    )
    return parser


def _names(text: str) -> set[str]:
    chosen = set(text.split(","))
    unknown = sorted(chosen - set(NAMES))
    if unknown:
        raise argparse.ArgumentTypeError(f"no figure is called {', '.join(unknown)}; {_EPILOG}")
    return chosen


if __name__ == "__main__":
    main()

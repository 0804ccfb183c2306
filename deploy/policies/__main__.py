"""`make policies`: what each policy that comes with the product does to a stream of real orders over ten stores."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from ctypes import c_long
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deploy.demo.records import SAMPLE
from deploy.house.playing import make_console
from deploy.policies.stream import Account, Order, Strategy, read_orders, run
from deploy.replay.__main__ import WHOLE
from deploy.replay.source import Unreadable
from edge_core.limits import ROUTING_LINES_EXACT_MAX
from edge_core.policy.documents import Release
from edge_core.policy.pricing import Policies
from holdfast_runtime.policies import bundled_policies, bundled_release

_EXIT_USAGE: Final = 2
_LOOK_S: Final = 0.25
_BASE: Final = "ordinary"
_AGAINST: Final = ("nearest", "fewest_parcels")

_EPILOG: Final = f"""\
The orders are real (docs/replay.md); stores, shelves, carriers and tariffs are made up by names, so that every run has
the same ones (deploy/policies/house.py). Each policy stands on the ordinary prices and sells from shelves of its own,
which grow empty. The last row is the release that comes with the product: all of its layers.

The file is --data, else the whole ledger where it is ({WHOLE}),
else the sample that the demo sells from.

examples:
  make policies                                 1,000 orders of up to ten lines, spread over the file: two minutes
  make policies ARGS="--lines 500"              of up to 500: above ten, plans are good, and not always the best
  make policies DATA=ledger.csv.gz ARGS=--json  another file with the same columns, the figures as JSON on stdout

exit codes: 0 done, 2 wrong usage or a file that cannot be read.
"""


def main(words: Sequence[str] | None = None) -> None:
    """Run every policy over the same orders and print the table."""
    arguments = _parser().parse_args(words)
    console = make_console(to_stderr=arguments.json)
    try:
        orders = read_orders(arguments.data or (WHOLE if WHOLE.exists() else SAMPLE), arguments.orders, arguments.lines)
    except Unreadable as error:
        print(f"policies: {error}", file=sys.stderr)
        sys.exit(_EXIT_USAGE)
    release = bundled_release(number=1, made_at_ms=0)
    accounts = _run_all(console, strategies(release), orders, release)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(accounts), indent=2).decode())
    else:
        _show(console, accounts, orders)


def strategies(release: Release) -> list[Strategy]:
    """The two that others are held against, every other policy on the ordinary prices, and the release."""
    names = [policy.policy_id for policy in bundled_policies()]
    ordered = [*_AGAINST, _BASE, *(name for name in names if name not in {*_AGAINST, _BASE})]
    single = [Strategy(name, (_BASE,) if name == _BASE else (_BASE, name)) for name in ordered]
    return [*single, Strategy("the release", release.layers)]


def _run_all(console: Console, several: Sequence[Strategy], orders: Sequence[Order], release: Release) -> list[Account]:
    context = get_context("fork")
    done = context.Value(c_long, 0)
    columns = (TextColumn("{task.description}"), BarColumn(40), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        context.Pool(2, _prepare, (orders, release, done)) as pool,
        Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar,
    ):
        task = bar.add_task("orders routed", total=len(several) * len(orders))
        result = pool.map_async(_run_one, several, chunksize=1)
        while not result.ready():
            result.wait(_LOOK_S)
            bar.update(task, completed=done.value)
        console.print(f"{len(orders):,} orders, {len(several)} policies", markup=False)
        return result.get()


_shared: tuple[Sequence[Order], Policies, "Synchronized[int]"]


def _prepare(orders: Sequence[Order], release: Release, done: "Synchronized[int]") -> None:
    """In each process: the orders are there already, the policies are loaded once."""
    global _shared  # noqa: PLW0603 - how a pool's processes are given what they share
    _shared = orders, Policies(release, bundled_policies()), done


def _run_one(strategy: Strategy) -> Account:
    orders, policies, done = _shared

    def count() -> None:
        with done.get_lock():
            done.value += 1

    return run(strategy, orders, policies, count)


def _show(console: Console, accounts: Sequence[Account], orders: Sequence[Order]) -> None:
    table = Table("policy", "sent", "cost", "parcels", "split", "late", "CO2e kg", *(f"to {name}" for name in _AGAINST))
    for account in accounts:
        table.add_row(account.name, *_figures(account), *_differences(account, accounts))
    console.print(table)
    lines = sum(len(order.wish.left) for order in orders) / len(orders)
    sent, cut_short = (sum(getattr(account, name) for account in accounts) for name in ("orders", "cut_short"))
    text = f"{lines:.1f} lines an order. Cost (tariffs and handling), parcels and CO2e are of an order that was sent; "
    console.print(f"{text}{1 - cut_short / sent:.0%} of the plans are proven to be the best.", markup=False)


def _figures(account: Account) -> Iterator[str]:
    yield f"{account.orders:,}"
    yield f"{_paid(account):.2f}"
    yield f"{account.parcels / account.orders:.2f}"
    yield f"{account.split / account.orders:.1%}"
    yield f"{account.late / account.orders:.1%}"
    yield f"{_carbon_kg(account):.2f}"


def _differences(account: Account, accounts: Sequence[Account]) -> Iterator[str]:
    for base in (each for name in _AGAINST for each in accounts if each.name == name):
        cost, carbon = _paid(account) / _paid(base) - 1, _carbon_kg(account) / _carbon_kg(base) - 1
        yield f"cost {cost:+.0%}, CO2e {carbon:+.0%}"


def _paid(account: Account) -> float:
    """In whole units of the currency."""
    return account.paid_milli / account.orders / 100_000


def _carbon_kg(account: Account) -> float:
    return account.carbon_g / account.orders / 1_000


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make policies ARGS=...",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="a gzipped CSV file; DATA= of make")
    parser.add_argument("--orders", type=int, default=1_000, metavar="N", help="how many (default 1,000)")
    parser.add_argument("--lines", type=int, default=ROUTING_LINES_EXACT_MAX, metavar="N", help="of no more lines")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; everything else goes to stderr")
    return parser


if __name__ == "__main__":
    main()

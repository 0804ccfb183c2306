"""The last table: three books side by side for each store, and a sentence."""

from collections.abc import Callable
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from deploy.demo.audit import Result, StoreResult
from deploy.demo.check import pounds

_Row = tuple[str, Callable[[StoreResult], int]]

# The three books, each with its sum below it: the sums are what must be equal.
_BOOKS: Final[tuple[tuple[_Row, ...], ...]] = (
    (
        ("tills: orders answered 201", lambda store: store.orders),
        ("+ cancels answered 200", lambda store: store.cancelled),
        ("+ deliveries answered 201", lambda store: store.deliveries),
        ("+ steps of parcels and pickups", lambda store: store.steps),
        ("+ returns answered 200", lambda store: store.returns),
        ("+ exchanges answered 201", lambda store: store.exchanges),
        ("+ days closed", lambda store: store.closes),
        ("= entries that must exist", lambda store: store.entries_due),
    ),
    (
        ("parcels delivered", lambda store: store.shipped),
        ("parcels routed", lambda store: store.routed),
        ("pickups collected", lambda store: store.collected),
    ),
    (
        ("log: confirmed", lambda store: store.confirmed),
        ("+ pending", lambda store: store.pending),
        ("+ parked", lambda store: store.parked),
        ("= accepted, by its sequence", lambda store: store.accepted),
    ),
    (
        ("centre: entries", lambda store: store.centre_entries),
        ("parked", lambda store: store.centre_parked),
        ("orders", lambda store: store.centre_orders),
        ("orders cancelled", lambda store: store.centre_cancelled),
        ("orders in the Z reports", lambda store: store.z_orders),
    ),
    (
        ("requests sent again", lambda store: store.asked_again),
        ("answers remembered", lambda store: store.replayed),
    ),
)
_MONEY: Final[tuple[_Row, ...]] = (
    ("money: the tills' orders", lambda store: store.till_total_minor),
    ("the centre's orders", lambda store: store.centre_total_minor),
    ("the Z reports", lambda store: store.z_total_minor),
    ("given by the promotion", lambda store: store.z_discount_minor),
)


def show_result(console: Console, result: Result) -> None:
    """The conservation check as a table, then what differs, if anything does."""
    console.print(_table(result))
    if result.cut_off is not None:
        sold, waiting = result.cut_off.orders_sold, result.cut_off.pending_max
        console.print(
            f"Cut off, {result.cut_off.node_id} sold {sold} orders; up to {waiting} entries waited in its log."
        )
    left_out = result.cancellations_left_out
    console.print(f"{left_out} cancellations left out: what they take back was not sold here.")
    for text in result.differences:
        console.print(f"DIFFERENCE  {text}", style="bold red", markup=False, soft_wrap=True)
    if result.ok:
        orders = sum(store.orders for store in result.stores)
        console.print(
            f"The books add up: all {orders:,} accepted orders are at the centre, each exactly once.",
            style="bold green",
        )
    else:
        console.print(f"The books do NOT add up: {len(result.differences)} differences.", style="bold red")


def _table(result: Result) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, title="The conservation check", title_justify="left", title_style="bold")
    table.add_column("")
    for store in result.stores:
        table.add_column(store.node_id, justify="right", min_width=11)
    table.add_column("all", justify="right", min_width=12)
    for book in _BOOKS:
        for name, count in book:
            counts = [count(store) for store in result.stores]
            table.add_row(name, *(f"{number:,}" for number in (*counts, sum(counts))))
        table.add_section()
    for name, amount in _MONEY:
        amounts = [amount(store) for store in result.stores]
        table.add_row(name, *(pounds(minor) for minor in (*amounts, sum(amounts))))
    table.add_section()
    sound = ["sound" if store.edge_verified else "FINDINGS" for store in result.stores]
    table.add_row("edge-agent verify", *sound, "")
    table.add_row("central-sync verify", *[""] * len(sound), "sound" if result.centre_verified else "FINDINGS")
    return table

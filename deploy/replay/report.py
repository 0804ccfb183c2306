"""The end of the replay for people: what became of every line, what each book comes to, how fast it was."""

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from deploy.demo.check import pounds
from deploy.replay.account import Account, FateRow
from deploy.replay.journal import BY_AGENT
from deploy.replay.mapping import REASONS
from deploy.replay.run import Result, Speed
from edge_core.errors import code

_EXPLAINED: Final = {
    "sold": "lines of orders",
    "returned": "came back with the order that it is from",
    "returned-without-receipt": "came back, or was given back, without an order",
    "written-off": "taken off the stock",
}


def show_result(console: Console, result: Result) -> None:
    """Two tables, the speed, then what differs, if anything does."""
    found = result.account
    console.print(_fates(found))
    console.print(_books(found))
    _say(
        console,
        f"Invoices: {found.invoices_accepted:,} accepted whole, {found.invoices_accepted_in_part:,} in part, "
        f"{found.invoices_refused:,} not at all; together {found.source_invoices:,}. "
        f"The file's exact sum is £{found.source_exact}; each line is rounded to the penny.",
    )
    _say(console, speed_text(result.speed))
    for text in found.differences:
        console.print(f"DIFFERENCE  {text}", style="bold red", markup=False, soft_wrap=True)
    if found.ok:
        text = f"All {found.source_lines:,} lines are accounted for, to the penny, at the stores and at the centre."
        console.print(text, style="bold green", soft_wrap=True)
    else:
        console.print(f"NOT everything is accounted for: {len(found.differences)} differences.", style="bold red")


def speed_text(speed: Speed) -> str:
    """The speed in words."""
    return (
        f"{speed.answered_s:.1f} s to the last answer: {speed.orders_per_s:,.0f} orders and {speed.lines_per_s:,.0f} "
        f"lines a second; after {speed.at_centre_s:.1f} s the centre had all; {speed.asked_again} repetitions."
    )


def _fates(found: Account) -> Table:
    table = _table("What became of every line of the file", "", "lines", "amount", "what it is")
    for row in found.fates:
        name = f"{row.how}: {row.reason}" if row.reason else row.how
        table.add_row(name, f"{row.lines:,}", pounds(row.amount_minor), _explained(row))
    table.add_section()
    lines, amount = sum(row.lines for row in found.fates), sum(row.amount_minor for row in found.fates)
    table.add_row("together", f"{lines:,}", pounds(amount), "")
    table.add_row("in the file", f"{found.source_lines:,}", pounds(found.source_minor), "")
    return table


def _explained(row: FateRow) -> str:
    if row.how == BY_AGENT:
        return code(row.reason).title
    return REASONS.get(row.reason) or _EXPLAINED[row.how]


def _books(found: Account) -> Table:
    table = _table("What each book comes to", "", "orders", "lines", "returns", "sold", "given back", "net")
    for row in found.books:
        counts = (f"{count:,}" for count in (row.orders, row.lines, row.returns))
        table.add_row(row.book, *counts, *map(pounds, (row.sold_minor, row.refunded_minor, row.net_minor)))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, title=title, title_justify="left", title_style="bold")
    for column in columns:
        is_text = column in {"", "what it is"}
        table.add_column(column, justify="left" if is_text else "right", min_width=None if is_text else 9)
    return table


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True)

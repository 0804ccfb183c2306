"""Figures, the budgets that they are held against, and how both are printed."""

import importlib.util
import math
import sys
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct


class Row(Struct, frozen=True):
    """One figure. `floor` is what the bare parts do in the same run, and `ratio` the figure divided by it."""

    name: str
    value: float
    unit: str
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """The figure in units of its floor."""
        return self.value / self.floor if self.floor else None


class Budget(Struct, frozen=True):
    """What a figure must keep. Several bounds must all hold."""

    value_min: float | None = None
    value_max: float | None = None
    ratio_min: float | None = None

    def is_met(self, row: Row) -> bool:
        """Whether a figure keeps every bound."""
        return (
            (self.value_min is None or row.value >= self.value_min)
            and (self.value_max is None or row.value <= self.value_max)
            and (self.ratio_min is None or (row.ratio is not None and row.ratio >= self.ratio_min))
        )

    def __str__(self) -> str:
        bounds = ((">=", self.value_min, ""), ("<=", self.value_max, ""), (">=", self.ratio_min, "x"))
        return ", ".join(f"{sign} {bound:,g}{unit}" for sign, bound, unit in bounds if bound is not None)


BUDGETS: Final = {
    "intake_orders_per_s_64": Budget(ratio_min=0.5),
    "intake_p50_ms_1": Budget(value_max=4),
    "intake_p99_ms_1": Budget(value_max=20),
    "checked_p99_ms_1": Budget(value_max=20),
    "agent_rss_mb_checked": Budget(value_max=80),
    "policy_evals_per_s": Budget(ratio_min=0.3),
    "agent_rss_mb_policies": Budget(value_max=80),
    "visible_p50_ms": Budget(value_max=50),
    "visible_p99_ms": Budget(value_max=200),
    "drain_entries_per_s": Budget(value_min=10_000, ratio_min=0.35),
    "drain_fresh_visible_p99_ms": Budget(value_max=2_000),
    "agent_rss_mb_backlog_1m": Budget(value_max=80),
    "start_ms_backlog_1m": Budget(value_max=1_500),
    "hellos_admitted": Budget(value_min=5_000),
    "hellos_fresh_visible_p99_ms": Budget(value_max=2_000),
    "route_3x30x3_p99_ms": Budget(value_max=2),
    "route_10x30x3_p99_ms": Budget(value_max=15),
}
_HEADINGS: Final = ("name", "value", "unit", "floor", "ratio", "budget", "verdict")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def say(text: str) -> None:
    """Progress, for people: on stderr, so that stdout holds the result alone."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def print_json(rows: Sequence[Row]) -> None:
    """One object a line: name, value, unit, floor, ratio."""
    for row in rows:
        figures = (row.value, row.floor, row.ratio)
        value, floor, ratio = (None if figure is None else round(figure, 4) for figure in figures)
        line = {"name": row.name, "value": value, "unit": row.unit, "floor": floor, "ratio": ratio}
        print(msgspec.json.encode(line).decode())


def print_table(rows: Sequence[Row]) -> None:
    """A table with budgets and verdicts; in colour where rich is installed."""
    cells = [_cells(row) for row in rows]
    if importlib.util.find_spec("rich") is None:
        for line in (_HEADINGS, *cells):
            print("{:<30}{:>12}  {:<10}{:>12}{:>8}  {:<22}{}".format(*line))
        return
    from rich.console import Console  # noqa: PLC0415 - optional
    from rich.table import Table  # noqa: PLC0415

    table = Table()
    for heading in _HEADINGS:
        table.add_column(heading, justify="right" if heading in {"value", "floor", "ratio"} else "left", no_wrap=True)
    for line in cells:
        style = {"met": "green", "missed": "bold red"}.get(line[-1])
        table.add_row(*line, style=style)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)


def _cells(row: Row) -> tuple[str, ...]:
    budget = BUDGETS.get(row.name)
    verdict = "" if budget is None else "met" if budget.is_met(row) else "missed"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return (row.name, _figure(row.value), row.unit, _figure(row.floor), ratio, str(budget or ""), verdict)


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"

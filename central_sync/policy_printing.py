"""What `central-sync policy` shows people: findings, and figures of two policies side by side."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from central_sync.api.policy_documents import ComparisonShown, FindingShown
from central_sync.printing import print_table, printable, say
from edge_core.limits import POLICY_ORDERS_MIN, POLICY_TRIAL_STEP_ORDERS

_UNITS: Final = {
    "cost_milli": ("cost of an order", 1_000, "minor units"),
    "parcels": ("parcels of an order", 1, ""),
    "carbon_g": ("CO2e of an order", 1, "g"),
    "late": ("late or waiting", 0.01, "%"),
    "manual": ("left to people", 0.01, "%"),
}
"""What a figure is called, by how much it is divided to be shown, and its unit then."""


def print_findings(findings: Iterable[FindingShown]) -> None:
    """What the linter says, a line each."""
    for each in findings:
        allowed = f" (allowed: {', '.join(each.allowed)})" if each.allowed else ""
        say(printable(f"{each.severity}: {each.where}: {each.what}{allowed}"))


def progress_shown(done: int, of: int) -> None:
    """How far a trial is, on one line, where somebody looks."""
    if sys.stderr.isatty() and (done % POLICY_TRIAL_STEP_ORDERS == 0 or done == of):
        sys.stderr.write(f"\r{done} of {of} orders{chr(10) if done == of else ''}")
        sys.stderr.flush()


def print_trial(trial: Mapping[str, Any]) -> None:
    """What came of a policy on recorded orders."""
    say(f"on {trial['orders']} orders: {trial['changed']} would have gone otherwise")
    if trial["faulty"]:
        say(f"{trial['faulty']} got the built-in prices, because of a fault:")
        for fault in trial["faults"]:
            say(printable(f"  {fault}"))
    _print_figures(trial["differences"])


def print_comparison(comparison: ComparisonShown) -> None:
    """How a policy compares with what is in use."""
    say(
        f"{comparison.mode}, {comparison.percent}% of orders: {comparison.orders_treated} with "
        f"{', '.join(comparison.layers)}, {comparison.orders_control} with what is in use"
    )
    _print_figures(
        [
            {
                "figure": each.figure,
                "control": {"estimate": each.control.estimate},
                "treated": {"estimate": each.treated.estimate},
                "more": {"estimate": each.more.estimate, "low": each.more.low, "high": each.more.high},
            }
            for each in comparison.figures
        ]
    )


def _print_figures(differences: Iterable[Mapping[str, Any]]) -> None:
    rows = [_row(each) for each in differences]
    if rows:
        print_table("FIGURE IN-USE THIS DIFFERENCE 95%-INTERVAL UNIT", rows)
    else:
        say(f"no figures yet: {POLICY_ORDERS_MIN} orders of each are needed")


def _row(difference: Mapping[str, Any]) -> tuple[str, ...]:
    name, divisor, unit = _UNITS[difference["figure"]]
    more = difference["more"]
    return (
        name.replace(" ", "-"),
        f"{difference['control']['estimate'] / divisor:.2f}",
        f"{difference['treated']['estimate'] / divisor:.2f}",
        f"{more['estimate'] / divisor:+.2f}",
        f"{more['low'] / divisor:+.2f}..{more['high'] / divisor:+.2f}",
        unit or "-",
    )

"""Draw into the pages what the code says: state diagrams from the tables, the list of error codes, the words of rules.

    python docs/draw.py          write every marked block anew
    python docs/draw.py --check  say which pages are behind, and exit 1 if any is

A block stands between `<!-- drawn: NAME -->` and `<!-- /drawn -->`; everything else on a page is written by hand.
"""

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from central_sync.rule_language import describing
from edge_core.assignment.process import ASSIGNMENT, ATTEMPT
from edge_core.checks.judge import RULES
from edge_core.errors import CODES, TYPE_PREFIX
from edge_core.orders.machines import MACHINES, Machine, Transition
from edge_core.policy.life import LIFE
from edge_core.stock.counting import COUNT
from edge_core.stock.reservations import RESERVATION

DOCS: Final = Path(__file__).parent
_DRAWN: Final = (*MACHINES, RESERVATION, COUNT, ASSIGNMENT, ATTEMPT, LIFE)
_BLOCK: Final = re.compile(r"(<!-- drawn: (?P<name>[a-z-]+) -->\n).*?(<!-- /drawn -->)", re.DOTALL)


def diagram(machine: Machine) -> str:
    """A table as a Mermaid state diagram; what may happen between the same two states stands on one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in machine.transitions:
        # In Mermaid a colon would end the label.
        arrows.setdefault((row.source, row.target), []).append(row.on.replace(":", ", "))
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", f"    [*] --> {machine.initial}"]
    lines += [f"    {source} --> {target}: {'<br>'.join(on)}" for (source, target), on in arrows.items()]
    lines += [f"    {state} --> [*]" for state in sorted(machine.finals)]
    return "\n".join([*lines, "```"])


def table(machine: Machine) -> str:
    """A table of transitions, one row for each event, target and command; with commands, who may give them and how."""
    found: dict[tuple[str, str, str | None], list[Transition]] = {}
    for row in machine.transitions:
        found.setdefault((row.on, row.target, row.command), []).append(row)
    lines = [
        f"| {', '.join(row.source for row in rows)} | `{on}` | {target} |{_command(machine, rows[0])}"
        for (on, target, _), rows in found.items()
    ]
    head = ["| from | event | to |", "|---|---|---|"]
    if _has_commands(machine):
        head = [head[0] + " command | by | if | does |", head[1] + "---|---|---|---|"]
    return "\n".join([*head, *lines])


def _has_commands(machine: Machine) -> bool:
    return any(row.command is not None for row in machine.transitions)


def _command(machine: Machine, row: Transition) -> str:
    """The further cells of a row, in a table that has commands."""
    if not _has_commands(machine):
        return ""
    command = f"`{row.command}`" if row.command is not None else ""
    cells = (command, ", ".join(row.roles), ", ".join(row.guards), ", ".join(row.effects))
    return "".join(f" {cell} |" for cell in cells)


def error_codes() -> str:
    """The table of codes, by their numbers."""
    rows = [
        f"| {row.number} | `{TYPE_PREFIX}{row.slug}` | {row.status} | {row.title} |"
        for row in sorted(CODES.values(), key=lambda row: row.number)
    ]
    return "\n".join(["| code | `type` | status | `title` |", "|---|---|---|---|", *rows])


def checks() -> str:
    """The rules in the order in which they are asked: what each asks, and what it does, in its own words."""
    rows = []
    for rule in RULES:
        asks, does = ", ".join(f"`{name}`" for name in rule.asks), " ".join((rule.look.__doc__ or "").split())
        rows.append(f"| `{rule.name}` | {asks} | {does} |")
    return "\n".join(["| rule | asks | does |", "|---|---|---|", *rows])


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "error-codes": error_codes,
    "checks-table": checks,
    "rule-words": describing.words_table,
    "rule-examples": describing.examples_table,
    **{f"{machine.name}-diagram": partial(diagram, machine) for machine in _DRAWN},
    **{f"{machine.name}-table": partial(table, machine) for machine in _DRAWN},
}


def drawn(text: str) -> str:
    """A page with every block as the code has it now. An unknown name raises `KeyError`."""
    return _BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found['name']]()}\n{found[3]}", text)


def pages_behind() -> list[Path]:
    """Pages whose blocks are not what the code says."""
    pages = {page: page.read_text() for page in sorted(DOCS.rglob("*.md"))}
    return [page for page, text in pages.items() if drawn(text) != text]


def main() -> int:
    """Write, or check."""
    behind = pages_behind()
    if "--check" in sys.argv[1:]:
        sys.stderr.writelines(f"{page}: run python docs/draw.py\n" for page in behind)
        return 1 if behind else 0
    for page in behind:
        page.write_text(drawn(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What is drawn in the pages is what the code says now, and every table and every code is drawn somewhere."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from edge_core.assignment.process import ASSIGNMENT, ATTEMPT
from edge_core.errors import CODES
from edge_core.orders.machines import MACHINES
from edge_core.stock.counting import COUNT
from edge_core.stock.reservations import RESERVATION

DOCS = Path(__file__).parents[2] / "docs"
DRAW: dict[str, Any] = runpy.run_path(str(DOCS / "draw.py"))


def test_no_page_is_behind_the_code() -> None:
    assert DRAW["pages_behind"]() == [], "run python docs/draw.py"


def test_every_block_that_can_be_drawn_stands_on_a_page() -> None:
    text = "".join(page.read_text() for page in DOCS.rglob("*.md"))
    assert [name for name in DRAW["BLOCKS"] if f"<!-- drawn: {name} -->" not in text] == []


def test_a_block_that_was_changed_by_hand_is_noticed() -> None:
    text = (DOCS / "orders.md").read_text()
    assert DRAW["drawn"](text.replace("placed --> validated", "placed --> done")) == text


def test_every_code_is_in_the_list_with_its_number_status_and_title() -> None:
    text = (DOCS / "errors.md").read_text()
    for row in CODES.values():
        assert f"| {row.number} | `{row.type_uri}` | {row.status} | {row.title} |" in text


@pytest.mark.parametrize(
    "machine", [*MACHINES, RESERVATION, COUNT, ASSIGNMENT, ATTEMPT], ids=lambda machine: machine.name
)
def test_every_transition_is_in_the_diagram_and_in_the_table(machine: Any) -> None:
    diagram, table = DRAW["diagram"](machine), DRAW["table"](machine)
    for row in machine.transitions:
        (arrow,) = (line for line in diagram.splitlines() if line.startswith(f"    {row.source} --> {row.target}: "))
        assert row.on.replace(":", ", ") in arrow.partition(": ")[2].split("<br>")
        rows = [line for line in table.splitlines() if f"| `{row.on}` | {row.target} |" in line]
        (cells,) = (line for line in rows if row.source in line.split("|")[1].replace(",", " ").split())
        assert all(f" {name}" in cells for name in (*row.guards, *row.roles, *row.effects))
        assert row.command is None or f"| `{row.command}` |" in cells

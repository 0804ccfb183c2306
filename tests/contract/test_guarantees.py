"""Each promise has a section, and each test that a document names is there: a promise without its test is a wish."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = (
    "durable",
    "local",
    "no oversell",
    "idempotent",
    "convergent",
    "recoverable",
    "isolated",
    "conserved",
    "honest",
    "calm",
    "fenced",
    "replayable",
)
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
_TEST = re.compile(r"\b(tests/[\w/]+\.py)(?:::(\w+))?")


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the test functions of a module; empty for one that is not there."""
    path = ROOT / file
    if not path.exists():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def sections() -> dict[str, str]:
    """The text of each promise's section, by its heading."""
    text = (ROOT / "docs/guarantees.md").read_text()
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {heading: body for heading, _, body in (part.partition("\n") for part in parts)}


def test_every_promise_has_a_section_in_its_place() -> None:
    headings = [heading for heading in sections() if heading.startswith("G")]
    assert headings == [f"G{number} {name}" for number, name in enumerate(PROMISES, 1)]


@pytest.mark.parametrize("number", range(1, 13))
def test_a_promise_names_tests_and_what_it_does_not_cover(number: int) -> None:
    body = sections()[f"G{number} {PROMISES[number - 1]}"]
    named = [name for _, name in _TEST.findall(body) if name]
    assert named
    assert "**Not promised:**" in body


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_tests_that_a_page_names_are_there(page: Path) -> None:
    missing = [
        f"{file}::{name}" if name else file
        for file, name in _TEST.findall(page.read_text())
        if not (ROOT / file).exists() or (name and name not in names_in(file))
    ]
    assert missing == []


def test_every_decision_names_the_test_that_guards_it() -> None:
    unguarded = [page.name for page in (ROOT / "docs/adr").glob("0*.md") if not _TEST.search(page.read_text())]
    assert unguarded == []

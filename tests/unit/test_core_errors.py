"""The table of codes: every row is unique, every refusal in the code has its row, and every row is used."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from edge_core.errors import CODES, Fault, InvariantViolated, PeerFault, Rejected, StorageFault, TransientFault, code

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge_core", "holdfast_runtime", "edge_agent", "central_sync")
CONSTRUCTORS = {"Rejected", "StorageFault", "FileInUse"}


@cache
def said_in_the_code() -> tuple[dict[str, str], frozenset[str]]:
    """Each slug that stands as the first argument of a refusal, with its place; and every string outside the table.

    One walk for both, which keeps no tree: those of the whole code are a million objects, and slow down what follows.
    """
    slugs: dict[str, str] = {}
    strings: set[str] = set()
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path.name != "errors.py":
                strings.add(node.value)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in CONSTRUCTORS and node.args:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                slugs |= dict.fromkeys(_strings_in(node.args[0]), where)
    return slugs, frozenset(strings)


def _strings_in(part: ast.expr) -> Iterator[str]:
    for value in ast.walk(part):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def test_numbers_and_slugs_are_given_once() -> None:
    numbers = [row.number for row in CODES.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(slug == row.slug for slug, row in CODES.items())
    # A mapping swallows a slug that stands twice, so the rows of the source are counted.
    source = ast.parse((ROOT / "edge_core" / "errors.py").read_text())
    tuples = [node.elts for node in ast.walk(source) if isinstance(node, ast.Tuple) and len(node.elts) == 4]
    rows = [row for row in tuples if all(isinstance(cell, ast.Constant) for cell in row)]
    assert len(rows) == len(CODES)


@pytest.mark.parametrize("row", CODES.values(), ids=lambda row: row.slug)
def test_a_row_is_fit_for_programs_and_for_people(row: object) -> None:
    found = code(getattr(row, "slug", ""))
    assert found.slug.replace("-", "").isalpha()
    assert found.slug == found.slug.lower()
    assert found.type_uri == f"urn:holdfast:problem:{found.slug}"
    assert 400 <= found.status < 600
    assert found.title[0].isupper()
    assert not found.title.endswith(".")


@pytest.mark.parametrize(("thousand", "statuses"), [(1, range(400, 500)), (2, range(400, 500)), (3, range(401, 404))])
def test_numbers_are_grouped_by_whose_turn_it_is(thousand: int, statuses: range) -> None:
    assert {row.status for row in CODES.values() if row.number // 1000 == thousand} <= set(statuses)
    assert {row.number // 1000 for row in CODES.values() if row.status >= 500} == {4}


def test_every_refusal_in_the_code_has_its_row() -> None:
    slugs, _ = said_in_the_code()
    assert len(slugs) > 15
    assert {slug: where for slug, where in slugs.items() if slug not in CODES} == {}


def test_every_row_is_used_somewhere() -> None:
    _, strings = said_in_the_code()
    assert set(CODES) - strings == set()


def test_a_refusal_finds_its_row_and_an_unknown_one_is_a_bug() -> None:
    assert Rejected("out-of-stock", "2 wanted, 1 free").code.number == 2010
    with pytest.raises(InvariantViolated, match="no error code 'out-of-tea'"):
        _ = Rejected("out-of-tea", "none left").code


def test_a_fault_says_what_to_do_about_it_and_a_bug_is_no_fault() -> None:
    assert issubclass(StorageFault, TransientFault)
    assert StorageFault("storage-full", "no space").slug in CODES
    assert PeerFault("fork", "at 7").reason == "fork"
    assert "fork" in str(PeerFault("fork", "at 7"))
    assert issubclass(PeerFault, Fault)
    assert not issubclass(InvariantViolated, Fault)

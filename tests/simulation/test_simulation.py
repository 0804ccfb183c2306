"""A few seeds, those that have failed before, and what makes a simulation worth its name."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.house import run
from tests.simulation.stand_ins import IN_PLACE_OF

_KEPT = [
    int(line.split()[0]) for line in Path(__file__).with_name("seeds.txt").read_text().splitlines() if line[0] != "#"
]
_FRESH = range(10_001, 10_031)
_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [*_KEPT, *_FRESH])
def test_every_promise_is_kept_after_the_chaos_of_a_seed(seed: int) -> None:
    outcome = run(seed)
    assert outcome.broken is None, f"make sim ARGS='--seed {seed} --trace' tells the story: {outcome.broken}"
    assert outcome.answers > 0


def test_the_same_seed_gives_the_same_story() -> None:
    first, second = run(10_007, keep_story=True), run(10_007, keep_story=True)
    assert first.lines == second.lines
    assert (first.digest, first.steps) == (second.digest, second.steps)


def test_another_seed_gives_another_story() -> None:
    assert run(10_007).digest != run(10_008).digest


def test_neither_the_process_nor_its_hash_seed_changes_a_story() -> None:
    expected = run(10_011)
    for hash_seed in ("0", "4711"):
        found = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "10011"],
            cwd=_ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"{expected.steps} steps" in found.stdout
        assert expected.digest in found.stdout


def test_what_stands_for_the_database_has_the_shape_of_the_real_functions() -> None:
    for module, name, stand_in in IN_PLACE_OF:
        real = inspect.signature(getattr(module, name)).parameters
        ours = inspect.signature(stand_in).parameters
        assert [p.lstrip("_") for p in ours] == list(real), f"{module.__name__}.{name}"


def test_every_function_that_the_ingester_takes_from_the_store_has_a_stand_in() -> None:
    covered = {(module.__name__.rpartition(".")[2], name) for module, name, _ in IN_PLACE_OF}
    stores = {"streams", "nodes", "parked", "orders", "stock", "feed", "audits", "replaced"}
    used = set()
    for source in ("apply", "auditing", "greetings", "needing", "recalling", "succession"):
        text = (_ROOT / "central_sync" / "ingest" / f"{source}.py").read_text()
        for part in text.split("await ")[1:]:
            called = part.split("(")[0].strip()
            if "." in called and called.split(".")[0] in stores:
                used.add(tuple(called.split(".")))
    assert used <= covered

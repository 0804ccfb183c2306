"""The simulator finds every bug that was planted: one that it would miss, it would miss in earnest too."""

from functools import cache

import pytest

from tests.simulation.house import run
from tests.simulation.mutations import MUTATIONS, Mutation

_SEEDS_MAX = 200


@cache
def _is_sound(seed: int) -> bool:
    return run(seed).broken is None


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_planted_bug_is_found(mutation: Mutation) -> None:
    for seed in (mutation.seed, *range(1, _SEEDS_MAX + 1)):
        if run(seed, mutation=mutation.at_work).broken is not None:
            assert _is_sound(seed), f"seed {seed} fails without the bug as well"
            return
    pytest.fail(f"{_SEEDS_MAX} seeds did not find it")


def test_no_planted_bug_is_named_twice() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names) >= 12

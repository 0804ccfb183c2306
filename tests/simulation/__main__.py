"""`python -m tests.simulation --seeds 500`: try many seeds; `--seed N --trace` tells the story of one."""

import argparse
import gc
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from multiprocessing import get_context

from tests.simulation.house import Outcome, run
from tests.simulation.mutations import MUTATIONS


def main() -> int:
    arguments = _arguments()
    gc.freeze()  # what was imported stays, and need not be looked through after every run
    if arguments.mutations:
        return _try_mutations(arguments.jobs, arguments.seeds)
    if arguments.seed is not None:
        return _tell(run(arguments.seed, keep_story=arguments.trace))
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    begun, failed, steps = time.monotonic(), [], 0
    for outcome in _outcomes(seeds, arguments.jobs):
        steps += outcome.steps
        if outcome.broken is not None:
            failed.append(outcome.seed)
            _say(f"seed {outcome.seed}: {outcome.broken}")
    took_s = time.monotonic() - begun
    _say(f"{len(seeds)} seeds from {seeds.start}, {steps} steps, {took_s:.1f} s: {len(failed)} failed")
    return 1 if failed else 0


def _outcomes(seeds: Iterable[int], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(run, seeds)
        return
    with get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(run, seeds, chunksize=4)


def _try_mutations(jobs: int, seeds: int) -> int:
    """How many seeds it takes to find each planted bug."""
    missed = 0
    with get_context("fork").Pool(jobs) as pool:
        search = partial(_seeds_to_find, seeds=seeds)
        for mutation, found in zip(MUTATIONS, pool.imap(search, range(len(MUTATIONS))), strict=True):
            missed += found is None
            seed, broken = found or (None, "not found")
            _say(f"{'-' if seed is None else seed:>4}  {mutation.name}: {broken[:120]}")
    return 1 if missed else 0


def _seeds_to_find(index: int, *, seeds: int) -> tuple[int, str] | None:
    outcomes = (run(seed, mutation=MUTATIONS[index].at_work) for seed in range(1, seeds + 1))
    return next(((o.seed, o.broken) for o in outcomes if o.broken is not None), None)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command


def _tell(outcome: Outcome) -> int:
    for line in outcome.lines:
        _say(line)
    _say(f"seed {outcome.seed}: {outcome.steps} steps, {outcome.virtual_s:.0f} virtual seconds, {outcome.digest}")
    _say(f"  faults: {', '.join(outcome.kinds) or 'none'}")
    _say(f"  {outcome.answers} answers, {outcome.owed} decisions owed, {outcome.lost} lost with their last copy")
    _say(f"  {outcome.broken or 'every promise was kept'}")
    return 0 if outcome.broken is None else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many to try")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--mutations", action="store_true", help="how many seeds it takes to find each planted bug")
    parser.add_argument("--trace", action="store_true", help="tell its story")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

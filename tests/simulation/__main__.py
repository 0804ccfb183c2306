"""`python -m tests.simulation --seeds 500`: try many seeds; `--seed N --trace` tells the story of one."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from multiprocessing import get_context

from tests.simulation.house import Outcome, run


def main() -> int:
    arguments = _arguments()
    if arguments.seed is not None:
        return _tell(run(arguments.seed, keep_story=arguments.trace))
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    begun, failed, steps = time.monotonic(), [], 0
    for outcome in _outcomes(seeds, arguments.jobs):
        steps += outcome.steps
        if outcome.broken is not None:
            failed.append(outcome.seed)
            print(f"seed {outcome.seed}: {outcome.broken}", flush=True)
    took_s = time.monotonic() - begun
    print(f"{len(seeds)} seeds from {seeds.start}, {steps} steps, {took_s:.1f} s: {len(failed)} failed")
    return 1 if failed else 0


def _outcomes(seeds: Iterable[int], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(run, seeds)
        return
    with get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(run, seeds, chunksize=4)


def _tell(outcome: Outcome) -> int:
    for line in outcome.lines:
        print(line)
    print(f"seed {outcome.seed}: {outcome.steps} steps, {outcome.virtual_s:.0f} virtual seconds, {outcome.digest}")
    print(f"  faults: {', '.join(outcome.kinds) or 'none'}")
    print(f"  {outcome.answers} answers, {outcome.owed} decisions owed, {outcome.lost} lost with their last copy")
    print(f"  {outcome.broken or 'every promise was kept'}")
    return 0 if outcome.broken is None else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many to try")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="tell its story")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

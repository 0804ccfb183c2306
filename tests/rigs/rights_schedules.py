"""Random schedules of the rights, many of them: `python -m tests.rigs.rights_schedules --schedules 10000`.

`--mutations` tells after how many schedules each planted bug is found, `--first N --schedules 1` repeats one.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from typing import Any, Final
from unittest.mock import patch

from msgspec import Struct
from msgspec.structs import replace

from edge_core.stock import rights as rules
from edge_core.stock.rights import Row
from tests.rigs.rights_model import Broken, Machine, RightsModel

STEPS_MAX: Final = 100
_merged = rules._merged
_Step = Callable[[RightsModel, random.Random], None]

# How often each happens beside the others.
_STEPS: Final[tuple[tuple[int, _Step], ...]] = (
    (1, lambda m, r: m.receive(r.randint(1, 6))),
    (10, lambda m, r: m.promise(_holder(m, r), r.randint(1, 3))),
    (2, lambda m, r: m.take_back(_any(r), r.randint(1, 3))),
    (8, lambda m, r: m.move(_holder(m, r), _any(r), r.randint(1, 6))),
    (2, lambda m, r: m.rebalance(_any(r), r.getrandbits(48))),
    (6, lambda m, r: m.send(_any(r), is_whole=r.random() < 0.7)),
    (6, lambda m, r: m.hear(_any(r), r.randrange(24), stays=r.random() < 0.5)),
    (6, lambda m, r: m.tell(_any(r))),
    (2, lambda m, r: m.cut(r.choice([0, r.randrange(256)]))),
    (5, lambda m, r: m.keep(_any(r))),
    (3, lambda m, r: m.restore(_copied(m, r), _any(r))),
    (1, lambda m, r: m.clone(_copied(m, r), _any(r))),
    (1, lambda m, r: m.retire(_any(r), _any(r))),
    (8, lambda m, r: m.settle(_any(r), _any(r))),
)
_WEIGHTS: Final = [weight for weight, _ in _STEPS]


class Mutation(Struct, frozen=True):
    """A planted bug: a sentence, and what stands where instead."""

    name: str
    patches: tuple[tuple[Any, str, Any], ...]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The world with this bug in it."""
        with ExitStack() as stack:
            for target, attribute, bug in self.patches:
                stack.enter_context(patch.object(target, attribute, bug))
            yield


def _go_on_as_before(_model: RightsModel, machine: Machine) -> None:
    """No fence: the file that was put back is the life that it was."""


def _row_that_came(_known: Row, came: Row) -> Row:
    return came


def _sum_of_rows(one: Row, other: Row) -> Row:
    return _merged(one, replace(other, minted_milli=one.minted_milli + other.minted_milli))


MUTATIONS: Final = (
    Mutation("a file that was put back goes on as the same life", ((RightsModel, "_begin_anew", _go_on_as_before),)),
    Mutation("what a void life left is settled on hearsay", ((RightsModel, "_is_whole_record", lambda *_: True),)),
    Mutation("a void life spends on", ((rules, "_void", lambda *_: None), (rules, "held_milli", rules.balance_milli))),
    Mutation("rights are used without a look at what is held", ((rules, "_short", lambda *_: None),)),
    Mutation("the row that came last counts, however old it is", ((rules, "_merged", _row_that_came),)),
    Mutation("what two replicas know is added up", ((rules, "_merged", _sum_of_rows),)),
)


class Played(Struct, frozen=True):
    """One schedule, played to its end or to where something broke: what did not hold, and what happened in it."""

    seed: int
    broken: str | None
    happened: Counter[str]


def play(seed: int) -> Played:
    """Play one schedule."""
    chance, model, step = random.Random(seed), RightsModel(), 0
    for at in range(len(model.machines)):
        model.tell(at)
    model.receive(chance.randint(5, 20))
    try:
        for step in range(1, chance.randint(10, STEPS_MAX) + 1):  # noqa: B007 - told when it breaks
            _, act = chance.choices(_STEPS, _WEIGHTS)[0]
            act(model, chance)
            model.demand()
        model.heal()
    except Broken as broken:
        return Played(seed, f"step {step}: {broken}", model.happened)
    return Played(seed, None, model.happened)


def broken_by(seed: int) -> str | None:
    """What did not hold in a schedule; None where everything did."""
    return play(seed).broken


def seeds_to_find(mutation: Mutation, seeds: range) -> tuple[int, str] | None:
    """The first schedule that a planted bug breaks, and how."""
    with mutation.at_work():
        found = ((seed, broken_by(seed)) for seed in seeds)
        return next(((seed, broken) for seed, broken in found if broken is not None), None)


def _all(seeds: range, jobs: int) -> Iterator[Played]:
    if jobs == 1:
        yield from map(play, seeds)
        return
    with get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(play, seeds, chunksize=20)


def _any(chance: random.Random) -> int:
    return chance.randrange(40)


def _holder(model: RightsModel, chance: random.Random) -> int:
    """Mostly a machine that has something to give."""
    having = [at for at, each in enumerate(model.machines) if rules.held_milli(each.rights, each.life)]
    return chance.choice(having) if having and chance.random() < 0.9 else _any(chance)


def _copied(model: RightsModel, chance: random.Random) -> int:
    """A machine whose file was copied, if there is one."""
    having = [at for at, each in enumerate(model.machines) if each.copies]
    return chance.choice(having) if having else _any(chance)


def main() -> int:
    """Try schedules, or planted bugs."""
    parser = argparse.ArgumentParser(prog="python -m tests.rigs.rights_schedules", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000, help="how many to try")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--mutations", action="store_true", help="how many it takes to find each planted bug")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.schedules)
    begun = time.monotonic()
    happened: Counter[str] = Counter()
    lines: list[str] = []
    failed = 0
    if arguments.mutations:
        for mutation in MUTATIONS:
            seed, broken = seeds_to_find(mutation, seeds) or (None, "not found")
            failed += seed is None
            lines.append(f"{'-' if seed is None else seed:>6}  {mutation.name}: {broken}")
    else:
        for played in _all(seeds, arguments.jobs):
            happened += played.happened
            failed += played.broken is not None
            lines += [] if played.broken is None else [f"{played.seed}: {played.broken}"]
        lines.append(", ".join(f"{happened[name]} {name}" for name in sorted(happened)))
    lines.append(f"{len(seeds)} schedules from {seeds.start}, {time.monotonic() - begun:.1f} s: {failed} failed")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

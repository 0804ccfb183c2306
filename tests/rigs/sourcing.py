"""Random sourcing problems, and every plan of a small one, found the long way."""

from collections.abc import Iterator, Sequence
from itertools import product
from random import Random

from edge_core.limits import PARCEL_WEIGHT_G_MAX
from edge_core.routing.problem import Option, Parcel, Plan, Problem, Stock
from edge_core.routing.sourcing import overdrawn
from edge_core.routing.tariffs import IMPOSSIBLE, Band, Tariff, charge_milli
from edge_core.routing.weighing import BACKORDER


def random_problem(random: Random, *, lines: int, places: int, carriers: int, zones: int = 4) -> Problem:
    """Places with some of the goods, carriers with steps and minimum charges, goods that are short for two lines.

    What a parcel or a line costs is below zero where a policy would rather have it there; lines may wait on backorder.
    """
    weights_g = tuple(random.randint(100, 3_000) for _ in range(lines))
    tariffs = tuple(_tariff(random) for _ in range(carriers * zones))
    options: list[Option] = []
    stocks: list[Stock] = []
    for place in range(places):
        own = _bits(random, lines, 0.8)
        handling_milli = [random.randint(-5_000, 40_000) for _ in range(lines)]
        zone, fixed_milli = random.randrange(zones), random.randint(-200_000, 300_000)
        for carrier in range(carriers):
            added = tuple(milli + weight_g * carrier for milli, weight_g in zip(handling_milli, weights_g, strict=True))
            option = Option(place, own & _bits(random, lines, 0.95), fixed_milli, added, carrier * zones + zone)
            options.append(option)
        if random.random() < 0.5:
            stocks.append(_stock(random, place, lines))
    if random.random() < 0.3:
        tariffs = (*tariffs, (Band(PARCEL_WEIGHT_G_MAX, 0, 0, 0),))
        options.append(
            Option(BACKORDER, (1 << lines) - 1, 100_000, (random.randint(0, 900_000),) * lines, len(tariffs) - 1)
        )
    parcels_max = random.choice([1, 2, 10])
    return Problem(weights_g, tuple(options), tariffs, tuple(stocks), parcels_max)


def all_costs(problem: Problem) -> list[int]:
    """What each plan of a small problem costs, the cheapest first."""
    return sorted(plan.cost_milli for plan in all_plans(problem))


def all_plans(problem: Problem) -> Iterator[Plan]:
    """Every plan that can be carried out: each partition of the lines, each choice of options for its parts."""
    for parts in _partitions(range(len(problem.weights_g))):
        if len(parts) <= problem.parcels_max:
            for parcels in product(*(list(_parcels(problem, part)) for part in parts)):
                plan = Plan(parcels)
                if overdrawn(problem, plan) is None:
                    yield plan


def _parcels(problem: Problem, part: Sequence[int]) -> Iterator[Parcel]:
    lines = sum(1 << line for line in part)
    weight_g = sum(problem.weights_g[line] for line in part)
    for rank, option in enumerate(problem.options):
        charge = charge_milli(problem.tariffs[option.tariff], weight_g)
        if lines & ~option.lines == 0 and charge != IMPOSSIBLE:
            yield Parcel(lines, rank, option.fixed_milli + charge + sum(option.line_milli[line] for line in part))


def _partitions(lines: Sequence[int]) -> Iterator[list[list[int]]]:
    if not lines:
        yield []
        return
    first, rest = lines[0], lines[1:]
    for parts in _partitions(rest):
        yield [[first], *parts]
        for at, part in enumerate(parts):
            yield [*parts[:at], [first, *part], *parts[at + 1 :]]


def _tariff(random: Random) -> Tariff:
    bands: list[Band] = []
    weight_g = 0
    for _ in range(random.randint(1, 4)):
        weight_g += random.randint(1_000, 9_000)
        costs = random.randint(0, 300_000), random.randint(0, 80_000), random.randint(0, 400_000)
        bands.append(Band(weight_g, *costs))
    return tuple(bands)


def _stock(random: Random, place: int, lines: int) -> Stock:
    needs = tuple((line, random.randint(1, 3)) for line in range(lines) if random.random() < 0.5)
    return Stock(place, needs, sum(milli for _, milli in needs) * 2 // 3)


def _bits(random: Random, lines: int, share: float) -> int:
    return sum(1 << line for line in range(lines) if random.random() < share)

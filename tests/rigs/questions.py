"""Random routing questions, whole: places with some of the goods, carriers by zone, capacities, credits and prices."""

from random import Random
from typing import Final

from edge_core.routing.question import Mode, Need, Place, Prices, Question, Service, Stamp, Supply
from edge_core.routing.tariffs import Band, Tariff
from tests.rigs.routing import CENT, HOUR_MS, KG, NOW_MS, SEEN

ZONES: Final = 4
_MODES: Final[tuple[tuple[Mode, int], ...]] = (("road", 100_000), ("air", 600_000), ("rail", 20_000))
"""With milligrams of CO2e for a tonne-kilometre."""


def random_question(random: Random, *, lines: int, places: int, carriers: int) -> Question:
    """Everything has a price, so that nothing is quick because it is nought.

    Four places of five have a line's goods, three of ten may be unable to pick everything. Tariffs have three to eight
    bands with a base, a rate and a minimum charge.
    """
    tariffs = tuple(_tariff(random) for _ in range(carriers * ZONES))
    needs = tuple(
        Need(str(at), f"sku-{at}", random.randint(1, 4) * 1_000, random.randint(100, 3 * KG)) for at in range(lines)
    )
    return Question(
        NOW_MS,
        "p00",
        "ship",
        "DE-BE",
        "EUR",
        NOW_MS + 48 * HOUR_MS,
        needs,
        tuple(_place(random, at, needs, carriers) for at in range(places)),
        tariffs,
        Prices(
            parcel_milli=100 * CENT,
            late_hour_milli=10 * CENT,
            hour_milli=CENT // 2,
            carbon_kg_milli=10 * CENT,
            reject_milli=200 * CENT,
        ),
        Stamp("random", NOW_MS - HOUR_MS),
    )


def _place(random: Random, at: int, needs: tuple[Need, ...], carriers: int) -> Place:
    zone = random.randrange(ZONES)
    supplies = tuple(
        Supply(need.sku, random.randint(4, 40) * 1_000, unit_milli=random.randint(-5 * CENT, 20 * CENT))
        for need in needs
        if random.random() < 0.8
    )
    return Place(
        f"p{at:02}",
        "store" if at % 5 else "warehouse",
        random.randint(1_000, 500_000),
        SEEN,
        SEEN,
        supplies,
        tuple(_service(random, carrier, carrier * ZONES + zone) for carrier in range(carriers)),
        units_left_milli=random.randint(5, 40) * 1_000 if random.random() < 0.3 else None,
        parcel_milli=random.randint(50, 300) * CENT,
        unit_milli=random.randint(5, 40) * CENT,
        reject_permille=random.randint(0, 100),
    )


def _service(random: Random, carrier: int, tariff: int) -> Service:
    mode, carbon = _MODES[carrier % len(_MODES)]
    transit_ms, leaves_at_ms = random.randint(12, 96) * HOUR_MS, NOW_MS + random.randint(1, 20) * HOUR_MS
    return Service(f"c{carrier}", mode, tariff, transit_ms, leaves_at_ms, carbon_mg_per_tkm=carbon)


def _tariff(random: Random) -> Tariff:
    weight_g, bands = 0, []
    for _ in range(random.randint(3, 8)):
        weight_g += random.randint(KG, 8 * KG)
        base_milli, per_kg_milli = random.randint(0, 300 * CENT), random.randint(0, 80 * CENT)
        bands.append(Band(weight_g, base_milli, per_kg_milli, random.randint(200 * CENT, 400 * CENT)))
    return tuple(bands)

"""The reference data of a large store, published at a centre for the agents of a measurement."""

import random
from collections.abc import Iterator
from typing import Final

from bench.orders import CUSTOMERS, PROMOTION, SKUS, customer_of, price_of, sku_of
from central_sync import times
from central_sync.reference import publish
from central_sync.store.database import Database
from edge_core.reference.datasets import encode_row, key_of
from edge_core.reference.documents import (
    Account,
    Compliance,
    Document,
    Item,
    Offer,
    Price,
    Promotion,
    Rules,
    VolumeTier,
)

ITEMS: Final = 50_000  # a large supermarket; the orders name the first 2,000 of them
PROMOTIONS: Final = 300
_OFFERS: Final = ((None, 0), ("gold", 0), (None, 4_000_000_000_000))  # of each item: now, for a tier, and later


async def publish_assortment(dsn: str) -> dict[str, int]:
    """Publish every dataset at a centre's database. Gives how many rows each has."""
    counts = {}
    database = await Database.open(dsn)
    for dataset, documents in _datasets().items():
        rows = {key_of(dataset, each): encode_row(each) for each in documents}
        await publish(database, dataset, rows, who="bench", now=times.now())
        counts[dataset] = len(rows)
    await database.close()
    return counts


def _datasets() -> dict[str, Iterator[Document]]:
    rng = random.Random(1)
    skus = [sku_of(index) for index in range(ITEMS)]
    return {
        "catalogue": (Item(sku, f"Article {n}, {100 + n % 9 * 50} g", "H87") for n, sku in enumerate(skus)),
        "compliance": (Compliance(sku, age_years_min=18) for sku in skus[SKUS :: ITEMS // 1_000]),
        "prices": (Price(sku, tuple(_offer(n, *each) for each in _OFFERS)) for n, sku in enumerate(skus)),
        "promotions": _promotions(rng, skus),
        "customers": (
            Account(customer_of(n), "gold" if n % 10 == 0 else None, "CNY", 10_000_000, n % 5_000, 50_000)
            for n in range(CUSTOMERS)
        ),
        "rules": iter([Rules("bench-1", velocity_orders_max=10_000, insured_from_minor=1_000_000)]),
    }


def _offer(article: int, tier: str | None, from_ms: int) -> Offer:
    return Offer("CNY", price_of(article), from_ms=from_ms, tier=tier)


def _promotions(rng: random.Random, skus: list[str]) -> Iterator[Document]:
    """The one that the orders take, for all goods, among others for thirty items each."""
    for number in range(PROMOTIONS - 1):
        yield Promotion(f"P{number:04}", (VolumeTier(1_000, 100_000),), tuple(rng.sample(skus, 30)))
    yield Promotion(PROMOTION, (VolumeTier(0, 100_000),))


assert ITEMS >= SKUS

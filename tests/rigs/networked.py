"""The small network of `tests.rigs.network` as a centre publishes it, and orders that it carries."""

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from central_sync.reference import PublishedVersion, publish
from central_sync.store.database import Database
from central_sync.store.reference import VersionRow
from central_sync.times import now
from edge_core.orders.document import Payment, TillOrder, Totals
from edge_core.reference.datasets import encode_row, key_of
from tests.rigs import network as rig
from tests.rigs.orders import till_order

PLACES: Final = ("berlin", "hamburg", "leipzig")


async def published(database: Database, dataset: str, rows: Iterable[Any]) -> VersionRow:
    """Make rows the newest version of a dataset for every store."""
    encoded = {key_of(dataset, row): encode_row(row) for row in rows}
    made = await publish(database, dataset, encoded, who="test", now=now())
    assert isinstance(made, PublishedVersion), made
    return made.row


async def publish_network(database: Database, **changes: Any) -> None:
    """The network, with some of its rows changed, as `tests.rigs.network.network` takes them."""
    found = rig.network(**changes)
    for dataset, rows in (
        ("locations", found.locations),
        ("services", found.services),
        ("tariffs", found.tariffs),
        ("carbon", found.factors),
    ):
        await published(database, dataset, rows.values())


def order(**changes: Any) -> TillOrder:
    """Two pieces of tea and a cup, paid, to an address in Berlin."""
    whole = till_order(method="ship")
    tea, cup = (replace(line, traits=(), tax_minor=0, weight_grams=500) for line in (rig.TEA, rig.CUP))
    paid = Payment("p1", "card", 1_900, "captured", "online")
    return replace(
        whole,
        currency="EUR",
        lines=(tea, cup),
        totals=Totals(1_900, 0, 1_900, 0, 0, 1_900),
        tax_lines=(),
        adjustments=(),
        payments=(paid,),
        fulfillment=replace(whole.fulfillment, ship_to=rig.HOME, promise=None),
        **changes,
    )

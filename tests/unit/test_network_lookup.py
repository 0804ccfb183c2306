"""What a store looks up of the network: its own place, its carriers, and what they take to where goods go."""

import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge_agent.store.reference_lookup import Lookup
from edge_core.orders.document import Address, FulfillmentRequest
from edge_core.policy.documents import Signal
from edge_core.reference.datasets import Row, encode_row, key_of
from edge_core.reference.documents import Item
from edge_core.reference.lookup import Needs, Reference, needs_of
from edge_core.reference.network_documents import CarbonFactor, Supplier
from edge_core.routing.network import NO_NETWORK, Network
from tests.rigs.network import COURIER, PARCEL, TARIFFS, location
from tests.rigs.orders import till_order
from tests.rigs.shelf import Parts, opened_parts

OWN = replace(location(), location_id="node-1")
ROWS: dict[str, list[Row]] = {
    "catalogue": [Item("tea", "Tea", "H87", supplier_id="mill"), Item("cup", "Cup", "H87", supplier_id="kiln")],
    "locations": [OWN, location("hamburg")],
    "services": [PARCEL, COURIER, replace(PARCEL, service_id="other")],
    "tariffs": list(TARIFFS),
    "carbon": [CarbonFactor(name, "road", 1, "made up", "1") for name in ("road", "air", "feet")],
    "suppliers": [Supplier("mill"), Supplier("kiln")],
}
TEA_TO_VIENNA = Needs(frozenset({"tea"}), areas=frozenset({"AT-9"}))


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    async with opened_parts(tmp_path) as found:
        yield found


async def publish(parts: Parts, version: int = 1, **rows: Iterable[Row]) -> None:
    for dataset, several in (rows or ROWS).items():
        coded = {key_of(dataset, row): encode_row(row) for row in several}
        await parts.fetch(parts.shelf.publish(dataset, version, coded))


async def looked_up(parts: Parts, needs: Needs = TEA_TO_VIENNA) -> Reference:
    found = await parts.keeper.look_up(parts.file.reader, lambda: needs)
    assert found is not None
    return found


async def network_of(parts: Parts, needs: Needs = TEA_TO_VIENNA) -> Network:
    return (await looked_up(parts, needs)).network


async def test_a_store_reads_what_its_order_can_be_routed_by_and_nothing_else(parts: Parts) -> None:
    await publish(parts)
    found = await network_of(parts)
    assert found.locations == {"node-1": OWN}
    assert found.services == {"parcel": PARCEL, "courier": COURIER}
    assert set(found.tariffs) == {"parcel/abroad", "courier/near"}, "not what a parcel costs at home"
    assert set(found.factors) == {"road", "feet"}
    assert set(found.suppliers) == {"mill"}
    assert {stamp.source for stamp in found.sources} == {
        *("locations@1", "services@1", "tariffs@1", "carbon@1", "suppliers@1")
    }


async def test_a_sale_over_the_counter_asks_for_nothing_of_the_network(parts: Parts) -> None:
    await publish(parts)
    found = await looked_up(parts, Needs(frozenset({"tea"})))
    assert found.network is NO_NETWORK
    assert set(found.editions) == {"catalogue"}, "orders are not judged by the network"


async def test_a_judgment_does_not_name_what_orders_are_only_routed_by(parts: Parts) -> None:
    """Else every sale would say that policies of last week are old."""
    await publish(parts, signals=[Signal("s1", "weather", "region/DE-BE", 2_000)], catalogue=ROWS["catalogue"])
    found = await looked_up(parts)
    assert (set(found.editions), len(found.signals)) == ({"catalogue"}, 1)


async def test_a_store_that_is_not_among_the_locations_has_no_network(parts: Parts) -> None:
    await publish(parts, locations=[location("hamburg")], services=[PARCEL], tariffs=TARIFFS)
    assert await network_of(parts) is NO_NETWORK


async def test_a_store_that_has_not_received_all_that_it_takes_has_no_network(parts: Parts) -> None:
    for dataset in ("catalogue", "locations", "services"):
        await publish(parts, 1, **{dataset: ROWS[dataset]})
        assert await network_of(parts) is NO_NETWORK
    await publish(parts, tariffs=TARIFFS)
    assert (await network_of(parts)).sources


async def test_what_is_kept_between_orders_is_that_of_the_version_in_use(parts: Parts) -> None:
    await publish(parts)
    assert (await network_of(parts)).locations["node-1"].is_accepting
    await publish(parts, 2, locations=[replace(OWN, is_accepting=False)], services=[replace(COURIER, carrier="New")])
    found = await network_of(parts)
    assert not found.locations["node-1"].is_accepting
    assert [each.carrier for each in found.services.values()] == ["New"]


async def test_a_dataset_that_cannot_be_read_is_left_out_and_told(parts: Parts, tmp_path: Path) -> None:
    await publish(parts)
    with closing(sqlite3.connect(tmp_path / "store.db")) as hand, hand:
        hand.execute("UPDATE reference_row SET body = x'c1' WHERE key = 'parcel/abroad'")
    told: list[str] = []
    found = (await Lookup("node-1", told.append).read(parts.file.reader, TEA_TO_VIENNA)).network
    assert (told, found.tariffs) == (["tariffs"], {})
    assert "tariffs@1" not in {stamp.source for stamp in found.sources}


def test_an_order_that_is_sent_asks_for_the_network_of_where_it_goes() -> None:
    order = till_order()
    home = Address("A. Receiver", "AT", region="AT-9")
    sent = replace(order, fulfillment=FulfillmentRequest("ship", ship_to=home))
    assert needs_of([sent, replace(sent, fulfillment=FulfillmentRequest("ship"))]).areas == {"AT-9", "ZZ"}
    assert needs_of([order]).areas == frozenset()

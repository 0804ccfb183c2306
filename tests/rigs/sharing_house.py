"""A house whose first store shares goods with the centre: rights asked for, and what the centre holds of them."""

from tests.rigs.house import House
from tests.rigs.stores import SKU, Json, Store
from tests.rigs.waiting import eventually


async def granted(house: House, quantity_milli: int, *, sku: str = SKU, to_node: str | None = None) -> None:
    """Ask the first store for rights to its goods, for the centre or a node, and wait until it has given them."""
    body = {"sku": sku, "quantity_milli": quantity_milli, **({} if to_node is None else {"to_node": to_node})}
    await house.centre.have_done(f"/v1/nodes/{house.store.node_id}/rights", body)
    await house.store.drained()


async def rights_of(house: House, sku: str = SKU) -> Json:
    """Who may promise a SKU of the first store, by what has arrived at the centre."""
    listed = (await house.centre.get("/v1/rights", node=house.store.node_id, sku=sku))["rights"]
    found: Json = listed[0]
    return found


async def held_by_centre(house: House, at_least: int = 0, sku: str = SKU) -> tuple[int, int]:
    """What the centre may promise, once it is so much, and what it has promised, in thousandths."""

    async def look() -> tuple[int, int]:
        holders = (await rights_of(house, sku))["holders"]
        (own,) = (each for each in holders if each["node_id"] == "@centre" and each["is_present"])
        assert own["held_milli"] >= at_least, holders
        return own["held_milli"], own["used_milli"]

    return await eventually(look, 30)


async def held_by_node(store: Store, owner_id: str, sku: str, quantity_milli: int) -> bool:
    """Whether a store knows that it may promise so much of another one's goods; raises where it does not yet."""
    answer = await store.till.get(f"/v1/stock/rights/{owner_id}/{sku}")
    assert answer.is_success, answer.text
    assert answer.json()["held_milli"] == quantity_milli, answer.text
    return True

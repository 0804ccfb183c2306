"""Rights on real parts: they follow the rates of sale, and come back from lives that are over, once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.rigs.agents import key, sale
from tests.rigs.assigned import PIECE, assigning_house, post, stands, web_order
from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess, House, started
from tests.rigs.processes import run
from tests.rigs.sharing_house import granted, held_by_centre, held_by_node, rights_of
from tests.rigs.stores import Json, NotNow, Store
from tests.rigs.waiting import eventually

SHARED = "shared"


async def test_rights_follow_the_rate_of_sale_while_stores_are_connected_and_then_rest(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, stores=1, rebalance_seconds=1) as house:
        await house.store.receive(20 * PIECE, SHARED)
        await granted(house, 3 * PIECE, sku=SHARED)
        assert await held_by_centre(house, sku=SHARED) == (3 * PIECE, 0), "nothing was sold, so nothing is moved"
        await _seen_again(house)
        line = sale(SHARED, 2 * PIECE)["lines"]
        receipt = await post(house, web_order(2 * PIECE, lines=line))
        await stands(house, receipt, "accepted")
        held, _ = await held_by_centre(house, 17 * PIECE, sku=SHARED)
        view = await house.store.get(f"/v1/stock/{SHARED}")
        assert (held, view["free_milli"]) == (17 * PIECE, PIECE), "the least that one can sell stays in the shop"
        moves = (await house.centre.get("/v1/rights/moves", sku=SHARED))["moves"]
        assert [(m["giver"], m["taker"], m["why"], m["state"]) for m in moves] == [
            (house.store.node_id, "@centre", "rate", "applied")
        ]
        await _seen_again(house)
        await _seen_again(house)
        assert (await house.centre.get("/v1/rights/moves", sku=SHARED))["moves"] == moves
        shown = run("central-sync", "rights", "moves", "--sku", SHARED, "--config", house.centre.config)
        assert (shown.returncode, "rate" in shown.stdout) == (0, True), shown.stderr


async def test_the_centre_gives_back_what_sells_faster_in_the_shop(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, stores=1, rebalance_seconds=1) as house:
        await house.store.receive(12 * PIECE, SHARED)
        await granted(house, 10 * PIECE, sku=SHARED)
        await _seen_again(house)
        sold = await house.store.till.post("/v1/orders", json=sale(SHARED, 2 * PIECE), headers=key())
        assert sold.status_code == 201, sold.text

        async def look() -> bool:
            view = await house.store.get(f"/v1/stock/{SHARED}")
            assert (view["free_milli"], view["rights_milli"]) == (9 * PIECE, PIECE), view
            return True

        await eventually(look, 30)
        await house.store.drained()
        assert await held_by_centre(house, sku=SHARED) == (PIECE, 0)
        assert house.store.agent.verify()["findings"] == []


async def test_a_machine_that_is_replaced_gives_back_what_it_holds_as_its_last_word(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with _sharing(tmp_path, nats, postgres_dsn) as house:
        owner, holder = house.stores
        await eventually(lambda: _uses(holder, owner, 201), 30)
        async with _second_machine(tmp_path, nats, holder.node_id) as other:
            await other.online()

            async def look() -> bool:
                view = await owner.get(f"/v1/stock/{SHARED}")
                assert (view["free_milli"], view["rights_milli"]) == (7 * PIECE, PIECE), view
                return True

            await eventually(look, 30)
            try:
                await holder.sell()
            except NotNow:
                pass
            else:
                raise AssertionError("the first machine is replaced")
            await holder.drained()
            assert [h["held_milli"] for h in (await rights_of(house, SHARED))["holders"]] == [0, 0]
        await owner.drained()
        assert owner.agent.verify()["findings"] == []


async def test_what_a_machine_that_is_gone_held_stays_void_until_people_say_so_and_comes_back_once(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with _sharing(tmp_path, nats, postgres_dsn) as house:
        owner, holder = house.stores
        gone = (await house.centre.node(holder.node_id))["incarnation"]
        assert (await _settle(house, holder.node_id, gone)).status_code == 409, "it lives"
        holder.kill()
        async with _second_machine(tmp_path, nats, holder.node_id) as other:
            await other.online()
            await eventually(lambda: _uses(other, owner, 409, "HF2060"), 30)
            assert (await owner.get(f"/v1/stock/{SHARED}"))["rights_milli"] == 3 * PIECE
            settled = await _settle(house, holder.node_id, gone)
            assert (settled.status_code, settled.json()["settled"]) == (
                200,
                [{"owner_id": owner.node_id, "sku": SHARED, "quantity_milli": 3 * PIECE}],
            )
            assert (await _settle(house, holder.node_id, gone)).json()["settled"] == []

            async def look() -> bool:
                view = await owner.get(f"/v1/stock/{SHARED}")
                assert (view["free_milli"], view["rights_milli"]) == (8 * PIECE, 0), view
                return True

            await eventually(look, 30)
            await granted(house, PIECE, sku=SHARED, to_node=holder.node_id)
            await eventually(lambda: held_by_node(other, owner.node_id, SHARED, PIECE), 30)
            await eventually(lambda: _uses(other, owner, 201), 30)
        await owner.drained()
        assert owner.agent.verify()["findings"] == []


async def test_a_life_that_has_begun_anew_is_given_rights_again_and_not_those_of_the_former_one(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with _sharing(tmp_path, nats, postgres_dsn, rebalance_seconds=1) as house:
        owner, holder = house.stores
        holder.kill()
        async with _second_machine(tmp_path, nats, holder.node_id) as other:
            await other.online()
            await eventually(lambda: held_by_node(other, owner.node_id, SHARED, 2 * PIECE), 30)
            await owner.drained()
            view = await owner.get(f"/v1/stock/{SHARED}")
            assert (view["free_milli"], view["rights_milli"]) == (3 * PIECE, 5 * PIECE), "three are void still"
            (move,) = (await house.centre.get("/v1/rights/moves", sku=SHARED))["moves"]
            assert (move["why"], move["quantity_milli"]) == ("new-life", 2 * PIECE)


async def test_a_store_gives_unused_rights_back(nats: Broker, postgres_dsn: str, tmp_path: Path) -> None:
    async with _sharing(tmp_path, nats, postgres_dsn) as house:
        owner, holder = house.stores
        body = {"owner_id": owner.node_id, "sku": SHARED, "quantity_milli": 2 * PIECE}
        headers = key()
        for _ in range(2):
            answer = await holder.till.post("/v1/stock/rights/returns", json=body, headers=headers)
            assert answer.status_code == 201, answer.text

        async def look() -> bool:
            view = await owner.get(f"/v1/stock/{SHARED}")
            assert (view["free_milli"], view["rights_milli"]) == (7 * PIECE, PIECE), view
            return True

        await eventually(look, 30)
        await owner.drained()
        assert await house.centre.stock(owner.node_id) == owner.stock()
        for store in house.stores:
            assert store.agent.verify()["findings"] == []


@asynccontextmanager
async def _sharing(folder: Path, broker: Broker, dsn: str, *, rebalance_seconds: int = 0) -> AsyncIterator[House]:
    """Two stores; the second holds rights to three of eight pieces of the first."""
    stores = [Store(folder, broker.url, f"store-{number:04}") for number in (1, 2)]
    centre = CentreProcess(folder, broker.url, dsn, rebalance_seconds=rebalance_seconds)
    async with started(House(broker, centre, stores)) as house:
        owner, holder = house.stores
        await holder.online()
        await owner.receive(8 * PIECE, SHARED)
        await granted(house, 3 * PIECE, sku=SHARED, to_node=holder.node_id)
        await eventually(lambda: held_by_node(holder, owner.node_id, SHARED, 3 * PIECE), 30)
        yield house


@asynccontextmanager
async def _second_machine(folder: Path, broker: Broker, node_id: str) -> AsyncIterator[Store]:
    """Another machine under a node's name, with a file of its own."""
    other = Store(folder / "second", broker.url, node_id)
    try:
        await other.start()
        yield other
    finally:
        await other.end()


async def _uses(store: Store, owner: Store, status: int, code: str | None = None) -> bool:
    """Have a store promise a piece of another one; raises where the answer is not the one that is expected yet."""
    body = {"owner_id": owner.node_id, "sku": SHARED, "quantity_milli": PIECE, "reference": "web-1"}
    answer = await store.till.post("/v1/stock/rights/uses", json=body, headers=key())
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    return True


async def _settle(house: House, node_id: str, incarnation: str) -> httpx.Response:
    body: Json = {"incarnation": incarnation, "reason": "disk-died"}
    return await house.centre.http.post(f"/v1/nodes/{node_id}/rights/settlements", json=body)


async def _seen_again(house: House) -> None:
    """Wait until the centre has looked at the SKU once more."""

    async def last() -> list[int | None]:
        rows = await house.centre.query("SELECT seen_at_ms FROM rights_party WHERE sku = $1 AND is_owner", SHARED)
        return [row[0] for row in rows]

    before = await last()

    async def look() -> bool:
        now = await last()
        assert now != before
        assert None not in now
        return True

    await eventually(look, 30)

"""Orders that go in parts, on real parts: two stores each have a half, and the money is taken once."""

from pathlib import Path

from tests.rigs.agents import key, line, totals
from tests.rigs.agents import receipt as stock_receipt
from tests.rigs.assigned import (
    PIECE,
    assigning_house,
    at_store,
    attempt_stands,
    command,
    converged,
    post,
    stands,
    web_order,
)
from tests.rigs.brokers import Broker
from tests.rigs.house import House
from tests.rigs.postgres import Postgres
from tests.rigs.processes import run
from tests.rigs.stores import SKU, Json
from tests.rigs.waiting import eventually

OTHER = "04012345000016"
SHIPPING = 501
PAID = 2 * 100 + SHIPPING


def basket() -> Json:
    """An order of a piece of each of two kinds of goods, paid with shipping."""
    payment = {"payment_id": "p1", "tender": "card", "status": "captured", "authorization": "online"}
    return web_order(
        lines=[line("1", SKU), line("2", OTHER)],
        totals={**totals(200), "shipping_minor": SHIPPING, "grand_total_minor": PAID},
        payments=[{**payment, "amount_minor": PAID}],
    )


async def halves(house: House) -> None:
    """The first store has the one kind, the second the other, and the centre knows."""
    first, second = house.stores
    gone = {**stock_receipt(SKU, second.stock()[SKU][0]), "movement": "write_off"}
    answer = await second.till.post("/v1/stock/movements", json=gone, headers=key())
    assert answer.is_success, answer.text
    await second.receive(10 * PIECE, OTHER)
    await first.drained()
    await second.drained()

    async def look() -> bool:
        return bool(await house.centre.stock(second.node_id) == second.stock())

    await eventually(look)


async def parts(house: House, receipt: Json) -> list[Json]:
    """The parts of an order, once it is divided, as receipts of their own."""
    found = await stands(house, receipt, "divided")
    return list(found["parts"])


async def test_an_order_of_which_each_store_has_a_half_is_sent_by_both_and_paid_once(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn) as house:
        await halves(house)
        receipt = await post(house, basket())
        several = await parts(house, receipt)
        assert [part["line_ids"] for part in several] == [["1"], ["2"]]
        assert sum(part["grand_total_minor"] for part in several) == PAID
        paid = 0
        for part, store in zip(several, house.stores, strict=True):
            owner = (await stands(house, part, "accepted", node_id=store.node_id))["owner"]
            order = await at_store(store, owner["assignment_id"])
            assert order["display_number"] == f"{receipt['display_number']}-{part['number']}"
            assert [payment["payment_id"] for payment in order["payments"]] == ["p1"]
            paid += sum(payment["amount_minor"] for payment in order["payments"])
            for name, body in (("pick", {}), ("ship", {"carrier": "carrier", "tracking": "T-1"}), ("deliver", {})):
                assert (await command(store, owner["assignment_id"], name, **body)).status_code == 200
            closed = await stands(house, part, "closed")
            assert closed["parent_id"] == receipt["order_id"]
        assert paid == PAID
        shown = await parts(house, receipt)
        assert [(part["status"], part["node_id"]) for part in shown] == [
            ("closed", store.node_id) for store in house.stores
        ]
        await converged(house)


async def test_who_cancels_a_divided_order_leaves_nothing_reserved_at_any_store(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, accept="first") as house:
        await halves(house)
        receipt = await post(house, basket())
        asked, taken = await parts(house, receipt)
        await at_store(house.stores[0], (await attempt_stands(house, asked, 1, "offered"))["assignment_id"])
        await stands(house, taken, "accepted")
        path = f"/v1/assignments/{receipt['order_id']}/cancel"
        answer = await house.centre.http.post(path, json={"reason": "changed-mind"}, headers=key())
        assert (answer.status_code, answer.json()["status"]) == (200, "divided")
        await stands(house, asked, "cancelled")
        await stands(house, taken, "closed")
        for store, sku in zip(house.stores, (SKU, OTHER), strict=True):
            assert store.stock()[sku][1] == 0
        await converged(house)


async def test_a_centre_put_back_to_before_it_divided_an_order_finds_its_parts_at_the_stores_again(
    nats: Broker, postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn) as house:
        await halves(house)
        house.centre.service.kill()
        backup = postgres.create_database(postgres_dsn.split("/")[3].split("?", maxsplit=1)[0])
        await house.centre.start()
        header = key()
        receipt = await post(house, basket(), headers=header)
        before = [await stands(house, part, "accepted") for part in await parts(house, receipt)]
        for store in house.stores:
            await store.drained()
        house.centre.service.kill()
        house.centre.use(backup)
        assert run("central-sync", "restore-mark", "--config", house.centre.config).returncode == 0
        await house.centre.start()
        assert (await post(house, basket(), headers=header))["order_id"] == receipt["order_id"]
        again = await parts(house, receipt)
        assert [part["order_id"] for part in again] == [part["order_id"] for part in before]
        for part, was in zip(again, before, strict=True):
            found = await stands(house, part, "accepted", 60, node_id=was["owner"]["node_id"])
            asked = [each["assignment_id"] for each in found["attempts"]]
            assert asked == [was["owner"]["assignment_id"]], "nobody else was asked"
        await converged(house)

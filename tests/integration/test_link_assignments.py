"""Orders of the centre, on real parts: one store fulfils each, whatever happens on the way."""

import json
from pathlib import Path

from tests.rigs.agents import key
from tests.rigs.assigned import (
    PIECE,
    assigning_house,
    at_store,
    attempt_stands,
    command,
    converged,
    offline,
    post,
    reserved,
    stands,
    web_order,
)
from tests.rigs.brokers import Broker
from tests.rigs.postgres import Postgres
from tests.rigs.processes import run
from tests.rigs.stores import SKU


async def test_an_order_of_the_web_is_accepted_by_a_store_that_has_the_goods_and_ends_there(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, broker, postgres_dsn) as house:
        header = key()
        receipt = await post(house, headers=header)
        assert await post(house, headers=header) == receipt
        found = await stands(house, receipt, "accepted", node_id="store-0001")
        store, order_id = house.store, found["owner"]["assignment_id"]
        order = await at_store(store, order_id)
        assert (order["display_number"], order["status"]) == (receipt["display_number"], "in_fulfillment")
        assert reserved(house) == [PIECE, 0]
        again = await house.centre.http.post("/v1/orders", json=web_order(2 * PIECE), headers=header)
        assert (again.status_code, again.json()["code"]) == (422, "HF1005")
        for name, body in (("pick", {}), ("ship", {"carrier": "carrier", "tracking": "T-1"}), ("deliver", {})):
            assert (await command(store, order_id, name, **body)).status_code == 200
        closed = await stands(house, receipt, "closed", node_id="store-0001")
        assert await house.centre.get(f"/v1/assignments/{order_id}") == closed
        (why,) = (await house.centre.get(f"/v1/orders/{order_id}/routing", lang="zh"))["decisions"]
        assert (why["attempt"], why["origin"], why["allocations"][0]["location_id"]) == (1, None, "store-0001")
        assert [each["location_id"] for each in why["candidates"]] == ["store-0001", "store-0002"]
        assert why["words"][0]["title"] == "决定"
        assert reserved(house) == [0, 0]
        await converged(house)


async def test_a_store_whose_people_reject_is_not_asked_again_and_its_reason_changes_its_stock(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, accept="people") as house:
        first, second = house.stores
        receipt = await post(house)
        asked = await attempt_stands(house, receipt, 1, "offered")
        assert (await at_store(first, asked["assignment_id"]))["status"] == "in_fulfillment"
        rejected = await command(first, asked["assignment_id"], "reject", reason="not_found")
        assert (rejected.status_code, rejected.json()["status"]) == (200, "cancelled")
        late = await command(first, asked["assignment_id"], "accept")
        assert (late.status_code, late.json()["code"]) == (409, "HF2070")
        assert first.stock()[SKU] == (0, 0)
        next_one = await attempt_stands(house, receipt, 2, "offered")
        assert next_one["node_id"] == second.node_id
        await at_store(second, next_one["assignment_id"])
        assert (await command(second, next_one["assignment_id"], "accept")).status_code == 200
        found = await stands(house, receipt, "accepted", node_id=second.node_id)
        assert [(each["status"], each["reason"]) for each in found["attempts"]] == [
            ("rejected", "not_found"),
            ("accepted", None),
        ]
        assert reserved(house) == [0, PIECE]
        await converged(house)


async def test_while_a_store_is_offline_the_time_decides_and_later_it_lets_go(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, accept_seconds=8) as house:
        house.store.agent.service.pause()
        receipt = await post(house)
        found = await stands(house, receipt, "accepted", 60, node_id="store-0002")
        assert [each["node_id"] for each in found["attempts"]] == ["store-0001", "store-0002"]
        house.store.agent.service.resume()
        await attempt_stands(house, receipt, 1, "withdrawn", 60)
        assert reserved(house) == [0, PIECE]
        assert (await stands(house, receipt, "accepted", node_id="store-0002"))["is_doubled"] is False
        await converged(house)


async def test_an_offline_store_that_accepted_late_lets_go_of_what_another_store_has_now(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, accept="first", accept_seconds=8) as house:
        first, second = house.stores
        receipt = await post(house)
        asked = (await attempt_stands(house, receipt, 1, "offered"))["assignment_id"]
        await at_store(first, asked)
        async with offline(first):
            assert (await command(first, asked, "accept")).status_code == 200
            assert (await command(first, asked, "pick")).status_code == 200
            await stands(house, receipt, "accepted", node_id=second.node_id)
            assert reserved(house) == [PIECE, PIECE]
        await attempt_stands(house, receipt, 1, "withdrawn", 60)
        stale = await command(first, asked, "accept")
        assert (stale.status_code, stale.json()["code"]) == (409, "HF2070")
        assert reserved(house) == [0, PIECE]
        await stands(house, receipt, "accepted", node_id=second.node_id)
        await converged(house)


async def test_a_store_that_has_sent_the_goods_while_it_was_offline_keeps_the_order(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, accept="first", accept_seconds=8) as house:
        first, second = house.stores
        receipt = await post(house)
        asked = (await attempt_stands(house, receipt, 1, "offered"))["assignment_id"]
        await at_store(first, asked)
        async with offline(first):
            for name, body in (("accept", {}), ("pick", {}), ("ship", {"carrier": "carrier", "tracking": "T-1"})):
                assert (await command(first, asked, name, **body)).status_code == 200
            await stands(house, receipt, "accepted", node_id=second.node_id)
        found = await stands(house, receipt, "accepted", 60, node_id=first.node_id)
        assert (found["owner"]["status"], found["is_doubled"]) == ("kept", False)
        await attempt_stands(house, receipt, 2, "withdrawn")
        assert reserved(house) == [0, 0]
        await converged(house)


async def test_when_every_store_rejects_people_look_and_choose_one(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, accept="people") as house:
        config, body = house.centre.config, tmp_path / "order.json"
        body.write_text(json.dumps(web_order()))
        placed = run("central-sync", "orders", "place", body, "--json", "--config", config)
        assert placed.returncode == 0, placed.stderr
        receipt = json.loads(placed.stdout)
        for number, store in enumerate(house.stores, 1):
            asked = (await attempt_stands(house, receipt, number, "offered"))["assignment_id"]
            await at_store(store, asked)
            assert (await command(store, asked, "hand-back", reason="no-time")).status_code == 200
        assert (await stands(house, receipt, "exception"))["reason"] == "nobody-left"
        listed = run("central-sync", "orders", "exceptions", "--config", config)
        assert "nobody-left" in listed.stdout
        assert receipt["display_number"] in listed.stdout
        assert (await house.centre.get("/v1/assignments", status="exception"))["assignments"][0]["channel"] == "web"
        order_id = receipt["order_id"]
        nobody = run("central-sync", "orders", "exceptions", "assign", order_id, "store-0099", "--config", config)
        assert (nobody.returncode, "store-0099" in nobody.stderr) == (1, True)
        chosen = run("central-sync", "orders", "exceptions", "assign", order_id, "store-0001", "--config", config)
        assert chosen.returncode == 0, chosen.stderr
        again = (await attempt_stands(house, receipt, 3, "offered"))["assignment_id"]
        await at_store(house.store, again)
        assert (await command(house.store, again, "accept")).status_code == 200
        await stands(house, receipt, "accepted", node_id="store-0001")
        assert reserved(house) == [PIECE, 0]
        await converged(house)


async def test_an_order_that_is_cancelled_while_a_store_is_asked_ends_and_leaves_nothing_reserved(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, accept="people") as house:
        receipt = await post(house)
        asked = await attempt_stands(house, receipt, 1, "offered")
        await at_store(house.store, asked["assignment_id"])
        path = f"/v1/assignments/{receipt['order_id']}/cancel"
        header, cancel = key(), {"reason": "changed-mind"}
        assert (await house.centre.http.post(path, json=cancel)).json()["code"] == "HF1003"
        answer, again = [await house.centre.http.post(path, json=cancel, headers=header) for _ in range(2)]
        assert (answer.status_code, answer.content) == (200, again.content), answer.text
        assert (again.headers.get("idempotency-replayed"), "idempotency-replayed" in answer.headers) == ("true", False)
        other = await house.centre.http.post(path, json={"reason": "fraud"}, headers=header)
        assert (other.status_code, other.json()["code"]) == (422, "HF1005")
        assert (await stands(house, receipt, "cancelled"))["owner"] is None
        assert reserved(house) == [0, 0]
        late = await command(house.store, asked["assignment_id"], "accept")
        assert (late.status_code, late.json()["code"]) == (409, "HF2070")
        assign = {"node_id": "store-0002"}
        refused = await house.centre.http.post(
            f"/v1/assignments/{receipt['order_id']}/assign", json=assign, headers=key()
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "HF2073")
        await converged(house)


async def test_a_customer_who_cancels_what_a_store_has_accepted_is_answered_by_the_store(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn) as house:
        receipt = await post(house)
        found = await stands(house, receipt, "accepted")
        path = f"/v1/assignments/{receipt['order_id']}/cancel"
        assert (await house.centre.http.post(path, json={"reason": "changed-mind"}, headers=key())).status_code == 200
        await stands(house, receipt, "closed")
        order = await house.store.get(f"/v1/orders/{found['owner']['assignment_id']}")
        assert order["status"] == "cancelled"
        assert reserved(house) == [0, 0]


async def test_a_centre_put_back_to_before_an_order_finds_it_again_at_its_store_and_asks_nobody_else(
    nats: Broker, postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn) as house:
        house.centre.service.kill()
        backup = postgres.create_database(postgres_dsn.split("/")[3].split("?", maxsplit=1)[0])
        await house.centre.start()
        header = key()
        receipt = await post(house, headers=header)
        before = await stands(house, receipt, "accepted")
        for store in house.stores:
            await store.drained()
        house.centre.service.kill()
        house.centre.use(backup)
        assert run("central-sync", "restore-mark", "--config", house.centre.config).returncode == 0
        await house.centre.start()
        repeated = await post(house, headers=header)
        assert repeated["order_id"] == receipt["order_id"]
        found = await stands(house, receipt, "accepted", 60, node_id=before["owner"]["node_id"])
        assert [each["assignment_id"] for each in found["attempts"]] == [before["owner"]["assignment_id"]]
        assert reserved(house) == [PIECE, 0]
        await converged(house)

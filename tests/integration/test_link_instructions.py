"""What the centre asks of a store, on real parts: it is done once, and the answer comes back."""

import shutil
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from central_sync.store import downlinks, instructions
from central_sync.store.database import Database
from central_sync.store.instructions import Asked
from edge_core.orders.events import InstructionAnswered
from edge_core.sync.chain import link
from edge_core.sync.entry import decode_entry
from edge_core.sync.instruction import instruction_id
from tests.rigs.agents import key, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house
from tests.rigs.postgres import Postgres
from tests.rigs.processes import run
from tests.rigs.stores import SKU, Json, charge
from tests.rigs.waiting import eventually


async def test_an_order_that_is_cancelled_at_the_centre_is_cancelled_at_the_store_and_both_say_so(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        order_id = await _ship(house)
        asked = await _cancel(house, order_id)
        assert (asked["state"], asked["order_id"]) == ("sent", str(order_id))
        answered = await _answered(house, asked)
        assert (answered["state"], answered["code"], answered["is_taken"]) == ("applied", None, True)
        assert answered["task"]["reason"] == "fraud"
        theirs = await house.centre.get(f"/v1/orders/{order_id}")
        assert theirs == await house.store.get(f"/v1/orders/{order_id}")
        assert theirs["status"] == "cancelled"
        await house.audit()


async def test_what_is_asked_while_a_store_is_away_is_done_once_when_it_is_there_again(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        order_id = await _ship(house)
        house.store.kill()
        header = key()
        asked = await _cancel(house, order_id, header)
        assert (await _cancel(house, order_id, header))["instruction_id"] == asked["instruction_id"]
        later = await _cancel(house, order_id)
        assert not (await _read(house, asked))["is_taken"]
        house.centre.service.kill()
        await house.centre.start()
        await house.store.start()
        assert (await _answered(house, asked, 60))["state"] == "applied"
        refused = await _answered(house, later, 60)
        assert (refused["state"], refused["code"]) == ("refused", "command-not-allowed")
        assert _answers(house) == [(asked["instruction_id"], "applied"), (later["instruction_id"], "refused")]
        listed = await house.centre.get("/v1/instructions", order=str(order_id))
        assert [row["state"] for row in listed["instructions"]] == ["refused", "applied"]
        await house.audit()


async def test_a_key_that_asks_for_something_else_and_an_order_that_nobody_knows_are_refused_at_once(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        order_id, header = await _ship(house), key()
        await _cancel(house, order_id, header)
        path = f"/v1/orders/{order_id}/cancel"
        other = await house.centre.http.post(path, json={"reason": "changed-mind"}, headers=header)
        assert (other.status_code, other.json()["code"]) == (422, "HF1005")
        nobody = await house.centre.http.post(f"/v1/orders/{uuid4()}/cancel", json={"reason": "fraud"}, headers=key())
        assert nobody.status_code == 404
        assert (await house.centre.http.post(path, json={"reason": "fraud"})).status_code == 400
        assert (await house.centre.http.post(path, content=b"{}", headers=key())).status_code == 415
        assert (await house.centre.http.get(f"/v1/instructions/{uuid4()}")).status_code == 404
        assert len((await house.centre.get("/v1/instructions"))["instructions"]) == 1


async def test_a_centre_put_back_to_before_it_had_asked_learns_from_the_store_and_asks_on_in_a_new_downlink(
    nats: Broker, postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        first, second = await _ship(house), await _ship(house)
        house.centre.service.kill()
        backup = postgres.create_database(postgres_dsn.split("/")[3].split("?", maxsplit=1)[0])
        await house.centre.start()
        forgotten = await _cancel(house, first)
        await _answered(house, forgotten)
        await house.store.drained()
        house.centre.service.kill()
        house.centre.use(backup)
        await house.centre.start()
        assert (await _cancel(house, second))["state"] == "sent"
        asked = await _cancel(house, second)
        assert (await _answered(house, asked, 60))["state"] == "refused"  # the one before it was applied
        assert (await _answered(house, forgotten, 60))["state"] == "applied"
        outcomes = [outcome for _, outcome in _answers(house)]
        assert sorted(outcomes) == ["applied", "applied", "refused"]
        await house.audit()


async def test_a_store_put_back_to_before_it_had_heard_does_not_do_again_what_the_centre_knows_to_be_done(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        order_id = await _ship(house)
        assert await house.store.agent.service.terminate() == 0
        file = house.store.agent.store
        shutil.copy(file, file.with_suffix(".copy"))
        await house.store.start()
        asked = await _cancel(house, order_id)
        await _answered(house, asked)
        assert await house.store.agent.service.terminate() == 0
        for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
            file.with_name(name).unlink(missing_ok=True)
        shutil.copy(file.with_suffix(".copy"), file)
        await house.store.start()
        later = await _cancel(house, order_id)
        assert (await _answered(house, later, 60))["state"] == "refused"
        assert (await _read(house, asked))["state"] == "applied"
        assert _answers(house) == [(asked["instruction_id"], "applied"), (later["instruction_id"], "refused")]


async def test_an_instruction_that_a_store_does_not_know_is_parked_with_what_follows_about_the_same_order(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        order_id, other = await _ship(house), await _ship(house)
        unknown = await _unknown(house, order_id)
        behind = await _cancel(house, order_id)
        free = await _cancel(house, other)
        assert (await _answered(house, free))["state"] == "applied"
        assert (await _answered(house, unknown))["code"] == "undecodable"
        waiting = await _answered(house, behind)
        assert (waiting["state"], waiting["code"]) == ("parked", "waits")
        await eventually(lambda: _parked(house, 2))
        await eventually(lambda: _reported(house, 2))
        listed = house.store.agent.run("parked")
        assert "order.gift_wrap" in listed.stdout
        assert "order.cancel" in listed.stdout
        assert "parked: edge-agent parked" in house.store.agent.run("status").stdout
        assert house.store.agent.run("parked", "replay", "1").returncode == 0
        assert house.store.agent.run("parked", "discard", "1").returncode == 0
        assert house.store.agent.run("parked", "discard", "77").returncode == 1
        await eventually(lambda: _parked(house, 0))
        await eventually(lambda: _stands(house, unknown, ("refused", "discarded")))
        await eventually(lambda: _stands(house, behind, ("applied", None)))
        assert (await house.centre.get(f"/v1/orders/{order_id}"))["status"] == "cancelled"


async def test_an_order_is_cancelled_from_the_command_line_of_the_centre(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        order_id = await _ship(house)
        config = tmp_path / "centre.toml"
        done = run("central-sync", "orders", "cancel", str(order_id), "--reason", "fraud", "--json", "--config", config)
        assert done.returncode == 0, done.stderr
        assert (await _answered(house, msgspec.json.decode(done.stdout)))["state"] == "applied"
        wrong = run("central-sync", "orders", "cancel", str(uuid4()), "--reason", "fraud", "--config", config)
        assert wrong.returncode == 1
        assert run("central-sync", "orders", "cancel", str(order_id), "--config", config).returncode == 2


async def _stands(house: House, instruction: Json, expected: tuple[str, str | None]) -> bool:
    found = await _read(house, instruction)
    assert (found["state"], found.get("code")) == expected, found
    return True


async def _ship(house: House) -> UUID:
    headers = key()
    order = sale(
        SKU,
        charge(headers["idempotency-key"]) * 10,
        order_type="ship",
        store_id=house.store.node_id,
        fulfillment={
            "method": "ship",
            "ship_to": {"name": "A. Receiver", "country": "CN", "city": "Haikou", "lines": ["1 Example Road"]},
        },
    )
    answer = await house.store.till.post("/v1/orders", json=order, headers=headers)
    assert answer.status_code == 201, answer.text
    order_id = UUID(answer.json()["order_id"])
    house.store.promised[headers["idempotency-key"]] = order_id
    await arrived(house.centre, order_id)
    return order_id


async def _cancel(house: House, order_id: UUID, headers: dict[str, str] | None = None) -> Json:
    body = {"reason": "fraud"}
    answer = await house.centre.http.post(f"/v1/orders/{order_id}/cancel", json=body, headers=headers or key())
    assert answer.status_code == 202, answer.text
    found: Json = answer.json()
    assert answer.headers["location"] == f"/v1/instructions/{found['instruction_id']}"
    return found


async def _answered(house: House, asked: Json, timeout_s: float = 30) -> Json:
    async def look() -> Json | None:
        found = await house.centre.get(f"/v1/instructions/{asked['instruction_id']}")
        return found if found["answered_at"] is not None else None

    return await eventually(look, timeout_s)


async def _read(house: House, asked: Json) -> Json:
    found: Json = await house.centre.get(f"/v1/instructions/{asked['instruction_id']}")
    return found


async def _unknown(house: House, order_id: UUID) -> Json:
    """Ask for something that no agent of this version knows."""
    asked = instruction_id(str(uuid4()))
    body = msgspec.msgpack.encode([1, asked.bytes, 1, order_id.bytes, ["order.gift_wrap", "red"], None])
    database = await Database.open(house.centre.dsn)
    try:
        async with database.transaction() as connection:
            row = (await downlinks.lock(connection, [house.store.node_id]))[house.store.node_id]
            await instructions.add(
                connection, Asked(house.store.node_id, asked, "order.gift_wrap", order_id, body, b"")
            )
            await downlinks.append(connection, row, [asked], [link(row.tail_hash, body)])
    finally:
        await database.close()
    return {"instruction_id": str(asked)}


def _answers(house: House) -> list[tuple[str, str]]:
    """Every answer in the store's log: which instruction, and what became of it."""
    bodies = [body for (body,) in house.store.agent.query("SELECT body FROM entry ORDER BY entry_id")]
    events = [event for body in bodies for event in decode_entry(body).events]
    return [(str(e.instruction_id), e.outcome) for e in events if isinstance(e, InstructionAnswered)]


async def _reported(house: House, count: int) -> bool:
    found = (await house.centre.node(house.store.node_id))["parked_instructions"]
    assert found == count, found
    return True


async def _parked(house: House, count: int) -> bool:
    status = await house.store.get("/v1/status")
    assert status["parked_instructions"] == count, status
    return True

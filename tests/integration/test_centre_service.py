"""`central-sync` as a process: it runs, stops, is killed, and answers at the command line."""

import json
from pathlib import Path

import pytest

from tests.rigs.brokers import Broker
from tests.rigs.centre import edge, eventually
from tests.rigs.ports import free_port
from tests.rigs.processes import Service, run, write_config
from tests.rigs.streams import NodeLog


@pytest.fixture
def config(nats: Broker, centre_dsn: str, tmp_path: Path) -> Path:
    return write_config(
        tmp_path / "central-sync.toml",
        {"api": {"port": free_port()}, "database": {"dsn": centre_dsn}, "broker": {"url": nats.url}},
    )


@pytest.fixture
def service(config: Path) -> Service:
    port = json.loads(config.read_text().split("port = ")[1].split("\n")[0])
    return Service("central-sync", config, url=f"http://127.0.0.1:{port}")


async def test_what_was_acked_is_there_after_kill_minus_nine_and_the_rest_is_taken_after_a_restart(
    service: Service, config: Path, nats: Broker
) -> None:
    log = NodeLog()
    log.sell(60)
    await service.start()
    async with edge(nats.url, log.node_id) as node:
        await node.say(log.hello())
        await node.hear()
        for seq in range(1, 31, 10):
            await node.say(log.push(seq, seq + 9))
        acked = await node.hear_ack_of(10)
        service.kill()
        await service.start()
        await node.say(log.hello())
        while (welcome := await node.hear()).__class__.__name__ != "Welcome":
            pass
        durable = welcome.lanes[0].durable_seq
        assert durable >= acked.durable_seq
        assert welcome.lanes[0].durable_hash == log.hashes[durable]
        await node.say(log.push(durable + 1, 60))
        await node.hear_ack_of(60)
    assert await service.terminate() == 0
    found = run("central-sync", "verify", "--json", "--config", config)
    assert (found.returncode, json.loads(found.stdout)["entries"]) == (0, 60)


async def test_the_commands_show_what_the_centre_holds(service: Service, config: Path, nats: Broker) -> None:
    log = NodeLog()
    log.sell(2)
    log.append(b"\xc1 useless")
    await service.start()
    async with edge(nats.url, log.node_id) as node:
        await node.say(log.hello())
        await node.say(log.push())
        await node.hear_ack_of(3)
    nodes = run("central-sync", "nodes", "--config", config).stdout.splitlines()
    assert (nodes[0].split()[0], nodes[1].split()[:2]) == ("NODE", ["store-0001", "online"])
    assert nodes[0].index("STATE") == nodes[1].index("online")
    orders = json.loads(run("central-sync", "orders", "--json", "--node", "store-0001", "--config", config).stdout)
    assert [order["status"] for order in orders["orders"]] == ["completed", "completed"]
    parked = json.loads(run("central-sync", "parked", "--json", "--config", config).stdout)["parked"]
    assert [(row["seq"], row["reason"]) for row in parked] == [(3, "undecodable")]
    shown = run("central-sync", "parked", "show", str(parked[0]["id"]), "--config", config).stdout
    assert ". useless" in shown
    assert run("central-sync", "parked", "show", "999", "--config", config).returncode == 1
    assert run("central-sync", "verify", "--config", config).returncode == 0
    assert await service.terminate() == 0


async def test_the_export_of_the_centre_is_the_log_of_the_store_and_leaves_out_nothing_that_cannot_be_read(
    service: Service, config: Path, nats: Broker
) -> None:
    logs = [NodeLog("store-0001"), NodeLog("store-0002")]
    await service.start()
    for log in logs:
        log.sell(3)
        log.append(b"\xc1 useless")
        async with edge(nats.url, log.node_id) as node:
            await node.say(log.hello())
            await node.say(log.push())
            await node.hear_ack_of(4)
    both = [json.loads(line) for line in run("central-sync", "export", "--config", config).stdout.splitlines()]
    assert [(line["node_id"], line["seq"]) for line in both] == [(log.node_id, n) for log in logs for n in range(1, 5)]
    assert [line["hash"] for line in both] == [log.hashes[seq].hex() for log in logs for seq in range(1, 5)]
    of_one = run("central-sync", "export", "--node", "store-0002", "--config", config).stdout.splitlines()
    assert [json.loads(line) for line in of_one] == both[4:]
    assert [line["events"][0]["type"] for line in both[:3]] == ["order.placed"] * 3
    assert both[3]["body"] == b"\xc1 useless".hex()
    assert "events" not in both[3]
    assert run("central-sync", "export", "--lane", "bulk", "--config", config).stdout == ""
    assert await service.terminate() == 0


def test_a_configuration_error_names_key_and_file_and_exits_with_2(tmp_path: Path) -> None:
    cases: tuple[tuple[dict[str, dict[str, str | int | float | bool]], str], ...] = (
        ({"api": {"prot": 7080}}, "api.prot"),
        ({"api": {"port": 70_000}}, "api.port"),
        ({"api": {"host": "0.0.0.0"}}, "api.tokens_file"),
        ({"ingest": {"batch_pushes_max": 0}}, "ingest.batch_pushes_max"),
    )
    for sections, key in cases:
        config = write_config(tmp_path / "central-sync.toml", sections)
        ended = run("central-sync", "run", "--config", config)
        assert (ended.returncode, key in ended.stderr, str(config) in ended.stderr) == (2, True, True), ended.stderr


def test_wrong_usage_exits_with_2_and_help_teaches() -> None:
    assert run("central-sync", "dance").returncode == 2
    assert "examples:" in run("central-sync", "--help").stdout


async def test_a_start_that_waits_for_the_database_can_be_stopped(tmp_path: Path) -> None:
    nowhere = f"postgresql://postgres@/postgres?host={tmp_path}"
    config = write_config(
        tmp_path / "c.toml",
        {"database": {"dsn": nowhere}, "broker": {"url": "mqtt://127.0.0.1:1"}, "log": {"level": "debug"}},
    )
    service = Service("central-sync", config, url="http://127.0.0.1:1")
    service.child.start()
    await eventually(lambda: "store.waiting" in service.log_text(), "it never tried")
    assert await service.terminate() == 0
    assert "centre.stopped" in service.log_text()


async def test_a_certificate_file_that_is_missing_is_a_configuration_error(centre_dsn: str, tmp_path: Path) -> None:
    broker = {"url": "mqtts://127.0.0.1:1", "ca_file": str(tmp_path / "none.pem")}
    config = write_config(
        tmp_path / "c.toml", {"api": {"port": 0}, "database": {"dsn": centre_dsn}, "broker": dict(broker)}
    )
    ended = run("central-sync", "run", "--config", config)
    assert (ended.returncode, "broker.ca_file" in ended.stderr) == (2, True), ended.stderr

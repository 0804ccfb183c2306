"""An agent starts only on what is its own, says how it is to systemd, and stops with an answer for everyone."""

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from edge_agent.cli import main
from edge_core.limits import SHUTDOWN_TIMEOUT_MS
from tests.rigs.agents import Agent, key, running, sale
from tests.rigs.processes import write_config

pytestmark = pytest.mark.slow

DEADLINE_S: Final = 20


def refused(agent: Agent) -> "subprocess.CompletedProcess[str]":
    """An agent that must not come up: how it ended, without a traceback."""
    ended = agent.run("run")
    assert "Traceback" not in ended.stderr
    return ended


# --- stopping --------------------------------------------------------------------------------------------------------


async def test_a_stop_under_load_answers_everyone_and_ends_well(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    answers: dict[str, tuple[int, bytes]] = {}
    unknown: set[str] = set()
    enough = asyncio.Event()

    async def sell(till: int) -> None:
        async with agent.tills(1) as client:
            for number in range(10_000):
                name = f"till-{till}-{number}"
                try:
                    answer = await client.post("/v1/orders", headers=key(name), json=sale(name))
                except httpx.TransportError:  # it came on a connection that was closing, and nobody read it
                    unknown.add(name)
                    return
                answers[name] = (answer.status_code, answer.content)
                if len(answers) == 100:
                    enough.set()

    with running(agent):
        tills = asyncio.gather(*(sell(till) for till in range(8)))
        await enough.wait()
        began = asyncio.get_running_loop().time()
        assert await agent.service.terminate() == 0
        assert asyncio.get_running_loop().time() - began < SHUTDOWN_TIMEOUT_MS / 1000
        await tills
        assert {status for status, _ in answers.values()} <= {201, 503}
        _demand_what_was_answered(agent, answers)
        agent.start()
        with agent.client() as client:
            for name in unknown:
                assert client.post("/v1/orders", headers=key(name), json=sale(name)).status_code == 201
            for name, (status, content) in answers.items():
                if status == 201:
                    assert client.post("/v1/orders", headers=key(name), json=sale(name)).content == content


def _demand_what_was_answered(agent: Agent, answers: dict[str, tuple[int, bytes]]) -> None:
    assert agent.verify()["findings"] == []
    recorded = Counter(entry["events"][0]["order"]["idempotency_key"] for entry in agent.export())
    assert set(recorded.values()) == {1}
    assert {name for name, (status, _) in answers.items() if status == 201} <= set(recorded)
    assert not {name for name, (status, _) in answers.items() if status == 503} & set(recorded)


def test_a_stop_does_not_wait_for_clients_that_say_nothing(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    with running(agent), socket.create_connection(("127.0.0.1", agent.port)) as quiet:
        quiet.sendall(b"GET /healthz HTTP/1.1\r\nHost: till\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):  # head and body may come apart
            answer += quiet.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 200")
        assert agent.stop() == 0
        assert quiet.recv(1_000) == b""
    assert "agent.part_hangs" not in agent.service.log_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_stops_it(tmp_path: Path, number: signal.Signals) -> None:
    agent = Agent(tmp_path)
    with running(agent):
        agent.service.child.signal(number)
        assert agent.service.child.wait(DEADLINE_S) == 0
    assert '"event":"agent.stopped"' in agent.service.log_text()


# --- systemd ---------------------------------------------------------------------------------------------------------


@contextmanager
def notified(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(DEADLINE_S)
        yield manager


def test_systemd_hears_that_it_is_ready_alive_and_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent(tmp_path)
    with notified(tmp_path / "notify") as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        with running(agent):
            heard = [manager.recv(1_000).decode() for _ in range(3)]
            assert heard[0].startswith("READY=1\nSTATUS=taking orders on")
            assert heard[1:] == ["WATCHDOG=1", "WATCHDOG=1"]
            agent.service.child.signal(signal.SIGTERM)
            rest = iter(lambda: manager.recv(1_000).decode(), None)
            last = next(message for message in rest if message != "WATCHDOG=1")
            assert last.startswith("STOPPING=1")
            assert agent.service.child.wait(DEADLINE_S) == 0


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_second_agent_on_the_same_file_does_not_start_and_does_no_harm(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    second = Agent(tmp_path / "second", store=agent.store)
    with running(agent), agent.client() as till:
        ended = refused(second)
        assert ended.returncode == 1
        assert f"another agent is running on {agent.store}" in ended.stderr
        assert till.post("/v1/orders", headers=key(), json=sale()).status_code == 201
    with running(second), second.client() as till:
        assert len(till.get("/v1/orders").json()["orders"]) == 1


def test_a_file_of_another_node_is_not_touched(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    with running(agent):
        pass
    other = Agent(tmp_path / "other", {"node": {"id": "store-0002"}}, store=agent.store)
    ended = refused(other)
    assert ended.returncode == 1
    assert f"{agent.store} belongs to node 'store-0001'; the configuration says 'store-0002'" in ended.stderr
    with running(agent):
        pass


def test_a_file_of_newer_software_is_not_touched(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    with running(agent):
        pass
    with closing(sqlite3.connect(agent.store)) as connection:
        connection.execute("PRAGMA user_version = 99")
    ended = refused(agent)
    assert (ended.returncode, "the file has schema 99" in ended.stderr) == (1, True)


def test_what_is_no_database_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.store.write_bytes(b"this is no database" * 100)
    ended = refused(agent)
    assert ended.returncode == 1
    assert f"{agent.store}: SQLITE_NOTADB" in ended.stderr
    assert agent.store.read_bytes() == b"this is no database" * 100


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.store.mkdir()
    ended = refused(agent)
    assert (ended.returncode, str(agent.store) in ended.stderr) == (1, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to another user")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Even root cannot write below a plain file."""
    (tmp_path / "file").write_text("")
    agent = Agent(tmp_path, store=tmp_path / "file" / "store.db")
    ended = refused(agent)
    assert (ended.returncode, str(tmp_path / "file") in ended.stderr) == (1, True)


# --- the configuration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "key_name"),
    [
        ({"node": {"id": "Store 1"}}, "node.id"),
        ({"node": {"id": "store-0001", "time_zone": "Mars/Olympus"}}, "node.time_zone"),
        ({"node": {"id": "store-0001", "colour": "red"}}, "node.colour"),
        ({"node": {"id": "store-0001", "latitude": 91}}, "node.latitude"),
        ({"node": {"id": "store-0001"}, "api": {"port": 65536}}, "api.port"),
        ({"node": {"id": "store-0001"}, "api": {"port": "many"}}, "api.port"),
        ({"node": {"id": "store-0001"}, "store": {"retention_days": 0}}, "store.retention_days"),
        ({"node": {"id": "store-0001"}, "store": {"reserve_bytes": -1}}, "store.reserve_bytes"),
        ({"nodes": {"id": "store-0001"}}, "nodes"),
        ({"api": {"port": 7070}}, "node"),
    ],
)
def test_a_configuration_error_names_the_key_and_the_file_and_exits_with_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sections: dict[str, dict[str, str | int | float | bool]],
    key_name: str,
) -> None:
    config = write_config(tmp_path / "edge-agent.toml", sections)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--config", str(config)])
    text = capsys.readouterr().err
    assert ended.value.code == 2
    assert text.startswith(f"configuration error: {key_name}: ")
    assert f"file {config}" in text


def test_a_configuration_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.config.unlink()
    ended = refused(agent)
    assert (ended.returncode, f"file {agent.config}" in ended.stderr) == (2, True)


def test_a_broker_address_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    ended = refused(Agent(tmp_path, {"broker": {"url": "the broker"}}))
    assert ended.returncode == 2
    assert ended.stderr.startswith("configuration error: broker.url: ")


def test_a_tokens_file_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.tokens_file.write_text("{}")
    ended = refused(agent)
    assert (ended.returncode, "api.tokens_file" in ended.stderr) == (2, True)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    with socket.create_server(("127.0.0.1", agent.port)):
        ended = refused(agent)
    assert ended.returncode == 2
    assert f"127.0.0.1:{agent.port}" in ended.stderr
    assert "Address already in use" in ended.stderr


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent(tmp_path)
    monkeypatch.setenv("EDGE_AGENT__NODE__NAME", "Corner shop")
    with running(agent), agent.client() as till:
        assert till.get("/v1/status").json()["name"] == "Corner shop"

"""The embedded broker and database, which are also the rigs of every other test."""

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

import asyncpg
import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from central_sync.embedded import EmbeddedBroker, EmbeddedDatabase
from central_sync.embedded.broker import accepts_clients
from central_sync.embedded.child import Child
from edge_core import limits
from edge_core.errors import PermanentFault, TransientFault
from tests.rigs.brokers import Broker
from tests.rigs.postgres import Postgres


def test_a_message_of_the_largest_size_passes_through_the_broker(broker: Broker) -> None:
    payload = bytes(limits.MESSAGE_BYTES_MAX)
    assert len(_round_trip(broker, payload)) == len(payload)


def test_a_killed_broker_comes_back_at_the_same_address(broker: Broker) -> None:
    url = broker.url
    broker.kill()
    assert not accepts_clients(broker.port)
    assert broker.start() == url
    assert _round_trip(broker, b"again") == b"again"


def test_a_paused_broker_answers_nobody_until_it_is_resumed(broker: Broker) -> None:
    broker.pause()
    assert not accepts_clients(broker.port)
    broker.resume()
    assert accepts_clients(broker.port)


def test_a_paused_broker_can_be_stopped(broker: Broker) -> None:
    broker.pause()
    broker.stop()
    assert not accepts_clients(broker.port)


def test_a_port_that_stays_taken_is_named(nats: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EMBEDDED_STOP_TIMEOUT_MS", 1)
    with pytest.raises(TransientFault, match=f"port {nats.port} of 127.0.0.1 is taken"):
        EmbeddedBroker(tmp_path / "second", nats.port).start()


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for part in (EmbeddedBroker(tmp_path), EmbeddedDatabase(tmp_path)):
        with pytest.raises(PermanentFault, match=r"pip install holdfast\[embedded\]"):
            part.start()


def test_a_child_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    child = Child([sys.executable, "-c", "import sys; sys.exit('no such key: colour')"], log=tmp_path / "log")
    child.start()
    with pytest.raises(PermanentFault, match="ended with 1: no such key: colour"):
        child.wait_until(lambda: False)


def test_a_child_that_never_gets_ready_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EMBEDDED_START_TIMEOUT_MS", 50)
    child = Child(["/usr/bin/tail", "-f", "/dev/null"], log=tmp_path / "log")
    child.start()
    with pytest.raises(TransientFault, match="was not ready in time"):
        child.wait_until(lambda: False)
    assert not child.running


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The grandchild holds our pipe open, so that reading it to its end waits for the grandchild's death."""
    script = (
        "import os, signal, sys; from pathlib import Path; from central_sync.embedded.child import Child\n"
        "tail = f'exec tail -f /dev/null 3>/proc/{os.getpid()}/fd/1'\n"
        "child = Child(['/bin/sh', '-c', tail], log=Path(sys.argv[1]))\n"
        "child.start(); child.wait_until(lambda: os.path.exists(f'/proc/{child.pid}/fd/3'))\n"
        "print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    parent = subprocess.run(command, capture_output=True, timeout=10, check=False)
    assert parent.returncode == -signal.SIGKILL
    assert int(parent.stdout) > 0


def test_rows_survive_a_kill_of_the_database_and_a_start_on_the_same_files() -> None:
    server = Postgres()
    dsn = server.start()
    try:
        server.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server.kill()
        with pytest.raises((OSError, asyncpg.PostgresError)):
            server.execute("SELECT 1")
        assert server.start() == dsn
        assert asyncio.run(_value(dsn, "SELECT answer FROM kept")) == 42
    finally:
        server.stop()


async def test_servers_whose_owner_was_killed_start_again_at_once_on_the_same_files(tmp_path: Path) -> None:
    """They are still closing, or their port and files are free already: either way the next start just works."""
    broker = EmbeddedBroker(tmp_path / "broker")
    script = (
        "import os, signal, sys; from pathlib import Path; from central_sync.embedded import *\n"
        "EmbeddedBroker(Path(sys.argv[1]) / 'broker', int(sys.argv[2])).start()\n"
        "EmbeddedDatabase(Path(sys.argv[1]) / 'database').start()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", script, str(tmp_path), str(broker.port)]
    owner = subprocess.run(command, timeout=30, check=False, stderr=subprocess.PIPE)
    assert owner.returncode == -signal.SIGKILL, owner.stderr
    database = EmbeddedDatabase(tmp_path / "database")
    try:
        broker.start()
        assert await _value(database.start(), "SELECT 1") == 1
    finally:
        broker.stop()
        database.stop()


async def test_each_test_gets_a_database_without_tables(postgres_dsn: str, postgres: Postgres) -> None:
    count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert await _value(postgres_dsn, count) == 0
    assert postgres_dsn != postgres.dsn


async def test_a_folder_too_deep_for_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    server = EmbeddedDatabase(tmp_path / ("d" * 60) / ("e" * 60))
    dsn = server.start()
    try:
        assert await _value(dsn, "SELECT 1") == 1
    finally:
        server.stop()


async def _value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _round_trip(broker: Broker, payload: bytes) -> bytes:
    """Publish to oneself at QoS 1 and return what came back."""
    received: list[bytes] = []
    arrived = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        received.append(bytes(message.payload))
        arrived.set()

    def publish(*_: object) -> None:
        client.publish("rig/echo", payload, qos=1)

    client.on_message = on_message
    client.on_subscribe = publish
    client.connect("127.0.0.1", broker.port)
    client.subscribe("rig/echo", qos=1)
    client.loop_start()
    try:
        assert arrived.wait(10), "nothing came back"
    finally:
        client.disconnect()
        client.loop_stop()
    return received[0]

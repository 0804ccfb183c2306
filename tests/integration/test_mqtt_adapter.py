"""The MQTT adapter against real brokers of two makes, and one that talks nonsense. On uvloop, as in production."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from central_sync.embedded.child import Child
from edge_core.errors import InvariantViolated, TransientFault
from edge_core.limits import MESSAGE_BYTES_MAX
from holdfast_runtime import mqtt
from holdfast_runtime.config import ConfigError
from holdfast_runtime.mqtt import MqttLink
from tests.rigs.brokers import Broker
from tests.rigs.ports import free_port

T = TypeVar("T")
DEADLINE_S = 10
Links = Callable[..., Awaitable[MqttLink]]

pytestmark = pytest.mark.each_broker


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = uvloop.EventLoopPolicy()
    return policy


async def soon(awaitable: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaitable, DEADLINE_S)


@pytest.fixture
async def links() -> AsyncIterator[Links]:
    """Makes connected links and closes them."""
    made: list[MqttLink] = []

    async def connect(url: str, client_id: str, **options: Any) -> MqttLink:
        link = MqttLink(url, client_id, **options)
        made.append(link)
        await link.connect()
        return link

    yield connect
    for link in made:
        await link.close()


async def test_a_message_goes_round_and_is_acknowledged(broker: Broker, links: Links) -> None:
    link = await links(broker.url, "a", subscriptions=["t/1", "t/+/x"])
    assert link.connected
    assert link.publish("t/1", b"one")
    assert link.in_flight == 1
    assert link.publish("t/2/x", b"\x00\xff")
    received = {await soon(link.inbox.get()), await soon(link.inbox.get())}
    assert received == {("t/1", b"one"), ("t/2/x", b"\x00\xff")}  # nats-server keeps order within a topic only
    await soon(idle(link))


async def idle(link: MqttLink) -> None:
    """Until every publish is acknowledged: with a window of one, room means none in flight."""
    link._in_flight_max = 1
    await link.room()
    assert link.in_flight == 0


async def test_the_largest_message_passes_whole(broker: Broker, links: Links) -> None:
    link = await links(broker.url, "a", subscriptions=["big"])
    payload = os.urandom(MESSAGE_BYTES_MAX - 1024) + bytes(1024)
    assert link.publish("big", payload)
    assert await soon(link.inbox.get()) == ("big", payload)
    with pytest.raises(InvariantViolated):
        link.publish("big", payload + b"x")


async def test_small_exchanges_do_not_wait_for_delayed_acknowledgements(broker: Broker, links: Links) -> None:
    ping = await links(broker.url, "ping", subscriptions=["pong"])
    pong = await links(broker.url, "pong", subscriptions=["ping"])
    loop = asyncio.get_running_loop()
    took: list[float] = []
    for _ in range(30):
        started = loop.time()
        ping.publish("ping", b"x")
        pong.publish("pong", (await soon(pong.inbox.get()))[1])
        await soon(ping.inbox.get())
        took.append(loop.time() - started)
    assert sorted(took)[len(took) // 2] < 0.030  # 44 ms and more without TCP_NODELAY


async def test_the_window_bounds_what_is_in_flight_and_opens_again(broker: Broker, links: Links) -> None:
    link = await links(broker.url, "a", in_flight_max=3)
    assert [link.publish("t", b"x") for _ in range(5)] == [True, True, True, False, False]
    assert link.in_flight == 3
    await soon(link.room())
    assert link.publish("t", b"x")


async def test_a_full_inbox_drops_and_counts(broker: Broker, links: Links) -> None:
    receiver = await links(broker.url, "r", subscriptions=["t", "end"], inbox_max=3)
    sender = await links(broker.url, "s", subscriptions=["end"])
    for number in range(5):
        assert sender.publish("t", b"%d" % number)
    await soon(idle(sender))
    assert sender.publish("t", b"last")
    async with asyncio.timeout(DEADLINE_S):
        while receiver.inbox.dropped < 3:
            await receiver.subscribe(["x"])  # its answer comes after what was sent before
    assert [receiver.inbox.get_nowait()[1] for _ in range(receiver.inbox.qsize())] == [b"0", b"1", b"2"]
    assert sender.publish("end", b"")
    assert await soon(receiver.inbox.get()) == ("end", b"")


async def test_the_inbox_is_bounded_in_bytes_too() -> None:
    inbox = mqtt.Inbox(100, bytes_max=10)
    inbox.offer("t", b"x" * 20)
    inbox.offer("t", b"x")
    assert (inbox.qsize(), inbox.dropped) == (1, 1)
    inbox.get_nowait()
    for _ in range(3):
        inbox.offer("t", b"x" * 5)
    assert (inbox.qsize(), inbox.dropped) == (2, 2)


async def test_nothing_is_published_or_kept_while_disconnected(broker: Broker, links: Links) -> None:
    link = MqttLink(broker.url, "a", subscriptions=["t"])
    assert not link.publish("t", b"lost")
    assert link.disconnected.is_set()
    await link.connect()
    assert not link.disconnected.is_set()
    assert link.publish("t", b"kept")
    assert (await soon(link.inbox.get()))[1] == b"kept"
    await link.close()
    assert link.disconnected.is_set()
    assert not link.publish("t", b"lost")
    assert link.inbox.empty()


async def test_a_killed_broker_is_noticed_and_the_link_connects_again(broker: Broker, links: Links) -> None:
    link = await links(broker.url, "a", subscriptions=["t"])
    broker.kill()
    await soon(link.disconnected.wait())
    assert link.reason
    assert (link.connected, link.in_flight, link.publish("t", b"x")) == (False, 0, False)
    with pytest.raises(TransientFault, match="127"):
        await link.connect()
    broker.start()
    await link.connect()
    assert link.publish("t", b"again")
    assert (await soon(link.inbox.get()))[1] == b"again"


async def test_who_waits_for_room_is_woken_by_the_loss_of_the_connection(broker: Broker, links: Links) -> None:
    link = await links(broker.url, "a", in_flight_max=1)
    broker.pause()
    assert link.publish("t", b"x")
    waiting = asyncio.create_task(link.room())
    broker.kill()
    await soon(waiting)
    assert not link.connected


async def test_a_broker_that_falls_silent_is_given_up(
    broker: Broker, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "MQTT_KEEP_ALIVE_S", 1)
    link = await links(broker.url, "a")
    broker.pause()
    try:
        await soon(link.disconnected.wait())
    finally:
        broker.resume()
    assert link.reason == "the broker is silent"


async def test_an_idle_link_is_kept_alive(broker: Broker, links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "MQTT_KEEP_ALIVE_S", 2)  # nats-server cuts fractions: 1 would leave nothing to forgive
    link = await links(broker.url, "a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(link.disconnected.wait(), 3.5)
    assert link.connected


async def test_a_connection_without_an_answer_times_out(
    broker: Broker, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "CONNECT_TIMEOUT_MS", 200)
    broker.pause()
    try:
        with pytest.raises(TransientFault, match="no answer in 200 ms"):
            await soon(links(broker.url, "a"))
    finally:
        broker.resume()


async def test_subscriptions_can_be_added_and_taken_back_and_survive_a_reconnect(broker: Broker, links: Links) -> None:
    link = await links(broker.url, "a", subscriptions=["old"])
    await link.subscribe(["new"])
    await link.unsubscribe(["old"])
    for _ in range(2):
        link.publish("old", b"1")
        link.publish("new", b"2")
        assert await soon(link.inbox.get()) == ("new", b"2")
        assert link.inbox.empty()
        await link.close()
        await link.connect()


CLIENT = """
import asyncio, sys
from holdfast_runtime.mqtt import MqttLink
async def main():
    link = MqttLink(sys.argv[1], "mortal", will=("will", b"gone"))
    await link.connect()
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await link.close()
asyncio.run(main())
"""


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "closed"])
async def test_the_will_is_published_for_a_killed_client_and_not_for_one_that_said_goodbye(
    broker: Broker, links: Links, killed: bool
) -> None:
    watcher = await links(broker.url, "watcher", subscriptions=["will", "after"])
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, broker.url, stdin=-1, stdout=-1, cwd=Path(mqtt.__file__).parents[1]
    )
    assert program.stdin is not None
    assert program.stdout is not None
    assert await soon(program.stdout.readline()) == b"connected\n"
    if killed:
        program.send_signal(signal.SIGKILL)
    else:
        program.stdin.close()
    await soon(program.wait())
    if killed:
        assert await soon(watcher.inbox.get()) == ("will", b"gone")
    else:
        watcher.publish("after", b"")
        assert await soon(watcher.inbox.get()) == ("after", b"")


async def scripted(answer: bytes, then: bytes = b"") -> tuple[str, asyncio.Server]:
    """A broker that answers the first packet with `answer` and the next with `then`, whatever was asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (answer, then):
            if not await reader.read(4096):
                break
            writer.write(reply)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", server


CONNACK = b"\x20\x02\x00\x00"


@pytest.mark.parametrize(
    ("answer", "then", "reason"),
    [
        (b"\x20\x02\x00\x05", b"", "[Nn]ot authorized"),
        (b"\xf0\x00", b"", "rotocol"),
        (CONNACK, b"\x90\x03\x00\x01\x80", "did not grant t"),
        (CONNACK, b"\x90\x03\x00\x01\x00", "did not grant t"),
        (CONNACK, b"\x90\x04\x00\x01\x01\x01", "2 of 1"),
    ],
    ids=["refused", "not MQTT", "subscription refused", "less granted", "more answered"],
)
async def test_a_broker_that_refuses_or_talks_nonsense_is_a_transient_fault(
    answer: bytes, then: bytes, reason: str
) -> None:
    url, server = await scripted(answer, then)
    link = MqttLink(url, "a", subscriptions=["t"])
    with pytest.raises(TransientFault, match=reason):
        await soon(link.connect())
    assert not link.connected
    server.close()


async def test_a_broken_packet_ends_the_connection_with_a_reason() -> None:
    topic_not_utf8 = b"\x30\x05\x00\x02\xff\xfe!"
    url, server = await scripted(CONNACK, topic_not_utf8)
    link = MqttLink(url, "a")
    await link.connect()
    link.publish("t", b"x")
    await soon(link.disconnected.wait())
    assert "could not be understood" in link.reason
    server.close()


async def test_a_defect_in_a_callback_ends_the_connection_and_is_not_swallowed(broker: Broker, links: Links) -> None:
    link = MqttLink(broker.url, "a", subscriptions=["t"])
    seen: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))

    def broken(topic: str, payload: bytes) -> None:
        raise InvariantViolated("cannot be")

    link.inbox.offer = broken  # type: ignore[method-assign]
    await link.connect()
    link.publish("t", b"x")
    await soon(link.disconnected.wait())
    assert "a defect" in link.reason
    assert isinstance(seen[0], InvariantViolated)


async def test_a_connect_that_was_cancelled_leaves_no_connection_behind() -> None:
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)
        connecting.cancel()
        while await reader.read(4096):
            pass
        gone.set()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    link = MqttLink(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", "a")
    connecting = asyncio.create_task(link.connect())
    with pytest.raises(asyncio.CancelledError):
        await soon(connecting)
    await soon(gone.wait())
    assert not link.connected
    server.close()


async def test_an_unreachable_broker_is_a_transient_fault() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        link = MqttLink(f"mqtt://127.0.0.1:{taken.getsockname()[1]}", "a")
        with pytest.raises(TransientFault, match="refused"):
            await link.connect()


@pytest.mark.parametrize("url", ["", "http://x", "mqtt://", "mqtt://h:port", "mqtt://h:99999", "mqtt://h/path"])
def test_a_wrong_url_is_an_error_of_the_configuration(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MqttLink(url, "a")
    assert caught.value.key == "broker.url"


async def certificates(folder: Path) -> dict[str, Path]:
    """A certificate authority, a server's certificate for localhost and a client's, all of this minute."""

    async def openssl(*arguments: str) -> None:
        program = await asyncio.create_subprocess_exec("openssl", *arguments, cwd=folder, stderr=-3)
        assert await soon(program.wait()) == 0

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    await openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for name in ("localhost", "client"):
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName=DNS:{name}", "-days", "2")
        await openssl(
            "req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", *signed
        )
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make certificates")
async def test_tls_carries_the_largest_message_and_trusts_only_its_authority(
    mosquitto: Broker, links: Links, tmp_path: Path
) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    files = await certificates(folder)
    port = free_port()
    config = tmp_path / "mosquitto" / "mosquitto.conf"
    tls = f"cafile {folder}/ca.pem\ncertfile {folder}/localhost.pem\nkeyfile {folder}/localhost.key\n"
    rest = config.read_text().replace(str(mosquitto.port), str(port)).replace("persistence true", "persistence false")
    config = tmp_path / "tls.conf"
    config.write_text(rest + tls + "require_certificate true\n")
    broker = Child(
        [shutil.which("mosquitto", path="/usr/sbin:/usr/bin") or "mosquitto", "-c", config], log=tmp_path / "log"
    )
    broker.start()
    broker.wait_until(lambda: accepts_clients_tls(port))
    try:
        own = mqtt.TlsFiles(str(files["ca.pem"]), str(files["client.pem"]), str(files["client.key"]))
        link = await links(f"mqtts://localhost:{port}", "a", tls=own, subscriptions=["t"])
        payload = os.urandom(MESSAGE_BYTES_MAX)
        assert link.publish("t", payload)
        assert await soon(link.inbox.get()) == ("t", payload)
        for wrong, url in ((mqtt.TlsFiles(), "localhost"), (own, "127.0.0.1")):
            with pytest.raises(TransientFault, match="CERTIFICATE_VERIFY_FAILED"):
                await links(f"mqtts://{url}:{port}", "b", tls=wrong)
        with pytest.raises(TransientFault):
            await links(f"mqtts://localhost:{port}", "c", tls=mqtt.TlsFiles(ca_file=str(files["ca.pem"])))
    finally:
        broker.stop()


def accepts_clients_tls(port: int) -> bool:
    """Whether the port is open; no more can be asked of it without a certificate."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_tls_files_that_cannot_be_read_are_an_error_of_the_configuration(tmp_path: Path) -> None:
    link = MqttLink("mqtts://localhost", "a", tls=mqtt.TlsFiles(ca_file=str(tmp_path / "absent.pem")))
    with pytest.raises(ConfigError, match="TLS files"):
        await link.connect()

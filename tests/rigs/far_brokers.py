"""The same two brokers at the other end of two roads (tests/rigs/roads.py): in a network namespace of their own."""

import json
import socket
import sysconfig
from pathlib import Path
from typing import Final

from central_sync.embedded.child import Child
from edge_core.limits import MESSAGE_BYTES_MAX
from tests.rigs.brokers import Failing, Mosquitto
from tests.rigs.roads import Road, Roads

_PORT: Final = 1883  # nobody else is in there
# MQTT 3.1.1 sections 3.1 and 3.2: CONNECT with a clean session and no client id, and the CONNACK that accepts it.
_CONNECT: Final = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"
_CONNACK: Final = b"\x20\x02\x00\x00"
_NATS_CONFIG: Final = """\
server_name: "far"
host: "127.0.0.1"
port: -1
max_payload: {payload_bytes}
jetstream {{ store_dir: {store} }}
mqtt {{ host: "0.0.0.0", port: {port}, max_ack_pending: 1000 }}
"""


class _Far:
    """A broker that the store and the centre reach over roads of their own. `url` is the store's way to it."""

    roads: Roads

    @property
    def url(self) -> str:
        return f"mqtt://{self.roads.store.host}:{_PORT}"

    @property
    def centre_url(self) -> str:
        """The centre's way to it."""
        return f"mqtt://{self.roads.centre.host}:{_PORT}"

    def accepts(self, road: Road | None = None) -> bool:
        """Whether it answers a client that comes by this road, or by the store's."""
        try:
            with socket.create_connection(((road or self.roads.store).host, _PORT), timeout=1) as connection:
                connection.sendall(_CONNECT)
                return connection.recv(len(_CONNACK), socket.MSG_WAITALL) == _CONNACK
        except OSError:
            return False


class FarMosquitto(_Far, Mosquitto):
    """Mosquitto in the namespace."""

    address = "0.0.0.0"

    def __init__(self, folder: Path, roads: Roads) -> None:
        Mosquitto.__init__(self, folder, _PORT)
        self.roads = roads
        self.prefix = roads.inside


class FarNats(_Far, Failing):
    """nats-server in the namespace, with the same bounds as the product gives its embedded one."""

    name = "nats"
    port = _PORT

    def __init__(self, folder: Path, roads: Roads) -> None:
        self._folder = folder
        self.roads = roads
        self.child: Child | None = None

    def start(self) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "nats.conf"
        store = json.dumps(str(self._folder / "jetstream"))
        text = _NATS_CONFIG.format(payload_bytes=MESSAGE_BYTES_MAX + 64 * 1024, store=store, port=_PORT)
        config.write_text(text, encoding="utf-8")
        program = Path(sysconfig.get_path("scripts")) / "nats-server"
        self.child = Child([*self.roads.inside, program, "-c", config], log=self._folder / "nats.out")
        self.child.start()
        self.child.wait_until(self.accepts)
        return self.url

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop()


FarBroker = FarNats | FarMosquitto

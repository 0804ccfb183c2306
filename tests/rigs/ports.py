"""Ports for servers that tests stop and start again on the same address."""

import random
import socket
from typing import Final

# Below the ephemeral range (net.ipv4.ip_local_port_range begins at 32768): while a server is down, no client's own end
# of a connection may be given its port.
_FIRST: Final = 18_000
_LAST: Final = 32_000


def free_port() -> int:
    """A port on which nothing listens now, and which no client is given."""
    while True:
        port = random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port

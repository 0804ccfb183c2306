"""The readiness protocol of systemd, `sd_notify(3)`: one datagram a message, and nothing at all outside systemd."""

import os
import socket
from collections.abc import Mapping
from typing import Final

import structlog

from edge_core.limits import ERROR_TEXT_CHARS_MAX, WATCHDOG_INTERVAL_DIVISOR

_MICROSECONDS: Final = 1_000_000

_log = structlog.get_logger("systemd")


class Notifier:
    """Tells the service manager how the service is. A message that cannot be sent is logged: the manager then acts."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Where to send to is `NOTIFY_SOCKET`; a name that starts with `@` is in the abstract namespace."""
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, status: str = "") -> None:
        """The start is over: what was ordered after this unit may start."""
        self._send("READY=1" + _status(status))

    def stopping(self, status: str = "") -> None:
        """The stop has begun."""
        self._send("STOPPING=1" + _status(status))

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(status).removeprefix("\n"))

    def watchdog(self) -> None:
        """The service is alive. To be called every `watchdog_interval_s`, by what would notice that it is not."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)  # noqa: FBT003 - a stuck manager must not stop the service
                sender.sendto(message.encode("utf-8", "replace"), self._address)
        except OSError as error:
            _log.warning("notify_failed", error=str(error))


def watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    """How often to call `Notifier.watchdog`; None where the manager does not ask, or asks another process.

    `WATCHDOG_USEC` divided by `WATCHDOG_INTERVAL_DIVISOR`, as `sd_watchdog_enabled(3)` says it is to be used.
    """
    asked = environ.get("WATCHDOG_USEC", "")
    process = environ.get("WATCHDOG_PID", "")
    if not asked.isascii() or not asked.isdigit() or int(asked) == 0:
        return None
    if process and process != str(os.getpid()):
        return None
    return int(asked) / _MICROSECONDS / WATCHDOG_INTERVAL_DIVISOR


def _status(text: str) -> str:
    """One line: a line break would begin another assignment."""
    line = " ".join(text.split())[:ERROR_TEXT_CHARS_MAX]
    return f"\nSTATUS={line}" if line else ""

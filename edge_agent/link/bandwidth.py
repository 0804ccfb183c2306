"""How much of the store's line the link may take at which time of day. Pure; the store's time zone decides the hour.

A shop's line is shared with its card terminals and its telephones: an operator gives the link a part of it by day and
more by night. What the shell finds here goes into each `Tick`, and `edge_core.sync.pacing` obeys it.
"""

import re
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from edge_core.limits import LINK_BANDWIDTH_BYTES_PER_S_MIN

_RATE: Final = re.compile(r"(\d{1,6}) ?(kB|MB)/s")
_WINDOW: Final = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d) +(.+)")
_UNITS: Final = {"kB": 1_000, "MB": 1_000_000}


class Window(Struct, frozen=True):
    """From a local time to before another, over midnight where the first is later. 0 bytes a second is no cap."""

    begins: time
    ends: time
    bytes_per_s: int

    def holds(self, at: time) -> bool:
        """Whether a local time lies in it."""
        if self.begins < self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


class Bandwidth(Struct, frozen=True):
    """The cap of most of the day, and the windows with another one; the first that holds decides."""

    bytes_per_s: int = 0
    windows: tuple[Window, ...] = ()

    def at(self, now_ms: int, zone: ZoneInfo) -> int:
        """The cap in bytes a second at a wall clock time; 0 is none."""
        if not self.windows:
            return self.bytes_per_s
        local = datetime.fromtimestamp(now_ms / 1_000, UTC).astimezone(zone).time()
        return next((window.bytes_per_s for window in self.windows if window.holds(local)), self.bytes_per_s)


UNLIMITED: Final = Bandwidth()


def parse_rate(text: str) -> int:
    """Bytes a second of `512 kB/s` or `2 MB/s`, 0 of `unlimited`. Raises `ValueError`."""
    if text == "unlimited":
        return 0
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError("expected a rate such as '512 kB/s', '2 MB/s' or 'unlimited'")
    rate = int(found[1]) * _UNITS[found[2]]
    if rate < LINK_BANDWIDTH_BYTES_PER_S_MIN:
        raise ValueError(f"expected at least {LINK_BANDWIDTH_BYTES_PER_S_MIN // 1_000} kB/s, for a fresh order's sake")
    return rate


def parse_window(text: str) -> Window:
    """A window such as `09:00-18:00 128 kB/s`. Raises `ValueError`."""
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise ValueError("expected a window such as '09:00-18:00 128 kB/s'")
    try:
        begins, ends = time.fromisoformat(found[1]), time.fromisoformat(found[2])
    except ValueError:
        raise ValueError("expected times from 00:00 to 23:59") from None
    if begins == ends:
        raise ValueError("expected a window that ends at another time than it begins")
    return Window(begins, ends, parse_rate(found[3]))

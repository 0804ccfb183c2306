"""What the agent needs of the world outside, in one place: clocks, randomness, the store's time zone.

The service uses the machine's; a simulation brings its own, so that one seed decides everything that happens.
"""

import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from edge_core import ids

_MACHINE_ID: Final = Path("/etc/machine-id")
_LIFE_BYTES: Final = 8
_UUID7_RANDOM_BYTES: Final = 10
_UUID7_SPARE_BITS: Final = 6  # 80 bits are read, a UUIDv7 has room for 74


class Surroundings(Struct, frozen=True):
    """Wall clock (Unix ms), monotonic clock (ms), 74 random bits, a random number from 0 to 1, the store's zone.

    `life` are random bytes of this start of the process, which go into display numbers. `machine` is the machine's mark
    (`ids.machine_mark`); empty where it has none. `stopwatch_ns` times what takes less than a millisecond.
    """

    now_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]
    random_bits: Callable[[], int]
    jitter: Callable[[], float]
    zone: ZoneInfo
    life: bytes
    machine: bytes = b""
    stopwatch_ns: Callable[[], int] = time.perf_counter_ns

    @property
    def today(self) -> str:
        """The store's calendar date now."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC).astimezone(self.zone).date().isoformat()


def real_surroundings(zone: ZoneInfo) -> Surroundings:
    """Those of this machine."""
    return Surroundings(
        now_ms=wall_ms,
        monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
        random_bits=lambda: int.from_bytes(os.urandom(_UUID7_RANDOM_BYTES), "big") >> _UUID7_SPARE_BITS,
        jitter=random.random,
        zone=zone,
        life=os.urandom(_LIFE_BYTES),
        machine=ids.machine_mark(_machine_id()),
    )


def _machine_id() -> str:
    """What systemd calls this installation (machine-id(5)): a disk that is put back does not change it."""
    try:
        return _MACHINE_ID.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""  # a container may have none


def wall_ms() -> int:
    """The machine's wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000

"""Bytes set aside beside the file for the day when the disk is full (promise G9).

At a full disk the reserve is let go, so that what is committed can be moved into the file and read, while orders are
answered 507. They are taken again when the disk can hold the reserve once more: the floor is the reserve's own size.
"""

import os
from pathlib import Path
from typing import Final

import structlog

from edge_agent.store.connection import translated
from edge_core.errors import StorageFault

_LOG: Final = structlog.get_logger()


class Reserve:
    """A pre-allocated file of `size_bytes`; 0 bytes mean none."""

    def __init__(self, beside: Path, size_bytes: int) -> None:
        self._path = beside.with_name(beside.name + ".reserve")
        self._size_bytes = size_bytes

    def take(self) -> None:
        """Set the bytes aside at start. Where the disk has no room for them, selling begins without."""
        try:
            self.refill()
        except StorageFault as fault:
            self._size_bytes = 0
            _LOG.warning("store.no_reserve", error=str(fault))

    def refill(self) -> None:
        """Set the bytes aside. Raises `StorageFault` (storage-full) where the disk has no room."""
        if not self._size_bytes:
            return
        with translated():
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size_bytes)
            except OSError:
                self._path.unlink(missing_ok=True)
                raise
            finally:
                os.close(descriptor)

    def release(self) -> None:
        """Let the bytes go."""
        with translated():
            self._path.unlink(missing_ok=True)

"""A wall clock of a process's own that jumps while it runs: libfaketime(1). Its monotonic clock goes on undisturbed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.rigs.needs import lacking

_LIBRARY: Final = "libfaketimeMT.so.1"
_FOLDERS: Final = (Path("/usr/lib"), Path("/usr/lib64"))


class JumpingClock:
    """Processes started while `entered` see the clock of the machine, moved by what `jump` said last."""

    def __init__(self, folder: Path) -> None:
        library = next((found for top in _FOLDERS for found in top.glob(f"**/faketime/{_LIBRARY}")), None)
        if library is None:
            lacking(
                f"{_LIBRARY} is not installed (Debian: apt-get install libfaketime; make faults does it where it can)"
            )
        self._library = library
        self._file = folder / "clock"
        self.jump("+0")

    def jump(self, offset: str) -> None:
        """From now on the clock is off by so much: `+10y`, `-20y`, `+0` (faketime(1), "relative")."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.rename(self._file)  # the process may be reading it

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Whoever is started here has this clock."""
        changes = {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # it delays each wait for Python's lock: a sale takes 1.5 s with it
            "NO_FAKE_STAT": "1",
        }
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

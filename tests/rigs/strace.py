"""Faults of the disk, put into a running process with strace(1): an error or a signal in place of a system call."""

import shutil
import signal
import subprocess
from types import TracebackType
from typing import Final, Self

import pytest

_ATTACHED: Final = "attached"
_EXIT_TIMEOUT_S: Final = 10


class Injection:
    """While entered, the calls named in `inject` fail as said there: `fdatasync:error=EIO`, `pwrite64:signal=KILL`.

    See strace(1), "Tampering". Skips the test where strace is missing or may not attach.
    """

    def __init__(self, process_id: int, inject: str) -> None:
        program = shutil.which("strace")
        if program is None:
            pytest.skip("strace is not installed (Debian: apt-get install strace)")
        calls = inject.split(":", maxsplit=1)[0]
        self._command = [program, "-f", "-p", str(process_id), "-e", f"trace={calls}", "-e", f"inject={inject}"]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        first = self._process.stderr.readline()
        if _ATTACHED not in first:
            self._end()
            pytest.skip(f"strace may not attach: {first.strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)  # detach: the process goes on without us
        self._process.communicate(timeout=_EXIT_TIMEOUT_S)

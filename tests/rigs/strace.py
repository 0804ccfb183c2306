"""Faults of the disk, put into a running process with strace(1): an error or a signal in place of a system call."""

import signal
import subprocess
import tempfile
from types import TracebackType
from typing import Final, Self

from tests.rigs.needs import lacking, need

_ATTACHED: Final = "attached"
_INJECTED: Final = "(INJECTED)"
_EXIT_TIMEOUT_S: Final = 10


class Injection:
    """While entered, the calls named in `inject` fail as said there: `fdatasync:error=EIO`, `pwrite64:signal=KILL`.

    See strace(1), "Tampering". Skips the test where strace is missing or may not attach.
    """

    def __init__(self, process_id: int, inject: str) -> None:
        need("strace", root=False)
        calls = inject.split(":", maxsplit=1)[0]
        self._trace = tempfile.NamedTemporaryFile("r", prefix="holdfast-strace-", errors="replace")  # noqa: SIM115
        options = ["-f", "-o", self._trace.name, "-p", str(process_id)]
        self._command = ["strace", *options, "-e", f"trace={calls}", "-e", f"inject={inject}"]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        first = self._process.stderr.readline()
        if _ATTACHED not in first:
            self._end()
            lacking(f"strace may not attach: {first.strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def struck(self) -> int:
        """How many calls have failed so far."""
        self._trace.seek(0)
        return self._trace.read().count(_INJECTED)

    def _end(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)  # detach: the process goes on without us
        self._process.communicate(timeout=_EXIT_TIMEOUT_S)

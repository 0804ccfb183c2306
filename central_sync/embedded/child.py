"""A server that runs as a child of this process and ends with it, however this process ends (Linux).

`PR_SET_PDEATHSIG` (prctl(2)) is armed in the child before it becomes the server, so that even SIGKILL of the parent
leaves nothing behind. The kernel sends it when the *thread* that started the child ends: start a `Child` from the main
thread or from one that lives as long as the process (the threads of asyncio's default executor do).
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from edge_core import limits
from edge_core.errors import InvariantViolated, PermanentFault, TransientFault

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_LOG_TAIL_BYTES: Final = 2_000  # what a message of failure quotes: some ten lines
_LIBC: Final = ctypes.CDLL(None, use_errno=True)  # loaded here: between fork and exec nothing may be imported


class Child:
    """One server process: its command, its log file, and the signal that asks it to stop.

    `user` is the numeric (user, group) to run as; only root may give one. The log file is emptied at each start, so
    that it never grows over restarts.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: tuple[int, int] | None = None,
    ) -> None:
        self._command = [str(part) for part in command]
        self._log = log
        self._stop_signal = stop_signal
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id. Raises `InvariantViolated` before the first start."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process. Raises `PermanentFault` when the program cannot be run."""
        user, group = self._user or (None, None)
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the command is made of our own paths
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._log.parent,
                    user=user,
                    group=group,
                    extra_groups=None if user is None else [],
                    process_group=0,  # the terminal's Ctrl-C is for us: we stop our servers in order
                    preexec_fn=_end_with(os.getpid(), self._stop_signal),  # noqa: PLW1509 - one system call
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise PermanentFault(f"{self._command[0]} cannot be started: {error}") from error

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready()`, which may itself block shortly.

        Raises `PermanentFault` with the end of its log when the process ends first, and `TransientFault`, after having
        stopped it, when it takes longer than `EMBEDDED_START_TIMEOUT_MS`.
        """
        process = self._started()
        deadline = time.monotonic() + limits.EMBEDDED_START_TIMEOUT_MS / 1000
        while not ready():
            try:
                code = process.wait(limits.EMBEDDED_POLL_INTERVAL_MS / 1000)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                self.stop()
                raise TransientFault(f"{self._command[0]} was not ready in time: {self.log_tail()}") from None
            raise PermanentFault(f"{self._command[0]} ended with {code}: {self.log_tail()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a process that has ended is left alone."""
        if self.running:
            self._started().send_signal(number)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for its end and return the exit code, minus the number of the signal that ended it.

        Raises `subprocess.TimeoutExpired`.
        """
        return self._started().wait(timeout_s)

    def stop(self) -> None:
        """Ask it to stop, wait, and kill it when it does not. Calling it again, or before a start, does nothing."""
        if not self.running:
            return
        self.signal(self._stop_signal)
        self.signal(signal.SIGCONT)  # one that was paused could not hear it
        try:
            self.wait(limits.EMBEDDED_STOP_TIMEOUT_MS / 1000)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.signal(signal.SIGKILL)
        self.wait()

    def log_tail(self) -> str:
        """The end of its log, for a message."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip() or "(its log is empty)"

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise InvariantViolated(f"{self._command[0]} was not started")
        return self._process


def _end_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    """What the child does between fork and exec: arm the signal, and end if the parent is already gone."""

    def arm() -> None:
        if _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(1)

    return arm

"""The product's programs, forked from a process that has them in its memory: real processes that start at once.

`make test` asks for it (`HOLDFAST_PROGRAMS=warm`). Everything else starts each from its file, as an operator does.
`tests/integration/test_programs.py` shows that the one is like the other.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import weakref
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, cast

from central_sync.embedded.child import Child

SCRIPTS: Final = Path(sysconfig.get_path("scripts"))
_ROOT: Final = Path(__file__).parents[2]
_MESSAGE_BYTES_MAX: Final = 1 << 20


def is_warm() -> bool:
    """Whether programs are forked. What is loaded before a program (libfaketime) needs a process that starts anew."""
    return os.environ.get("HOLDFAST_PROGRAMS") == "warm" and "LD_PRELOAD" not in os.environ


class Forked:
    """A forked process, with as much of `subprocess.Popen` as is used here."""

    def __init__(self, server: "_Server", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._end = os.pidfd_open(pid)
        weakref.finalize(self, os.close, self._end)
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with self._lock:
            if self.returncode is None and self._has_ended(0):
                self.returncode = self._server.ask({"reap": self.pid})
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired`."""
        self._has_ended(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nobody gets the number of a process before its end was asked for."""
        with self._lock:
            if self.returncode is None:
                os.kill(self.pid, number)

    def _has_ended(self, timeout: float | None) -> bool:
        looking = select.poll()
        looking.register(self._end, select.POLLIN)
        return bool(looking.poll(None if timeout is None else timeout * 1000))


class ProgramChild(Child):
    """A service of the product that is forked where it can be, and otherwise any `Child`."""

    def __init__(self, program: str, arguments: list[str], *, log: Path) -> None:
        super().__init__([SCRIPTS / program, *arguments], log=log, stop_signal=signal.SIGTERM)

    def start(self) -> None:
        """Start it. `Child` uses no more of a process than a `Forked` has."""
        if not is_warm():
            super().start()
            return
        path, *arguments = self._command
        with self._log.open("wb") as log, Path(os.devnull).open("rb") as nothing:
            started = fork(Path(path).name, arguments, self._log.parent, nothing, log, log)
        self._process = cast("subprocess.Popen[bytes]", started)


def fork(program: str, arguments: list[str], folder: Path, stdin: IO[Any], stdout: IO[Any], stderr: IO[Any]) -> Forked:
    """Start a program of the product in a folder, with this process's environment and the files given."""
    request = {
        "program": program,
        "arguments": arguments,
        "folder": str(folder),
        "environment": dict(os.environ),
    }
    server = _server()
    return Forked(server, server.ask(request, (stdin, stdout, stderr)))


def run_forked(
    program: str, arguments: list[str], *, timeout_s: float, stdin: str | None
) -> subprocess.CompletedProcess[str]:
    """`subprocess.run` of a program of the product, with its output. Raises `subprocess.TimeoutExpired`."""
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        given.write(stdin or "")
        given.seek(0)
        started = fork(program, arguments, Path.cwd(), given, out, err)
        try:
            code = started.wait(timeout_s)
        finally:
            started.send_signal(signal.SIGKILL)
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess([program, *arguments], code, out.read(), err.read())


class _Server:
    """The process that forks. It ends when this one does: then nobody is at the other end of its socket."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", "tests.rigs.warm_server", str(number)]
            self._process = subprocess.Popen(
                command, cwd=_ROOT, pass_fds=[number], stdin=subprocess.DEVNULL, process_group=0
            )

    def ask(self, request: Mapping[str, object], files: tuple[IO[Any], ...] = ()) -> int:
        """One request and its answer: the number of a process, or an exit code."""
        with self._lock:
            socket.send_fds(self._control, [json.dumps(request).encode()], [file.fileno() for file in files])
            return int(json.loads(self._control.recv(_MESSAGE_BYTES_MAX)))

    def end(self) -> None:
        """Let it go, and wait until it has."""
        self._control.close()
        self._process.wait()


def _server() -> _Server:
    """The server that sees the mounts that this thread sees: a test may have left those that are common to all."""
    return _server_in(Path("/proc/thread-self/ns/mnt").readlink())


@cache
def _server_in(_mounts: Path) -> _Server:
    server = _Server()
    atexit.register(server.end)
    return server

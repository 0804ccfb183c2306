"""The product's processes as an operator runs them, in one folder that is removed at the end, and what they use."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.load import Job, Result
from bench.orders import STORE_ID, receipt_bodies
from bench.wire import HOST, Client, post, post_head
from central_sync.embedded import EmbeddedDatabase
from central_sync.embedded.broker import free_port
from central_sync.embedded.child import Child
from holdfast_runtime.tokens import TokenFile
from tests.rigs.processes import Service, write_config

ROOT: Final = Path(__file__).parent.parent
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class Memory(Struct, frozen=True):
    """What a process holds, in MB (10^6 bytes): the most that was ever resident, and its fair share now."""

    peak_rss_mb: float
    pss_mb: float


@contextmanager
def opened_folder(parent: Path) -> Iterator[Path]:
    """A folder for one run. The parent should be on the disk that is to be measured, and never on a tmpfs."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Agent:
    """`edge-agent run` in a folder of its own. `start` may be called again after `stop`."""

    def __init__(self, folder: Path, node_id: str = STORE_ID, broker_url: str = "", centre_url: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.node_id = node_id
        self.port = free_port()
        self.file = folder / "store.db"
        tokens = folder / "tokens.json"
        self.token = TokenFile(tokens).add("bench", ["order", "read", "stock"])
        config = write_config(
            folder / "edge-agent.toml",
            {
                "node": {"id": node_id, "time_zone": "Asia/Shanghai"},
                "api": {"port": self.port, "tokens_file": str(tokens)},
                "store": {"path": str(self.file)},
                "broker": {"url": broker_url},
                "centre": {"url": centre_url},
                "policies": {"keys_file": str(folder / "policy-keys")},
            },
        )
        self.service = Service("edge-agent", config, url=f"http://{HOST}:{self.port}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self.service.child.pid

    async def receive_stock(self) -> None:
        """Bring every SKU that the orders name into stock."""
        client, head = Client(self.port), post_head("/v1/stock/movements", self.token)
        for number, body in enumerate(receipt_bodies()):
            answer = await client.request(post(head, f"receipt-{number}".encode(), body))
            assert answer.status == 201, answer.body
        client.close()


class Centre:
    """`central-sync run` on a database and a broker that exist."""

    def __init__(self, folder: Path, dsn: str, broker_url: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        config = write_config(
            folder / "central-sync.toml",
            {"api": {"port": self.port}, "database": {"dsn": dsn}, "broker": {"url": broker_url}},
        )
        self.service = Service("central-sync", config, url=f"http://{HOST}:{self.port}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self.service.child.pid


@contextmanager
def running_database(folder: Path) -> Iterator[tuple[str, int]]:
    """The embedded PostgreSQL with its own durable settings; gives the DSN and the process id."""
    database = EmbeddedDatabase(folder)
    try:
        dsn = database.start()
        assert database.child is not None
        yield dsn, database.child.pid
    finally:
        database.stop()


class Tills:
    """The generator's process (bench/load.py)."""

    def __init__(self) -> None:
        # Not a `Child`, which keeps stdin closed; this one ends with our end of its stdin.
        command = [sys.executable, "-m", "bench.load"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, job: Job) -> Result:
        """Do a job and wait for its result."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(job).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Result)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def script(name: str, *arguments: str, log: Path) -> Child:
    """A file of this package as a child process."""
    return Child([sys.executable, ROOT / "bench" / name, *arguments], log=log)


def cpu_s(pid: int) -> float:
    """The processor time that a process and its children, ended ones included, have used (proc(5), `stat`)."""
    found: dict[int, tuple[int, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended while we looked
            fields = path.read_text().rsplit(")", 1)[1].split()
            found[int(path.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    family, grown = {pid}, True
    while grown:
        more = {child for child, (parent, _) in found.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return sum(found[member][1] for member in family if member in found) / _TICKS_PER_S


def memory(pid: int) -> Memory:
    """What a process holds (proc(5), `status` and `smaps_rollup`)."""
    return Memory(_kib(pid, "status", "VmHWM") * 1024 / 1e6, _kib(pid, "smaps_rollup", "Pss") * 1024 / 1e6)


def raise_file_limit() -> None:
    """As many open files as the system allows: hundreds of connections are some of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _kib(pid: int, name: str, field: str) -> int:
    for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise LookupError(f"/proc/{pid}/{name} has no {field}")

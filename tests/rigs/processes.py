"""The product's own processes, started as an operator starts them or forked, and ended in every way there is."""

import asyncio
import json
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from tests.rigs.warm import SCRIPTS, ProgramChild, is_warm, run_forked

_EXIT_TIMEOUT_S: Final = 20  # five seconds more than systemd gives

Program = Literal["edge-agent", "central-sync"]


class Service:
    """`PROGRAM run --config CONFIG`, ready when `url`/readyz answers 200. Its output goes to `log`."""

    def __init__(self, program: Program, config: Path, *, url: str, log: Path | None = None) -> None:
        self.url = url
        self.config = config
        self.log = log or config.with_suffix(".log")
        # Were the test to be killed, an agent must not go on beside the next one.
        self.child = ProgramChild(program, ["run", "--config", str(config)], log=self.log)

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises a `Fault` with the end of its log when it does not come up."""
        self.child.start()  # in this thread, which outlives the process (see Child)
        await asyncio.to_thread(self.child.wait_until, self.is_ready)

    def is_ready(self) -> bool:
        """Whether it takes work now."""
        # Asked fifty times a second of a process that is starting on the same cores: httpx would take them from it.
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        self.child.kill()

    async def terminate(self) -> int:
        """SIGTERM, as systemd sends it; returns the exit code. Raises `subprocess.TimeoutExpired` after 20 s."""
        self.child.signal(signal.SIGTERM)
        return await asyncio.to_thread(self.child.wait, _EXIT_TIMEOUT_S)

    def pause(self) -> None:
        """SIGSTOP."""
        self.child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.child.signal(signal.SIGCONT)

    def log_text(self) -> str:
        """All that it has written since its last start."""
        return self.log.read_text(errors="replace")


def run(
    program: Program, *arguments: str | Path, timeout_s: float = 60, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """One of the commands that end by themselves (`verify`, `export`, ...), with its output and exit code."""
    if is_warm():
        return run_forked(program, [str(argument) for argument in arguments], timeout_s=timeout_s, stdin=stdin)
    command = [str(SCRIPTS / program), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)


def write_config(path: Path, sections: Mapping[str, Mapping[str, str | int | float | bool]]) -> Path:
    """A TOML file of sections with plain values. A JSON scalar is a TOML scalar, so json writes them."""
    lines: list[str] = []
    for name, values in sections.items():
        lines += [
            f"[{name}]",
            *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()),
            "",
        ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def signal_all(process_id: int, number: signal.Signals) -> None:
    """Send a signal to a process that a test started and to all that it started itself, parents first."""
    for one in _family(process_id):
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(one, number)


def _family(process_id: int) -> list[int]:
    """The process and its descendants (proc(5), `stat`: the fourth field is the parent)."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            children[int(fields[1])].append(int(path.parent.name))
    family = [process_id]
    for one in family:
        family += children[one]
    return family

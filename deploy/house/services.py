"""The product's programs as child processes: they start ready, end in every way there is, and never outlive us."""

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

from central_sync.embedded.child import Child
from edge_core.errors import PermanentFault
from edge_core.limits import ENTRY_BYTES_MAX

HOST: Final = "127.0.0.1"
_SCRIPTS: Final = Path(sysconfig.get_path("scripts"))
_COMMAND_TIMEOUT_S: Final = 60  # `verify` of a day takes a second
_PROBE_TIMEOUT_S: Final = 1
_LINE_BYTES_MAX: Final = 16 * ENTRY_BYTES_MAX  # names make an entry in JSON some times as long
_PORTS_TRIED: Final = 200

Program = Literal["edge-agent", "central-sync"]
R = TypeVar("R")


class Service:
    """`PROGRAM run --config CONFIG`, ready when `/readyz` on its port answers 200. Its output goes to a log beside."""

    def __init__(self, program: Program, config: Path, port: int) -> None:
        command: list[str | Path] = [_SCRIPTS / program, "run", "--config", config]
        self.child = Child(command, log=config.with_suffix(".log"), stop_signal=signal.SIGTERM)
        self.port = port

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises a `Fault` with the end of its log when it does not come up."""
        self.child.start()  # in this thread, which lives as long as its house (see Child)
        await in_thread(lambda: self.child.wait_until(self._is_ready))

    async def kill(self) -> None:
        """`kill -9`; it is gone when this returns."""
        await in_thread(self.child.kill)

    async def stop(self) -> None:
        """SIGTERM, as systemd sends it, and wait."""
        await in_thread(self.child.stop)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_PROBE_TIMEOUT_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


async def run_command(program: Program, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One of the commands that end by themselves (`token`, `verify`), with its output and exit code."""
    command = [str(_SCRIPTS / program), *map(str, arguments)]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False)

    try:
        return await in_thread(run)
    except subprocess.TimeoutExpired as error:
        raise PermanentFault(f"{' '.join(command)} did not end in {_COMMAND_TIMEOUT_S} s") from error


async def command_lines(program: Program, *arguments: str | Path) -> AsyncIterator[bytes]:
    """The lines that a command (`export`) writes, while it writes them. Raises `PermanentFault` when it fails."""
    command = [str(_SCRIPTS / program), *map(str, arguments)]
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=said, limit=_LINE_BYTES_MAX
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                yield line
        finally:
            if process.returncode is None and not process.stdout.at_eof():
                process.terminate()
            await process.wait()
        if process.returncode != 0:
            said.seek(0)
            raise PermanentFault(f"{' '.join(command)} ends with {process.returncode}: {said.read()[-500:]!r}")


async def in_thread(work: Callable[[], R]) -> R:
    """Run what blocks in a thread. A cancelled caller still waits for it: nothing is left half started."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


def write_config(path: Path, sections: Mapping[str, Mapping[str, str | int | float]]) -> Path:
    """A TOML file of sections with plain values. A JSON scalar is a TOML scalar, so json writes them."""
    lines: list[str] = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def free_port(wanted: int) -> int:
    """The port wanted, or the next one on which nothing listens.

    Below the ephemeral range, so that no client's connection takes it while a service is being restarted. Raises
    `PermanentFault`.
    """
    for port in range(wanted, wanted + _PORTS_TRIED):
        if is_free(port):
            return port
    raise PermanentFault(f"none of the ports {wanted} to {wanted + _PORTS_TRIED - 1} of {HOST} is free")


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True

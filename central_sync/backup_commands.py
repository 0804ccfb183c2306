"""`central-sync backup`, `restore` and `restore-mark`: what survives the centre's database, and its return."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from central_sync import dumps, times
from central_sync.app import VERSION, database_dsn, opened_database
from central_sync.config import CentreConfig
from central_sync.dumps import Manifest
from central_sync.store import backups, histories, nodes
from central_sync.store.backups import BackupRow, Coverage
from central_sync.store.database import Connection, Database
from central_sync.store.migrate import check, migrations
from edge_core.errors import PermanentFault
from edge_core.limits import BACKUP_MARK_MARGIN_MS, TEXT_CHARS_MAX

_NOW: Final = "now"
_USAGE: Final = 2


class BackupDone(Struct, frozen=True):
    """What `backup` prints: what was committed at `taken_at` is covered."""

    kind: str
    taken_at: str
    file: str
    bytes: int
    sha256: str
    streams: int
    entries: int


class RestoreDone(Struct, frozen=True):
    """What `restore` and `restore-mark` print: the history that begins now, in place of the old one."""

    history_id: UUID
    old_history_id: UUID
    streams: int
    entries: int
    taken_at: str | None = None


async def back_up(config: CentreConfig, arguments: argparse.Namespace) -> int:
    """Make a backup and record what it covers, or record what another tool's backup covers."""
    if arguments.mark == (arguments.to is not None) or arguments.mark != (arguments.at is not None):
        sys.stderr.write("central-sync: say either --to FILE, or --mark --at with the time when the backup began\n")
        return _USAGE
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        done = await (
            _mark(database, arguments.at) if arguments.at is not None else _dump(config, database, arguments.to)
        )
    where = f" in {done.file} ({done.bytes} bytes)" if done.file else ""
    _print(done, f"{done.entries} entries of {done.streams} streams, as of {done.taken_at}{where}", arguments.json)
    return 0


async def restore(config: CentreConfig, arguments: argparse.Namespace) -> int:
    """Put a backup into an empty database, and make it another history."""
    source: Path = arguments.source.resolve()
    manifest = await dumps.verified(source, _progress("checked"))
    if manifest.migration > migrations()[-1].number:
        raise PermanentFault(f"{source} is of newer software (migration {manifest.migration}): upgrade this one first")
    async with opened_database(config.database, shared=True) as database:
        async with database.reading() as connection:
            if not await backups.is_empty(connection):
                raise PermanentFault("the database is not empty: make a new one, or name another one in database.dsn")
            server_version, _ = await backups.server(connection)
        await dumps.restore(database_dsn(config.database), source, server_version)
        done = await _take_over(database, manifest, source)
    _print(done, f"{done.entries} entries of {done.streams} streams; this is history {done.history_id}", arguments.json)
    return 0


async def mark_restored(config: CentreConfig, arguments: argparse.Namespace) -> int:
    """Say that this database was put back with another tool: it becomes another history."""
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        async with database.transaction() as connection:
            old = await nodes.history_id(connection)
            new = await _change(connection, old, "restore-mark", "")
            done = RestoreDone(new, old, *await backups.counted(connection))
    _print(done, f"this is history {done.history_id} from now on; every node sends what is missing", arguments.json)
    return 0


async def _dump(config: CentreConfig, database: Database, to: Path) -> BackupDone:
    dsn = database_dsn(config.database)
    async with database.reading() as connection:  # open until the dump is done: so long its snapshot can be seen
        covered = await backups.positions(connection)
        streams, entries = await backups.counted(connection)
        history_id = await nodes.history_id(connection)
        server_version, taken_at = await backups.server(connection)
        snapshot = await backups.export_snapshot(connection)
        target = dumps.target_of(to, taken_at).absolute()
        partial = await dumps.dump(dsn, snapshot, target, server_version, _progress("written"))
    size, sha256 = partial.stat().st_size, await dumps.digest(partial, _progress("checked"))
    manifest = Manifest(
        format=dumps.FORMAT,
        backup_id=uuid4(),
        history_id=history_id,
        taken_at=taken_at,
        software_version=VERSION,
        server_version=server_version,
        migration=migrations()[-1].number,
        streams=streams,
        entries=entries,
        bytes=size,
        sha256=sha256,
    )
    await dumps.place(partial, target, manifest)
    await _record(database, _row(manifest, "dump", target), covered)
    return BackupDone("dump", times.rfc3339(taken_at), str(target), size, sha256, streams, entries)


async def _mark(database: Database, at: str) -> BackupDone:
    """Coverage of a moment: of now, or of a time, a little before which everything has certainly committed."""
    async with database.reading() as connection:
        _, now = await backups.server(connection)
        history_id = await nodes.history_id(connection)
        taken_at = now if at == _NOW else _time(at)
        if taken_at > now:
            raise PermanentFault(f"{times.rfc3339(taken_at)} is yet to come: no backup can cover it")
        safe = taken_at - timedelta(milliseconds=BACKUP_MARK_MARGIN_MS)
        covered = await (backups.positions(connection) if at == _NOW else backups.positions_at(connection, safe))
    streams, entries = len(covered), sum(row.durable_seq for row in covered)
    row = BackupRow(uuid4(), history_id, "mark", taken_at, "", "", streams, entries)
    await _record(database, row, covered)
    return BackupDone("mark", times.rfc3339(taken_at), "", 0, "", streams, entries)


async def _record(database: Database, row: BackupRow, covered: list[Coverage]) -> None:
    """What a backup covers counts only for the history of which it was made."""
    async with database.transaction() as connection:
        if await nodes.history_id(connection) != row.history_id:
            raise PermanentFault("the centre was restored meanwhile: this backup is one of the history before")
        await backups.record(connection, row, covered)


async def _take_over(database: Database, manifest: Manifest, source: Path) -> RestoreDone:
    async with database.transaction() as connection:
        streams, entries = await backups.counted(connection)
        old = await nodes.history_id(connection)
        if (streams, entries, old) != (manifest.streams, manifest.entries, manifest.history_id):
            raise PermanentFault(f"{entries} entries of {streams} streams were restored, the manifest says otherwise")
        detail = f"from {source.name}, taken at {times.rfc3339(manifest.taken_at)}"
        new = await _change(connection, old, "restored", detail[:TEXT_CHARS_MAX])
        await backups.record(connection, _row(manifest, "dump", source)._replace(history_id=new), [])
        await backups.cover_all(connection)
    return RestoreDone(new, old, streams, entries, times.rfc3339(manifest.taken_at))


async def _change(connection: Connection, old: UUID, reason: str, detail: str) -> UUID:
    new = await histories.change(connection, old, reason, detail)
    if new is None:
        raise PermanentFault("another process has begun a new history at this moment")
    return new


def _row(manifest: Manifest, kind: str, file: Path) -> BackupRow:
    return BackupRow(
        manifest.backup_id,
        manifest.history_id,
        kind,
        manifest.taken_at,
        str(file),
        manifest.sha256,
        manifest.streams,
        manifest.entries,
    )


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise PermanentFault(f"--at: expected a time like 2026-11-21T09:30:00Z, found {text!r}") from None
    if found.tzinfo is None:
        raise PermanentFault(f"--at: {text!r} does not say in which time zone; add Z for UTC")
    return found.astimezone(UTC)


def _print(done: Struct, words: str, as_json: bool) -> None:  # noqa: FBT001 - it is the user's flag
    text = msgspec.json.format(msgspec.json.encode(done), indent=2).decode() if as_json else words
    sys.stdout.write(text + "\n")


def _progress(what: str) -> Callable[[int], None]:
    """A line that counts on a terminal; nothing where a program reads."""

    def show(count: int) -> None:
        sys.stderr.write(f"\r{count:,} bytes {what}")
        sys.stderr.flush()

    return show if sys.stderr.isatty() else lambda _: None

"""Backups of the centre on a real PostgreSQL: what is covered is in the file, and what is in the file comes back."""

import json
from pathlib import Path
from typing import Any

from central_sync import dumps
from central_sync.store import backups, histories, nodes
from central_sync.store.database import Database
from tests.rigs.centre import greet, migrated, push, rows
from tests.rigs.postgres import Postgres
from tests.rigs.processes import run, write_config
from tests.rigs.streams import NodeLog

_COVERED = "SELECT durable_seq, backed_up_seq FROM stream_cursor WHERE lane = 'orders' ORDER BY node_id"


async def _with_sales(database: Database, *counts: int) -> list[NodeLog]:
    logs = [NodeLog(f"store-{number:04}") for number in range(1, len(counts) + 1)]
    for number, (log, count) in enumerate(zip(logs, counts, strict=True)):
        log.sell(count, first=1 + 100 * number)
        await greet(database, log)
        await push(database, *log.pushes())
    return logs


def _config(folder: Path, dsn: str) -> Path:
    return write_config(folder / "central-sync.toml", {"database": {"dsn": dsn}})


def _command(config: Path, *arguments: str | Path) -> Any:
    done = run("central-sync", *arguments, "--config", config, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_backup_records_what_it_covers_and_comes_back_whole_as_another_history(
    postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    async with migrated(postgres_dsn) as database:
        logs = await _with_sales(database, 5, 3)
        made = _command(_config(tmp_path, postgres_dsn), "backup", "--to", tmp_path)
        assert (made["streams"], made["entries"]) == (4, 8)
        assert await rows(database, _COVERED) == [(5, 5), (3, 3)]
        logs[0].sell(2, first=50)
        await push(database, logs[0].push(6))
        assert await rows(database, _COVERED) == [(7, 5), (3, 3)]
        history = (await rows(database, "SELECT history_id FROM centre"))[0][0]
    empty = postgres.create_database()
    back = _command(_config(tmp_path, empty), "restore", "--from", made["file"])
    assert (back["old_history_id"], back["entries"]) == (str(history), 8)
    assert back["history_id"] != back["old_history_id"]
    async with migrated(empty) as database:
        assert await rows(database, _COVERED) == [(5, 5), (3, 3)]
        shown = _command(_config(tmp_path, empty), "nodes")
        assert (shown["history"]["reason"], shown["backup"]["entries"]) == ("restored", 8)
        assert shown["history"]["history_id"] == back["history_id"]
        assert _command(_config(tmp_path, empty), "verify")["findings"] == []


async def test_what_arrives_while_a_backup_is_made_is_neither_in_it_nor_covered_by_it(
    postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    async with migrated(postgres_dsn) as database:
        (log,) = await _with_sales(database, 4)
        async with database.reading() as connection:
            covered = await backups.positions(connection)
            version, _ = await backups.server(connection)
            snapshot = await backups.export_snapshot(connection)
            log.sell(3, first=50)
            await push(database, log.push(5))
            made = await dumps.dump(postgres_dsn, snapshot, tmp_path / "x.dump", version, lambda _: None)
    empty = postgres.create_database()
    await dumps.restore(empty, made, version)
    async with migrated(empty) as database, database.reading() as connection:
        assert await backups.positions(connection) == covered
        assert [row.durable_seq for row in covered] == [0, 4]


async def test_a_backup_whose_bytes_have_changed_is_not_restored(
    postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    async with migrated(postgres_dsn) as database:
        await _with_sales(database, 2)
    made = _command(_config(tmp_path, postgres_dsn), "backup", "--to", tmp_path / "night.dump")
    dump = Path(made["file"])
    damaged = bytearray(dump.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    dump.write_bytes(damaged)
    config = _config(tmp_path, postgres.create_database())
    refused = run("central-sync", "restore", "--from", dump, "--config", config)
    assert (refused.returncode, "are not the" in refused.stderr) == (1, True), refused.stderr


async def test_a_database_that_holds_anything_is_not_restored_into(postgres_dsn: str, tmp_path: Path) -> None:
    async with migrated(postgres_dsn) as database:
        await _with_sales(database, 2)
        config = _config(tmp_path, postgres_dsn)
        made = _command(config, "backup", "--to", tmp_path)
        refused = run("central-sync", "restore", "--from", made["file"], "--config", config)
        assert (refused.returncode, "not empty" in refused.stderr) == (1, True), refused.stderr
        assert await rows(database, _COVERED) == [(2, 2)]


async def test_a_backup_that_fails_leaves_no_file_and_covers_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    async with migrated(postgres_dsn) as database:
        await _with_sales(database, 2)
        target = tmp_path / "a-file" / "x.dump"
        target.parent.write_bytes(b"")  # where a folder should be
        failed = run("central-sync", "backup", "--to", target, "--config", _config(tmp_path, postgres_dsn))
        assert failed.returncode == 1, failed.stderr
        assert await rows(database, _COVERED) == [(2, 0)]
        assert await rows(database, "SELECT count(*) FROM backup") == [(0,)]


async def test_a_mark_covers_what_had_come_by_the_time_that_it_names(postgres_dsn: str, tmp_path: Path) -> None:
    async with migrated(postgres_dsn) as database:
        await _with_sales(database, 6)
        async with database.transaction() as connection:
            await connection.execute("UPDATE entry SET ingested_at = now() - interval '1 day' WHERE seq <= 4")
        ((yesterday,),) = await rows(
            database, "SELECT to_char(now() - interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        )
        config = _config(tmp_path, postgres_dsn)
        _command(config, "backup", "--mark", "--at", yesterday)
        assert await rows(database, _COVERED) == [(6, 4)]
        _command(config, "backup", "--mark", "--at", "now")
        assert await rows(database, _COVERED) == [(6, 6)]
        _command(config, "backup", "--mark", "--at", yesterday)
        assert await rows(database, _COVERED) == [(6, 6)]  # what is covered stays covered


async def test_a_restore_mark_makes_another_history_of_the_same_database(postgres_dsn: str, tmp_path: Path) -> None:
    async with migrated(postgres_dsn) as database:
        await _with_sales(database, 2)
        before = (await rows(database, "SELECT history_id FROM centre"))[0][0]
        marked = _command(_config(tmp_path, postgres_dsn), "restore-mark")
        async with database.reading() as connection:
            present = await histories.present(connection)
        assert (str(before), str(present.history_id)) == (marked["old_history_id"], marked["history_id"])
        assert (present.reason, before != present.history_id) == ("restore-mark", True)


async def test_of_two_who_notice_a_restore_at_once_one_makes_the_new_history(postgres_dsn: str) -> None:
    async with migrated(postgres_dsn) as database:
        async with database.reading() as connection:
            old = await nodes.history_id(connection)
        async with database.transaction() as connection:
            assert await histories.change(connection, old, "noticed", "one") is not None
        async with database.transaction() as connection:
            assert await histories.change(connection, old, "noticed", "two") is None
        assert await rows(database, "SELECT count(*) FROM history") == [(2,)]


async def test_usage_that_says_nothing_or_both_is_refused(postgres_dsn: str, tmp_path: Path) -> None:
    config = _config(tmp_path, postgres_dsn)
    for arguments in (
        (),
        ("--to", tmp_path, "--mark"),
        ("--mark",),
        ("--to", tmp_path, "--at", "2026-11-21T09:30:00Z"),
    ):
        assert run("central-sync", "backup", *arguments, "--config", config).returncode == 2

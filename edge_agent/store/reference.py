"""The reference data in the file: which version of each dataset is used, downloads under way, and the rows of both.

A version's rows share a set number. Functions take the connection and never commit.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import aiosqlite
import msgspec
from msgspec import Struct

from edge_agent.store.connection import fetch, translated
from edge_core.errors import UNREADABLE, InvariantViolated
from edge_core.limits import REFERENCE_DELTA_CHANGES_MAX, REFERENCE_SWEEP_ROWS
from edge_core.reference.files import Header
from edge_core.reference.versions import Change


class DatasetRow(Struct, frozen=True):
    """A dataset as it is used: when the centre made the version, and when it came into use here (Unix ms)."""

    dataset: str
    set_no: int
    version: int
    hash: bytes
    rows: int
    made_at_ms: int
    applied_at_ms: int


class Download(Struct, frozen=True):
    """A download under way: so much of the file that `etag` names is taken, and its rows are in `set_no`."""

    set_no: int
    etag: str
    taken_bytes: int
    taken_changes: int
    header: Header

    @property
    def is_whole(self) -> bool:
        """Whether every change that the header counts has come."""
        return self.taken_changes == self.header.changes


_HEADER_ENCODER: Final = msgspec.msgpack.Encoder()
_HEADER: Final = msgspec.msgpack.Decoder(Header)
_PUT: Final = """
    INSERT INTO reference_dataset (dataset, set_no, version, hash, row_count, made_at_ms, applied_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (dataset) DO UPDATE SET set_no = excluded.set_no, version = excluded.version, hash = excluded.hash,
        row_count = excluded.row_count, made_at_ms = excluded.made_at_ms, applied_at_ms = excluded.applied_at_ms
"""
_NEXT_SET: Final = """
    SELECT 1 + max(ifnull((SELECT max(set_no) FROM reference_row), 0),
                   ifnull((SELECT max(set_no) FROM reference_dataset), 0),
                   ifnull((SELECT max(set_no) FROM reference_download), 0))
"""
_PUT_ROW: Final = "INSERT OR REPLACE INTO reference_row (set_no, key, body) VALUES (?, ?, ?)"
_UNUSED_SET: Final = """
    WITH RECURSIVE present (set_no) AS (
        SELECT min(set_no) FROM reference_row
        UNION ALL
        SELECT (SELECT min(set_no) FROM reference_row WHERE set_no > present.set_no) FROM present
        WHERE present.set_no IS NOT NULL
    )
    SELECT set_no FROM present WHERE set_no IS NOT NULL
        AND set_no NOT IN (SELECT set_no FROM reference_dataset UNION ALL SELECT set_no FROM reference_download)
    LIMIT 1
"""


async def read_datasets(connection: aiosqlite.Connection) -> list[DatasetRow]:
    """Every dataset that is used, by name."""
    sql = "SELECT dataset, set_no, version, hash, row_count, made_at_ms, applied_at_ms FROM reference_dataset"
    return [DatasetRow(*row) for row in await fetch(connection, f"{sql} ORDER BY dataset")]


async def read_downloads(connection: aiosqlite.Connection) -> list[Download]:
    """Every download that was begun and not finished, by dataset; one that cannot be read is begun anew."""
    sql = "SELECT set_no, etag, taken_bytes, taken_changes, header FROM reference_download ORDER BY dataset"
    found = []
    for set_no, etag, taken_bytes, taken_changes, header in await fetch(connection, sql):
        with suppress(*UNREADABLE):
            found.append(Download(set_no, etag, taken_bytes, taken_changes, _HEADER.decode(header)))
    return found


async def next_set_no(connection: aiosqlite.Connection) -> int:
    """A number for the rows of another version."""
    return int((await fetch(connection, _NEXT_SET))[0][0])


async def take(connection: aiosqlite.Connection, download: Download, changes: Sequence[Change]) -> None:
    """Put the changes of another block beside those before it; `download` is how far it is with them."""
    header = download.header
    progress = (download.set_no, download.etag, download.taken_bytes, download.taken_changes)
    sql = """
        INSERT OR REPLACE INTO reference_download (dataset, set_no, etag, taken_bytes, taken_changes, header)
        VALUES (?, ?, ?, ?, ?, ?)
    """
    with translated():
        await connection.execute(sql, (header.dataset, *progress, _HEADER_ENCODER.encode(header)))
        await connection.executemany(_PUT_ROW, [(download.set_no, change.key, change.body) for change in changes])


async def drop_download(connection: aiosqlite.Connection, dataset: str) -> None:
    """Let a download go; its rows are swept later."""
    with translated():
        await connection.execute("DELETE FROM reference_download WHERE dataset = ?", (dataset,))


async def use(connection: aiosqlite.Connection, download: Download, now_ms: int) -> None:
    """Put a version in the place of the one before it: a snapshot's rows as a set, those of a delta one by one."""
    header = download.header
    set_no = download.set_no
    with translated():
        if header.kind == "delta":
            set_no = await _change_in_place(connection, download)
        place = (header.dataset, set_no, header.version, header.hash, header.rows, header.made_at_ms, now_ms)
        await connection.execute(_PUT, place)
    await drop_download(connection, header.dataset)


async def _change_in_place(connection: aiosqlite.Connection, download: Download) -> int:
    """At most `REFERENCE_DELTA_CHANGES_MAX` rows change, so that a till waits for no more than these."""
    sql = "SELECT set_no FROM reference_dataset WHERE dataset = ? AND hash = ?"
    found = await fetch(connection, sql, (download.header.dataset, download.header.from_hash))
    if not found:
        raise InvariantViolated(f"a delta of {download.header.dataset} from a version that is not here")
    used = found[0][0]
    gone = "SELECT key FROM reference_row WHERE set_no = ? AND body IS NULL"
    await connection.execute(f"DELETE FROM reference_row WHERE set_no = ? AND key IN ({gone})", (used, download.set_no))  # noqa: S608
    await connection.execute(
        "INSERT OR REPLACE INTO reference_row (set_no, key, body)"
        " SELECT ?, key, body FROM reference_row WHERE set_no = ? AND body IS NOT NULL",
        (used, download.set_no),
    )
    return int(used)


async def forget(connection: aiosqlite.Connection, dataset: str) -> None:
    """Use a dataset no more, as if it had never been received."""
    with translated():
        await connection.execute("DELETE FROM reference_dataset WHERE dataset = ?", (dataset,))


async def has_unused(connection: aiosqlite.Connection) -> bool:
    """Whether there are rows of a set that nobody uses any more."""
    return bool(await fetch(connection, _UNUSED_SET))


async def sweep(connection: aiosqlite.Connection) -> None:
    """Delete some rows of such a set."""
    found = await fetch(connection, _UNUSED_SET)
    if not found:
        return
    sql = """
        DELETE FROM reference_row
        WHERE set_no = ?1 AND key IN (SELECT key FROM reference_row WHERE set_no = ?1 ORDER BY key LIMIT ?2)
    """
    with translated():
        await connection.execute(sql, (found[0][0], REFERENCE_SWEEP_ROWS))


async def read_rows(
    connection: aiosqlite.Connection, set_no: int, after: str, rows_max: int
) -> list[tuple[str, bytes]]:
    """The rows of a set after a key, in the order of their keys, which is that of their UTF-8 bytes."""
    sql = "SELECT key, body FROM reference_row WHERE set_no = ? AND key > ? AND body IS NOT NULL ORDER BY key LIMIT ?"
    return [(key, body) for key, body in await fetch(connection, sql, (set_no, after, rows_max))]


async def read_changes(connection: aiosqlite.Connection, set_no: int) -> list[Change]:
    """The changes of a delta that has come, in the order of their keys."""
    sql = "SELECT key, body FROM reference_row WHERE set_no = ? ORDER BY key LIMIT ?"
    rows = await fetch(connection, sql, (set_no, REFERENCE_DELTA_CHANGES_MAX + 1))
    return [Change(key, body) for key, body in rows]

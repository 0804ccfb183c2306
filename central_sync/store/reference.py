"""`reference_version` and `reference_delta`: what was published, as the files that the stores fetch.

A file is read in pieces: it is in memory as a whole only while a version is published.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from central_sync.store.database import Connection
from edge_core.sync.reference_messages import Version

ALL: Final = "all"
"""The scope of what is for every node; others are `region/NAME` and `group/NAME`."""


class VersionRow(NamedTuple):
    """A version that is kept. `size_bytes` is that of its snapshot, `scope` whom it is for."""

    dataset: str
    version: int
    hash: bytes
    row_count: int
    made_at: datetime
    who: str
    size_bytes: int
    scope: str = ALL


class FileRow(NamedTuple):
    """What there is to download: how large it is, and the tag of these very bytes."""

    size_bytes: int
    etag: str


_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('reference ' || $1::text, 0))"
_NEWEST: Final = """
    WITH newest AS (
        SELECT DISTINCT ON (dataset, scope) dataset, scope, version, hash, row_count
        FROM reference_version ORDER BY dataset, scope, version DESC
    )
    SELECT DISTINCT ON (asked.node_id, v.dataset) asked.node_id, v.dataset, v.version, v.hash
    FROM unnest($1::text[]) AS asked (node_id)
    LEFT JOIN node USING (node_id) LEFT JOIN reference_member AS m USING (node_id)
    JOIN newest AS v ON v.scope = 'all'
        OR (v.row_count > 0 AND v.scope IN ('group/' || m.group_name, 'region/' || node.region))
    ORDER BY asked.node_id, v.dataset, array_position(ARRAY['group', 'region', 'all'], split_part(v.scope, '/', 1))
"""
_KEPT: Final = """
    SELECT dataset, version, hash, row_count, made_at, who, length(file), scope FROM reference_version
    WHERE $1::text IS NULL OR dataset = $1
    ORDER BY dataset, version DESC
"""
_NEWEST_FOR_ALL: Final = """
    SELECT DISTINCT ON (dataset) dataset, version, hash, row_count, made_at, who, length(file), scope
    FROM reference_version WHERE scope = 'all' AND dataset = ANY($1::text[]) ORDER BY dataset, version DESC
"""
_ADD: Final = """
    INSERT INTO reference_version (dataset, version, hash, row_count, made_at, who, scope, file, etag)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_ADD_DELTA: Final = """
    INSERT INTO reference_delta (dataset, from_version, version, file, etag) VALUES ($1, $2, $3, $4, $5)
"""
_FORGET: Final = """
    DELETE FROM reference_version WHERE dataset = $1 AND scope = $2 AND version NOT IN (
        SELECT version FROM reference_version WHERE dataset = $1 AND scope = $2 ORDER BY version DESC LIMIT $3
    )
"""
_FORGET_WITHDRAWN: Final = """
    DELETE FROM reference_version WHERE dataset = $1 AND scope <> 'all' AND version < $2 AND scope IN (
        SELECT scope FROM (
            SELECT DISTINCT ON (scope) scope, row_count FROM reference_version WHERE dataset = $1
            ORDER BY scope, version DESC
        ) AS newest WHERE row_count = 0
    )
"""
_SNAPSHOT: Final = "FROM reference_version WHERE dataset = $1 AND version = $2 AND $3::bigint = 0"
_DELTA: Final = "FROM reference_delta WHERE dataset = $1 AND version = $2 AND from_version = $3"
_FILE: Final = f"""
    SELECT length(file), etag {_SNAPSHOT} UNION ALL SELECT length(file), etag {_DELTA}
"""
_PIECE: Final = f"""
    SELECT substring(file FROM $4 FOR $5) {_SNAPSHOT} AND etag = $6
    UNION ALL SELECT substring(file FROM $4 FOR $5) {_DELTA} AND etag = $6
"""  # noqa: S608 - of ours


async def lock(connection: Connection, dataset: str) -> None:
    """One publication of a dataset at a time."""
    await connection.execute(_LOCK, dataset)


async def newest(connection: Connection, node_ids: Sequence[str]) -> dict[str, list[Version]]:
    """The newest version of each dataset for each of these nodes: of its group, else of its region, else for all.

    One that was withdrawn from a group or a region is as if it were not there.
    """
    found: dict[str, list[Version]] = {}
    for node_id, *version in await connection.fetch(_NEWEST, node_ids):
        found.setdefault(node_id, []).append(Version(*version))
    return found


async def newest_for_all(connection: Connection, datasets: Sequence[str]) -> list[VersionRow]:
    """The newest version of some datasets among those for every node; none of one that was withdrawn."""
    return [row for row in map(_version, await connection.fetch(_NEWEST_FOR_ALL, datasets)) if row.row_count]


async def kept(connection: Connection, dataset: str | None = None) -> list[VersionRow]:
    """Every version that is kept, the newest first, by dataset."""
    return [_version(row) for row in await connection.fetch(_KEPT, dataset)]


async def add(connection: Connection, row: VersionRow, file: bytes, etag: str) -> None:
    """Another version."""
    await connection.execute(_ADD, *row[:6], row.scope, file, etag)


async def add_delta(
    connection: Connection, dataset: str, from_version: int, version: int, file: bytes, etag: str
) -> None:
    """A way from an earlier version to another."""
    await connection.execute(_ADD_DELTA, dataset, from_version, version, file, etag)


async def forget_old(connection: Connection, dataset: str, scope: str, versions_max: int) -> None:
    """Keep the newest versions for a scope, and the deltas between them."""
    await connection.execute(_FORGET, dataset, scope, versions_max)


async def forget_withdrawn(connection: Connection, dataset: str, newest: int) -> None:
    """Keep nothing for scopes from which a dataset was withdrawn; its `newest` version stays, for the next number."""
    await connection.execute(_FORGET_WITHDRAWN, dataset, newest)


async def file_of(connection: Connection, dataset: str, version: int, from_version: int = 0) -> FileRow | None:
    """A snapshot, or a delta from another version; None where there is none."""
    row = await connection.fetchrow(_FILE, dataset, version, from_version)
    return None if row is None else FileRow(*row)


async def piece(
    connection: Connection, dataset: str, version: int, from_version: int, *, at: int, size: int, etag: str
) -> bytes | None:
    """A piece of a file, from a byte on; None where the file is gone or is another one now."""
    found: bytes | None = await connection.fetchval(_PIECE, dataset, version, from_version, at + 1, size, etag)
    return found


async def whole(connection: Connection, dataset: str, version: int) -> bytes:
    """A whole snapshot, of a version that is kept."""
    statement = "SELECT file FROM reference_version WHERE dataset = $1 AND version = $2"
    found: bytes = await connection.fetchval(statement, dataset, version)
    return found


async def members(connection: Connection) -> dict[str, list[str]]:
    """The nodes of each group, by its name."""
    rows = await connection.fetch("SELECT group_name, node_id FROM reference_member ORDER BY group_name, node_id")
    found: dict[str, list[str]] = {}
    for group, node_id in rows:
        found.setdefault(group, []).append(node_id)
    return found


async def set_members(connection: Connection, group: str, node_ids: Sequence[str]) -> None:
    """Make these nodes, and no others, the group; who was in another one leaves it."""
    await connection.execute("DELETE FROM reference_member WHERE group_name = $1", group)
    await connection.execute(
        "INSERT INTO reference_member (node_id, group_name) SELECT unnest($2::text[]), $1"
        " ON CONFLICT (node_id) DO UPDATE SET group_name = excluded.group_name",
        group,
        node_ids,
    )


def _version(row: Iterable[Any]) -> VersionRow:
    return VersionRow(*row)
